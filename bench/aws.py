"""DynamoDB, SES and Secrets Manager over TLS, with fixed answers, in a process of their own.

    python -m bench.aws FOLDER

FOLDER has the certificates. It writes its ports to stdout, then answers each line of stdin with what was called since
the last, and ends with stdin.
"""

import collections
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from bench import authority, wire

SERVICES = ("SECRETS_MANAGER", "DYNAMODB", "SESV2")
TARGET = re.compile(rb"\r\nx-amz-target: *\w+\.(\w+)", re.IGNORECASE)
SES_PATH = b"POST /v2/email/outbound-emails "
# How the functions call the operations.
SECRET, ASK, GUESS, MAIL = "GetSecretValue", "TransactWriteItems", "UpdateItem", "SendEmail"
# Days ago, so that no version is replacing another.
CREATED = int(time.time()) - 30 * 86_400
ID = "0d7d1c1e-6f0b-4c1c-9a51-3a4a0c1b2d3e"


def answers():
    """What each operation returns. A guess is taken, and is wrong: the challenge has another code's digest."""
    now = int(time.time())
    digests = ["A" * 43, "B" * 43]
    challenge = {
        "pk": {"S": "challenge/" + "C" * 43},
        "generation": {"S": ID},
        "mail": {"S": ID},
        "ends_at": {"N": str(now + 600)},
        "expires_at": {"N": str(now + 87_000)},
        "code_digest": {"S": digests[0]},
        "sent_at": {"N": str(now)},
        "guesses": {"SS": digests[1:]},
        "last_guess": {"S": digests[1]},
        "last_guess_at": {"N": str(now)},
        "paid_by": {"M": {"source/" + "D" * 43 + "/2027-01-15": {"N": "1"}}},
    }
    secret = {
        "ARN": "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:secret",
        "Name": "secret",
        "VersionId": ID,
        "SecretString": "0" * 64,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": CREATED,
    }
    return {SECRET: secret, ASK: {}, GUESS: {"Attributes": challenge}, MAIL: {"MessageId": "0100-example"}}


class Recorder:
    """Answers calls and counts them."""

    def __init__(self):
        self.reset()
        self.last = {}
        headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", ID)]
        self.responses = {
            operation: wire.response(json.dumps(answer).encode(), headers=headers)
            for operation, answer in answers().items()
        }
        self.unknown = wire.response(b'{"__type": "UnknownOperationException"}', 400, headers)

    def reset(self):
        self.calls, self.connections = collections.Counter(), collections.Counter()

    def answer(self, head, body):
        if head.startswith(SES_PATH):
            operation = MAIL
        else:
            operation = found[1].decode() if (found := TARGET.search(head)) else "none"
        self.calls[operation] += 1
        self.last[operation] = body.decode(errors="replace")
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

        wire.serve(listener, recorder.answer, context, opened)
    print(json.dumps(ports), flush=True)
    for _ in sys.stdin:
        print(json.dumps(recorder.report()), flush=True)


class StandIns:
    """That process, seen from the harness."""

    def __init__(self, folder):
        authority.write(folder)
        command = [sys.executable, "-m", "bench.aws", str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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

    def report(self):
        self.process.stdin.write(os.linesep)
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(5)


if __name__ == "__main__":
    main()
