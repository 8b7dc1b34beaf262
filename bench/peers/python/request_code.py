import copy
import json
import secrets
import uuid

import boto3
from shared import CALLS, ONE_ATTEMPT, dynamodb, log, mac, respond

ses = boto3.client("sesv2", config=ONE_ATTEMPT)


def handle(event, _):
    email = json.loads(event["body"])["email"].strip().lower()
    challenge, code = str(uuid.uuid4()), f"{secrets.randbelow(1_000_000):06}"
    charge(email, challenge, code, event["requestContext"]["http"]["sourceIp"])
    mail(email, code)
    log("mailed", challenge)
    return respond(202, {"challenge_id": challenge, "expires_in": 600, "resend_in": 60})


def charge(email, challenge, code, source):
    items = copy.deepcopy(CALLS["TransactWriteItems"]["TransactItems"])
    names = [mac(email, challenge), mac(email), mac(source)]
    for item, name in zip(items, names, strict=True):
        item["Update"]["Key"] = {"pk": {"S": name}}
    items[0]["Update"]["ExpressionAttributeValues"][":code"] = {"S": mac(email, challenge, code)}
    dynamodb.transact_write_items(TransactItems=items, ClientRequestToken=f"{uuid.uuid4().hex}-1")


def mail(email, code):
    call = copy.deepcopy(CALLS["SendEmail"])
    call["Destination"]["ToAddresses"] = [email]
    simple = call["Content"]["Simple"]
    for part in (simple["Subject"], *simple["Body"].values()):
        part["Data"] = part["Data"].replace(CALLS["code"], code)
    ses.send_email(**call)
