"""Takes the clients of docs/mobile.md as they stand there.

The Kotlin one is compiled and runs against the service that `make run` runs. The TypeScript one must be that of the
sample sign-up, which `make lint` compiles and `make browser` runs.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from local.service import ROOT, SAMPLE, Failure, Ports, Service, say
from local.system import install
from tests.api.backends import document_file

# Ports of its own, so that it runs beside `make run`.
PORTS = Ports(api=19300, aws=14866, smtp=11325, inbox=11380, app=19308)
DOCUMENT = "mobile.md"
KOTLIN = ROOT / ".venv" / "kotlin" / "node_modules" / "kotlin-compiler" / "lib"
# Android has this library; here it comes from Debian's libandroid-json-org-java.
JSON = Path("/usr/share/java/json-android.jar")
WALK = ROOT / "tests" / "client" / "Walk.kt"


def run(what, *command):
    if subprocess.run([str(part) for part in command]).returncode:
        raise Failure(f"{what} failed; see above.")


def check_typescript():
    if document_file("client.ts", DOCUMENT) != (SAMPLE / "client.ts").read_text():
        raise Failure("docs/mobile.md and examples/sign-up/client.ts differ.")
    print("ok  docs/mobile.md has the sample's client.ts")


def compile_kotlin(folder):
    """Compiles the client with a program that uses it. Returns the class path."""
    say("Kotlin …")
    if shutil.which("java") is None or not JSON.exists():
        packages = ["default-jre-headless", "libandroid-json-org-java"]
        install("Java", packages, f"Elsewhere install Java 17, and put Android's org.json at {JSON}.")
    client = folder / "EmailVerification.kt"
    client.write_text(document_file(client.name, DOCUMENT))
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
