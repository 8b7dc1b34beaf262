"""Uses the service that `make run` starts, by the curl lines that it prints.

Afterwards the table and the log are searched for what must not be in them, and what was started must be gone.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from local.ports import Ports
from local.service import Service
from tests.api.client import Inbox

# Ports of its own, so that it runs beside `make run`.
PORTS = Ports(api=19000, aws=14566, smtp=11025, inbox=11080, app=19008)
SERVICE = Service(PORTS)
ADDRESS = "lee@example.com"
# local/bounces.py bounces it.
TYPO = "bounce@example.com"


class MakeRun:
    """`make run`, and what it printed."""

    def __init__(self):
        self.lines = []
        self.process = subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            env=os.environ | {Ports.variable(name): str(port) for name, port in PORTS.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own, as in a terminal, where Ctrl-C signals the whole group.
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            print(f"    {line}", end="", flush=True)
            self.lines.append(line)

    def text(self):
        return "".join(self.lines)

    def wait_until_ready(self, seconds=1_200):
        deadline = time.monotonic() + seconds
        while "Ctrl-C stops everything" not in self.text():
            assert self.process.poll() is None, "make run stopped by itself"
            assert time.monotonic() < deadline, "make run is not ready"
            time.sleep(0.2)

    def press_ctrl_c(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(30)

    def curl_line(self, path):
        return next(line.strip() for line in self.lines if line.strip().startswith("curl") and f"/{path}" in line)


def curl(line):
    """Runs a printed curl line. Returns status, headers as text, and body."""
    done = subprocess.run(shlex.split(line) + ["--silent", "--max-time", "30"], capture_output=True, text=True)
    head, _, body = done.stdout.replace("\r", "").partition("\n\n")
    status = int(head.split()[1])
    return status, head.lower(), json.loads(body)


def table():
    client = SERVICE.client("dynamodb")
    (name,) = client.list_tables()["TableNames"]
    return client.scan(TableName=name)["Items"]


def expect(what, found, expected):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"
    print(f"ok  {what}", flush=True)


def problem(response):
    status, head, body = response
    assert "content-type: application/problem+json" in head, head
    return f"{status} {body['type'].removeprefix('urn:email-verification:')}"


def preflight(origin):
    """What a browser is told that asks for a page of this origin: origin, methods, headers and time to keep that."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-trace"}
    request = urllib.request.Request(f"{SERVICE.api}/request-code", method="OPTIONS", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        names = ("Allow-Origin", "Allow-Methods", "Allow-Headers", "Max-Age")
        return [response.headers[f"Access-Control-{name}"] for name in names]


def use(run):
    expect("the sample app is there", b"email-form" in urllib.request.urlopen(SERVICE.app, timeout=10).read(), True)
    request_line, verify_line = run.curl_line("request-code"), run.curl_line("verify-code")
    status, _, asked = curl(request_line)
    expect("a code can be asked for", (status, asked["expires_in"], asked["resend_in"]), (202, 600, 60))
    (mail,) = Inbox(SERVICE.inbox).mails(ADDRESS)
    code = re.search(r"\b[0-9]{6}\b", mail["subject"]).group()

    def submit(code):
        return curl(verify_line.replace("CHALLENGE_ID", asked["challenge_id"]).replace("CODE", code))

    refused = submit("000000" if code != "000000" else "000001")
    expect("a wrong code is refused", problem(refused), "401 invalid-code")
    status, _, right = submit(code)
    expect("the right one is accepted", (status, right["email"]), (200, ADDRESS))
    status, _, keys = curl(run.curl_line(".well-known/jwks.json"))
    expect("one key is published", (status, len(keys["keys"])), (200, 1))
    odd = submit("' -H 'X-Forwarded-Proto: !!' -H 'X-Name: 한국' -d '")
    expect("odd headers are survived", problem(odd), "400 malformed-code")
    expect("a page of the app may call", preflight(SERVICE.app), [SERVICE.app, "POST", "authorization,*", "7200"])
    expect("another page may not", preflight("http://127.0.0.1:1")[0], None)
    expect("nothing is at /", curl(f"curl -i {SERVICE.api}/")[::2], (404, {"message": "Not Found"}))

    typo = request_line.replace(ADDRESS, TYPO)
    _, _, bounced = curl(typo)
    again = typo.replace('"locale"', f'"challenge_id": "{bounced["challenge_id"]}", "locale"')
    deadline = time.monotonic() + 10
    while (response := curl(again))[0] == 202 and time.monotonic() < deadline:
        time.sleep(0.5)
    expect("an email that does not arrive is told", problem(response), "422 undeliverable")
    expect("and why", response[2]["reason"], "mailbox")

    items, log = json.dumps(table()), run.text().partition("The functions' log follows")[2]
    kinds = {item["pk"]["S"].partition("/")[0] for item in table()}
    expect("the table has its items", kinds, {"challenge", "mailbox", "source"})
    expect("no challenge id is in the table", asked["challenge_id"].replace("-", "") in items.replace("-", ""), False)
    expect("the log tells what happened", all(word in log for word in ("mailed", "invalid-code", "verified")), True)
    for name, place in (("table", items), ("log", log)):
        # As a whole word, because a time or an id can contain six digits by chance.
        secrets = (ADDRESS, TYPO, "lee", code, right["token"], *right["token"].split(".")[1:])
        found = [secret for secret in secrets if re.search(rf"\b{re.escape(secret)}\b", place)]
        expect(f"no address, code or token is in the {name}", found, [])


def expect_nothing_left():
    for name, port in PORTS.items():
        with socket.socket() as probe:
            probe.settimeout(1)
            expect(f"port {port} ({name}) is free again", probe.connect_ex(("127.0.0.1", port)) != 0, True)
    expect("no state is left", SERVICE.state.exists(), False)


def main():
    run = MakeRun()
    try:
        run.wait_until_ready()
        use(run)
    finally:
        run.press_ctrl_c()
    expect_nothing_left()
    print("The service works: a code was requested, mailed and verified.")


if __name__ == "__main__":
    sys.exit(main())
