"""Checks template.yaml: `sam validate --lint`, cfn-lint on what SAM makes of it, and what the service relies on.

Of a SAM template itself cfn-lint sees little: the routes and their permissions exist only once it is translated.
"""

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

from local import alarms
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

URLS = [
    "",
    "https://verify.example.com",
    "https://verify.example.com:8443/a/b",
    "https://verify.example.com/",
    "https://verify.example.com//",
    "https://verify.example.com/a//b",
    "https://verify.example.com/a?b=c&d=e:f",
    "https://verify.example.com?b=c",
    "https://verify.example.com/a#b",
    "https://verify.example.com:/a",
    "https://verify.example.com;a",
    "https://verify.example.com/$default/a",
    "https://verify.example.com/it's",
    "https://verify.example.com/a b",
    "https://verify.example.com/a^b",
    "https://a@verify.example.com",
    "https://*.example.com",
    "https://[::1]/a",
    "https://예시.한국",
    "https://",
    "https:///a",
    "http://verify.example.com",
    "http://127.0.0.1:9000",
    "http://127.0.0.1:9000/a",
    "http://127.0.0.1:1@example.net/",
    "http://127.0.0.1",
    "http://127.0.0.1:",
    "com.example.app://verified",
    "exampleapp://verified/a?b=c",
    "com.example.app://",
    "com.example.app:",
    "COM.example.app://verified",
    "app://확인",
    "javascript://a",
    "data://a",
    "ftp://a",
    "verify.example.com",
]

TABLE, SECRET = {"Fn::GetAtt": ["Table", "Arn"]}, {"Fn::GetAtt": ["Secret", "Id"]}
BOTH_MAY = [
    ("dynamodb:UpdateItem", TABLE),
    ("secretsmanager:GetSecretValue", SECRET),
]
TRACE_MAY = [("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")]


def logs_may(log):
    where = {"Fn::GetAtt": [log, "Arn"]}
    return [("logs:CreateLogStream", where), ("logs:PutLogEvents", where)]


def ses_may(name):
    prefix = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
    return ("ses:SendEmail", {"Fn::Sub": f"{prefix}:{name}"})


NOTHING = {"Ref": "AWS::NoValue"}
DOMAIN = {"Fn::Select": [1, {"Fn::Split": ["@", {"Ref": "SenderAddress"}]}]}
DOMAIN_IDENTITY = ses_may("identity/${Domain}")[1]["Fn::Sub"]

# Every permission that a role has. One more, one less or a wider one is a fault.
PERMISSIONS = {
    "RequestCodeRole": [
        *BOTH_MAY,
        ses_may("identity/${SenderAddress}"),
        ("ses:SendEmail", {"Fn::Sub": [DOMAIN_IDENTITY, {"Domain": DOMAIN}]}),
        ("ses:SendEmail", {"Fn::If": ["HasSenderDomain", ses_may("identity/${SenderDomain}")[1], NOTHING]}),
        ses_may("configuration-set/${ConfigurationSet}"),
        ("ses:SendEmail", {"Fn::If": ["IsInSandbox", ses_may("identity/${SandboxRecipient}")[1], NOTHING]}),
        *logs_may("RequestCodeLog"),
        *TRACE_MAY,
    ],
    "VerifyCodeRole": [*BOTH_MAY, *logs_may("VerifyCodeLog"), *TRACE_MAY],
}


def as_list(value):
    return value if isinstance(value, list) else [value]


def permissions(role):
    """Each permission of a role as (action, resource), those under a condition included."""
    policies = [policy["Fn::If"][1] if "Fn::If" in policy else policy for policy in role["Properties"]["Policies"]]
    return [
        (action, resource)
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def variables_read(function, environment=None):
    """The variables that a function misses. When it is started without any, it names each that it reads."""
    binary = ROOT / "target" / "debug" / function
    done = subprocess.run([binary], env=environment or {}, capture_output=True, text=True)
    return set(re.findall(r"^  ([A-Z_]+): expected", done.stdout, re.MULTILINE))


# Values at the edges of what parameters take. Template and function must agree on each: what only the template takes is
# deployed, and then the function does not start.
EDGES = {
    ("ProofIssuer", "PROOF_ISSUER", "verify-code"): URLS,
    ("LinkUrl", "LINK_URL", "request-code"): URLS,
    ("AppReturnUrl", "APP_RETURN_URL", "verify-code"): URLS,
    ("SenderName", "SENDER_NAME", "request-code"): ["", "a", "예시", "a\nb", "\x85", "\x9f", "a" * 64, "a" * 65],
    ("SupportContact", "SUPPORT_CONTACT", "request-code"): ["", "a@example.com", "a\nb", "\x85", "a" * 128, "a" * 129],
    ("BrandColor", "BRAND_COLOR", "request-code"): ["", "#1d4ed8", "#1D4ED8", "1d4ed8", "#1d4ed", "#1d4edg", "red"],
}


def disagreements(parameters):
    """Values on which the pattern of a parameter and the function that reads it do not agree."""
    for (parameter, variable, function), values in EDGES.items():
        pattern = parameters[parameter]["AllowedPattern"]
        for value in values:
            taken = re.fullmatch(pattern, value) is not None
            if taken != (variable not in variables_read(function, {variable: value})):
                yield f"{parameter}: the template {'takes' if taken else 'refuses'} {value!r}, and {function} does not"


def bound_disagreements(resources, parameters):
    """Numbers at the bounds of a parameter on which the template and the function that reads it do not agree."""
    for logical, function in (("RequestCode", "request-code"), ("VerifyCode", "verify-code")):
        for variable, value in resources[logical]["Properties"]["Environment"]["Variables"].items():
            parameter = value.get("Ref") if isinstance(value, dict) else None
            bounds = parameters.get(parameter, {})
            if bounds.get("Type") != "Number":
                continue
            least, most = bounds["MinValue"], bounds["MaxValue"]
            for number in (least - 1, least, most, most + 1):
                taken = least <= number <= most
                if taken != (variable not in variables_read(function, {variable: str(number)})):
                    does = "takes" if taken else "refuses"
                    yield f"{parameter}: the template {does} {number}, and {function} does not"


def routes(resources):
    """The routes of the API, such as `POST /request-code`, and their functions."""
    body = resources["Api"]["Properties"]["Body"]
    return {
        f"{method.upper()} {path}": re.search(
            r"\$\{(\w+)\.Arn\}", operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        ).group(1)
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
    }


def faults(resources, parameters):
    """What the service relies on and the template lacks, each as a sentence."""

    def differs(what, found, expected):
        return [f"{what}: expected {expected}, found {found}"] if found != expected else []

    table = resources["Table"]["Properties"]
    found = differs(
        "TTL of the table", table.get("TimeToLiveSpecification"), {"AttributeName": "expires_at", "Enabled": True}
    )
    found += differs("key of the table", table.get("KeySchema"), [{"AttributeName": "pk", "KeyType": "HASH"}])
    found += differs("encryption of the table", table.get("SSESpecification"), {"SSEEnabled": True})
    found += differs("billing of the table", table.get("BillingMode"), "PAY_PER_REQUEST")
    mails = resources["ConfigurationSet"]["Properties"]
    found += differs("TLS of the mails", mails.get("DeliveryOptions"), {"TlsPolicy": "REQUIRE"})
    suppressed = mails.get("SuppressionOptions", {}).get("SuppressedReasons")
    found += differs("suppression of the mails", suppressed, ["BOUNCE", "COMPLAINT"])
    found += differs("access log", "query" in json.dumps(resources["ApiApiGatewayDefaultStage"]).lower(), False)

    identity = resources["Identity"]
    # The next try of a creation that failed would find a retained identity, and fail for that.
    found += differs("deletion of the identity", identity.get("DeletionPolicy"), "RetainExceptOnCreate")

    secret = resources["Secret"]["Properties"].get("GenerateSecretString", {})
    # Any change of it would rotate the secret in an ordinary deploy.
    found += differs("secret", secret, {"PasswordLength": 64, "ExcludePunctuation": True})

    languages = sorted(folder.name for folder in (ROOT / "verification/locales").iterdir() if folder.is_dir())
    found += differs("languages of DefaultLocale", parameters["DefaultLocale"]["AllowedValues"], languages)
    found += disagreements(parameters)
    found += bound_disagreements(resources, parameters)
    written = yaml_parse(TEMPLATE.read_text())
    settings = written["Resources"]["Api"]["Properties"]["RouteSettings"]
    found += differs("RouteSettings", set(settings), set(ROUTES))
    groups = written["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = {name for group in groups for name in group["Parameters"]}
    found += differs("ParameterGroups", grouped, set(parameters))
    found += differs("routes", routes(resources), ROUTES)
    body = resources["Api"]["Properties"]["Body"]
    endpoint = body["servers"][0].get("x-amazon-apigateway-endpoint-configuration")
    is_closed = {"disableExecuteApiEndpoint": {"Fn::If": ["HasApiDomain", True, False]}}
    # Here SAM has put the default, which is empty, in place of the parameter.
    cors = {"allowOrigins": {"Fn::Split": [",", ""]}, "allowMethods": ["POST"], "allowHeaders": ["authorization", "*"]}
    cors["maxAge"] = 7200
    found += differs("CORS", body["x-amazon-apigateway-cors"], {"Fn::If": ["HasAllowedOrigins", cors, NOTHING]})
    found += differs("the API's first endpoint, beside a domain of one's own", endpoint, is_closed)
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
    for function, name in (("RequestCode", "request-code"), ("VerifyCode", "verify-code")):
        properties = resources[function]["Properties"]
        given, read = set(properties["Environment"]["Variables"]), variables_read(name)
        found += [f"{function} is given {variable}, which it does not read" for variable in sorted(given - read)]
        found += [f"{function} is not given {variable}, which it reads" for variable in sorted(read - given)]
        logging = properties["LoggingConfig"]
        found += differs(f"log of {function}", (logging["LogFormat"], logging["SystemLogLevel"]), ("JSON", "WARN"))
        found += differs(f"role of {function}", properties["Role"], {"Fn::GetAtt": [f"{function}Role", "Arn"]})
    found += alarms.faults(resources)
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
        failed |= run(TOOLS / "cfn-lint", "--regions", "ap-northeast-2", "--template", path)
    template = translated()
    for fault in faults(template["Resources"], template["Parameters"]):
        print(f"template.yaml: {fault}", file=sys.stderr)
        failed |= 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
