"""What becomes of SES's events in the deployed stack: through its rule to request-code, and to the app.

The local AWS sends no events of SES, and like AWS takes none from others that say they are SES's. So a copy of the
rule, which differs in the source alone, gets the documents of events/ses.
"""

import json
import time
import uuid

from local.lint_template import FEEDBACK
from local.service import ROOT, Failure, say

SOURCE = "test.ses"
# Each document, and the reason that the app gets; None if the rule leaves it out. tests/service has them all.
DOCUMENTS = {
    "bounce-permanent-general": "mailbox",
    "bounce-mailbox-full": "temporary",
    "complaint-suppressed": "mailbox",
    "reject": "content",
    "delivery-delay": None,
}
MOST_SECONDS = 10


class Feedback:
    """SES, as the stack's rule sees it."""

    def __init__(self, service, ids, api):
        self.service, self.ids, self.api = service, ids, api
        self.events = service.client("events")
        rule = self.events.describe_rule(Name=ids["UndeliveredRule"].rpartition("/")[2])
        pattern = json.loads(rule["EventPattern"])
        assert pattern["source"] == ["aws.ses"], pattern
        copied = {"Name": "as-undelivered-rule", "EventPattern": json.dumps(pattern | {"source": [SOURCE]})}
        self.events.put_rule(**copied)
        targets = self.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        self.events.put_targets(Rule=copied["Name"], Targets=targets)

    def send(self, document, challenge, source=SOURCE):
        """Sends an event of SES about the newest email of a challenge, which is an item of the table."""
        event = json.loads((ROOT / "events" / "ses" / f"{document}.json").read_text())
        detail = event["detail"]
        detail["mail"]["tags"] |= {
            "ses:configuration-set": [self.ids["ConfigurationSet"]],
            "challenge": [challenge["pk"]["S"].removeprefix("challenge/")],
            "mail": [challenge["mail"]["S"]],
        }
        entry = {"Source": source, "DetailType": event["detail-type"], "Detail": json.dumps(detail)}
        return self.events.put_events(Entries=[entry])["Entries"][0]

    def challenges(self):
        items = self.service.client("dynamodb").scan(TableName=self.ids["Table"])["Items"]
        return {item["pk"]["S"]: item for item in items if item["pk"]["S"].startswith("challenge/")}

    def mail(self):
        """Has a code mailed. Returns the request that repeats it, and the challenge as the table has it."""
        before, email = self.challenges(), f"{uuid.uuid4().hex}@example.com"
        challenge_id = self.api.request_code(email).body["challenge_id"]
        (new,) = self.challenges().keys() - before.keys()
        return {"email": email, "challenge_id": challenge_id}, self.challenges()[new]

    def bounce(self, document):
        """Has a code mailed and bounced. Returns the reason that the app gets, if any, and after how many seconds."""
        request, challenge = self.mail()
        sent = time.monotonic()
        self.send(document, challenge)
        while time.monotonic() - sent < (MOST_SECONDS if DOCUMENTS[document] else 1):
            response = self.api.request_code(**request)
            if response.status == 422:
                assert response.problem() == "422 undeliverable"
                guessed = self.api.verify_code(**request, code="000000")
                assert guessed.body["reason"] == response.body["reason"], guessed.text
                return response.body["reason"], time.monotonic() - sent
            assert response.status == 202, response.text
            time.sleep(0.05)
        return None, time.monotonic() - sent


def permissions(service, ids):
    """Who may invoke each function, and what each role may."""
    found = {}
    for function in ("RequestCode", "VerifyCode"):
        policy = json.loads(service.client("lambda").get_policy(FunctionName=ids[function])["Policy"])
        for statement in policy["Statement"]:
            source = json.dumps(statement.get("Condition", {}))
            found[f"{function} may be invoked by {statement['Principal']['Service']}"] = source
        for name in service.client("iam").list_role_policies(RoleName=ids[f"{function}Role"])["PolicyNames"]:
            role = service.client("iam").get_role_policy(RoleName=ids[f"{function}Role"], PolicyName=name)
            found[f"the role of {function} has {name}"] = json.dumps(role["PolicyDocument"])
    return found


def check_off(service, ids, before, permissions_before):
    """Compares the stack, after DeliveryFeedback was turned off again, with what it was before."""
    assert ids == before, ids.items() ^ before.items()
    assert permissions(service, ids) == permissions_before
    print("ok  DeliveryFeedback off again: the stack has what it had before, and nobody more may call it")


def check(service, ids, api, before, permissions_before):
    """Compares the stack with what it was without DeliveryFeedback, and sends it events."""
    say("Telling the stack of emails that did not arrive …")
    assert ids.keys() - before.keys() == set(FEEDBACK), ids.keys() ^ before.keys()
    after = permissions(service, ids)
    added = {name: source for name, source in after.items() if permissions_before.get(name) != source}
    assert permissions_before.items() <= after.items(), permissions_before
    assert list(added) == ["RequestCode may be invoked by events.amazonaws.com"], added
    print(f"ok  DeliveryFeedback adds {len(FEEDBACK)} resources and one permission: {added}")
    feedback = Feedback(service, ids, api)
    _, challenge = feedback.mail()
    refused = feedback.send("bounce-permanent-general", challenge, source="aws.ses")
    assert refused["ErrorCode"] == "NotAuthorizedForSourceException", refused
    print(f"ok  an event of somebody who says to be SES: {refused['ErrorCode']}")
    for document, expected in DOCUMENTS.items():
        reason, seconds = feedback.bounce(document)
        if reason != expected:
            raise Failure(f"{document}: the app gets {reason}, in place of {expected}.")
        print(f"ok  {document}: the app gets {reason} after {seconds:.1f} s")
    return feedback
