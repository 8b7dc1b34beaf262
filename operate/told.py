"""What the log tells about one challenge. No line of the log has an address."""

import json
from datetime import UTC, datetime, timedelta

from operate.sender_settings import show

LOOK_BACK = timedelta(hours=24)
# The outcomes whose lines name a challenge: verification/src/http/response.rs and problem.rs.
WORDS = {
    "mailed": "SES took the email",
    "bad-address": "SES could not read the address, and the app was told so",
    "already-mailed": "the request came again within the pause; the email had gone out before",
    "test-code": "a test recipient, who gets a fixed code and no email",
    "invalid-code": "a wrong code was typed",
    "code-expired": "a code was typed that no longer works",
    "verified": "the right code came, so the email did arrive",
    "test-verified": "a test recipient typed the fixed code",
}


def tell(report, stack, challenge, now):
    """The outcomes of the last 24 hours, in their order."""
    with report.guard("log"):
        events = _events(stack, challenge, now)
        for event in sorted(events, key=lambda event: event["timestamp"]):
            _say(report, event)
        if not events:
            report.wrong(
                "log: no line of the last 24 hours names this challenge. The request did not get as far as an email.",
                "Look at the minute of the request for too-many-requests, mail-stopped, mail-unavailable and "
                "internal-error, which name no challenge (docs/runbook.md#no-email-came).",
            )


def _events(stack, challenge, now):
    """The lines of both functions that name the challenge."""
    since = int((now - LOOK_BACK).timestamp() * 1000)
    found = []
    for group in ("RequestCodeLog", "VerifyCodeLog"):
        # As words, so that it also finds lines that are no JSON.
        asked = {"logGroupName": stack.id(group), "startTime": since, "filterPattern": f'"{challenge}"'}
        pages = stack.client("logs").get_paginator("filter_log_events").paginate(**asked)
        found += [event for page in pages for event in page.get("events", []) if challenge in event["message"]]
    return found


def _say(report, event):
    at = f"{datetime.fromtimestamp(event['timestamp'] / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    try:
        line = json.loads(event["message"])
        outcome = line["outcome"]
    except (ValueError, KeyError, TypeError):
        report.unknown(f"log: at {at} a line that is not JSON.", "Read it in the console of CloudWatch.")
        return
    words = WORDS.get(outcome, "an outcome that this command does not know")
    message = f", as message {show(line['message_id'])}" if outcome == "mailed" and "message_id" in line else ""
    if outcome == "test-code":
        report.wrong(f"log: at {at} {outcome}: {words}.", "docs/deploy.md#test-recipients")
    else:
        report.ok(f"log: at {at} {show(outcome)[1:-1]}: {words}{message}")
