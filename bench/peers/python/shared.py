"""What both functions share: the key, the table, and how they answer. AWS's own runtime client runs them, as on Lambda.

They make the calls that the service's functions made (CALLS_FILE), under names and with a code of their own. They leave
out what takes little time: the limits, the languages, what may be wrong with a request, and all failures.
"""

import hashlib
import hmac
import json
import os
from pathlib import Path

import boto3
from botocore.config import Config

CALLS = json.loads(Path(os.environ["CALLS_FILE"]).read_text())
TIMEOUTS = {"connect_timeout": 1, "read_timeout": 2}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, **TIMEOUTS)
THREE_ATTEMPTS = Config(retries={"total_max_attempts": 3, "mode": "standard"}, **TIMEOUTS)


def read_secret():
    client = boto3.client("secretsmanager", config=THREE_ATTEMPTS)
    return client.get_secret_value(SecretId=os.environ["SECRET_ID"], VersionStage="AWSCURRENT")["SecretString"].encode()


secret = read_secret()
key = hmac.digest(secret, b"item-name", hashlib.sha256)
dynamodb = boto3.client("dynamodb", config=THREE_ATTEMPTS)


def mac(*parts):
    return hmac.digest(key, "\0".join(parts).encode(), hashlib.sha256).hex()


def log(outcome, challenge_id):
    print(json.dumps({"level": "INFO", "outcome": outcome, "challenge_id": challenge_id}))


def respond(status, body):
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}
