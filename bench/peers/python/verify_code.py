import copy
import hashlib
import hmac
import json
import os
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from shared import CALLS, dynamodb, log, mac, respond, secret

MAX_GUESSES = int(os.environ["MAX_GUESSES"])
PROOF_SECONDS = 60 * int(os.environ["PROOF_LIFETIME_MINUTES"])

private_number = int.from_bytes(hmac.digest(secret, b"proof", hashlib.sha256))
proof_key = ec.derive_private_key(private_number, ec.SECP256R1())


def handle(event, _):
    body = json.loads(event["body"])
    email, challenge = body["email"].strip().lower(), body["challenge_id"]
    guess = mac(email, challenge, body["code"])
    found = submit(email, challenge, guess)
    if not hmac.compare_digest(found["code_digest"]["S"], guess):
        log("invalid-code", challenge)
        left = MAX_GUESSES - len(found["guesses"]["SS"])
        return respond(401, {"type": "invalid-code", "status": 401, "guesses_left": left})
    token = sign(event, email, challenge, mac(email, challenge, found["generation"]["S"], "proof"))
    for source, mails in found["paid_by"]["M"].items():
        give_back(source, int(mails["N"]))
    log("verified", challenge)
    return respond(200, {"email": email, "token": token, "token_type": "JWT", "expires_in": PROOF_SECONDS})


def submit(email, challenge, guess):
    write = copy.deepcopy(CALLS["UpdateItem"])
    write["Key"] = {"pk": {"S": mac(email, challenge)}}
    write["ExpressionAttributeValues"] |= {":guess": {"S": guess}, ":guesses": {"SS": [guess]}}
    return dynamodb.update_item(**write)["Attributes"]


def sign(event, email, challenge, proof_id):
    now = int(time.time())
    claims = {
        "iss": f"https://{event['requestContext']['domainName']}",
        "aud": os.environ["PROOF_AUDIENCE"],
        "sub": email,
        "email": email,
        "email_verified": True,
        "challenge_id": challenge,
        "purpose": "sign-up",
        "jti": proof_id,
        "iat": now,
        "exp": now + PROOF_SECONDS,
    }
    return jwt.encode(claims, proof_key, algorithm="ES256", headers={"kid": "1"})


def give_back(source, mails):
    write = copy.deepcopy(CALLS["GiveBack"])
    write["Key"] = {"pk": {"S": source}}
    write["ExpressionAttributeValues"] = {":minus": {"N": str(-mails)}, ":mails": {"N": str(mails)}}
    dynamodb.update_item(**write)
