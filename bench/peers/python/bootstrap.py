"""Both functions' calls of AWS in plain Python, with boto3 and a loop of its own in place of Lambda's.

It makes the calls that the functions made (CALLS_FILE), under names and with a code of its own. It leaves out what
takes little time: the limits, the languages, what may be wrong with a request, and all failures.
"""

import copy
import hashlib
import hmac
import http.client
import json
import os
import secrets
import sys
import uuid
from pathlib import Path

import boto3
from botocore.config import Config

CALLS = json.loads(Path(os.environ["CALLS_FILE"]).read_text())
TIMEOUTS = {"connect_timeout": 1, "read_timeout": 2}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, **TIMEOUTS)
THREE_ATTEMPTS = Config(retries={"total_max_attempts": 3, "mode": "standard"}, **TIMEOUTS)


def respond(status, body):
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


class Function:
    """What both share: the key, and the table."""

    def __init__(self):
        reader = boto3.client("secretsmanager", config=THREE_ATTEMPTS)
        secret = reader.get_secret_value(SecretId=os.environ["SECRET_ID"], VersionStage="AWSCURRENT")
        self.key = hmac.digest(secret["SecretString"].encode(), b"item-name", hashlib.sha256)
        self.dynamodb = boto3.client("dynamodb", config=THREE_ATTEMPTS)

    def mac(self, *parts):
        return hmac.digest(self.key, "\0".join(parts).encode(), hashlib.sha256).hex()


class RequestCode(Function):
    def __init__(self):
        super().__init__()
        self.ses = boto3.client("sesv2", config=ONE_ATTEMPT)

    def handle(self, event):
        email = json.loads(event["body"])["email"].strip().lower()
        challenge, code = str(uuid.uuid4()), f"{secrets.randbelow(1_000_000):06}"
        self.charge(email, challenge, code, event["requestContext"]["http"]["sourceIp"])
        self.send(email, code)
        print(json.dumps({"level": "INFO", "outcome": "mailed", "challenge_id": challenge}), flush=True)
        return respond(202, {"challenge_id": challenge, "expires_in": 600, "resend_in": 60})

    def charge(self, email, challenge, code, source):
        items = copy.deepcopy(CALLS["TransactWriteItems"]["TransactItems"])
        names = [self.mac(email, challenge), self.mac(email), self.mac(source)]
        for item, name in zip(items, names, strict=True):
            item["Update"]["Key"] = {"pk": {"S": name}}
        items[0]["Update"]["ExpressionAttributeValues"][":code"] = {"S": self.mac(email, challenge, code)}
        self.dynamodb.transact_write_items(TransactItems=items, ClientRequestToken=f"{uuid.uuid4().hex}-1")

    def send(self, email, code):
        mail = copy.deepcopy(CALLS["SendEmail"])
        mail["Destination"]["ToAddresses"] = [email]
        simple = mail["Content"]["Simple"]
        for part in (simple["Subject"], *simple["Body"].values()):
            part["Data"] = part["Data"].replace(CALLS["code"], code)
        self.ses.send_email(**mail)


class VerifyCode(Function):
    def handle(self, event):
        body = json.loads(event["body"])
        email, challenge = body["email"].strip().lower(), body["challenge_id"]
        guess = self.mac(email, challenge, body["code"])
        write = copy.deepcopy(CALLS["UpdateItem"])
        write["Key"] = {"pk": {"S": self.mac(email, challenge)}}
        write["ExpressionAttributeValues"] |= {":guess": {"S": guess}, ":guesses": {"SS": [guess]}}
        found = self.dynamodb.update_item(**write)["Attributes"]
        if hmac.compare_digest(found["code_digest"]["S"], guess):
            raise NotImplementedError("a right code")
        print(json.dumps({"level": "INFO", "outcome": "invalid-code", "challenge_id": challenge}), flush=True)
        left = int(os.environ["MAX_GUESSES"]) - len(found["guesses"]["SS"])
        return respond(401, {"type": "invalid-code", "status": 401, "guesses_left": left})


def main():
    function = {"request-code": RequestCode, "verify-code": VerifyCode}[sys.argv[1]]()
    lambda_api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        lambda_api.request("GET", "/2018-06-01/runtime/invocation/next")
        event = lambda_api.getresponse()
        request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = json.dumps(function.handle(json.load(event)))
        lambda_api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", answer)
        lambda_api.getresponse().read()


main()
