"""Builds whoever is measured, for this machine: `python -m bench.build`.

Functions by SAM as for a deploy, peers in Rust as cargo-lambda builds them by default, and bundles of the Node peer.
"""

import os
import platform
import subprocess
import sys

from bench.candidates import FUNCTIONS, NODE, PEERS, bundled
from local.ports import Ports
from local.service import ROOT, TOOLS, Failure, Service, exit_status, say

ARCHITECTURE = "x86_64" if platform.machine() == "x86_64" else "arm64"
ESBUILD = "--bundle --minify --platform=node --target=node24 --format=esm --log-level=warning".split()
# Parts of the AWS SDK are CommonJS, and look for `require`.
BANNER = "--banner:js=import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
NPM = "--ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error".split()


def run(*command):
    command = [str(part) for part in command]
    environment = Service(Ports()).environment()
    # That folder is there only while the service runs.
    environment.pop("TMPDIR")
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        raise Failure(f"`{' '.join(command[:2])}` failed; see above.")


def functions():
    say(f"Building both functions with SAM for {ARCHITECTURE} (some minutes the first time) …")
    run(TOOLS / "sam", "build", "--parameter-overrides", f"Architecture={ARCHITECTURE}")


def peers_in_rust():
    say("Building the peers in Rust …")
    manifest = PEERS / "rust" / "Cargo.toml"
    run("cargo", "lambda", "build", "--release", "--locked", "--manifest-path", manifest)


def node_peer():
    """One file of each function and the AWS SDK, as is usual."""
    say("Bundling the Node peer …")
    folder = PEERS / "node"
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        run(TOOLS / "npm", "install", "--prefix", folder, *NPM)
    for function in FUNCTIONS:
        run(NODE, esbuild, folder / f"{function}.mjs", *ESBUILD, BANNER, f"--outfile={bundled(function)}")


def main():
    if not sys.platform.startswith("linux"):
        raise Failure("make bench needs Linux: it reads /proc.")
    if len(os.sched_getaffinity(0)) < 2:
        raise Failure("make bench needs two cores: one for functions, one for what plays Lambda and AWS.")
    functions()
    peers_in_rust()
    node_peer()


if __name__ == "__main__":
    sys.exit(exit_status(main))
