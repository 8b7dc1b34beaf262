"""A stack with which nothing is wrong: what AWS, the DNS and the API answer about it."""

from datetime import UTC, datetime

from tests.stack.aws import Refused

NAME = "email-verification"
MADE = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
ARN = "arn:aws:{}:ap-northeast-2:123456789012:{}"
SECRET = ARN.format("secretsmanager", "secret:example-AbCdEf")
RULE = "email-verification-UndeliveredRule-5g"
TOPIC = ARN.format("sns", "email-verification-AlarmTopic")
FUNCTIONS = {"RequestCode": "email-verification-RequestCode-1a", "VerifyCode": "email-verification-VerifyCode-2b"}
LOGS = {
    "RequestCodeLog": "request-1c",
    "VerifyCodeLog": "verify-2d",
    "ApiLog": "/aws/vendedlogs/email-verification/api",
}
ROUTES = {
    "POST /request-code": "request",
    "POST /verify-code": "verify",
    "GET /verify": "verify",
    "POST /verify": "verify",
    "GET /.well-known/jwks.json": "verify",
    "GET /.well-known/openid-configuration": "verify",
}
TOKENS = ("2ab7kq", "5cd9mr", "8ef1nt")
ZONE = {
    "com": {"SOA": ["ns.com. admin.com. 1 7200 900 1209600 300"]},
    "example.com": {
        "SOA": ["ns.example.com. admin.example.com. 1 7200 900 1209600 300"],
        "MX": ["10 mx.example.com."],
    },
    **{f"{token}._domainkey.example.com": {"CNAME": [f"{token}.dkim.amazonses.com."]} for token in TOKENS},
    "bounce.example.com": {
        "MX": ["10 feedback-smtp.ap-northeast-2.amazonses.com."],
        "TXT": ['"v=spf1 include:amazonses.com ~all"'],
    },
    "_dmarc.example.com": {"TXT": ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"']},
}


def resources():
    ids = {
        "Api": ("AWS::ApiGatewayV2::Api", "abc123"),
        "Table": ("AWS::DynamoDB::Table", "email-verification-Table-3e"),
        "Secret": ("AWS::SecretsManager::Secret", SECRET),
        "ConfigurationSet": ("AWS::SES::ConfigurationSet", "mails-4f"),
        "UndeliveredRule": ("AWS::Events::Rule", RULE),
        **{name: ("AWS::Lambda::Function", function) for name, function in FUNCTIONS.items()},
        **{name: ("AWS::Logs::LogGroup", group) for name, group in LOGS.items()},
    }
    common = {"Timestamp": MADE, "ResourceStatus": "CREATE_COMPLETE"}
    return [
        common | {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": value}
        for name, (kind, value) in ids.items()
    ]


def function(url, called):
    """What Lambda says about a function."""
    name = next(name for name, function in FUNCTIONS.items() if function == called)
    variables = {"PROOF_ISSUER": url, "TEST_RECIPIENT": ""}
    if name == "RequestCode":
        variables |= {"SENDER_ADDRESS": "no-reply@example.com", "CONFIGURATION_SET": "mails-4f"}
        variables["DELIVERY_FEEDBACK"] = "on"
    return {
        "FunctionName": called,
        "Runtime": "provided.al2023",
        "Role": f"arn:aws:iam::123456789012:role/{name}Role",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Environment": {"Variables": variables},
    }


def identity(asked):
    """What SES says about an identity: the domain is verified, and no address is."""
    if asked["EmailIdentity"] != "example.com":
        return Refused("NotFoundException")
    return {
        "IdentityType": "DOMAIN",
        "VerifiedForSendingStatus": True,
        "DkimAttributes": {
            "SigningEnabled": True,
            "Status": "SUCCESS",
            "Tokens": list(TOKENS),
            "SigningAttributesOrigin": "AWS_SES",
        },
        "MailFromAttributes": {
            "MailFromDomain": "bounce.example.com",
            "MailFromDomainStatus": "SUCCESS",
            "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
        },
    }


def alarm(name, namespace, **more):
    common = {"ActionsEnabled": True, "AlarmActions": [TOPIC], "StateValue": "OK", "MetricName": "Errors"}
    described = {"AlarmDescription": "Something is wrong. See docs/runbook.md#error-lines."}
    return {"AlarmName": name, "Namespace": namespace} | common | described | more


def gateway():
    uri = "arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/{}/invocations"
    names = {"request": FUNCTIONS["RequestCode"], "verify": FUNCTIONS["VerifyCode"]}
    integrations = [
        {"IntegrationId": name, "IntegrationUri": uri.format(ARN.format("lambda", f"function:{called}"))}
        for name, called in names.items()
    ]
    routes = [{"RouteKey": route, "Target": f"integrations/{target}"} for route, target in ROUTES.items()]
    return {"apigatewayv2.GetRoutes": {"Items": routes}, "apigatewayv2.GetIntegrations": {"Items": integrations}}


def destination(enabled=True):
    """Where SES's events go."""
    types = ["BOUNCE", "COMPLAINT", "REJECT"]
    bus = {"EventBusArn": ARN.format("events", "event-bus/default")}
    found = {"Name": "undelivered", "Enabled": enabled, "MatchingEventTypes": types, "EventBridgeDestination": bus}
    return {"EventDestinations": [found]}


def ses():
    quota = {"Max24HourSend": 50_000.0, "SentLast24Hours": 100.0, "MaxSendRate": 14.0}
    reasons = {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    return {
        "sesv2.GetAccount": {
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": True,
            "SendQuota": quota,
            "SuppressionAttributes": reasons,
        },
        "sesv2.GetConfigurationSet": {
            "ConfigurationSetName": "mails-4f",
            "SendingOptions": {"SendingEnabled": True},
            "DeliveryOptions": {"TlsPolicy": "REQUIRE"},
            "SuppressionOptions": reasons,
        },
        "sesv2.GetConfigurationSetEventDestinations": destination(),
        "sesv2.GetEmailIdentity": identity,
        "sesv2.GetSuppressedDestination": Refused("NotFoundException"),
    }


def answers(url):
    """What AWS answers, if the API is at this URL."""
    stack = {"StackName": NAME, "CreationTime": MADE, "StackStatus": "UPDATE_COMPLETE"}
    outputs = [{"OutputKey": "ApiUrl", "OutputValue": "https://abc123.execute-api.ap-northeast-2.amazonaws.com"}]
    groups = [{"logGroupName": name, "retentionInDays": 30} for name in LOGS.values()]
    table = {
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    }
    api_alarm = alarm("Api", "AWS/ApiGateway", Dimensions=[{"Name": "ApiId", "Value": "abc123"}])
    alarms = [alarm("Lines", NAME), api_alarm, alarm("Bounces", "AWS/SES")]
    strange = alarm("Another", "AWS/SES", AlarmActions=[], StateValue="ALARM")
    return {
        "cloudformation.DescribeStacks": {"Stacks": [stack | {"Outputs": outputs}]},
        "cloudformation.DescribeStackResources": {"StackResources": resources()},
        "dynamodb.DescribeTable": {"Table": table},
        "dynamodb.DescribeTimeToLive": {
            "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        },
        "lambda.GetFunctionConfiguration": lambda asked: function(url, asked["FunctionName"]),
        "iam.GetRole": lambda asked: {
            "Role": {
                "Path": "/",
                "RoleName": asked["RoleName"],
                "RoleId": "AROAEXAMPLEEXAMPLE",
                "Arn": f"arn:aws:iam::123456789012:role/{asked['RoleName']}",
                "CreateDate": MADE,
            }
        },
        "events.DescribeRule": {"Name": RULE, "State": "ENABLED"},
        "secretsmanager.DescribeSecret": {"ARN": SECRET, "VersionIdsToStages": {"1" * 32: ["AWSCURRENT"]}},
        "logs.DescribeLogGroups": {"logGroups": groups},
        "logs.FilterLogEvents": {"events": []},
        "cloudwatch.DescribeAlarms": {"MetricAlarms": [*alarms, strange]},
        "sns.ListSubscriptionsByTopic": {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1", "TopicArn": TOPIC}]},
        **gateway(),
        **ses(),
    }


def pages(url):
    """What the API answers, as (status, body) by the request."""
    key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": "x", "y": "y"}
    return {
        "GET /.well-known/jwks.json": (200, {"keys": [key]}),
        "GET /.well-known/openid-configuration": (200, {"issuer": url}),
        "POST /request-code": (400, {"type": "urn:email-verification:malformed-request"}),
    }
