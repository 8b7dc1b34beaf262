"""Says why a person got no email: what SES, the DNS and the log know about it. It only reads.

Variables, from the environment:

EMAIL         the address, as the person typed it
STACK         the stack, such as email-verification
CHALLENGE_ID  the id of the challenge, if the app has told it: then the log is looked at first
RESOLVER      the DNS server to ask, as address or address:port; the system's if it is not given
TIMEOUT       seconds to wait for each answer of the DNS; 5 if it is not given

SES is asked about the address: whether it is on the suppression list and, in the sandbox, whether it is verified.
CloudTrail may record that. It goes nowhere else: to no file, no log and no other process. Printed it is masked.

Exit status: 0 if the stack could be looked at, 1 if not.
"""

import os
import re
import sys
import uuid
from datetime import UTC, datetime

import boto3
from botocore.exceptions import ClientError

from operate import sending, told
from operate.report import Report, is_gone, said
from operate.resolver import Dns, Unanswered
from operate.sender_settings import NAME, Misuse, Settings, show
from operate.stack import NoStack, Stack

# As verification/src/rules/recipient.rs has them.
RESERVED = ("test", "example", "invalid", "localhost")
LOCAL = re.compile(r"(?=.{1,64}$)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
TOP_LEVEL = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+")
# What comes along unseen when a text is pasted.
INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
PASTED = re.compile(rf"^[\s{INVISIBLE}]+|[\s{INVISIBLE}]+$")
# A Korean or Japanese keyboard types these for ASCII.
HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


class Address:
    """An address as the service mails it. It shows itself masked only."""

    def __init__(self, typed):
        local, _, domain = PASTED.sub("", typed).translate(HALF_WIDTH).rpartition("@")
        try:
            domain = domain.lower()
            ascii = domain.encode("idna").decode()
            # Python's codec is an older IDNA, which takes some letters for others: ß for ss.
            domain = ascii if ascii.encode().decode("idna") == domain else ""
        except UnicodeError:
            domain = ""
        self.local, self.domain = local.lower(), domain.lower()

    def __str__(self):
        first = self.local[0] if len(self.local) > 1 and self.local[0].isascii() and self.local[0].isprintable() else ""
        return f"{first}•••@{show(self.domain)[1:-1]}"

    __repr__ = __str__

    def whole(self):
        """What nobody but SES may be told."""
        return f"{self.local}@{self.domain}"

    def refusal(self):
        """Why the service refuses it at once, for what is plain to see; None if nothing is."""
        top = self.domain.rpartition(".")[2]
        if not LOCAL.fullmatch(self.local):
            return "what stands before the @ is empty, too long, or has a character that SES cannot mail"
        if not NAME.fullmatch(self.domain) or "_" in self.domain or len(self.whole()) > 254:
            return "what stands behind the @ is no domain in ASCII, such as example.com or xn--…"
        if top in RESERVED or not TOP_LEVEL.fullmatch(top):
            return f"no email ever gets to a domain that ends in .{top}"
        return None


def test_recipients(stack):
    """Who gets a fixed code and no email, and until which day, as the functions' environment says."""
    who, _, until = (stack.variable("RequestCode", "TEST_RECIPIENT").split() or [""] * 3)[:3]
    return who.lower(), until


def judge_test(report, stack, address, now):
    with report.guard("test recipients"):
        who, until = test_recipients(stack)
        is_meant = who and who in (address.whole(), f"@{address.domain}")
        report.judge(
            not is_meant or until < f"{now:%Y-%m-%d}",
            "test recipients: the address is none",
            f"test recipients: the address is one until {until} (UTC), so it gets a fixed code and no email.",
            "Say so to the person, or take it out of the stack's test recipients (docs/deploy.md#test-recipients).",
        )


def judge_suppression(report, ses, address):
    with report.guard("suppression list"):
        try:
            found = said(ses.get_suppressed_destination(EmailAddress=address.whole()), "SuppressedDestination")
        except ClientError as error:
            if not is_gone(error):
                raise
            report.ok("suppression list: the address is not on it")
            return
        bounced = said(found, "Reason") == "BOUNCE"
        report.wrong(
            f"suppression list: since {said(found, 'LastUpdateTime'):%Y-%m-%d %H:%M} UTC the address is on it, for a "
            f"{'bounce' if bounced else 'complaint'}. SES takes emails to it, and does not send them.",
            f"Take it off if the person {'says that the mailbox works' if bounced else 'asks for it'}: "
            "aws sesv2 delete-suppressed-destination --email-address ADDRESS",
        )


def judge_sandbox(report, ses, account, address):
    if not account:
        return
    with report.guard("sandbox"):
        if said(account, "ProductionAccessEnabled"):
            report.ok("sandbox: the account is out of it")
            return
        found = sending.identity_of(ses, address.whole())
        report.judge(
            found and found[1]["VerifiedForSendingStatus"],
            "sandbox: the account is in it, and the address is verified",
            "sandbox: the account is in it, and the address is not verified. SES refuses the email; callers get 500.",
            "Leave the sandbox (docs/deploy.md#leave-the-sandbox), or verify it (#try-it-in-the-sandbox there).",
        )


def judge_switches(report, stack):
    """What stops everybody's email. Returns what SES says about the account."""
    account, ses = None, stack.client("sesv2")
    with report.guard("SES account"):
        account = ses.get_account()
        sending.judge_account(report, account)
        sending.judge_quota(report, account, most=1)
    with report.guard("configuration set"):
        name = stack.id("ConfigurationSet")
        gone = (f"configuration set: {name} does not exist.", "Make it again, as docs/runbook.md#error-lines says.")
        with report.guard("configuration set", gone):
            sending.judge_switch(report, ses.get_configuration_set(ConfigurationSetName=name))
    return account


def judge_domain(report, dns, domain):
    """Whether the domain takes emails at all."""
    spelling = "Ask the person to check the spelling."
    try:
        found = dns.find(domain, "MX")
        if found is None:
            report.wrong(f"domain: {domain} does not exist.", spelling)
        elif any(host in ("", ".") for _, host in found):
            report.wrong(f"domain: {domain} says that it takes no email (null MX).", spelling)
        elif found:
            report.ok(f"domain: {domain} takes emails at {found[0][1]}")
        elif dns.find(domain, "A") or dns.find(domain, "AAAA"):
            report.note(
                f"domain: {domain} has no MX record. Emails go to its own address; few such domains take any.", spelling
            )
        else:
            report.wrong(f"domain: {domain} has no MX record and no address, so no email gets there.", spelling)
    except Unanswered as failure:
        report.unknown(f"domain: {failure}", failure.advice)


def why(stack, address, challenge, settings, now):
    report = Report("cause")
    print(f"No email to {address} from {stack.name} in {stack.region}\n")
    ses = stack.client("sesv2")
    if challenge:
        told.tell(report, stack, challenge, now)
    judge_test(report, stack, address, now)
    judge_suppression(report, ses, address)
    account = judge_switches(report, stack)
    judge_sandbox(report, ses, account, address)
    judge_domain(report, Dns(settings.resolver, settings.timeout), address.domain)
    if not challenge:
        report.note("log: not looked at. With CHALLENGE_ID=… this also says what became of the request.")
    print()
    if report.wrongs:
        print(f"Causes: {report.wrongs}.")
    else:
        print("No cause was found here. The email may be in spam, or the person's mail server has refused it:")
        print("docs/runbook.md#no-email-came goes on from there.")


def read(environment):
    """The address and the challenge that are asked about."""
    if not environment.get("EMAIL", "").strip() or not environment.get("STACK"):
        raise NoStack("Say whose email and which stack: make why EMAIL=kim@example.com STACK=email-verification")
    challenge = environment.get("CHALLENGE_ID", "").strip().lower()
    if challenge and not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", challenge):
        raise NoStack(f"CHALLENGE_ID: expected an id such as {uuid.UUID(int=0)}")
    return Address(environment["EMAIL"]), challenge


def main(environment=os.environ, client=boto3.client, now=None):
    try:
        address, challenge = read(environment)
        if refused := address.refusal():
            print(f"cause  address: {refused}.")
            print(
                "    do  The service answers 422 invalid-email and sends nothing. Ask the person to check the spelling."
            )
            return 0
        variables = {name: environment[name] for name in ("RESOLVER", "TIMEOUT") if name in environment}
        settings = Settings.read({"DOMAIN": address.domain} | variables)
        why(Stack(environment["STACK"], client), address, challenge, settings, now or datetime.now(UTC))
    except (NoStack, Misuse) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
