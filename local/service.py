"""The service on this machine: a local AWS, a mail inbox, and both functions at their real paths.

The functions get their environment from the stack that `sam deploy` made of template.yaml in the local AWS. Everything
listens on 127.0.0.1 only, unless the functions are given another address.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3

from local import bounces

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
STACK = "email-verification"
SAMPLE = ROOT / "examples" / "sign-up"


class Failure(Exception):
    """Something that the person who started this has to know."""


def say(text):
    print(f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text, flush=True)


def exit_status(work):
    """Does `work()`. Returns the exit status, and prints what failed."""
    try:
        work()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def responds(url, data=None):
    """Whether something responds to HTTP there, whatever it says."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def link_packages(folder):
    """Lets the scripts of a folder import the npm packages that local/setup.sh has installed."""
    modules = folder / "node_modules"
    if not modules.is_symlink():
        modules.symlink_to(ROOT / ".venv" / "npm" / "node_modules")


class Service:
    """The local AWS, the inbox and the functions, on certain ports."""

    def __init__(self, ports, api_address="127.0.0.1"):
        self.ports = ports
        self.api_address = api_address
        self.api = f"http://127.0.0.1:{ports.api}"
        self.aws = f"http://127.0.0.1:{ports.aws}"
        self.inbox = f"http://127.0.0.1:{ports.inbox}"
        self.app = f"http://127.0.0.1:{ports.app}"
        # Logs and the functions' environment, while the service runs.
        self.state = ROOT / ".local" / str(ports.api)
        self.samconfig = ROOT / "samconfig.toml"
        self.processes = {}

    def environment(self):
        """The environment of everything that is started here. It knows no AWS but the local one."""
        # A profile or key of a real account has no place here.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | {
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.state / "tmp"),
            "AWS_ENDPOINT_URL": self.aws,
            "AWS_REGION": "ap-northeast-2",
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "SAM_CLI_TELEMETRY": "0",
        }

    def client(self, service):
        """A client for the local AWS. It could not reach a real one."""
        session = boto3.Session("test", "test", region_name="ap-northeast-2")
        return session.client(service, endpoint_url=self.aws)

    def attend(self, work):
        """Does `work()`, and stops what it started however it ends. Returns the exit status."""

        def interrupt(*_):
            raise KeyboardInterrupt

        stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in stops:
            signal.signal(number, interrupt)
        try:
            # Before there is anything to clean up: what is there already may belong to another `make run`.
            if taken := self.ports.taken():
                raise Failure(taken)
            try:
                self._make_state()
                work()
            finally:
                for number in stops:
                    signal.signal(number, signal.SIG_IGN)
                self._stop()
                self._remove_state()
        except KeyboardInterrupt:
            say("\nInterrupted.")
            return 130
        except Failure as failure:
            print(f"\n{failure}", file=sys.stderr)
            return 1
        return 0

    def build(self):
        say("Building both functions (some minutes the first time) …")
        if subprocess.run(["cargo", "build", "--locked", "--bins"], cwd=ROOT).returncode:
            raise Failure("The build failed; see above.")

    def start_aws_and_inbox(self, **variables):
        say("Starting the local AWS and the inbox …")
        self._start(
            "inbox",
            [TOOLS / "maildump", "--foreground", "--no-quit"]
            + ["--smtp-port", self.ports.smtp, "--http-port", self.ports.inbox],
            log="inbox",
        )
        self._start(
            "aws",
            [TOOLS / "ministack"],
            log="aws",
            GATEWAY_PORT=str(self.ports.aws),
            BIND_HOST="127.0.0.1",
            IOT_MTLS_ENABLED="0",
            SMTP_HOST=f"127.0.0.1:{self.ports.smtp}",
            S3_DATA_DIR=str(self.state / "s3"),
            **variables,
        )
        self._wait_for("inbox", lambda: responds(self.inbox))
        self._wait_for("aws", lambda: responds(f"{self.aws}/_ministack/health"))

    def deploy(self, template="template.yaml", stack=STACK, **parameters):
        """Deploys the stack, or updates it with these parameters."""
        say("Deploying the stack into the local AWS …")
        command = [TOOLS / "sam", "deploy", "--template", template, "--config-file", self.samconfig]
        command += ["--stack-name", stack]
        # In a file, as the README has it. JSON is YAML as well.
        path = self.state / "parameters.yaml"
        sender = {"SenderAddress": "no-reply@example.com", "SenderName": "예시 앱"}
        path.write_text(json.dumps(sender | {name: str(value) for name, value in parameters.items()}))
        command += ["--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", f"file://{path}"]
        command = [str(part) for part in command]
        with open(self.state / "deploy.log", "wb") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            done = subprocess.run(command, cwd=ROOT, env=self.environment(), **streams)
        if done.returncode:
            raise Failure(f"`sam deploy` failed.{self._tail('deploy', 40)}")

    def create_stack(self, template, stack, **parameters):
        """Creates a stack of a template that SAM has nothing to do with."""
        client = self.client("cloudformation")
        given = [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in parameters.items()]
        client.create_stack(StackName=stack, TemplateBody=template.read_text(), Parameters=given)
        client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    def serve(self, log=None):
        """Runs both functions with the environment that the template gives them, behind the routes and the CORS of the
        stack's API. They log to the terminal or a file.
        """
        # The domain that AWS makes up has no address here.
        variables = self._functions_environment() | {"PROOF_ISSUER": self.api}
        lines = [f'{name}="{value}"\n' for name, value in sorted(variables.items())]
        (self.state / "env").write_text("".join(lines))
        say("Starting both functions …")
        functions = f"http://127.0.0.1:{self.ports.functions}"
        self.ses = bounces.Proxy(self.ports.ses, self.aws, functions)
        self._start(
            "functions",
            [TOOLS / "cargo-lambda", "lambda", "watch", "--invoke-address", "127.0.0.1"]
            + ["--invoke-port", self.ports.functions, "--env-file", self.state / "env", "--disable-cors"],
            log=log,
            AWS_ENDPOINT_URL_SESV2=f"http://127.0.0.1:{self.ports.ses}",
        )
        link_packages(ROOT / "local")
        self._start(
            "gateway",
            [TOOLS / "node", ROOT / "local" / "gateway.mjs"],
            log="gateway",
            API_ADDRESS=self.api_address,
            API_PORT=str(self.ports.api),
            FUNCTIONS_URL=functions,
            **self._gateway_settings(),
        )
        # Any response will do; the first request starts the function.
        for path in ("request-code", "verify-code"):
            self._wait_for("functions", lambda path=path: responds(f"{self.api}/{path}", b"{}"))

    def start_app(self):
        """Serves the sample sign-up of examples/sign-up, with its backend."""
        # For the sample, and for what it imports of the Express backend.
        link_packages(SAMPLE.parent)
        self._start(
            "app",
            [TOOLS / "node", SAMPLE / "server.mjs"],
            log="app",
            API_URL=self.api,
            INBOX_URL=self.inbox,
            PORT=str(self.ports.app),
        )
        self._wait_for("app", lambda: responds(self.app))

    def stop_serving(self):
        """Stops what `serve` has started."""
        for name in ("gateway", "functions"):
            self._stop_process(self.processes.pop(name))
        self.ses.shutdown()
        self.ses.server_close()

    def check(self):
        """Fails if something stopped by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise Failure(f"{name} stopped by itself, with status {process.returncode}.{self._tail(name)}")

    def _gateway_settings(self):
        """Routes and CORS of the stack's API, for gateway.mjs."""
        (api,) = self._deployed("AWS::ApiGatewayV2::Api")
        client, cors = self.client("apigatewayv2"), {}

        # boto3 does not see it: the emulator spells CORS as the template does, and not as AWS would.
        def read_cors(http_response, **_):
            cors.update(json.loads(http_response.content).get("corsConfiguration", {}))

        client.meta.events.register("after-call.apigatewayv2.GetApi", read_cors)
        client.get_api(ApiId=api)
        routes = [route["RouteKey"] for route in client.get_routes(ApiId=api)["Items"]]
        return {"ROUTES": json.dumps(routes), "CORS": json.dumps(cors)}

    def _deployed(self, kind):
        """The physical ids of the stack's resources of one type."""
        resources = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        return [resource["PhysicalResourceId"] for resource in resources if resource["ResourceType"] == kind]

    def _functions_environment(self):
        """The variables of both functions, together: `cargo lambda watch` knows only one environment."""
        variables = {}
        for name in self._deployed("AWS::Lambda::Function"):
            configuration = self.client("lambda").get_function_configuration(FunctionName=name)
            for variable, value in configuration["Environment"]["Variables"].items():
                if variables.setdefault(variable, value) != value:
                    raise Failure(f"The template gives {variable} another value in each function.")
        return variables

    def _start(self, name, command, log=None, **variables):
        output = open(self.state / f"{log}.log", "wb") if log else None
        self.processes[name] = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=self.environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            # A group of its own, so that Ctrl-C reaches this script alone, which stops the others in order.
            start_new_session=True,
        )

    def _wait_for(self, what, is_ready, seconds=60):
        deadline = time.monotonic() + seconds
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise Failure(f"{what} did not respond within {seconds} s.{self._tail(what)}")
            time.sleep(0.1)

    def _stop(self):
        for process in reversed(self.processes.values()):
            self._stop_process(process)

    @staticmethod
    def _stop_process(process):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if process.poll() is not None:
                break
            os.killpg(process.pid, number)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                continue

    def _tail(self, log, lines=15):
        """The end of a log, to be shown when something went wrong."""
        path = self.state / f"{log}.log"
        if not path.exists():
            return ""
        text = path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(["", "The end of its log:", *(f"    {line}" for line in text)])

    def _make_state(self):
        shutil.rmtree(self.state, ignore_errors=True)
        (self.state / "tmp").mkdir(parents=True)

    def _remove_state(self):
        shutil.rmtree(self.state, ignore_errors=True)
        with contextlib.suppress(OSError):  # Another `make run` may have its own in there.
            self.state.parent.rmdir()
