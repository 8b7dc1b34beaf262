"""operate/why.py: what keeps an email from a person is named, and the person's address goes nowhere. No network."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from operate import why
from tests.sender.dns_server import SERVFAIL
from tests.stack import healthy
from tests.stack.aws import Refused
from tests.stack.world import EMAIL, NOW, starting

ROOT = Path(__file__).resolve().parent.parent.parent
CHALLENGE = "9af49e17-05f3-4adc-84f2-640bfb8434e6"


def suppressed(reason):
    found = {"EmailAddress": EMAIL, "Reason": reason, "LastUpdateTime": datetime(2027, 3, 2, 9, 30, tzinfo=UTC)}
    return lambda world: world.replace("sesv2.GetSuppressedDestination", {"SuppressedDestination": found})


def account(**change):
    return lambda world: world.change("sesv2.GetAccount", change)


def fixed_code_for(who, until="2027-03-31"):
    variables = {"TEST_RECIPIENT": f"{who} 424242 {until}"}
    change = {"Environment": {"Variables": variables}}
    return lambda world: world.change("lambda.GetFunctionConfiguration", change)


def records(**kinds):
    return lambda world: world.zone.update({"example.org": kinds})


def gone(world):
    del world.zone["example.org"]
    world.zone["org"] = {"SOA": ["ns.org. admin.org. 1 7200 900 1209600 300"]}


# A situation: what is changed, and the words that name the cause and say what to do.
SITUATIONS = {
    "a bounce": (
        suppressed("BOUNCE"),
        "suppression list: since 2027-03-02 09:30 UTC the address is on it, for a bounce.",
        "Take it off if the person says that the mailbox works: aws sesv2 delete-suppressed-destination",
    ),
    "a complaint": (suppressed("COMPLAINT"), "the address is on it, for a complaint.", "if the person asks for it"),
    "the sandbox": (account(ProductionAccessEnabled=False), "sandbox: the account is in it, and", "Leave the sandbox"),
    "a paused account": (
        account(SendingEnabled=False),
        "SES account: sending is off",
        "put-account-sending-attributes",
    ),
    "a stopped account": (account(EnforcementStatus="SHUTDOWN"), "its reputation is SHUTDOWN.", "answer its case"),
    "a spent quota": (
        account(SendQuota={"SentLast24Hours": 50_000.0}),
        "SES quota: 50000 of 50000 emails in 24 hours are used (100%)",
        "ask AWS for more",
    ),
    "the kill switch": (
        lambda world: world.change("sesv2.GetConfigurationSet", {"SendingOptions": {"SendingEnabled": False}}),
        "configuration set: sending is off",
        "Ask who and why.",
    ),
    "no configuration set": (
        lambda world: world.replace("sesv2.GetConfigurationSet", Refused("NotFoundException")),
        "configuration set: mails-4f does not exist.",
        "Make it again",
    ),
    "a domain that does not exist": (gone, "domain: example.org does not exist.", "check the spelling"),
    "a domain that takes no email": (
        records(MX=["0 ."]),
        "says that it takes no email (null MX)",
        "check the spelling",
    ),
    "a domain without a mail server": (records(TXT=['"a"']), "example.org has no MX record and no address", "spelling"),
    "a test recipient": (
        fixed_code_for(EMAIL),
        "the address is one until 2027-03-31 (UTC)",
        "docs/deploy.md#test-recipients",
    ),
    "a domain of test recipients": (
        fixed_code_for("@Example.ORG"),
        "the address is one until",
        "docs/deploy.md#test-recipients",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_cause_is_named_with_what_to_do(ask, world, name):
    change, words, advice = SITUATIONS[name]
    change(world)
    status, lines = ask()
    (line,) = starting(lines, "cause")
    assert words in line
    assert advice in lines[lines.index(line) + 1]
    assert (status, starting(lines, "unknown"), lines[-1]) == (0, [], "Causes: 1.")


def test_where_there_is_no_cause_the_runbook_goes_on(ask):
    status, lines = ask()
    assert (status, lines[0]) == (0, "No email to k•••@example.org from email-verification in ap-northeast-2")
    assert starting(lines, "cause") + starting(lines, "unknown") == []
    assert starting(lines, "note")[0].startswith("note  log: not looked at.")
    assert lines[-1].startswith("docs/runbook.md#no-email-came")


@pytest.mark.parametrize("verified", [EMAIL, "example.org"])
def test_in_the_sandbox_a_verified_recipient_is_mailed(ask, world, verified):
    account(ProductionAccessEnabled=False)(world)
    known = {"VerifiedForSendingStatus": True}
    found = world.aws.answers["sesv2.GetEmailIdentity"]
    world.aws.answers["sesv2.GetEmailIdentity"] = lambda asked: (
        known if asked["EmailIdentity"] == verified else found(asked)
    )
    _, lines = ask()
    assert "ok  sandbox: the account is in it, and the address is verified" in lines


@pytest.mark.parametrize(
    "change",
    [fixed_code_for("lee@example.org"), fixed_code_for("@mail.example.org"), fixed_code_for(EMAIL, "2027-03-30")],
)
def test_others_and_those_whose_days_are_over_are_no_test_recipients(ask, world, change):
    change(world)
    _, lines = ask()
    assert "ok  test recipients: the address is none" in lines


def test_a_domain_with_an_address_alone_may_take_emails(ask, world):
    records(A=["203.0.113.9"])(world)
    status, lines = ask()
    assert any("has no MX record. Emails go to its own address" in line for line in starting(lines, "note"))
    assert starting(lines, "cause") == []


@pytest.mark.parametrize(
    "email",
    ["kim", "kim@", "@example.org", "kim@example.test", "kim@localhost", "kim@gmail.c", "kim@example.123"]
    + [
        "kim@exa mple.org",
        "kim@example..org",
        "kim.@example.org",
        "k..im@example.org",
        "김@example.org",
        "k im@example.org",
    ]
    + [
        "kim@lee@example.org",
        f"{'k' * 65}@example.org",
        "kim@exa_mple.org",
        "\x1b[31m@example.org",
        "kim@straße.example",
    ],
)
def test_what_the_service_refuses_at_once_is_said_and_nobody_is_asked(ask, world, email):
    status, lines = ask(EMAIL=email)
    assert (status, len(lines), world.aws.calls) == (0, 2, [])
    assert lines[0].startswith("cause  address: ")
    assert "The service answers 422 invalid-email" in lines[1]
    assert email not in "\n".join(lines)


@pytest.mark.parametrize(
    "email", [" Kim@Example.ORG\n", "ｋｉｍ＠example．org", "\u200bkim@example.org\ufeff\u3000\u202c"]
)
def test_the_address_is_read_as_the_service_reads_it(ask, world, email):
    status, lines = ask(EMAIL=email)
    asked = [asked for name, asked in world.aws.calls if name == "GetSuppressedDestination"]
    assert (status, asked) == (0, [{"EmailAddress": EMAIL}])


def test_a_domain_may_be_korean(ask, world):
    world.zone["xn--9t4b11yi5a.com"] = {"MX": ["10 mx.example.org."]}
    status, lines = ask(EMAIL="k@테스트.com")
    assert lines[0].startswith("No email to •••@xn--9t4b11yi5a.com from ")
    assert "ok  domain: xn--9t4b11yi5a.com takes emails at mx.example.org" in lines


def logged(world, *lines, group="RequestCodeLog"):
    """Puts lines into a log group, one each second."""
    begun = int(NOW.timestamp() * 1000) - 60_000
    texts = [line if isinstance(line, str) else json.dumps({"challenge_id": CHALLENGE} | line) for line in lines]
    events = [{"timestamp": begun + place * 1000, "message": text} for place, text in enumerate(texts)]
    others = world.aws.answers["logs.FilterLogEvents"]

    def answer(asked):
        found = others(asked) if callable(others) else others
        return {"events": events} if asked["logGroupName"] == healthy.LOGS[group] else found

    world.aws.answers["logs.FilterLogEvents"] = answer


def test_the_log_tells_what_became_of_the_request(ask, world):
    logged(world, {"outcome": "mailed", "message_id": "0100"}, {"outcome": "already-mailed"}, {"outcome": "new\x1b"})
    logged(world, "START", {"outcome": "invalid-code"}, {"outcome": "verified"}, group="VerifyCodeLog")
    status, lines = ask(CHALLENGE_ID=CHALLENGE.upper())
    told = [line for line in lines if "  log: " in line]
    assert [line.split(" UTC ")[1].split(":")[0] for line in told] == [
        "mailed",
        "already-mailed",
        "invalid-code",
        "new\\x1b",
        "verified",
    ]
    assert told[0] == 'ok  log: at 2027-03-31 11:59:00 UTC mailed: SES took the email, as message "0100"'
    asked = [asked for name, asked in world.aws.calls if name == "FilterLogEvents"]
    since = int((NOW - timedelta(hours=24)).timestamp() * 1000)
    patterns = [f'"{CHALLENGE}"'] * 2 + ['{ $.message_id = "0100" }']
    assert [(one["startTime"], one["filterPattern"]) for one in asked] == [(since, pattern) for pattern in patterns]


@pytest.mark.parametrize(
    ("reason", "words", "advice"),
    [
        ("mailbox", "there is no such mailbox", "check the spelling"),
        ("temporary", "was full or out of reach until SES gave up, or the email arrived", "ask for another code"),
        ("content", "refused what the email says", "SenderName"),
        ("new\x1b", "a reason that this command does not know", "docs/runbook.md#no-email-came"),
    ],
)
def test_an_email_that_did_not_arrive_is_the_first_cause(ask, world, reason, words, advice):
    suppressed("BOUNCE")(world)
    bounce = {"outcome": "undeliverable", "reason": reason, "message_id": "0100", "challenge_id": None}
    told = {"outcome": "told-undeliverable", "reason": reason}
    # Lambda may hand an event over twice.
    logged(world, {"outcome": "mailed", "message_id": "0100"}, bounce, bounce, told, {"outcome": "mailed"})
    _, lines = ask(CHALLENGE_ID=CHALLENGE)
    assert lines[2].startswith('cause  email: at 2027-03-31 11:59:01 UTC SES said that message "0100" did not arrive (')
    assert words in lines[2] and advice in lines[3] and "\x1b" not in lines[2]
    assert [line.split(" UTC ")[1].split(":")[0] for line in starting(lines, "ok") if "  log: " in line] == [
        "mailed",
        "told-undeliverable",
        "mailed",
    ]
    assert lines[-1] == "Causes: 2."


def test_each_email_has_its_own_fate(ask, world):
    """The one before the newest has a line without an outcome, if it bounced after the newest was sent."""
    older = {"message": "known, or newer", "reason": "mailbox", "message_id": "0100-a", "challenge_id": None}
    newest = {"outcome": "undeliverable", "reason": "content", "message_id": "0100-b", "challenge_id": None}
    others = {"outcome": "undeliverable", "reason": "mailbox", "message_id": "0100-c", "challenge_id": None}
    mails = [{"outcome": "mailed", "message_id": found} for found in ("0100-a", "0100-b")]
    logged(world, *mails, older, newest, others)
    _, lines = ask(CHALLENGE_ID=CHALLENGE)
    causes = starting(lines, "cause")
    assert [line.partition("message ")[2].split(":")[0] for line in causes] == [
        '"0100-a" did not arrive (mailbox)',
        '"0100-b" did not arrive (content)',
    ]


def test_one_question_takes_the_newest_emails(ask, world):
    ids = [f"{'0' * 57}{place:03}" for place in range(12)]
    logged(world, *({"outcome": "mailed", "message_id": found} for found in [*ids, 'a" || "']))
    ask(CHALLENGE_ID=CHALLENGE)
    pattern = [asked for name, asked in world.aws.calls if name == "FilterLogEvents"][-1]["filterPattern"]
    assert pattern.count("$.message_id") == 10 and ids[1] not in pattern and ids[2] in pattern
    assert len(pattern) <= 1024


def test_a_fixed_code_in_the_log_is_a_cause(ask, world):
    logged(world, {"outcome": "test-code"})
    _, lines = ask(CHALLENGE_ID=CHALLENGE)
    (line,) = starting(lines, "cause")
    assert line.endswith("test-code: a test recipient, who gets a fixed code and no email.")


def test_a_challenge_that_no_line_names_is_a_cause(ask):
    _, lines = ask(CHALLENGE_ID=CHALLENGE)
    (line,) = starting(lines, "cause")
    assert line.startswith("cause  log: no line of the last 24 hours names this challenge.")


def test_a_line_in_another_form_is_unknown(ask, world):
    logged(world, f"INFO outcome=mailed challenge_id={CHALLENGE}")
    status, lines = ask(CHALLENGE_ID=CHALLENGE)
    assert (status, len(starting(lines, "unknown")), starting(lines, "cause")) == (0, 1, [])


CALLS = ["lambda.GetFunctionConfiguration", "sesv2.GetAccount", "sesv2.GetConfigurationSet", "sesv2.GetEmailIdentity"]
CALLS += ["sesv2.GetSuppressedDestination", "logs.FilterLogEvents"]
# Its text quotes the URL, which has the address.
OUT_OF_REACH = EndpointConnectionError(
    endpoint_url="https://example.com/v2/email/suppression/addresses/kim%40example.org"
)
ADDRESS = Refused(
    "AccessDeniedException", "User: me is not authorized to perform: ses:Get on resource: kim@example.org"
)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", [ADDRESS, Refused("NotFoundException", f"Unknown path {EMAIL}"), OUT_OF_REACH, {}])
def test_what_aws_does_not_tell_is_unknown(ask, world, call, answer):
    if call == "sesv2.GetEmailIdentity":
        account(ProductionAccessEnabled=False)(world)
    world.replace(call, answer)
    status, lines = ask(CHALLENGE_ID=CHALLENGE)
    assert status == 0
    assert starting(lines, "unknown") or (call == "logs.FilterLogEvents" and answer == {})


def test_what_the_dns_does_not_tell_is_unknown(ask, world):
    world.zone["example.org"] = SERVFAIL
    status, lines = ask()
    assert (status, len(starting(lines, "unknown")), starting(lines, "cause")) == (0, 1, [])


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"EMAIL": ""}, "make why EMAIL=kim"),
        ({"STACK": ""}, "make why EMAIL=kim"),
        ({"STACK": EMAIL}, "STACK: expected the name of a stack"),
        ({"CHALLENGE_ID": EMAIL}, "CHALLENGE_ID: expected an id such as"),
        ({"RESOLVER": "dns.example.com"}, "RESOLVER: expected an address"),
    ],
    ids=["no address", "no stack", "an address for the stack", "an address for the id", "no resolver"],
)
def test_misuse_is_said_in_words(world, capsys, variables, words):
    status = why.main({"EMAIL": EMAIL, "STACK": healthy.NAME} | variables, world.aws.client, NOW)
    error = capsys.readouterr().err
    assert (status, world.aws.calls) == (1, [])
    assert words in error and EMAIL not in error


def test_without_access_to_the_stack_it_fails(ask, world):
    world.replace("cloudformation.DescribeStacks", Refused("AccessDenied"))
    status, lines = ask()
    assert (status, len(lines)) == (1, 1)


def test_it_runs_as_a_program_and_leaves_no_file(tmp_path):
    environment = {"EMAIL": "kim@example.test", "STACK": healthy.NAME, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [sys.executable, "-B", "-m", "operate.why"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr, list(tmp_path.iterdir())) == (0, "", [])
    assert done.stdout.startswith("cause  address: ")
