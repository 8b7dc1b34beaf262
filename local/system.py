"""System packages that some tests need and pip does not have. Debian's are installed if root runs this."""

import os
import shutil
import subprocess

from local.service import Failure, say


def install(what, packages, elsewhere):
    """Installs Debian packages, or says what is missing, and what to do on other systems."""
    may_install = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    if not may_install:
        raise Failure(f"{what} is missing. On Debian and Ubuntu: apt-get install {' '.join(packages)}. {elsewhere}")
    say(f"Installing {what} …")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "--quiet", "--quiet", *command], env=environment, capture_output=True)
        if done.returncode:
            raise Failure(f"apt-get {command[0]} failed:\n{done.stderr.decode(errors='replace')}")
