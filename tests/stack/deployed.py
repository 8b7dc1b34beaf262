"""`make check-stack` and `make why` against a stack that is deployed into the local AWS. `make e2e` calls `prove`.

The emulator differs from AWS in what it answers: what it does not know has to come out as unknown, and no fault that is
there may go unseen.
"""

import subprocess
import sys
import uuid
from pathlib import Path

from tests.sender.dns_server import DnsServer

ROOT = Path(__file__).resolve().parent.parent.parent
# The sender's records.
ZONE = {
    "com": {"SOA": ["ns.com. admin.com. 1 7200 900 1209600 300"]},
    "example.com": {
        "SOA": ["ns.example.com. admin.example.com. 1 7200 900 1209600 300"],
        "MX": ["10 mx.example.com."],
    },
    "_dmarc.example.com": {"TXT": ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"']},
}


class Operator:
    """Runs the commands as an operator does."""

    def __init__(self, environment, stack, resolver):
        # Of the last run.
        self.output = ""
        self._environment = environment | {"STACK": stack, "RESOLVER": resolver}

    def _run(self, module, **variables):
        command = [sys.executable, "-m", f"operate.{module}"]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment | variables, capture_output=True, text=True, timeout=180
        )
        assert not done.stderr, done.stderr
        self.output = done.stdout
        return done.returncode, done.stdout

    def faults(self):
        """What `make check-stack` finds wrong. Its status has to fit."""
        status, output = self._run("check_stack")
        found = [line for line in output.splitlines() if line.startswith("wrong  ")]
        assert status == bool(found), output
        return found

    def causes(self, email, challenge_id=""):
        """What `make why` says of an address: the causes, and what the log tells."""
        status, output = self._run("why", EMAIL=email, CHALLENGE_ID=challenge_id)
        assert status == 0 and email not in output, output
        lines = output.splitlines()
        return [line for line in lines if line.startswith("cause  ")], [line for line in lines if "  log: at " in line]


def expect(faults, words, what):
    assert len(faults) == 1 and words in faults[0], faults
    print(f"ok  {what}: {faults[0]}")


def prove(service, stack, ids, api):
    """Looks at the stack, breaks it in a few places, and looks again. `ids` are those of its resources."""
    for function in ("RequestCode", "VerifyCode"):
        # What was changed before takes a while.
        service.client("lambda").get_waiter("function_active_v2").wait(FunctionName=ids[function])
    with DnsServer(ZONE).run() as resolver:
        operator = Operator(service.environment(), stack, resolver)
        _switch_ttl_on(service, operator, ids["Table"])
        _break(service, operator, ids)
        _ask_why(service, operator, ids, api)


def _switch_ttl_on(service, operator, table):
    """The emulator does not do that by the template. The command has to see it, and what it says has to mend it."""
    expect(operator.faults(), "table: TTL is DISABLED", "check-stack sees the one thing that the emulator leaves out")
    wanted = {"Enabled": True, "AttributeName": "expires_at"}
    service.client("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)
    assert operator.faults() == []
    print("ok  check-stack finds nothing wrong with the rest")


def _break(service, operator, ids):
    logs, gateway, events = (service.client(name) for name in ("logs", "apigatewayv2", "events"))
    kept = logs.describe_log_groups(logGroupNamePrefix=ids["ApiLog"])["logGroups"][0]["retentionInDays"]
    logs.delete_retention_policy(logGroupName=ids["ApiLog"])
    expect(operator.faults(), "log ApiLog: ", "check-stack sees a log without retention")
    logs.put_retention_policy(logGroupName=ids["ApiLog"], retentionInDays=kept)
    (route,) = [item for item in gateway.get_routes(ApiId=ids["Api"])["Items"] if item["RouteKey"] == "GET /verify"]
    gateway.delete_route(ApiId=ids["Api"], RouteId=route["RouteId"])
    expect(operator.faults(), "route GET /verify: it is not there", "check-stack sees a route that is gone")
    gateway.create_route(ApiId=ids["Api"], RouteKey="GET /verify", Target=route["Target"])
    rule = ids["UndeliveredRule"].rpartition("/")[2]
    events.disable_rule(Name=rule)
    expect(operator.faults(), f"the rule {rule} is DISABLED", "check-stack sees a rule that is switched off")
    events.enable_rule(Name=rule)
    assert operator.faults() == []


def _ask_why(service, operator, ids, api):
    email, ses = f"{uuid.uuid4().hex}@example.com", service.client("sesv2")
    challenge_id = api.request_code(email).body["challenge_id"]
    causes, told = operator.causes(email, challenge_id)
    assert not causes and " mailed: SES took the email" in told[0], (causes, told)
    print(f"ok  why reads the log: {told[0]}")
    # The emulator has no suppression list.
    assert "unknown  suppression list: " in operator.output, operator.output
    print("ok  why does not know what the emulator does not know")
    expect(operator.causes("kim@nowhere.example.com")[0], "nowhere.example.com does not exist", "why asks the DNS")
    name = ids["ConfigurationSet"]
    ses.put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=False)
    expect(operator.causes(email)[0], "sending is off", "why sees the kill switch")
    ses.put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=True)
