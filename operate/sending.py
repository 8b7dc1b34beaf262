"""What SES says about the account, the sender and the configuration set. `make check-stack` and `make why` share it."""

from botocore.exceptions import ClientError

from operate.report import is_gone, said
from operate.sender_settings import parents

REASONS = {"BOUNCE", "COMPLAINT"}
# From here on a busy hour may use up what is left of the 24 hours.
MUCH_OF_QUOTA = 0.8
REPUTATION = "Read AWS's email to the account's own address, and answer its case (docs/runbook.md#mail-unavailable)."


def identity_of(ses, address):
    """The identity by which SES may send as an address: the address, its domain or a parent, as (name, what SES says).

    The first that is verified; if none is, the first that is there; None if there is none.
    """
    domain = address.rpartition("@")[2]
    found = []
    for name in [address, domain, *(parent for parent in parents(domain) if "." in parent)]:
        try:
            identity = ses.get_email_identity(EmailIdentity=name)
        except ClientError as error:
            if not is_gone(error):
                raise
            continue
        if said(identity, "VerifiedForSendingStatus"):
            return name, identity
        found.append((name, identity))
    return found[0] if found else None


def judge_account(report, account):
    """Whether AWS lets the account send at all."""
    with report.guard("SES account"):
        report.judge(
            said(account, "SendingEnabled"),
            "SES account: sending is on",
            "SES account: sending is off, so nobody gets an email.",
            "If AWS has paused it, read AWS's email to the account's own address. If one of you has: "
            "aws sesv2 put-account-sending-attributes --sending-enabled",
        )
    with report.guard("SES account"):
        status = said(account, "EnforcementStatus")
        report.judge(
            status == "HEALTHY",
            "SES account: its reputation is HEALTHY",
            f"SES account: its reputation is {status}. AWS reviews the account or has stopped it.",
            REPUTATION,
        )


def judge_quota(report, account, most=MUCH_OF_QUOTA):
    """How much of the emails of 24 hours is used, and how many a second there may be."""
    with report.guard("SES quota"):
        quota = said(account, "SendQuota")
        sent, limit, rate = (said(quota, name) for name in ("SentLast24Hours", "Max24HourSend", "MaxSendRate"))
        if limit < 0:
            report.ok(f"SES quota: no limit in 24 hours, {rate:g} a second")
            return
        used = sent / limit if limit else 1
        what = f"SES quota: {sent:.0f} of {limit:.0f} emails in 24 hours are used ({used:.0%}), {rate:g} a second"
        report.judge(
            used < most,
            what,
            f"{what}.",
            "See who sends so much (docs/runbook.md#many-emails), and ask AWS for more "
            "(docs/operations.md#limits-and-quotas).",
        )


def judge_switch(report, configuration_set):
    """Whether somebody has used the kill switch."""
    with report.guard("configuration set"):
        report.judge(
            said(configuration_set, "SendingOptions", "SendingEnabled"),
            "configuration set: sending is on",
            "configuration set: sending is off, so the stack sends no email. Somebody has used the kill switch.",
            "Ask who and why. Then switch it on again (docs/runbook.md#the-kill-switch).",
        )


def judge_configuration_set(report, stack):
    """The set by which every email goes."""
    with report.guard("configuration set"):
        name = stack.id("ConfigurationSet")
        gone = (
            f"configuration set: {name} does not exist, so SES refuses every email.",
            "Make it again, as docs/runbook.md#error-lines says.",
        )
        with report.guard("configuration set", gone):
            found = stack.client("sesv2").get_configuration_set(ConfigurationSetName=name)
            report.ok(f"configuration set: {name} exists")
            judge_switch(report, found)
            _judge_options(report, name, found)


def _judge_options(report, name, found):
    with report.guard("configuration set"):
        policy = said(found, "DeliveryOptions", "TlsPolicy")
        report.judge(
            policy == "REQUIRE",
            "configuration set: emails go by TLS only",
            f"configuration set: its TLS policy is {policy}, so a code may travel unencrypted.",
            f"aws sesv2 put-configuration-set-delivery-options --configuration-set-name {name} --tls-policy REQUIRE",
        )
    with report.guard("configuration set"):
        missing = REASONS - set(said(found, "SuppressionOptions", "SuppressedReasons"))
        report.judge(
            not missing,
            "configuration set: an address that bounces or complains gets no further email",
            f"configuration set: {' and '.join(sorted(missing))} put no address on the suppression list, so SES goes "
            "on to mail it.",
            f"aws sesv2 put-configuration-set-suppression-options --configuration-set-name {name} "
            "--suppressed-reasons BOUNCE COMPLAINT",
        )


def judge_feedback(report, stack):
    """Whether SES's events reach request-code, if the stack is to tell apps of emails that did not arrive."""
    with report.guard("delivery feedback"):
        if stack.variable("RequestCode", "DELIVERY_FEEDBACK") == "on":
            _judge_destination(report, stack)
            _judge_rule(report, stack)


NOT_TOLD = "so no app is told that its email did not arrive."
TURN_IT_ON_AGAIN = "Deploy with DeliveryFeedback off, and then on again."


def _judge_destination(report, stack):
    with report.guard("delivery feedback"):
        asked = {"ConfigurationSetName": stack.id("ConfigurationSet")}
        found = stack.client("sesv2").get_configuration_set_event_destinations(**asked).get("EventDestinations", [])
        report.judge(
            any(item.get("Enabled") and "EventBridgeDestination" in item for item in found),
            "delivery feedback: SES hands its events to EventBridge",
            f"delivery feedback: SES hands its events to no EventBridge, {NOT_TOLD}",
            TURN_IT_ON_AGAIN,
        )


def _judge_rule(report, stack):
    name = stack.id("UndeliveredRule").rpartition("/")[2]
    gone = (f"delivery feedback: the rule {name} does not exist, {NOT_TOLD}", TURN_IT_ON_AGAIN)
    with report.guard("delivery feedback", gone):
        state = said(stack.client("events").describe_rule(Name=name), "State")
        report.judge(
            state == "ENABLED",
            "delivery feedback: the rule that takes them is enabled",
            f"delivery feedback: the rule {name} is {state}, {NOT_TOLD}",
            f"If nobody wants it off: aws events enable-rule --name {name}",
        )


def note_suppression(report, account):
    """The account's own setting. That of the configuration set goes before it, so it is no fault of this stack."""
    with report.guard("SES account"):
        missing = REASONS - set(said(account, "SuppressionAttributes", "SuppressedReasons"))
        if missing:
            report.note(
                f"SES account: {' and '.join(sorted(missing))} put no address on the account's suppression list. For "
                "this stack its configuration set decides, for other senders of the account this.",
                "aws sesv2 put-account-suppression-attributes --suppressed-reasons BOUNCE COMPLAINT",
            )
        else:
            report.ok("SES account: its suppression list takes bounces and complaints")


def judge_identity(report, ses, address):
    """Whether SES lets the stack send in the name of From. Returns the identity, if there is one."""
    found = None
    with report.guard("sender"):
        found = identity_of(ses, address)
        if not found:
            report.wrong(
                f"sender: SES knows neither {address} nor its domain, so it refuses every email.",
                "Make the identity: docs/deploy.md#let-ses-send-in-your-name",
            )
            return None
        name, identity = found
        how = (
            "Open the link that SES mailed to it." if "@" in name else "Enter the DKIM records that the DNS lines name."
        )
        report.judge(
            said(identity, "VerifiedForSendingStatus"),
            f"sender: SES has verified {name}",
            f"sender: SES has not verified {name}, so it refuses every email.",
            f"{how} docs/deploy.md#let-ses-send-in-your-name says more.",
        )
        _judge_dkim(report, name, identity)
        _judge_mail_from(report, identity)
    return found


def _judge_dkim(report, name, identity):
    with report.guard("DKIM"):
        dkim = said(identity, "DkimAttributes")
        is_signed = said(dkim, "SigningEnabled") and said(dkim, "Status") == "SUCCESS"
        if "@" in name and not is_signed:
            report.note(
                f"DKIM: SES sends by the address {name}, and does not sign. Gmail and Naver ask for signed emails.",
                "For production verify the domain (docs/deploy.md#let-ses-send-in-your-name).",
            )
            return
        state = dkim["Status"] if dkim["SigningEnabled"] else "switched off"
        report.judge(
            is_signed,
            f"DKIM: SES signs as {name}",
            f"DKIM: SES does not sign as {name}: DKIM is {state}.",
            "Put the records right that the DNS lines name; SES looks for up to 72 hours. If it is switched off: "
            f"aws sesv2 put-email-identity-dkim-attributes --email-identity {name} --signing-enabled",
        )


def _judge_mail_from(report, identity):
    mail_from = identity.get("MailFromAttributes", {})
    if not mail_from.get("MailFromDomain"):
        return
    with report.guard("MAIL FROM"):
        domain, status = mail_from["MailFromDomain"], said(mail_from, "MailFromDomainStatus")
        report.judge(
            status == "SUCCESS",
            f"MAIL FROM: SES uses {domain}",
            f"MAIL FROM: SES does not use {domain}: its records are {status}.",
            "Put the records right that the DNS lines name.",
        )


def sender_settings(region, address, found):
    """What `make check-sender` needs, from what SES says about the identity."""
    domain = address.rpartition("@")[2]
    name, identity = found or (domain, {})
    dkim = identity.get("DkimAttributes", {})
    variables = {"DOMAIN": domain, "REGION": region}
    if "@" not in name:
        variables["IDENTITY"] = name
        # With a key of your own (BYODKIM) they are selectors, and the records are other ones.
        if dkim.get("SigningAttributesOrigin", "AWS_SES").startswith("AWS_SES"):
            variables["DKIM"] = ",".join(dkim.get("Tokens", []))
    variables["MAIL_FROM"] = identity.get("MailFromAttributes", {}).get("MailFromDomain", "")
    return variables
