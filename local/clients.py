"""Compiles the clients of docs/mobile.md as they stand there.

The Kotlin one also runs, against the service that `make run` runs. The TypeScript one is that of the sample sign-up,
which `make browser` runs.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from local.service import ROOT, SAMPLE, Failure, Ports, Service, link_packages, say
from local.system import install

# Ports of its own, so that it runs beside `make run`.
PORTS = Ports(api=19300, aws=14866, smtp=11325, inbox=11380, app=19308)
DOCUMENT = ROOT / "docs" / "mobile.md"
NPM = ROOT / ".venv" / "npm" / "node_modules"
KOTLIN = ROOT / ".venv" / "kotlin" / "node_modules" / "kotlin-compiler" / "lib"
# Android has this library; here it comes from Debian's libandroid-json-org-java.
JSON = Path("/usr/share/java/json-android.jar")
WALK = ROOT / "tests" / "client" / "Walk.kt"


def in_document(name):
    """The file that the document has under its name."""
    (code,) = re.findall(rf"^\*\*`{re.escape(name)}`\*\*\n\n```\w+\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    return code


def run(what, *command):
    if subprocess.run([str(part) for part in command]).returncode:
        raise Failure(f"{what} failed; see above.")


def check_typescript():
    say("TypeScript …")
    if in_document("client.ts") != (SAMPLE / "client.ts").read_text():
        raise Failure("docs/mobile.md and examples/sign-up/client.ts differ.")
    link_packages(SAMPLE)
    run("The TypeScript compiler", NPM / ".bin" / "tsc", "--project", SAMPLE)


def compile_kotlin(folder):
    """Compiles the client with a program that uses it. Returns the class path."""
    say("Kotlin …")
    if shutil.which("java") is None or not JSON.exists():
        packages = ["default-jre-headless", "libandroid-json-org-java"]
        install("Java", packages, f"Elsewhere install Java 17, and put Android's org.json at {JSON}.")
    client = folder / "EmailVerification.kt"
    client.write_text(in_document(client.name))
    compiler = ["java", "-cp", KOTLIN / "kotlin-compiler.jar", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"]
    options = ["-Werror", "-no-stdlib", "-no-reflect", "-classpath", f"{KOTLIN / 'kotlin-stdlib.jar'}:{JSON}"]
    run("The Kotlin compiler", *compiler, *options, "-d", folder / "classes", client, WALK)
    return f"{folder / 'classes'}:{KOTLIN / 'kotlin-stdlib.jar'}:{JSON}"


def main():
    service = Service(PORTS)

    def work():
        check_typescript()
        class_path = compile_kotlin(service.state)
        service.build()
        service.start_aws_and_inbox()
        service.deploy(ProofIssuer=service.api)
        service.serve(log="functions")
        run("The Kotlin client", "java", "-cp", class_path, "WalkKt", service.api, service.inbox)

    return service.attend(work)


if __name__ == "__main__":
    sys.exit(main())
