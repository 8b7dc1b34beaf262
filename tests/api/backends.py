"""The backends of examples/backends, each in a copy of its folder."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

from local.service import link_packages
from local.system import install
from tests.api.client import Api

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples" / "backends"
NODE = str(ROOT / ".venv" / "bin" / "node")
# What somebody may have left there who ran them by hand.
LEFT = shutil.ignore_patterns("node_modules", "__pycache__", "*.sqlite")

# Each reads tokens from standard input. For each token it prints the address that it proves, or why it is refused.
CHECK = {
    "python": """
import json, sys
from proof import verify

def check(token):
    try:
        return {"email": verify(token, "sign-up")["email"]}
    except Exception as error:
        cause = error.__cause__ or error
        return {"refused": f"{type(error).__name__}: {type(cause).__name__}: {cause}"}

print(json.dumps([check(token) for token in json.load(sys.stdin)]))
""",
    "node": """
import { readFileSync } from "node:fs";
import { proofVerifier } from "./proof.mjs";

const verify = proofVerifier();
const responses = [];
for (const token of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    responses.push({ email: (await verify(token, "sign-up")).email });
  } catch (error) {
    responses.push({ refused: `${error.constructor.name}: ${error.cause?.code}: ${error.message}` });
  }
}
console.log(JSON.stringify(responses));
""",
    # A library that is told the issuer's URL alone. It does not know what is special about a proof, such as purpose.
    "middleware": """
import { readFileSync } from "node:fs";
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";

const { PROOF_ISSUER, PROOF_AUDIENCE } = process.env;
const app = express();
app.use(auth({ issuerBaseURL: PROOF_ISSUER, audience: PROOF_AUDIENCE, tokenSigningAlg: "ES256" }));
app.get("/", (request, response) => response.json({ email: request.auth.payload.email }));
app.use((error, request, response, next) => response.json({ refused: error.message }));
const server = app.listen(0, "127.0.0.1", async () => {
  const responses = [];
  for (const token of JSON.parse(readFileSync(0, "utf8"))) {
    const headers = { authorization: `Bearer ${token}` };
    responses.push(await (await fetch(`http://127.0.0.1:${server.address().port}`, { headers })).json());
  }
  console.log(JSON.stringify(responses));
  process.exit();
});
""",
    "go": """
package main

import (
	"encoding/json"
	"log"
	"os"

	"example.com/backend/proof"
)

func main() {
	checker, err := proof.NewChecker(os.Getenv("PROOF_ISSUER"), os.Getenv("PROOF_AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	var tokens []string
	if err := json.NewDecoder(os.Stdin).Decode(&tokens); err != nil {
		log.Fatal(err)
	}
	responses := []map[string]string{}
	for _, token := range tokens {
		if claims, err := checker.Verify(token, "sign-up"); err != nil {
			responses = append(responses, map[string]string{"refused": err.Error()})
		} else {
			responses = append(responses, map[string]string{"email": claims.Email})
		}
	}
	json.NewEncoder(os.Stdout).Encode(responses)
}
""",
}


def environment(variables):
    return {name: value for name, value in os.environ.items() if not name.startswith("PROOF_")} | variables


def start(command, **options):
    """Starts a process in a group of its own: `node` is a wrapper, whose child does the work. End it with `end`."""
    return subprocess.Popen(command, start_new_session=True, **options)


def end(process):
    """Ends a process of `start`, and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        # There may be nobody left, which macOS calls forbidden.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def run(command, folder, variables, given=""):
    """Runs a command to its end."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start(command, cwd=folder, env=environment(variables), text=True, **pipes)
    try:
        output, errors = process.communicate(given, timeout=120)
    finally:
        end(process)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def go(folder, *arguments):
    """Runs a command of Go, which takes no library and no other version of itself from elsewhere."""
    if shutil.which("go") is None:
        install("Go", ["golang-go"], "Elsewhere install Go 1.19 or later.")
    return run(["go", *arguments], folder, {"CGO_ENABLED": "0", "GOPROXY": "off", "GOTOOLCHAIN": "local"})


def build_go(folder, package):
    """Compiles a package of the folder, and returns the command."""
    done = go(folder, "build", "-o", str(folder / "command"), package)
    assert done.returncode == 0, done.stderr
    return [str(folder / "command")]


class Backend:
    """What verifies proofs in one language, without a framework."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        if name == "python":
            shutil.copy(EXAMPLES / "django" / "signup" / "proof.py", folder)
            (folder / "check.py").write_text(CHECK[name])
            self.command = [sys.executable, "check.py"]
        elif name in ("node", "middleware"):
            shutil.copy(EXAMPLES / "express" / "proof.mjs", folder)
            link_packages(folder)
            (folder / "check.mjs").write_text(CHECK[name])
            self.command = [NODE, "check.mjs"]
        else:
            shutil.copytree(EXAMPLES / "go", folder, dirs_exist_ok=True)
            (folder / "check").mkdir()
            (folder / "check" / "main.go").write_text(CHECK[name])
            self.command = build_go(folder, "./check")

    def check(self, *tokens, issuer, audience):
        """For each token the address that it proves, or why it is refused."""
        done = self.run(tokens, {"PROOF_ISSUER": issuer, "PROOF_AUDIENCE": audience})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, tokens, variables):
        return run(self.command, self.folder, variables, json.dumps(tokens))


class Example:
    """A whole backend, `django`, `express` or `go`, with its own tests."""

    def __init__(self, name, folder):
        self.name, self.folder, self.process = name, folder, None
        shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True, ignore=LEFT)
        if name == "express":
            link_packages(folder)

    def manage(self, *arguments):
        return [sys.executable, "manage.py", *arguments]

    def run_tests(self):
        """Runs its own tests and returns how that ended."""
        if self.name == "go":
            return go(self.folder, "test", "-v", "./...")
        command = self.manage("test") if self.name == "django" else [NODE, "--test"]
        variables = {"PROOF_ISSUER": "https://verify.example.com", "PROOF_AUDIENCE": "email-verification"}
        return run(command, self.folder, variables)

    def start(self, issuer, audience):
        """Starts it, anew if it runs, and returns a client of it. End it with `stop`."""
        self.stop()
        variables = {"PROOF_ISSUER": issuer, "PROOF_AUDIENCE": audience}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with (self.folder / "log").open("w") as log:
            self.process = start(
                self.command(port, variables),
                cwd=self.folder,
                env=environment(variables | {"PORT": str(port)}),
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

    def command(self, port, variables):
        if self.name == "express":
            return [NODE, "server.mjs"]
        if self.name == "go":
            return build_go(self.folder, ".")
        # The migration is that of the models.
        for step in (("makemigrations", "--check", "--dry-run"), ("migrate",)):
            done = run(self.manage(*step), self.folder, variables)
            assert done.returncode == 0, done.stdout + done.stderr
        return self.manage("runserver", "--noreload", f"127.0.0.1:{port}")

    def stop(self):
        if self.process:
            end(self.process)


class Client(Api):
    """An app that signs up."""

    def sign_up(self, token=None, **more):
        """The status, and the error or the address."""
        return self.send_proof("sign-up", token, **more)

    def sign_in(self, token):
        return self.send_proof("sign-in", token)

    def send_proof(self, path, token, **more):
        response = self.post(path, {"token": token} | more)
        return response.status, response.body.get("error", response.body.get("email"))
