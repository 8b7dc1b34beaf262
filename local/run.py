"""Runs the service on this machine: a local AWS, a mail inbox, and both functions at their real paths.

The functions get their environment from the stack that `sam deploy` made of template.yaml in the local AWS.
Everything listens on 127.0.0.1 only. Ctrl-C stops everything and leaves nothing behind.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent

# Each port can be set by an environment variable of the same name, as in `make run API_PORT=9001`.
PORTS = {"API_PORT": 9000, "AWS_PORT": 4566, "SMTP_PORT": 1025, "INBOX_PORT": 1080}
PORTS = {name: int(os.environ.get(name) or default) for name, default in PORTS.items()}
API = f"http://127.0.0.1:{PORTS['API_PORT']}"
AWS = f"http://127.0.0.1:{PORTS['AWS_PORT']}"
INBOX = f"http://127.0.0.1:{PORTS['INBOX_PORT']}"
STACK = "email-verification"
# Logs and the functions' environment, while the service runs.
STATE = ROOT / ".local" / str(PORTS["API_PORT"])

# A profile or key of a real account has no place here.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]


class Failure(Exception):
    """Something that the person who called `make run` has to know."""


def environment():
    """The environment of everything that is started here: the local AWS is the only one it knows."""
    return os.environ | {
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(STATE / "tmp"),
        "AWS_ENDPOINT_URL": AWS,
        "AWS_REGION": "ap-northeast-2",
        "AWS_DEFAULT_REGION": "ap-northeast-2",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
    }


class Processes:
    """The processes that were started, to be stopped together."""

    def __init__(self):
        self.running = {}

    def start(self, name, command, log=None, **variables):
        output = open(STATE / f"{log}.log", "wb") if log else None
        self.running[name] = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            # A group of its own: Ctrl-C reaches this script alone, which stops the others in order.
            start_new_session=True,
        )

    def check(self):
        for name, process in self.running.items():
            if process.poll() is not None:
                raise Failure(f"{name} stopped by itself, with status {process.returncode}.{tail(name)}")

    def stop(self):
        for process in reversed(self.running.values()):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                if process.poll() is not None:
                    break
                os.killpg(process.pid, number)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    continue


def tail(log, lines=15):
    """The end of a log, to be shown when something went wrong."""
    path = STATE / f"{log}.log"
    if not path.exists():
        return ""
    text = path.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(["", "The end of its log:", *(f"    {line}" for line in text)])


def say(text):
    print(f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text, flush=True)


def make_state():
    shutil.rmtree(STATE, ignore_errors=True)
    (STATE / "tmp").mkdir(parents=True)


def remove_state():
    shutil.rmtree(STATE, ignore_errors=True)
    with contextlib.suppress(OSError):  # Another `make run` may have its own in there.
        STATE.parent.rmdir()


def check_ports():
    taken = []
    for name, port in PORTS.items():
        with socket.socket() as probe:
            # As servers do: a connection that has just ended does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                taken.append((name, port))
    if taken:
        raise Failure(
            f"Taken: port {', '.join(str(port) for _, port in taken)}. Stop what listens there (`ss -ltnp` shows it), "
            f"or choose others: make run {' '.join(f'{name}={port + 1}' for name, port in taken)}"
        )


def answers(url, data=None):
    """Whether something answers HTTP there, whatever it says."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def wait_for(what, is_ready, processes, seconds=60):
    deadline = time.monotonic() + seconds
    while not is_ready():
        processes.check()
        if time.monotonic() > deadline:
            raise Failure(f"{what} did not answer within {seconds} s.{tail(what)}")
        time.sleep(0.1)


def build():
    say("Building both functions (some minutes the first time) …")
    if subprocess.run(["cargo", "build", "--locked", "--bins"], cwd=ROOT).returncode:
        raise Failure("The build failed; see above.")


def start_aws_and_inbox(processes, **variables):
    say("Starting the local AWS and the inbox …")
    processes.start(
        "inbox",
        [TOOLS / "maildump", "--foreground", "--no-quit"]
        + ["--smtp-port", PORTS["SMTP_PORT"], "--http-port", PORTS["INBOX_PORT"]],
        log="inbox",
    )
    processes.start(
        "aws",
        [TOOLS / "ministack"],
        log="aws",
        GATEWAY_PORT=str(PORTS["AWS_PORT"]),
        BIND_HOST="127.0.0.1",
        IOT_MTLS_ENABLED="0",
        SMTP_HOST=f"127.0.0.1:{PORTS['SMTP_PORT']}",
        S3_DATA_DIR=str(STATE / "s3"),
        **variables,
    )
    wait_for("inbox", lambda: answers(INBOX), processes)
    wait_for("aws", lambda: answers(f"{AWS}/_ministack/health"), processes)


def deploy(template="template.yaml", **parameters):
    """Deploys the stack, or updates it with these parameters."""
    say("Deploying the stack into the local AWS …")
    with open(STATE / "deploy.log", "wb") as log:
        command = [TOOLS / "sam", "deploy", "--template", template, "--config-file", ROOT / "samconfig.toml"]
        command += ["--stack-name", STACK]
        command += ["--no-confirm-changeset", "--no-progressbar", "--parameter-overrides"]
        command += ["SenderAddress=no-reply@example.com", "SenderName='예시 앱'"]
        command += [f"{name}={value}" for name, value in parameters.items()]
        command = [str(part) for part in command]
        done = subprocess.run(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if done.returncode:
        raise Failure(f"`sam deploy` failed.{tail('deploy', 40)}")


def aws_client(service, endpoint=AWS):
    """A client for the local AWS; it could not reach a real one."""
    session = boto3.Session("test", "test", region_name="ap-northeast-2")
    return session.client(service, endpoint_url=endpoint)


def functions_environment():
    """The environment that the template gives the functions; `cargo lambda watch` knows only one for both."""
    variables = {}
    resources = aws_client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    for resource in resources:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            name = resource["PhysicalResourceId"]
            configuration = aws_client("lambda").get_function_configuration(FunctionName=name)
            for variable, value in configuration["Environment"]["Variables"].items():
                if variables.setdefault(variable, value) != value:
                    raise Failure(f"The template gives {variable} another value in each function.")
    return variables


def serve(processes):
    variables = functions_environment()
    lines = [f'{name}="{value}"\n' for name, value in sorted(variables.items())]
    (STATE / "env").write_text("".join(lines))
    say("Starting both functions …")
    processes.start(
        "functions",
        [TOOLS / "cargo-lambda", "lambda", "watch", "--invoke-address", "127.0.0.1"]
        + ["--invoke-port", PORTS["API_PORT"], "--env-file", STATE / "env", "--disable-cors"],
    )
    # Any answer will do; the first one starts the function.
    for path in ("request-code", "verify-code"):
        wait_for("functions", lambda path=path: answers(f"{API}/{path}", b"{}"), processes)


def describe():
    def curl(path, body):
        return f"curl -i {API}/{path} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"

    ask = {"email": "kim@example.com", "locale": "ko"}
    hand_in = {"email": "kim@example.com", "challenge_id": "CHALLENGE_ID", "code": "CODE"}
    say("\nReady.")
    print(
        f"""
  API    {API}
  Inbox  {INBOX}
  AWS    {AWS}

Ask for a code, and read it in the inbox:

  {curl("request-code", ask)}

Hand it in, with the challenge_id from the answer and the code from the mail:

  {curl("verify-code", hand_in)}

The token in the answer is the proof. A backend checks it with the public keys:

  curl -i {API}/.well-known/jwks.json

The functions' log follows. Ctrl-C stops everything.
""",
        flush=True,
    )


def attended(work):
    """Does `work(processes)`, and stops what it started however it ends. Returns the exit status."""

    def interrupt(*_):
        raise KeyboardInterrupt

    stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in stops:
        signal.signal(number, interrupt)
    try:
        # Before there is anything to clean up: what is there already may belong to another `make run`.
        check_ports()
        processes = Processes()
        try:
            make_state()
            work(processes)
        finally:
            for number in stops:
                signal.signal(number, signal.SIG_IGN)
            processes.stop()
            remove_state()
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 130
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    return 0


def run_service(processes):
    build()
    start_aws_and_inbox(processes)
    deploy(ProofIssuer=API)
    serve(processes)
    describe()
    with contextlib.suppress(KeyboardInterrupt):  # That is how it is meant to end.
        while True:
            processes.check()
            time.sleep(0.5)
    say("\nStopping …")


if __name__ == "__main__":
    sys.exit(attended(run_service))
