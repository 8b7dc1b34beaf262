"""Holds openapi.yaml against the service that `make run` runs.

A generated client walks the main flow, and Schemathesis sends what the document allows and what it forbids.
"""

import os
import subprocess
import sys

from local.ports import Ports
from local.service import ROOT, TOOLS, Failure, Service, link_packages, say

# Ports of its own, so that it runs beside `make run`.
PORTS = Ports(api=19200, aws=14766, smtp=11225, inbox=11280, app=19208)
DOCUMENT = ROOT / "openapi.yaml"
CLIENT = ROOT / "tests" / "client"
NPM = ROOT / ".venv" / "npm" / "node_modules"
LEFT_OUT = [
    # What a generated address, id or code is refused for lies beyond the schema: no such domain, no such challenge.
    "positive_data_acceptance",
    # Wants a 405, and API Gateway says 404 to a method that has no route.
    "unsupported_method",
]


def run(what, command, **variables):
    command = [str(part) for part in command]
    environment = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"} | variables
    if subprocess.run(command, cwd=CLIENT, env=environment).returncode:
        raise Failure(f"{what} failed; see above.")


def walk(service):
    """Generates a TypeScript client, compiles it with a program that uses it, and runs that."""
    say("Generating a client, and walking the main flow with it …")
    link_packages(CLIENT)
    run("openapi-typescript", [NPM / ".bin/openapi-typescript", DOCUMENT, "--output", CLIENT / "generated/api.ts"])
    run("The TypeScript compiler", [NPM / ".bin/tsc", "--project", CLIENT])
    run("The client", ["node", "--preserve-symlinks-main", "walk.mts"], API_URL=service.api, INBOX_URL=service.inbox)


def attack(service):
    """Sends generated requests, valid and invalid, and checks every response against the document."""
    say("Sending generated requests …")
    command = [TOOLS / "schemathesis", "run", DOCUMENT, "--url", service.api, "--checks", "all"]
    command += ["--exclude-checks", ",".join(LEFT_OUT), "--max-examples", "400", "--seed", "1", "--no-color"]
    command += ["--generation-database", "none"]
    run("Schemathesis", command, SCHEMATHESIS_HOOKS="local.schemathesis_hooks", PYTHONPATH=str(ROOT))


def main():
    service = Service(PORTS)

    def work():
        service.build()
        service.start_aws_and_inbox()
        # The limit of a source would refuse almost all of the generated requests.
        service.deploy(VerificationLink="page", UnverifiedMailsPerSourcePerDay=0)
        service.serve(log="functions")
        walk(service)
        attack(service)

    return service.attend(work)


if __name__ == "__main__":
    sys.exit(main())
