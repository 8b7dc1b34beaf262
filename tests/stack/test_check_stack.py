"""operate/check_stack.py: a healthy stack passes, and each fault gives its line and no other. It needs no network."""

import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.stack import healthy
from tests.stack.aws import Refused
from tests.stack.faults import FAULTS, PAGES, REQUEST, account, of, stack
from tests.stack.world import starting

ROOT = Path(__file__).resolve().parent.parent.parent


def judged(check, words):
    status, lines = check()
    (line,) = starting(lines, "wrong")
    assert words in line
    assert lines[lines.index(line) + 1].startswith("    do  ")
    assert (status, starting(lines, "unknown"), lines[-1]) == (1, [], "Wrong: 1.")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_gives_its_line_and_no_other(check, world, name):
    (call, change), words = FAULTS[name]
    world.change(call, change)
    judged(check, words)


@pytest.mark.parametrize("name", PAGES)
def test_a_fault_of_the_api_gives_its_line_and_no_other(check, world, name):
    pages, words = PAGES[name]
    world.web.pages |= pages
    judged(check, words)


def test_a_fault_of_the_senders_records_gives_its_line_and_no_other(check, world):
    world.zone["_dmarc.example.com"] = {}
    judged(check, "DMARC: _dmarc.example.com is missing.")


def test_an_api_that_is_out_of_reach_is_wrong(check, world):
    world.change(*of("VerifyCode", Environment={"Variables": {"PROOF_ISSUER": "http://127.0.0.1:9"}}))
    status, lines = check()
    assert (status, len(starting(lines, "wrong"))) == (1, 3), lines
    assert "gets no answer: " in starting(lines, "wrong")[0]


def test_the_sandbox_is_said_and_is_no_fault(check, world):
    world.change(*account(ProductionAccessEnabled=False))
    status, lines = check()
    (line,) = starting(lines, "note")
    assert (status, line.split(",")[0]) == (0, "note  SES account: it is in the sandbox"), lines


def test_what_the_account_suppresses_for_others_is_said_and_is_no_fault(check, world):
    world.change(*account(SuppressionAttributes={"SuppressedReasons": ["BOUNCE"]}))
    status, lines = check()
    (line,) = starting(lines, "note")
    assert (status, line.split(".")[0]) == (
        0,
        "note  SES account: COMPLAINT put no address on the account's suppression list",
    )


def test_an_address_may_send_and_is_not_signed(check, world):
    """SES takes the most specific identity."""
    said = {"VerifiedForSendingStatus": True, "DkimAttributes": {"SigningEnabled": False, "Status": "NOT_STARTED"}}
    world.replace("sesv2.GetEmailIdentity", said)
    status, lines = check()
    assert (status, starting(lines, "wrong")) == (0, []), lines
    assert "ok  sender: SES has verified no-reply@example.com" in lines
    assert starting(lines, "note")[0].startswith("note  DKIM: SES sends by the address no-reply@example.com")


def test_a_parent_may_send(check, world):
    world.change(*of("RequestCode", Environment={"Variables": {"SENDER_ADDRESS": "no-reply@app.example.com"}}))
    world.zone["app.example.com"] = {"A": ["203.0.113.9"]}
    status, lines = check()
    assert (status, starting(lines, "wrong")) == (0, []), lines
    assert "ok  sender: SES has verified example.com" in lines
    assert any("SES signs with the name example.com, a parent" in line for line in lines)


def test_an_api_that_serves_trusted_callers_alone_is_no_fault(check, world):
    variables = {"SENDER_ADDRESS": "no-reply@example.com", "TRUSTED_CALLERS": f"{'0' * 64} only"}
    world.change(*of("RequestCode", Environment={"Variables": variables}))
    status, lines = check()
    assert (status, len(starting(lines, "wrong"))) == (1, 1), "it answers everybody"
    world.web.pages["POST /request-code"] = (403, {"type": "about:blank", "title": "Forbidden", "status": 403})
    status, lines = check()
    assert (status, starting(lines, "wrong")) == (0, []), lines


def test_without_delivery_feedback_nobody_asks_for_it(check, world):
    world.change(*of("RequestCode", Environment={"Variables": {"DELIVERY_FEEDBACK": "off"}}))
    status, lines = check()
    assert (status, [line for line in lines if "delivery feedback" in line]) == (0, [])
    assert "DescribeRule" not in [name for name, _ in world.aws.calls]


def test_a_feedback_without_its_rule_is_wrong(check, world):
    rest = [item for item in healthy.resources() if item["LogicalResourceId"] != "UndeliveredRule"]
    world.change("cloudformation.DescribeStackResources", {"StackResources": rest})
    judged(check, "delivery feedback: the stack has no resource UndeliveredRule.")


def test_nobody_watches(check, world):
    world.change("cloudwatch.DescribeAlarms", {"MetricAlarms": [healthy.alarm("Another", "another-stack")]})
    status, lines = check()
    assert (status, starting(lines, "note")) == (
        0,
        ["note  alarms: none watches this stack, so nobody is told when something is wrong."],
    )


def test_alarms_of_a_second_stack_are_found_by_what_they_watch(check, world):
    parts = [{"Id": "a", "MetricStat": {"Metric": {"Namespace": healthy.NAME}, "Period": 60, "Stat": "Sum"}}]
    shared = healthy.alarm("Another", "AWS/Lambda", Dimensions=[{"Name": "FunctionName", "Value": "another"}])
    computed = healthy.alarm("Share", "") | {"Metrics": parts}
    del computed["Namespace"]
    function = healthy.alarm("Crash", "AWS/Lambda", Dimensions=[{"Name": "FunctionName", "Value": REQUEST}])
    world.change("cloudwatch.DescribeAlarms", {"MetricAlarms": [shared, computed, function]})
    status, lines = check()
    assert "ok  alarms: 2 watch the stack, and each tells somebody" in lines


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_a_deploy_that_runs_is_no_fault(check, world, status):
    world.change(*stack(status))
    status, lines = check()
    assert (status, len(starting(lines, "unknown"))) == (0, 1), lines


@pytest.mark.parametrize("change", [{"State": "Pending"}, {"LastUpdateStatus": "InProgress"}], ids=["new", "changed"])
def test_a_function_that_is_not_ready_is_no_fault(check, world, change):
    world.change(*of("RequestCode", **change))
    status, lines = check()
    assert (status, len(starting(lines, "unknown"))) == (0, 1), lines


CALLS = [name for name in healthy.answers("") if not name.startswith("cloudformation.")]
CALLS = [name for name in CALLS if name not in ("logs.FilterLogEvents", "sesv2.GetSuppressedDestination")]


@pytest.mark.parametrize("call", CALLS)
def test_what_may_not_be_read_is_unknown(check, world, call):
    message = "User: me is not authorized to perform: some-service:SomeAction on resource: *"
    world.replace(call, Refused("AccessDeniedException", message))
    status, lines = check()
    assert (status, starting(lines, "wrong")) == (0, []), lines
    line = starting(lines, "unknown")[0]
    assert f"AWS refused {call.partition('.')[2]}: AccessDeniedException." in line
    assert "    do  Give some-service:SomeAction to whoever runs this (docs/operations.md#permissions)." in lines


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        Refused("InvalidAction"),
        Refused("NotFoundException", "Unknown SES v2 path: GET /v2/email/account"),
        EndpointConnectionError(endpoint_url="https://example.com"),
    ],
    ids=["a call that an emulator does not know", "one by its path", "no connection"],
)
def test_what_aws_does_not_answer_is_unknown(check, world, call, answer):
    world.replace(call, answer)
    status, lines = check()
    assert (status, starting(lines, "wrong")) == (0, []), lines
    assert starting(lines, "unknown")


@pytest.mark.parametrize("call", [call for call in CALLS if call != "iam.GetRole"])
def test_an_answer_that_says_nothing_ends_nothing(check, world, call):
    world.replace(call, {})
    _, lines = check()
    assert lines[-1].startswith(("Wrong: ", "Nothing is wrong"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [({"STACK": ""}, "make check-stack STACK="), ({"STACK": "kim@example.com"}, "STACK: expected the name of a stack")],
    ids=["no stack", "no name"],
)
def test_misuse_is_said_in_words(check, world, variables, words):
    status, lines = check(**variables)
    assert (status, len(lines), world.aws.calls) == (1, 1, [])
    assert words in lines[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Refused("ValidationError"), "This account and region have no stack email-verification."),
        (Refused("AccessDenied"), "AWS refused DescribeStacks: AccessDenied."),
        (EndpointConnectionError(endpoint_url="https://example.com"), "AWS could not be asked: "),
    ],
    ids=["no such stack", "no permission", "no connection"],
)
def test_a_stack_that_cannot_be_read_is_a_failure(check, world, answer, words):
    world.replace("cloudformation.DescribeStacks", answer)
    status, lines = check()
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith(words)


def test_a_stack_of_another_kind_is_wrong(check, world):
    world.change("cloudformation.DescribeStackResources", {"StackResources": []})
    status, lines = check()
    assert status == 1
    assert "wrong  table: the stack has no resource Table." in lines


def test_a_resolver_that_is_none_ends_nothing(check):
    status, lines = check(RESOLVER="dns.example.com")
    assert (status, len(starting(lines, "unknown"))) == (0, 1)
    assert "unknown  DNS: RESOLVER: expected an address" in starting(lines, "unknown")[0]


def test_it_runs_as_a_program():
    command = [sys.executable, "-m", "operate.check_stack"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={})
    assert (done.returncode, done.stdout) == (1, "")
    assert "make check-stack STACK=email-verification" in done.stderr
