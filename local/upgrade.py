"""Updates a stack of an earlier commit in place, while codes, links and counts are under way, and goes back once.

FROM    the commit or tag to begin with

It builds FROM from its own sources, and what is in this folder. Into a local AWS it deploys FROM, rotates the secret,
updates the stack to this folder, and deploys FROM again. What CHANGELOG.md calls the contract has to hold: the stories
of tests/upgrade tell codes, links, proofs and counts; parameters, outputs and log lines are compared here.
"""

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
from datetime import UTC, date, datetime, timedelta

from samtranslator.yaml_helper import yaml_parse

from local import alarms
from local.lint_template import statements
from local.ports import Ports
from local.service import ROOT, STACK, TOOLS, Failure, Service, say
from tests.api.client import Api, Inbox
from tests.upgrade import stories

# Ports of its own, so that it runs beside `make run`.
SERVICE = Service(Ports(api=29100, aws=24666, smtp=21125, inbox=21180, app=29108))
FOLDER = ROOT / "target" / "upgrade"
TRUSTED = uuid.uuid4().hex
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
PARAMETERS = {
    "Architecture": ARCHITECTURE,
    "VerificationLink": "page",
    "TestRecipient": f"@{stories.TEST_DOMAIN} {stories.TEST_CODE} {date.today() + timedelta(days=7)}",
    "TrustedCallers": hashlib.sha256(TRUSTED.encode()).hexdigest(),
    "ResendPauseSeconds": stories.RESEND_PAUSE,
    "MaxGuesses": stories.MAX_GUESSES,
    # The first email of an IP address is free up to twice as many.
    "MailsPerDay": stories.FIRST_MAILS // 2,
    "MailsPerSourcePerDay": stories.MAILS_PER_SOURCE,
    "UnverifiedMailsPerSourcePerDay": stories.UNVERIFIED,
}
# The pause lasts a minute, and a right code can be repeated for one.
MOST_SECONDS_TO_DEPLOY = 45
# Counts begin anew with the next UTC day.
MINUTES_NEEDED = 10
# In a log line, which is text here and JSON on AWS; and in the pattern of a metric filter.
OUTCOME = re.compile(r'outcome"? ?[=:] ?"([a-z-]+)"')
# The output whose value is another in each version.
CHANGES = "Version"


class Stack:
    """The deployed stack, as the stories see it. `promised` are the outputs that FROM gave it."""

    def __init__(self):
        resources = SERVICE.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        self.promised = self.outputs()
        self.logs = ids["RequestCodeLog"], ids["VerifyCodeLog"]
        self.api = Api(f"{SERVICE.aws}/_aws/execute-api/{ids['Api']}/$default")
        self.inbox = Inbox(SERVICE.inbox)
        # As Person sends them.
        self.trusted = {"authorization": f"Bearer {TRUSTED}"}

    def outputs(self):
        described = SERVICE.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        return {output["OutputKey"]: output["OutputValue"] for output in described}

    def outcomes(self, since, until):
        """Every `outcome` in the log of a span of time."""
        pages = SERVICE.client("logs").get_paginator("filter_log_events")
        span, found = {"startTime": int(since * 1_000), "endTime": int(until * 1_000)}, set()
        for log in self.logs:
            for page in pages.paginate(logGroupName=log, **span):
                found.update(*(OUTCOME.findall(event["message"]) for event in page["events"]))
        return found


class Version:
    """One of the two versions: its sources, and what SAM makes of them."""

    def __init__(self, name, folder, built, target):
        self.name, self.folder, self.built, self.target = name, folder, FOLDER / built, target
        self.template = yaml_parse((folder / "template.yaml").read_text())

    def build(self):
        say(f"Building {self.name} with SAM for {ARCHITECTURE} (some minutes) …")
        command = [TOOLS / "sam", "build", "--build-dir", self.built]
        command += ["--parameter-overrides", f"Architecture={ARCHITECTURE}"]
        environment = SERVICE.environment() | {"CARGO_TARGET_DIR": str(self.target)}
        if subprocess.run([str(part) for part in command], cwd=self.folder, env=environment).returncode:
            raise Failure("`sam build` failed; see above.")
        for function in ("RequestCode", "VerifyCode"):
            digest = hashlib.sha256((self.built / function / "bootstrap").read_bytes()).hexdigest()
            print(f"{function} of {self.name}: SHA-256 {digest[:16]}…")

    def deploy(self):
        SERVICE.deploy(self._template_for_the_emulator(), **PARAMETERS)

    def _template_for_the_emulator(self):
        """A copy of what SAM built, without what the emulator does not know (see local/e2e.py)."""
        template = yaml_parse((self.built / "template.yaml").read_text())
        template["Outputs"] = {
            name: output for name, output in template["Outputs"].items() if not name.startswith("DkimRecord")
        }
        for statement in statements(template["Resources"]["RequestCodeRole"]):
            if statement.pop("Condition", None):
                statement["Resource"] = "*"
        for function in ("RequestCode", "VerifyCode"):
            # Else a version whose functions are the same would be no update.
            template["Resources"][function]["Properties"]["Description"] += f" ({self.built.name})"
        path = self.built / "template-for-emulator.json"
        path.write_text(json.dumps(template))
        return path


class Told:
    """A story that is being told."""

    def __init__(self, story, stack):
        self.words = story.__doc__.splitlines()[0]
        self.ended, self.fault = False, None
        self._parts = story(stack)

    def go_on(self):
        """Tells it until the next update, or to its end."""
        try:
            next(self._parts)
        except StopIteration:
            self.ended = True
        except Exception as error:
            # Whatever stops a story is its end, and the others go on.
            self.ended, self.fault = True, f"{type(error).__name__}: {error}".removeprefix("AssertionError: ")
        if self.ended:
            report(self.words, [self.fault] if self.fault else [])


def git(*arguments):
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True)
    if done.returncode:
        raise Failure(f"`git {' '.join(arguments)}` failed: {done.stderr.decode().strip()}")
    return done.stdout


def check_out(commit):
    """The sources of a commit."""
    folder = FOLDER / "from"
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")
    for path in folder.rglob("*"):
        # They have the time of the commit, by which cargo would take them for built already.
        path.touch()
    return folder


def versions():
    """FROM, and what is in this folder."""
    wanted = os.environ.get("FROM")
    if not wanted:
        raise Failure("Say which commit or tag to begin with: make upgrade FROM=v0.1.0")
    commit = git("rev-parse", "--verify", "--end-of-options", f"{wanted}^{{commit}}").decode().strip()
    name, here = (git("describe", "--tags", "--always", *of).decode().strip() for of in ([commit], ["--dirty"]))
    # Not one target folder for both: cargo tells two checkouts of a package apart by their times alone, and would take
    # the one for the other, here and in the next `make e2e`.
    old = Version(name, check_out(commit), "built-from", FOLDER / "target")
    new = Version(here, ROOT, "built-here", ROOT / "target")
    if unknown := PARAMETERS.keys() - old.template["Parameters"].keys():
        raise Failure(f"{name} is too old: it has no parameter {' and no '.join(sorted(unknown))}.")
    return old, new


def lost_in_the_template(before, after):
    """What users of one template miss in the next one, each as a sentence."""
    old, new = before["Parameters"], after["Parameters"]
    for name in old.keys() - new.keys():
        yield f"The parameter {name} is gone."
    for name in new.keys() - old.keys():
        if "Default" not in new[name]:
            yield f"The new parameter {name} has no default."
    for name in old.keys() & new.keys():
        yield from lost_values(name, old[name], new[name])
    old, new = before["Outputs"], after["Outputs"]
    for name, output in old.items():
        if name not in new:
            yield f"The output {name} is gone."
        elif new[name].get("Export") != output.get("Export"):
            yield f"The output {name} is exported under another name, or no longer."


def lost_values(name, old, new):
    """Values of a parameter that are no longer taken."""
    if old["Type"] != new["Type"]:
        yield f"The parameter {name} has another type."
    if "Default" in old and "Default" not in new:
        yield f"The parameter {name} has no default any more."
    if "AllowedValues" in new:
        gone = [value for value in old.get("AllowedValues", ["any value"]) if value not in new["AllowedValues"]]
        yield from (f"The parameter {name} no longer takes {value}." for value in gone)
    if new.get("MinValue", float("-inf")) > old.get("MinValue", float("-inf")):
        yield f"The parameter {name} begins at {new['MinValue']}."
    if new.get("MaxValue", float("inf")) < old.get("MaxValue", float("inf")):
        yield f"The parameter {name} ends at {new['MaxValue']}."
    if new.get("AllowedPattern", "") != old.get("AllowedPattern", ""):
        print(f"note   The parameter {name} has another AllowedPattern. Look whether it takes what it took.")


def lost_outputs(before, after):
    """Outputs of the deployed stack that are gone, or lead elsewhere: then a resource was replaced."""
    for name, value in before.items():
        if name not in after:
            yield f"The output {name} is gone."
        elif after[name] != value and name != CHANGES:
            yield f"The output {name} was {value}, and is {after[name]}."


def counted(version):
    """The outcomes that the metrics of a version count."""
    resources = yaml_parse((version.folder / "operations.yaml").read_text())["Resources"]
    return {outcome for _, pattern, _ in alarms.filters(resources) for outcome in OUTCOME.findall(pattern)}


def report(what, faults):
    """Prints each fault, or that there is none. Returns how many there are."""
    faults = list(faults)
    for fault in faults:
        print(f"wrong  {what} {fault}", flush=True)
    if not faults:
        print(f"ok     {what}", flush=True)
    return len(faults)


def rotate():
    environment = SERVICE.environment() | {"STACK": STACK}
    if subprocess.run([sys.executable, "-m", "operate.rotate"], cwd=ROOT, env=environment).returncode:
        raise Failure("The secret was not rotated; see above.")


def begin(chosen, stack):
    """Tells the beginning of each story."""
    told = [Told(story, stack) for story in chosen]
    for story in told:
        story.go_on()
    return told


def update(version, told, stack):
    """Deploys a version, and goes on with the stories. Returns how many things are wrong."""
    begun = time.monotonic()
    version.deploy()
    seconds = time.monotonic() - begun
    if seconds > MOST_SECONDS_TO_DEPLOY:
        raise Failure(f"The deploy took {seconds:.0f} s. What lasts a minute cannot be tried then: try again.")
    wrong = report("The stack's outputs are there, with their values.", lost_outputs(stack.promised, stack.outputs()))
    for story in reversed([story for story in told if not story.ended]):
        story.go_on()
    return wrong + sum(story.fault is not None for story in told)


def try_upgrade():
    if not sys.platform.startswith("linux"):
        raise Failure("make upgrade needs Linux: it runs the functions that Lambda would run.")
    old, new = versions()
    old.build()
    new.build()
    now = datetime.now(UTC)
    if (now + timedelta(minutes=MINUTES_NEEDED)).date() != now.date():
        raise Failure("At midnight UTC all counts begin anew. Try again after that.")
    SERVICE.start_aws_and_inbox(AUTH="true")
    old.deploy()
    stack, begun = Stack(), time.time()
    told = begin([stories.there_and_back, *stories.STORIES], stack)
    rotate()

    say(f"Updating {old.name} to {new.name} …")
    updated = time.time()
    lost = lost_in_the_template(old.template, new.template)
    wrong = report("The new template has the old one's parameters and outputs.", lost)
    wrong += update(new, told, stack)

    told = [story for story in told if not story.ended] + begin(stories.STORIES, stack)
    say(f"Going back to {old.name} …")
    back = time.time()
    wrong += update(old, told, stack)

    seen = stack.outcomes(begun, updated) & counted(old)
    if not seen:
        raise Failure(f"The log of {old.name} has nothing that metrics count: something is wrong with this check.")
    lost = [f"{old.name} logged {outcome} as well." for outcome in seen - stack.outcomes(updated, back)]
    wrong += report(f"The log still has what metrics count: {', '.join(sorted(seen))}.", lost)
    if wrong:
        raise Failure(f"{wrong} of what CHANGELOG.md promises did not hold.")
    print(f"The update from {old.name} to {new.name} and the way back lose nothing.")


if __name__ == "__main__":
    sys.exit(SERVICE.attend(try_upgrade))
