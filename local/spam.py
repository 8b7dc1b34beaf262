"""Asks SpamAssassin about emails as they arrive from SES: by the rules that it brings, without network and learning."""

import re
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from local import system
from local.service import Failure, say


def install():
    if shutil.which("spamassassin") is None:
        system.install("SpamAssassin", ["spamassassin"], "On macOS: brew install spamassassin.")


def message(mail):
    """The email as SES sends it, which puts text and HTML together and adds headers.

    Without a `Received` header: SpamAssassin gives points for an IP address that is for examples.
    """
    subject, _, text = mail.with_suffix(".txt").read_text().partition("\n\n")
    now = datetime.now(UTC)
    email = EmailMessage()
    email["Return-Path"] = "<0109000000000000-0a1b2c3d-000000@bounce.example.com>"
    email["Date"] = format_datetime(now)
    email["From"] = "Example <no-reply@example.com>"
    email["To"] = "kim@example.net"
    email["Message-ID"] = "<0109000000000000-0a1b2c3d-0001-0002-0003-0a1b2c3d4e5f-000000@ap-northeast-2.amazonses.com>"
    email["Subject"] = subject
    # The service's own, from verification/src/aws/mailer.rs.
    email["Auto-Submitted"] = "auto-generated"
    email["X-Auto-Response-Suppress"] = "All"
    email["Feedback-ID"] = "1.ap-northeast-2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AmazonSES"
    email["X-SES-Outgoing"] = f"{now:%Y.%m.%d}-203.0.113.9"
    email.set_content(text)
    email.add_alternative(mail.read_text(), subtype="html")
    email.set_boundary("----=_Part_1_2.3")
    return email


def judge(emails):
    """The points of each rule that each email hits. One run for all, for the rules take a while to load."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.eml" for number in range(len(emails))]
        for path, email in zip(paths, emails, strict=True):
            path.write_bytes(email.as_bytes())
        settings = ["use_bayes 0", "report_safe 0", "fold_headers 0", "add_header all Points _TESTSSCORES(,)_"]
        command = ["spamassassin", "--local", "--test-mode", "--nocreate-prefs", "--prefspath=/dev/null"]
        done = subprocess.run([*command, *(f"--cf={line}" for line in settings), *paths], stdout=subprocess.PIPE)
    lines = re.findall(r"^X-Spam-Points: (.*)$", done.stdout.decode(errors="replace"), re.MULTILINE)
    if done.returncode or len(lines) != len(emails):
        raise Failure("SpamAssassin failed; see above.")
    return [{rule: float(points) for rule, points in re.findall(r"(\w+)=(-?[\d.]+)", line)} for line in lines]


def faults(mails):
    """Which emails get points, and by which rules."""
    # The brand of 64 W and a contact of 128 letters costs 1.6 points, which says nothing about the words around it.
    judged = [mail for mail in mails if "-wide-" not in mail.stem]
    found, rules = [], set()
    for mail, hits in zip(judged, judge([message(mail) for mail in judged]), strict=True):
        rules |= hits.keys()
        # With one decimal, as SpamAssassin writes it. A rule that takes points away hides none.
        points = round(sum(max(hit, 0) for hit in hits.values()), 1)
        if points > 0:
            by = ", ".join(f"{rule} {hit}" for rule, hit in hits.items())
            found.append(f"{mail.name}: SpamAssassin gives {points} points: {by}")
    hit = ", ".join(sorted(rules)) or "none"
    say(f"{len(judged)} emails in SpamAssassin: {len(found)} get points; rules that hit: {hit}.")
    return found
