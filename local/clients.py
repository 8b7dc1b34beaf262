"""Compiles the Kotlin client of examples/clients as it stands, and runs it against the service that `make run` runs.

`make lint` compiles the TypeScript one, and `make browser` runs it in the sample sign-up. Swift and Dart have a job in
.github/workflows/clients.yml.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from local.ports import Ports
from local.service import ROOT, Failure, Service, say
from local.system import install

# Ports of its own, so that it runs beside `make run`.
PORTS = Ports(api=19300, aws=14866, smtp=11325, inbox=11380, app=19308)
KOTLIN = ROOT / ".venv" / "kotlin" / "node_modules" / "kotlin-compiler" / "lib"
# Android has this library; here it comes from Debian's libandroid-json-org-java.
JSON = Path("/usr/share/java/json-android.jar")
CLIENT = ROOT / "examples" / "clients" / "kotlin" / "EmailVerification.kt"
WALK = ROOT / "tests" / "client" / "Walk.kt"


def run(what, *command):
    if subprocess.run([str(part) for part in command]).returncode:
        raise Failure(f"{what} failed; see above.")


def compile_kotlin(classes):
    """Compiles the client with a program that uses it. Returns the class path."""
    say("Kotlin …")
    if shutil.which("java") is None or not JSON.exists():
        packages = ["default-jre-headless", "libandroid-json-org-java"]
        install("Java", packages, f"Elsewhere install Java 17, and put Android's org.json at {JSON}.")
    libraries = f"{KOTLIN / 'kotlin-stdlib.jar'}:{JSON}"
    compiler = ["java", "-cp", KOTLIN / "kotlin-compiler.jar", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"]
    options = ["-Werror", "-no-stdlib", "-no-reflect", "-classpath", libraries]
    run("The Kotlin compiler", *compiler, *options, "-d", classes, CLIENT, WALK)
    return f"{classes}:{libraries}"


def main():
    service = Service(PORTS)

    def work():
        class_path = compile_kotlin(service.state / "classes")
        service.build()
        service.start_aws_and_inbox()
        service.deploy()
        service.serve(log="functions")
        run("The Kotlin client", "java", "-cp", class_path, "WalkKt", service.api, service.inbox)

    return service.attend(work)


if __name__ == "__main__":
    sys.exit(main())
