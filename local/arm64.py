"""Builds both functions with SAM for arm64, which is what a deploy does by default, and looks at what came out."""

import struct
import subprocess
import sys

from local.ports import Ports
from local.service import ROOT, TOOLS, Failure, Service, exit_status, say

BUILT = ROOT / ".aws-sam" / "arm64"
# Of ELF's header: the word size and order of bytes, and the machine (EM_AARCH64).
ELF_64_LITTLE, AARCH64 = b"\x7fELF\x02\x01", 183


def run(*command):
    environment = Service(Ports()).environment()
    environment.pop("TMPDIR")
    if subprocess.run([str(part) for part in command], cwd=ROOT, env=environment).returncode:
        raise Failure(f"`{command[0]}` failed; see above.")


def main():
    say("Building both functions for arm64 (some minutes) …")
    run(TOOLS / "sam", "build", "--build-dir", BUILT)
    for function in ("RequestCode", "VerifyCode"):
        header = (BUILT / function / "bootstrap").read_bytes()[:20]
        (machine,) = struct.unpack("<H", header[18:20])
        if not header.startswith(ELF_64_LITTLE) or machine != AARCH64:
            raise Failure(f"{function} was not built for arm64: {header.hex()}")
        print(f"ok  {function} is an arm64 binary")


if __name__ == "__main__":
    sys.exit(exit_status(main))
