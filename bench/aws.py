"""DynamoDB, SES and Secrets Manager over TLS, with fixed answers, in a process of their own.

    python -m bench.aws FOLDER

FOLDER has the certificates. It writes its ports to stdout, then answers each line of stdin with what was called since
the last, and ends with stdin. A line is a JSON object: `guesses` are `right` or `wrong` from then on, and AWS is
`distance` seconds away and back.
"""

import collections
import json
import re
import subprocess
import sys
import time
from pathlib import Path

from bench import authority, wire

SERVICES = ("SECRETS_MANAGER", "DYNAMODB", "SESV2")
TARGET = re.compile(rb"\r\nx-amz-target: *\w+\.(\w+)", re.IGNORECASE)
SES_PATH = b"POST /v2/email/outbound-emails "
# How the functions call the operations. GIVE_BACK is an UpdateItem as well: the one that follows a right guess.
SECRET, ASK, GUESS, MAIL = "GetSecretValue", "TransactWriteItems", "UpdateItem", "SendEmail"
GIVE_BACK = "GiveBack"
# What opens a connection and asks for nothing, as a health check does.
GREETING = "GET"
# Days ago, so that no version is replacing another.
CREATED = int(time.time()) - 30 * 86_400
ID = "0d7d1c1e-6f0b-4c1c-9a51-3a4a0c1b2d3e"
SOURCE = "source/" + "D" * 43 + "/2027-01-15"
HEADERS = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", ID)]


def challenge(guess, digest):
    """The item of a challenge that has taken this guess, and whose code has this digest."""
    now = int(time.time())
    return {
        "pk": {"S": "challenge/" + "C" * 43},
        "generation": {"S": ID},
        "mail": {"S": ID},
        "ends_at": {"N": str(now + 600)},
        "expires_at": {"N": str(now + 87_000)},
        "code_digest": {"S": digest},
        "sent_at": {"N": str(now)},
        "guesses": {"SS": [guess]},
        "last_guess": {"S": guess},
        "last_guess_at": {"N": str(now)},
        "paid_by": {"M": {SOURCE: {"N": "1"}}},
    }


def answers():
    """What each operation returns. A guess is wrong: the challenge has another code's digest."""
    secret = {
        "ARN": "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:secret",
        "Name": "secret",
        "VersionId": ID,
        "SecretString": "0" * 64,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": CREATED,
    }
    guess = {"Attributes": challenge("A" * 43, "B" * 43)}
    source = {"Attributes": {"pk": {"S": SOURCE}, "unverified": {"N": "0"}}}
    return {SECRET: secret, ASK: {}, GUESS: guess, GIVE_BACK: source, MAIL: {"MessageId": "0100-example"}}


def right_answer(body):
    """What a guess returns that is right: a challenge whose code has the digest of the guess."""
    guess = json.loads(body)["ExpressionAttributeValues"][":guess"]["S"]
    return success({"Attributes": challenge(guess, guess)})


def success(answer):
    return wire.response(json.dumps(answer).encode(), headers=HEADERS)


class Recorder:
    """Answers calls and counts them."""

    def __init__(self):
        self.reset()
        self.last = {}
        self.guesses_are_right, self.distance = False, 0
        self.responses = {operation: success(answer) for operation, answer in answers().items()}
        self.responses[GREETING] = wire.response(b"healthy", headers=HEADERS)
        self.unknown = wire.response(b'{"__type": "UnknownOperationException"}', 400, HEADERS)

    def reset(self):
        self.calls, self.connections = collections.Counter(), collections.Counter()

    def answer(self, head, body):
        if head.startswith(b"GET "):
            operation = GREETING
        elif head.startswith(SES_PATH):
            operation = MAIL
        else:
            operation = found[1].decode() if (found := TARGET.search(head)) else "none"
        if operation == GUESS and b'":guess"' not in body:
            operation = GIVE_BACK
        self.calls[operation] += 1
        self.last[operation] = body.decode(errors="replace")
        if operation == GUESS and self.guesses_are_right:
            return right_answer(body)
        return self.responses.get(operation, self.unknown)

    def report(self):
        """What was called since the last report, each operation's newest body, and the seconds on a core so far."""
        calls, connections = self.calls, self.connections
        self.reset()
        return {"calls": calls, "connections": connections, "last": self.last, "cpu": time.process_time()}


def main():
    context, recorder, ports = authority.server_context(Path(sys.argv[1])), Recorder(), {}
    for service in SERVICES:
        listener, ports[service] = wire.listen()

        def opened(service=service):
            recorder.connections[service] += 1

        wire.serve(listener, recorder.answer, context, opened, lambda: recorder.distance)
    print(json.dumps(ports), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if "guesses" in told:
            recorder.guesses_are_right, recorder.distance = told["guesses"] == "right", told["distance"]
        print(json.dumps(recorder.report()), flush=True)


class StandIns:
    """That process, seen from the harness."""

    def __init__(self, folder):
        authority.write(folder)
        command = [sys.executable, "-m", "bench.aws", str(folder)]
        # In a session of its own: Ctrl-C is for the harness, which ends this.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, start_new_session=True, **pipes)
        ports = json.loads(self.process.stdout.readline())
        # The SDKs of Rust and Python read the whole file. Node has its own roots built in, and adds one.
        self.environment = {
            f"AWS_ENDPOINT_URL_{service}": f"https://localhost:{ports[service]}" for service in SERVICES
        }
        self.environment |= {
            "SSL_CERT_FILE": str(folder / "roots.pem"),
            "AWS_CA_BUNDLE": str(folder / "roots.pem"),
            "NODE_EXTRA_CA_CERTS": str(folder / "root.pem"),
        }

    def report(self, **told):
        """What was called since the last report, and what is so from now on."""
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(5)


if __name__ == "__main__":
    main()
