"""The backends of docs/backend.md, made of its files as they stand there."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

from local.service import link_packages
from tests.api.client import Api

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = str(ROOT / ".venv" / "bin" / "node")
FILES = {
    "django": [f"signup/{name}.py" for name in ("proof", "models", "views", "urls", "tests")],
    "express": ["proof.mjs", "sign-up.mjs", "accounts-sqlite.mjs", "server.mjs", "sign-up.test.mjs"],
}

# Each reads tokens from standard input. For each token it prints the address that it proves, or why it is refused.
CHECK = {
    "python": """
import json, sys
from proof import verify

def check(token):
    try:
        return {"email": verify(token)["email"]}
    except Exception as error:
        cause = error.__cause__ or error
        return {"refused": f"{type(error).__name__}: {type(cause).__name__}: {cause}"}

print(json.dumps([check(token) for token in json.load(sys.stdin)]))
""",
    "node": """
import { readFileSync } from "node:fs";
import { verifyProof } from "./proof.mjs";

const responses = [];
for (const token of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    responses.push({ email: (await verifyProof(token)).email });
  } catch (error) {
    responses.push({ refused: `${error.constructor.name}: ${error.cause?.code}: ${error.message}` });
  }
}
console.log(JSON.stringify(responses));
""",
}
# What of a Django project the document leaves to its reader.
SETTINGS = """
import os

SECRET_KEY = "for tests"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["django.contrib.sessions", "signup"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
ROOT_URLCONF = "signup.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "accounts.sqlite"}}
PROOF_BOUND_TO_SESSION = "PROOF_BOUND_TO_SESSION" in os.environ
"""


def document_file(name, document="backend.md"):
    """The file that a document has under its name."""
    text = (ROOT / "docs" / document).read_text()
    (code,) = re.findall(rf"^\*\*`{re.escape(name)}`\*\*\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return code


def environment(variables):
    return {name: value for name, value in os.environ.items() if not name.startswith("PROOF_")} | variables


class Backend:
    """What verifies proofs in one language, without a framework."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        if name == "python":
            (folder / "proof.py").write_text(document_file("signup/proof.py"))
            self.command = [sys.executable, "check.py"]
        else:
            (folder / "proof.mjs").write_text(document_file("proof.mjs"))
            link_packages(folder)
            self.command = [NODE, "check.mjs"]
        (folder / self.command[-1]).write_text(CHECK[name])

    def check(self, *tokens, issuer, audience):
        """For each token the address that it proves, or why it is refused."""
        done = self.run(tokens, {"PROOF_ISSUER": issuer, "PROOF_AUDIENCE": audience})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, tokens, variables):
        return subprocess.run(
            self.command,
            cwd=self.folder,
            env=environment(variables),
            input=json.dumps(tokens),
            capture_output=True,
            text=True,
            timeout=60,
        )


class Example:
    """A whole backend, `django` or `express`, with its own tests."""

    def __init__(self, name, folder):
        self.name, self.folder, self.process = name, folder, None
        for file in FILES[name]:
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(document_file(file))
        if name == "django":
            (folder / "settings.py").write_text(SETTINGS)
            (folder / "signup" / "__init__.py").touch()
        else:
            link_packages(folder)

    def django(self, *arguments):
        return [sys.executable, "-m", "django", *arguments]

    def run_tests(self):
        """Runs its own tests and returns how that ended."""
        command = self.django("test") if self.name == "django" else [NODE, "--test"]
        return self.run(command, {"PROOF_ISSUER": "https://verify.example.com", "PROOF_AUDIENCE": "email-verification"})

    def run(self, command, variables):
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(variables), capture_output=True, text=True, timeout=120
        )

    def environment(self, variables):
        return environment(variables | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(self.folder)})

    def start(self, issuer, audience):
        """Starts it, anew if it runs, and returns a client of it. End it with `stop`."""
        self.stop()
        variables = {"PROOF_ISSUER": issuer, "PROOF_AUDIENCE": audience}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [NODE, "server.mjs"]
        if self.name == "django":
            for step in (("makemigrations", "signup"), ("migrate",)):
                done = self.run(self.django(*step), variables)
                assert done.returncode == 0, done.stderr
            command = self.django("runserver", "--noreload", f"127.0.0.1:{port}")
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(variables | {"PORT": str(port)}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        client = Client(f"http://127.0.0.1:{port}")
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                client.sign_up()
                return client
            except urllib.error.URLError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)


class Client(Api):
    """An app that signs up."""

    def sign_up(self, token=None, **more):
        """The status, and the error or the address."""
        response = self.post("sign-up", {"token": token} | more)
        return response.status, response.body.get("error", response.body.get("email"))
