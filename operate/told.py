"""What the log tells about one challenge. No line of the log has an address."""

import json
import re
from datetime import UTC, datetime, timedelta

from operate.sender_settings import show

LOOK_BACK = timedelta(hours=24)
# The outcomes whose lines name a challenge: verification/src/http/response.rs and problem.rs.
WORDS = {
    "mailed": "SES took the email",
    "bad-address": "SES could not read the address, and the app was told so",
    "already-mailed": "the request came again within the pause; the email had gone out before",
    "told-undeliverable": "the app asked again or sent a wrong code, and was told that the email did not arrive",
    "test-code": "a test recipient, who gets a fixed code and no email",
    "invalid-code": "a wrong code was typed",
    "code-expired": "a code was typed that no longer works",
    "verified": "the right code came, so the email did arrive",
    "test-verified": "a test recipient typed the fixed code",
}
# Why an email did not arrive, as verification/src/rules/undelivered.rs has it, and what to do.
REASONS = {
    "mailbox": (
        "there is no such mailbox, or the address is on a suppression list of SES",
        "Ask the person to check the spelling. The line about the suppression list says more.",
    ),
    "temporary": (
        "the mailbox was full or out of reach until SES gave up, or the email arrived and an automatic reply came back",
        "Ask the person to check the spelling, to look into inbox and spam, and to ask for another code later.",
    ),
    "content": (
        "the mail server of the person, or SES, refused what the email says",
        "See what is unusual in the email: SenderName, SupportContact, the link's domain, the sender's records "
        "(docs/sender.md#what-receivers-ask-for).",
    ),
}
# So many of the newest emails are looked up: more do not fit into one question.
MOST_MAILS = 10


def tell(report, stack, challenge, now):
    """The outcomes of the last 24 hours, in their order. First of all, which emails did not arrive."""
    with report.guard("log"):
        events = [
            event
            for group in ("RequestCodeLog", "VerifyCodeLog")
            # As words, so that it also finds lines that are no JSON.
            for event in _events(stack, group, f'"{challenge}"', now)
            if challenge in event["message"]
        ]
        events.sort(key=lambda event: event["timestamp"])
        for event, line in _undelivered(stack, events, now):
            _say_undelivered(report, event, line)
        for event in events:
            _say(report, event)
        if not events:
            report.wrong(
                "log: no line of the last 24 hours names this challenge. The request did not get as far as an email.",
                "Look at the minute of the request for too-many-requests, mail-stopped, mail-unavailable and "
                "internal-error, which name no challenge (docs/runbook.md#no-email-came).",
            )


def _events(stack, group, pattern, now):
    """The lines of a function that fit a pattern of CloudWatch."""
    since = int((now - LOOK_BACK).timestamp() * 1000)
    asked = {"logGroupName": stack.id(group), "startTime": since, "filterPattern": pattern}
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(**asked)
    return [event for page in pages for event in page.get("events", [])]


def _undelivered(stack, events, now):
    """What SES said of the challenge's emails, once for each, as (event, line). These lines name an email only."""
    ids = [line.get("message_id", "") for line in map(_read, events) if line.get("outcome") == "mailed"]
    ids = [found for found in ids if re.fullmatch(r"[\w@.-]{1,80}", found)][-MOST_MAILS:]
    if not ids:
        return []
    # With DeliveryFeedback off there are none.
    pattern = " || ".join(f'$.message_id = "{found}"' for found in ids)
    found = {}
    for event in _events(stack, "RequestCodeLog", f"{{ {pattern} }}", now):
        line = _read(event)
        # Without an outcome if a newer email had been sent by then.
        if line.get("message_id") in ids and "reason" in line:
            found.setdefault(line["message_id"], (event, line))
    return sorted(found.values(), key=lambda told: told[0]["timestamp"])


def _read(event):
    """A line as a dictionary, which is empty if the line is not JSON."""
    try:
        line = json.loads(event["message"])
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _at(event):
    return f"at {datetime.fromtimestamp(event['timestamp'] / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _say_undelivered(report, event, line):
    reason = line["reason"]
    words, advice = REASONS.get(reason, ("a reason that this command does not know", "docs/runbook.md#no-email-came"))
    report.wrong(
        f"email: {_at(event)} SES said that message {show(line['message_id'])} did not arrive "
        f"({show(reason)[1:-1]}): {words}.",
        advice,
    )


def _say(report, event):
    line = _read(event)
    if "outcome" not in line:
        report.unknown(f"log: {_at(event)} a line that is not JSON.", "Read it in the console of CloudWatch.")
        return
    outcome = line["outcome"]
    words = WORDS.get(outcome, "an outcome that this command does not know")
    message = f", as message {show(line['message_id'])}" if outcome == "mailed" and "message_id" in line else ""
    if outcome == "test-code":
        report.wrong(f"log: {_at(event)} {outcome}: {words}.", "docs/deploy.md#test-recipients")
    else:
        report.ok(f"log: {_at(event)} {show(outcome)[1:-1]}: {words}{message}")
