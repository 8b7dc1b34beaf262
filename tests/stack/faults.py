"""What can be wrong with a stack: how AWS or the API answers then, and the words of the line that it gives."""

from datetime import UTC, datetime

from tests.stack import healthy
from tests.stack.aws import Refused

WHEN = datetime(2027, 3, 31, 12, 0, tzinfo=UTC)
GONE, NOT_FOUND = Refused("ResourceNotFoundException"), Refused("NotFoundException")
REQUEST, VERIFY = healthy.FUNCTIONS.values()


def of(function, **change):
    """What Lambda says, with a change of one function."""
    called = healthy.FUNCTIONS[function]
    return "lambda.GetFunctionConfiguration", lambda asked: change if asked["FunctionName"] == called else {}


def role(name, change):
    return "iam.GetRole", lambda asked: change if asked["RoleName"] == name else {}


def routes(**targets):
    items = healthy.ROUTES | {name.replace("_", " /", 1): target for name, target in targets.items()}
    return [{"RouteKey": route, "Target": f"integrations/{to}"} for route, to in items.items() if to]


def groups(**days):
    """The log groups, each kept so many days: None for ever, 0 if it is not there."""
    kept = {name: days.get(name, 30) for name in healthy.LOGS}
    found = [
        {"logGroupName": healthy.LOGS[name]} | ({"retentionInDays": days} if days else {})
        for name, days in kept.items()
        if days != 0
    ]
    return "logs.DescribeLogGroups", {"logGroups": found}


def account(**change):
    return "sesv2.GetAccount", change


def mails(**change):
    return "sesv2.GetConfigurationSet", change


def identity(**change):
    return "sesv2.GetEmailIdentity", change


def alarms(*changes):
    return "cloudwatch.DescribeAlarms", {"MetricAlarms": [healthy.alarm("Lines", healthy.NAME) | dict(changes)]}


def test_nothing_is_wrong_with_a_healthy_stack(check, world):
    status, lines = check()
    assert (status, lines[-1]) == (0, "Nothing is wrong in what was checked."), lines
    assert {line.split("  ")[0] for line in lines[2:-2]} == {"ok"}, lines
    for words in ("SES signs as example.com", "DMARC: ", "answers 400: malformed-request", "alarms: 3 watch", "50000"):
        assert any(words in line for line in lines), words
    assert world.web.asked[-1] == ("POST", "/request-code", b"{}")
    assert all(name.startswith(("Describe", "Get", "List")) for name, _ in world.aws.calls)


def stack(status):
    described = healthy.answers("")["cloudformation.DescribeStacks"]["Stacks"][0]
    return "cloudformation.DescribeStacks", {"Stacks": [described | {"StackStatus": status}]}


# A fault: the call with another answer, how the answer differs, and the line.
FAULTS = {
    "a deploy failed": (
        stack("UPDATE_ROLLBACK_COMPLETE"),
        "stack: it is UPDATE_ROLLBACK_COMPLETE. Its last change failed.",
    ),
    "no table": (("dynamodb.DescribeTable", GONE), "table: email-verification-Table-3e does not exist"),
    "a table that goes": (
        ("dynamodb.DescribeTable", {"Table": {"TableStatus": "DELETING"}}),
        "table: email-verification-Table-3e is DELETING.",
    ),
    "another key": (
        ("dynamodb.DescribeTable", {"Table": {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}}),
        "table: its key is id, and the functions know pk alone.",
    ),
    "a table by capacity": (
        ("dynamodb.DescribeTable", {"Table": {"BillingModeSummary": None}}),
        "table: its billing mode is PROVISIONED",
    ),
    "no TTL": (
        ("dynamodb.DescribeTimeToLive", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}),
        "table: TTL is DISABLED",
    ),
    "TTL on another attribute": (
        ("dynamodb.DescribeTimeToLive", {"TimeToLiveDescription": {"AttributeName": "ttl"}}),
        "table: TTL is ENABLED on ttl, so items stay for ever.",
    ),
    "a function that is not active": (
        of("VerifyCode", State="Failed", StateReason="no image"),
        "verify-code: it is Failed (no image).",
    ),
    "another runtime": (
        of("RequestCode", Runtime="provided.al2"),
        "request-code: runs on provided.al2, and is built for provided.al2023.",
    ),
    "an update that failed": (
        of("RequestCode", LastUpdateStatus="Failed"),
        "request-code: its last update is Failed (no reason is given).",
    ),
    "one role for both": (
        of("VerifyCode", Role="arn:aws:iam::123456789012:role/RequestCodeRole"),
        "roles: both functions have RequestCodeRole",
    ),
    "no role": (role("VerifyCodeRole", Refused("NoSuchEntity")), "verify-code: its role VerifyCodeRole does not exist"),
    "a route that is not there": (
        ("apigatewayv2.GetRoutes", {"Items": routes(GET_verify=None)}),
        "route GET /verify: it is not there, so callers get 404.",
    ),
    "a route to the other function": (
        ("apigatewayv2.GetRoutes", {"Items": routes(POST_verify="request")}),
        f"route POST /verify: it leads to {REQUEST}, and not to verify-code ({VERIFY}).",
    ),
    "a route to nothing": (
        ("apigatewayv2.GetRoutes", {"Items": routes(POST_verify="old")}),
        "route POST /verify: it leads to nothing",
    ),
    "no API": (("apigatewayv2.GetRoutes", NOT_FOUND), "API: abc123 does not exist."),
    "a deleted secret": (
        ("secretsmanager.DescribeSecret", {"DeletedDate": WHEN}),
        "secret: it is being deleted, since 2027",
    ),
    "no current version": (
        ("secretsmanager.DescribeSecret", {"VersionIdsToStages": {"1" * 32: ["AWSPREVIOUS"]}}),
        "secret: no version is AWSCURRENT, so no function can start.",
    ),
    "no secret": (("secretsmanager.DescribeSecret", GONE), "secret: it does not exist"),
    "a log that is kept for ever": (groups(RequestCodeLog=None), "log RequestCodeLog: request-1c has no retention"),
    "no log": (groups(VerifyCodeLog=0), "log VerifyCodeLog: verify-2d does not exist, so its lines are lost."),
    "a paused account": (account(SendingEnabled=False), "SES account: sending is off, so nobody gets an email."),
    "an account under review": (account(EnforcementStatus="PROBATION"), "SES account: its reputation is PROBATION."),
    "a quota that is nearly used": (
        account(SendQuota={"SentLast24Hours": 1_600_000.0, "Max24HourSend": 2_000_000.0}),
        "SES quota: 1600000 of 2000000 emails in 24 hours are used (80%), 14 a second.",
    ),
    "no configuration set": (("sesv2.GetConfigurationSet", NOT_FOUND), "configuration set: mails-4f does not exist"),
    "the kill switch": (mails(SendingOptions={"SendingEnabled": False}), "configuration set: sending is off"),
    "emails without TLS": (
        mails(DeliveryOptions={"TlsPolicy": "OPTIONAL"}),
        "configuration set: its TLS policy is OPTIONAL",
    ),
    "complaints that stay without consequence": (
        mails(SuppressionOptions={"SuppressedReasons": ["BOUNCE"]}),
        "configuration set: COMPLAINT put no address on the suppression list",
    ),
    "events that nobody hands on": (
        ("sesv2.GetConfigurationSetEventDestinations", healthy.destination(enabled=False)),
        "delivery feedback: SES hands its events to no EventBridge, so no app is told",
    ),
    "events that go elsewhere": (
        ("sesv2.GetConfigurationSetEventDestinations", {"EventDestinations": []}),
        "delivery feedback: SES hands its events to no EventBridge, so no app is told",
    ),
    "a rule that is switched off": (
        ("events.DescribeRule", {"State": "DISABLED"}),
        "delivery feedback: the rule email-verification-UndeliveredRule-5g is DISABLED",
    ),
    "no rule": (
        ("events.DescribeRule", GONE),
        "delivery feedback: the rule email-verification-UndeliveredRule-5g does not exist",
    ),
    "no identity": (
        ("sesv2.GetEmailIdentity", NOT_FOUND),
        "sender: SES knows neither no-reply@example.com nor",
    ),
    "an identity that is not verified": (
        identity(VerifiedForSendingStatus=False),
        "sender: SES has not verified example.com",
    ),
    "DKIM that SES does not see": (
        identity(DkimAttributes={"Status": "TEMPORARY_FAILURE"}),
        "DKIM: SES does not sign as example.com: DKIM is TEMPORARY_FAILURE.",
    ),
    "DKIM that is switched off": (identity(DkimAttributes={"SigningEnabled": False}), "DKIM is switched off."),
    "MAIL FROM that SES does not use": (
        identity(MailFromAttributes={"MailFromDomainStatus": "FAILED"}),
        "MAIL FROM: SES does not use bounce.example.com: its records are FAILED.",
    ),
    "an alarm that rings": (
        alarms(("StateValue", "ALARM"), ("StateUpdatedTimestamp", WHEN)),
        "alarm Lines is in alarm since 2027-03-31 12:00 UTC.",
    ),
    "an alarm that was silenced": (alarms(("ActionsEnabled", False)), "alarms: 1 of 1 tell nobody: Lines."),
    "an alarm without a topic": (alarms(("AlarmActions", [])), "alarms: 1 of 1 tell nobody: Lines."),
    "a link that nobody opened": (
        ("sns.ListSubscriptionsByTopic", {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}),
        "topic email-verification-AlarmTopic: none of 1 subscriptions is confirmed, so nobody is told.",
    ),
    "no topic": (
        ("sns.ListSubscriptionsByTopic", Refused("NotFound")),
        "alarms: the topic email-verification-AlarmTopic does",
    ),
}


# The same for what the API answers and for the records of the sender.
PAGES = {
    "keys that are not there": ({"GET /.well-known/jwks.json": (404, {})}, "jwks.json answers 404, and not 200."),
    "keys of another kind": (
        {"GET /.well-known/jwks.json": (200, {"keys": [{"kty": "RSA", "alg": "RS256"}]})},
        "jwks.json answers 200, and without the keys of proofs (ES256)",
    ),
    "no key": ({"GET /.well-known/jwks.json": (200, {"keys": []})}, "answers 200, and without the keys of proofs"),
    "a web page in place of the keys": (
        {"GET /.well-known/jwks.json": (200, b"<html>\x1b[31m")},
        'without the keys of proofs (ES256): "<html>\\x1b[31m".',
    ),
    "another issuer": (
        {"GET /.well-known/openid-configuration": (200, {"issuer": "https://old.example.com"})},
        "openid-configuration answers 200, and without the issuer http://127.0.0.1:",
    ),
    "a function that fails": ({"POST /request-code": (500, {})}, "/request-code answers 500, and not 400."),
    "somebody else's answer": (
        {"POST /request-code": (400, {"message": "Bad Request"})},
        "/request-code answers 400, and without malformed-request",
    ),
}
