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


# The resources of DeliveryFeedback, and what of SES's events goes through them.
FEEDBACK = ("UndeliveredEvents", "UndeliveredRule", "UndeliveredPermission")
HANDED_OVER = {
    "InputPathsMap": {
        "challenge": "$.detail.mail.tags.challenge",
        "mail": "$.detail.mail.tags.mail",
        "message_id": "$.detail.mail.messageId",
        "event": "$.detail.eventType",
        "type": "$.detail.bounce.bounceType",
        "sub_type": "$.detail.bounce.bounceSubType",
    },
    "InputTemplate": '{"undelivered": {"challenge": <challenge>, "mail": <mail>, "message_id": "<message_id>", '
    '"kind": "<event> <type> <sub_type>"}}',
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


def differs(what, found, expected):
    return [f"{what}: expected {expected}, found {found}"] if found != expected else []


def storage_faults(resources):
    table = resources["Table"]["Properties"]
    ttl = {"AttributeName": "expires_at", "Enabled": True}
    yield from differs("TTL of the table", table.get("TimeToLiveSpecification"), ttl)
    yield from differs("key of the table", table.get("KeySchema"), [{"AttributeName": "pk", "KeyType": "HASH"}])
    yield from differs("billing of the table", table.get("BillingMode"), "PAY_PER_REQUEST")
    # DynamoDB encrypts by itself.
    yield from differs("encryption by KMS, which costs", table.get("SSESpecification"), None)
    secret = resources["Secret"]["Properties"].get("GenerateSecretString", {})
    # Any change of it would rotate the secret in an ordinary deploy.
    yield from differs("secret", secret, {"PasswordLength": 64, "ExcludePunctuation": True})
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Logs::LogGroup":
            days = resource["Properties"].get("RetentionInDays")
            yield from differs(f"retention of {name}", days, {"Ref": "LogRetentionDays"})


def mail_faults(resources):
    mails = resources["ConfigurationSet"]["Properties"]
    deliver = {"Fn::FindInMap": ["DeliverWithin", "Seconds", {"Ref": "CodeLifetimeMinutes"}]}
    delivery = {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": deliver}
    yield from differs("delivery of the emails", mails.get("DeliveryOptions"), delivery)
    suppressed = mails.get("SuppressionOptions", {}).get("SuppressedReasons")
    yield from differs("suppression of the emails", suppressed, ["BOUNCE", "COMPLAINT"])
    yield from differs("metrics of the emails, which may cost", mails.get("ReputationOptions"), None)
    # Else the account decides: links rewritten, and a picture in each email.
    tracking = {"DashboardOptions": {"EngagementMetrics": "DISABLED"}}
    tracking["GuardianOptions"] = {"OptimizedSharedDelivery": "DISABLED"}
    yield from differs("tracking of the emails", mails.get("VdmOptions"), tracking)
    # The next try of a creation that failed would find a retained identity, and fail for that.
    kept = resources["Identity"].get("DeletionPolicy")
    yield from differs("deletion of the identity", kept, "RetainExceptOnCreate")
    (send,) = [item for item in statements(resources["RequestCodeRole"]) if item["Action"] == "ses:SendEmail"]
    sender = {"StringEquals": {"ses:FromAddress": {"Ref": "SenderAddress"}}}
    yield from differs("whose emails request-code may send", send.get("Condition"), sender)


def api_faults(resources):
    api, stage = resources["Api"]["Properties"], resources["ApiStage"]
    domain = resources["ApiDomainName"]["Properties"]["DomainNameConfigurations"][0]
    for what, item in (("API", api), ("API's domain", domain)):
        # With IPv4 alone all phones of a carrier would share a source.
        yield from differs(f"addresses of the {what}", item.get("IpAddressType"), "dualstack")
    origins = {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}
    cors = {"AllowOrigins": origins, "AllowMethods": ["POST"], "AllowHeaders": ["authorization", "*"], "MaxAge": 7200}
    yield from differs("CORS", api["CorsConfiguration"], {"Fn::If": ["HasAllowedOrigins", cors, NOTHING]})
    is_closed = {"Fn::If": ["HasApiDomain", True, False]}
    yield from differs("the API's first endpoint", api["DisableExecuteApiEndpoint"], is_closed)
    route_names = {name for name, item in resources.items() if item["Type"] == "AWS::ApiGatewayV2::Route"}
    yield from differs("what the stage waits for", set(stage.get("DependsOn", [])), route_names)
    stage = stage["Properties"]
    yield from differs("deployment of the stage", stage.get("AutoDeploy"), True)
    yield from differs("name of the stage", stage.get("StageName"), "$default")
    yield from differs("RouteSettings", set(stage["RouteSettings"]), set(ROUTES))
    yield from differs("query in the access log", "query" in json.dumps(stage).lower(), False)
    yield from differs("routes", routes(resources), ROUTES)
    for integration in of_type(resources, "AWS::ApiGatewayV2::Integration"):
        how = (integration.get("IntegrationType"), integration.get("PayloadFormatVersion"))
        yield from differs("how the API calls its functions", how, ("AWS_PROXY", "2.0"))


def function_faults(resources):
    arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"
    by_api = ("apigateway.amazonaws.com", {"Fn::Sub": arn})
    by_rule = ("events.amazonaws.com", {"Fn::GetAtt": ["UndeliveredRule", "Arn"]})
    allowed = [("RequestCode", *by_api), ("VerifyCode", *by_api), ("RequestCode", *by_rule)]
    allowed = [
        {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": function}, "Principal": who, "SourceArn": source}
        for function, who, source in allowed
    ]
    yield from differs("who may call the functions", of_type(resources, "AWS::Lambda::Permission"), allowed)
    for function in ("RequestCode", "VerifyCode"):
        properties = resources[function]["Properties"]
        logging = properties["LoggingConfig"]
        yield from differs(f"log of {function}", (logging["LogFormat"], logging["SystemLogLevel"]), ("JSON", "WARN"))
        yield from differs(f"role of {function}", properties["Role"], {"Fn::GetAtt": [f"{function}Role", "Arn"]})
    for role, expected in PERMISSIONS.items():
        properties = set(resources[role]["Properties"])
        yield from differs(f"properties of {role}", properties, {"AssumeRolePolicyDocument", "Policies"})
        has = permissions(resources[role])
        yield from (f"{role} may not do {action} on {on}" for action, on in expected if (action, on) not in has)
        yield from (
            f"{role} may do {action} on {on}, for nothing" for action, on in has if (action, on) not in expected
        )
    yield from lint_variables.unread(resources)
    yield from lint_variables.new_and_required(resources)


def feedback_faults(resources):
    for name in FEEDBACK:
        yield from differs(f"condition of {name}", resources[name].get("Condition"), "HasDeliveryFeedback")
    (rule,) = of_type(resources, "AWS::Events::Rule")
    (target,) = rule["Targets"]
    # The rest of an event has the address, and the subject with the code.
    yield from differs("what the rule hands over", target["InputTransformer"], HANDED_OVER)


def parameter_faults(resources, parameters):
    languages = sorted(folder.name for folder in (ROOT / "verification/locales").iterdir() if folder.is_dir())
    yield from differs("languages of DefaultLocale", parameters["DefaultLocale"]["AllowedValues"], languages)
    groups = yaml_parse(TEMPLATE.read_text())["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = {name for group in groups for name in group["Parameters"]}
    yield from differs("ParameterGroups", grouped, set(parameters))
    yield from lint_variables.disagreements(parameters)
    yield from lint_variables.bound_disagreements(resources, parameters)


def version_faults(outputs):
    """Cargo.toml has the version, and the functions log it. These say it as well."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    yield from differs("the output Version", outputs["Version"]["Value"], version)
    api = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    yield from differs("info.version of openapi.yaml", api["info"]["version"], version)


def other_files_faults():
    """What other files say of the same."""
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for name in ("default", "prod"):
        on_failure = samconfig[name]["deploy"]["parameters"].get("on_failure")
        # Else a first deploy that fails blocks the next.
        yield from differs(f"on_failure of {name} in samconfig.toml", on_failure, "DELETE")
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    documented = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    yield from differs("routes of openapi.yaml", documented, set(ROUTES))
    router = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["metadata"]["lambda"]["watch"]["router"]
    watched = {path: "".join(word.title() for word in name.split("-")) for path, name in router.items()}
    answered = {route.split()[1]: function for route, function in ROUTES.items()}
    yield from differs("router of cargo lambda watch in Cargo.toml", watched, answered)


def faults(resources, parameters):
    """What the service relies on and the template lacks, each as a sentence."""
    for check in (storage_faults, mail_faults, api_faults, function_faults, feedback_faults):
        yield from check(resources)
    yield from parameter_faults(resources, parameters)
    yield from other_files_faults()


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
        ("version", version_faults(template["Outputs"])),
        ("operations.yaml", alarms.faults(exported)),
    ):
        for fault in found:
            print(f"{name}: {fault}", file=sys.stderr)
            failed |= 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
