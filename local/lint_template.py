"""Checks template.yaml and operations.yaml: `sam validate --lint`, cfn-lint, and what the service relies on."""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import yaml
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from local import alarms, lint_variables
from local.service import ROOT, TOOLS

TEMPLATE = ROOT / "template.yaml"
ENVIRONMENT = os.environ | {"AWS_DEFAULT_REGION": "ap-northeast-2", "SAM_CLI_TELEMETRY": "0"}


class NoManagedPolicies(ManagedPolicyLoader):
    """SAM would ask AWS for the managed policies that a template names; this one names none."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def translated():
    """The CloudFormation template that SAM makes of template.yaml."""
    template = yaml_parse(TEMPLATE.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam deploy` puts the address of the uploaded code here.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    os.environ.setdefault("AWS_DEFAULT_REGION", "ap-northeast-2")
    return transform(template, {}, NoManagedPolicies())


# Every route of the API and its function.
ROUTES = {
    "POST /request-code": "RequestCode",
    "POST /verify-code": "VerifyCode",
    "GET /.well-known/jwks.json": "VerifyCode",
    "GET /.well-known/openid-configuration": "VerifyCode",
    "GET /verify": "VerifyCode",
    "POST /verify": "VerifyCode",
}

TABLE, SECRET = {"Fn::GetAtt": ["Table", "Arn"]}, {"Fn::GetAtt": ["Secret", "Id"]}
BOTH_MAY = [
    ("dynamodb:UpdateItem", TABLE),
    ("secretsmanager:GetSecretValue", SECRET),
]


def logs_may(log):
    where = {"Fn::GetAtt": [log, "Arn"]}
    return [("logs:CreateLogStream", where), ("logs:PutLogEvents", where)]


def ses_may(name):
    prefix = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
    return ("ses:SendEmail", {"Fn::Sub": f"{prefix}:{name}"})


NOTHING = {"Ref": "AWS::NoValue"}

# Every permission that a role has. One more, one less or a wider one is a fault.
PERMISSIONS = {
    "RequestCodeRole": [
        *BOTH_MAY,
        ses_may("identity/*"),
        ses_may("configuration-set/${ConfigurationSet}"),
        *logs_may("RequestCodeLog"),
    ],
    "VerifyCodeRole": [*BOTH_MAY, *logs_may("VerifyCodeLog")],
}


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(role):
    return [item for policy in role["Properties"]["Policies"] for item in policy["PolicyDocument"]["Statement"]]


def permissions(role):
    """Each permission of a role as (action, resource)."""
    return [
        (action, resource)
        for statement in statements(role)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def routes(resources):
    """The routes of the API, such as `POST /request-code`, and their functions."""
    found = {}
    for route in of_type(resources, "AWS::ApiGatewayV2::Route"):
        integration = re.fullmatch(r"integrations/\$\{(\w+)\}", route["Target"]["Fn::Sub"]).group(1)
        found[route["RouteKey"]], _ = resources[integration]["Properties"]["IntegrationUri"]["Fn::GetAtt"]
    return found


def of_type(resources, kind):
    return [item["Properties"] for item in resources.values() if item["Type"] == kind]


def faults(resources, parameters):
    """What the service relies on and the template lacks, each as a sentence."""

    def differs(what, found, expected):
        return [f"{what}: expected {expected}, found {found}"] if found != expected else []

    table = resources["Table"]["Properties"]
    found = differs(
        "TTL of the table", table.get("TimeToLiveSpecification"), {"AttributeName": "expires_at", "Enabled": True}
    )
    found += differs("key of the table", table.get("KeySchema"), [{"AttributeName": "pk", "KeyType": "HASH"}])
    found += differs("billing of the table", table.get("BillingMode"), "PAY_PER_REQUEST")
    mails = resources["ConfigurationSet"]["Properties"]
    found += differs("TLS of the mails", mails["DeliveryOptions"].get("TlsPolicy"), "REQUIRE")
    suppressed = mails.get("SuppressionOptions", {}).get("SuppressedReasons")
    found += differs("suppression of the mails", suppressed, ["BOUNCE", "COMPLAINT"])
    for what, item in (
        ("encryption by KMS", table.get("SSESpecification")),
        ("metrics", mails.get("ReputationOptions")),
    ):
        found += differs(f"what costs and helps nobody: {what}", item, None)
    # Else the account decides: links rewritten, and a picture in each email.
    tracking = {"DashboardOptions": {"EngagementMetrics": "DISABLED"}}
    tracking["GuardianOptions"] = {"OptimizedSharedDelivery": "DISABLED"}
    found += differs("tracking of the emails", mails.get("VdmOptions"), tracking)
    deliver = {"Fn::FindInMap": ["DeliverWithin", "Seconds", {"Ref": "CodeLifetimeMinutes"}]}
    found += differs("delivery of the emails", mails["DeliveryOptions"].get("MaxDeliverySeconds"), deliver)
    stage, api = resources["ApiStage"], resources["Api"]["Properties"]
    found += differs("access log", "query" in json.dumps(stage).lower(), False)
    route_names = {name for name, item in resources.items() if item["Type"] == "AWS::ApiGatewayV2::Route"}
    found += differs("what the stage waits for", set(stage.get("DependsOn", [])), route_names)
    found += differs("RouteSettings", set(stage["Properties"]["RouteSettings"]), set(ROUTES))
    found += differs("deployment of the stage", stage["Properties"].get("AutoDeploy"), True)
    found += differs("name of the stage", stage["Properties"].get("StageName"), "$default")
    for integration in of_type(resources, "AWS::ApiGatewayV2::Integration"):
        how = (integration.get("IntegrationType"), integration.get("PayloadFormatVersion"))
        found += differs("how the API calls its functions", how, ("AWS_PROXY", "2.0"))
    arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"
    allowed = {
        name: {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": name}}
        | {"Principal": "apigateway.amazonaws.com", "SourceArn": {"Fn::Sub": arn}}
        for name in ("RequestCode", "VerifyCode")
    }
    permitted = {item["FunctionName"]["Ref"]: item for item in of_type(resources, "AWS::Lambda::Permission")}
    found += differs("who may call the functions", permitted, allowed)
    for role in PERMISSIONS:
        properties = set(resources[role]["Properties"])
        found += differs(f"properties of {role}", properties, {"AssumeRolePolicyDocument", "Policies"})
    for what, item in (
        ("API", api),
        ("API's domain", resources["ApiDomainName"]["Properties"]["DomainNameConfigurations"][0]),
    ):
        # With IPv4 alone all phones of a carrier would share a source.
        found += differs(f"addresses of the {what}", item.get("IpAddressType"), "dualstack")
    (send,) = [item for item in statements(resources["RequestCodeRole"]) if item["Action"] == "ses:SendEmail"]
    sender = {"StringEquals": {"ses:FromAddress": {"Ref": "SenderAddress"}}}
    found += differs("whose emails request-code may send", send.get("Condition"), sender)

    identity = resources["Identity"]
    # The next try of a creation that failed would find a retained identity, and fail for that.
    found += differs("deletion of the identity", identity.get("DeletionPolicy"), "RetainExceptOnCreate")

    secret = resources["Secret"]["Properties"].get("GenerateSecretString", {})
    # Any change of it would rotate the secret in an ordinary deploy.
    found += differs("secret", secret, {"PasswordLength": 64, "ExcludePunctuation": True})

    languages = sorted(folder.name for folder in (ROOT / "verification/locales").iterdir() if folder.is_dir())
    found += differs("languages of DefaultLocale", parameters["DefaultLocale"]["AllowedValues"], languages)
    found += lint_variables.disagreements(parameters)
    found += lint_variables.bound_disagreements(resources, parameters)
    found += lint_variables.unread(resources)
    found += lint_variables.new_and_required(resources)
    written = yaml_parse(TEMPLATE.read_text())
    groups = written["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = {name for group in groups for name in group["Parameters"]}
    found += differs("ParameterGroups", grouped, set(parameters))
    found += differs("routes", routes(resources), ROUTES)
    origins = {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}
    cors = {"AllowOrigins": origins, "AllowMethods": ["POST"], "AllowHeaders": ["authorization", "*"], "MaxAge": 7200}
    found += differs("CORS", api["CorsConfiguration"], {"Fn::If": ["HasAllowedOrigins", cors, NOTHING]})
    is_closed = {"Fn::If": ["HasApiDomain", True, False]}
    found += differs("the API's first endpoint", api["DisableExecuteApiEndpoint"], is_closed)
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for name in ("default", "prod"):
        on_failure = samconfig[name]["deploy"]["parameters"].get("on_failure")
        # Else a first deploy that fails blocks the next.
        found += differs(f"what becomes of a first deploy that fails, in samconfig.toml, {name}", on_failure, "DELETE")
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    documented = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    found += differs("routes of openapi.yaml", documented, set(ROUTES))
    router = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["metadata"]["lambda"]["watch"]["router"]
    watched = {path: "".join(word.title() for word in name.split("-")) for path, name in router.items()}
    answered = {route.split()[1]: function for route, function in ROUTES.items()}
    found += differs("router of cargo lambda watch in Cargo.toml", watched, answered)

    for role, expected in PERMISSIONS.items():
        has = permissions(resources[role])
        found += [f"{role} may not do {action} on {on}" for action, on in expected if (action, on) not in has]
        found += [f"{role} may do {action} on {on}, for nothing" for action, on in has if (action, on) not in expected]
    for function in ("RequestCode", "VerifyCode"):
        properties = resources[function]["Properties"]
        logging = properties["LoggingConfig"]
        found += differs(f"log of {function}", (logging["LogFormat"], logging["SystemLogLevel"]), ("JSON", "WARN"))
        found += differs(f"role of {function}", properties["Role"], {"Fn::GetAtt": [f"{function}Role", "Arn"]})
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Logs::LogGroup":
            found += differs(
                f"retention of {name}", resource["Properties"].get("RetentionInDays"), {"Ref": "LogRetentionDays"}
            )
    return found


def run(*command):
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=ENVIRONMENT).returncode


def main():
    failed = run(TOOLS / "sam", "validate", "--lint", "--template", TEMPLATE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "translated.json"
        path.write_text(json.dumps(translated(), indent=2))
        failed |= run(TOOLS / "cfn-lint", "--regions", "ap-northeast-2", "--template", path, alarms.TEMPLATE)
    template = translated()
    exported = {name for name, output in template["Outputs"].items() if "Export" in output}
    for name, found in (
        ("template.yaml", faults(template["Resources"], template["Parameters"])),
        ("operations.yaml", alarms.faults(exported)),
    ):
        for fault in found:
            print(f"{name}: {fault}", file=sys.stderr)
            failed |= 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
