"""Makes a release's archive, deploys it to a local AWS that enforces IAM, and runs the suite in tests/api on the stack.

Then rotates the secret in the middle of challenges, and takes every permission from its role, one at a time, to show
which call fails without it.
"""

import copy
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from datetime import date, timedelta
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from local import alarms, combinations, feedback, release
from local.lint_template import as_list, statements
from local.ports import Ports
from local.service import ROOT, STACK, TOOLS, Failure, Service, say
from tests.api.backends import Backend
from tests.api.client import Api, Inbox
from tests.api.test_proof import AUDIENCE, claims, header
from tests.stack import deployed


class WithoutRust(Service):
    """What a team runs that has SAM and the archive, and nothing of Rust."""

    def environment(self):
        # `unpack` puts nothing but SAM there.
        return super().environment() | {"PATH": str(self.state / "path")}


# Ports of its own, so that it runs beside `make run`.
SERVICE = WithoutRust(Ports(api=29000, aws=24566, smtp=21025, inbox=21080, app=29008))
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
KEY_SET = ".well-known/jwks.json"
# As short as they may be: the suite waits for both to end.
TEST_DOMAIN, TEST_CODE = "test.example.com", "424242"
PARAMETERS = {
    "Architecture": ARCHITECTURE,
    "ResendPauseSeconds": 30,
    "ProofLifetimeMinutes": 2,
}

# The AWS service that each permission is for, as the functions name it.
CALLS = {
    "dynamodb:UpdateItem": "DynamoDB",
    "secretsmanager:GetSecretValue": "Secrets Manager",
    "ses:SendEmail": "SES",
}
# The emulator writes logs by itself and asks nobody.
NOT_ENFORCED = {"logs:CreateLogStream", "logs:PutLogEvents"}


def unpack():
    """Makes the archive for this machine, and unpacks it as docs/deploy.md says. Returns the folder."""
    begun = time.monotonic()
    archive = release.make(ARCHITECTURE, SERVICE.state / "dist")
    print(f"Made in {time.monotonic() - begun:.0f} s.")
    with tarfile.open(archive) as tar:
        tar.extractall(SERVICE.state, filter="data")
    folder = SERVICE.state / archive.name.removesuffix(".tar.gz")
    if subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder).returncode:
        raise Failure("SHA256SUMS does not fit; see above.")
    SERVICE.samconfig = folder / "samconfig.toml"
    (SERVICE.state / "path").mkdir()
    (SERVICE.state / "path" / "sam").symlink_to(TOOLS / "sam")
    return folder


def templates_for_the_emulator(folder):
    """Copies of both templates, beside them, without what the emulator does not know.

    That is alarms that compute with several metrics, the DKIM records of an identity, and by which identity and for
    whom request-code may send.
    """
    service, operations = (yaml_parse((folder / name).read_text()) for name in ("template.yaml", "operations.yaml"))
    unknown = [name for name, alarm in alarms.alarms(operations["Resources"]).items() if "Metrics" in alarm]
    for name in unknown:
        del operations["Resources"][name]
    records = [name for name in service["Outputs"] if name.startswith("DkimRecord")]
    for name in records:
        del service["Outputs"][name]
    for statement in statements(service["Resources"]["RequestCodeRole"]):
        if statement.pop("Condition", None):
            # It asks for ses:SendEmail on no identity either. `make lint` asserts both.
            statement["Resource"] = "*"
    print(f"Without {', '.join(unknown + records)} and ses:FromAddress, which the emulator does not know.")
    paths = folder / "template-for-emulator.json", folder / "operations-for-emulator.json"
    for path, template in zip(paths, (service, operations), strict=True):
        path.write_text(json.dumps(template))
    return paths


def physical_ids(stack=STACK):
    resources = SERVICE.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def outputs():
    described = SERVICE.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in described}


def run_suite(ids, api_url):
    say("Running the suite …")
    command = [TOOLS / "pytest", "-q", "-p", "no:cacheprovider", "tests/api"]
    environment = os.environ | {"API_URL": api_url, "INBOX_URL": SERVICE.inbox}
    environment |= {"TEST_DOMAIN": TEST_DOMAIN, "TEST_CODE": TEST_CODE}
    if subprocess.run([str(part) for part in command], cwd=ROOT, env=environment).returncode:
        for group in ("RequestCodeLog", "VerifyCodeLog"):
            for event in SERVICE.client("logs").filter_log_events(logGroupName=ids[group])["events"]:
                print(event["message"])
        raise Failure("The suite failed; see above.")


def proof_of(api, inbox, challenge=None):
    """The response to a right code, for a challenge of `request_one` or a new one."""
    email, challenge_id = challenge or request_one(api)
    response = api.verify_code(email, challenge_id, inbox.code(email))
    assert response.status == 200, response.text
    return response.body


def request_one(api):
    email = f"{uuid.uuid4().hex}@example.com"
    return email, api.request_code(email).body["challenge_id"]


def check_default_issuer(ids, api, inbox):
    """Without ApiDomain, `iss` is the domain that the API has by itself."""
    issuer = claims(proof_of(api, inbox)["token"])["iss"]
    assert issuer.startswith(f"https://{ids['Api']}.execute-api."), issuer


def run_rotate(*arguments):
    """Runs the command of `make rotate`, and returns its exit status."""
    command = [sys.executable, "-m", "operate.rotate", *arguments]
    return subprocess.run(command, cwd=ROOT, env=SERVICE.environment() | {"STACK": STACK}).returncode


def rotate(ids, api, inbox):
    """Rotates the secret as docs/rotation.md says, while challenges are open.

    The new version comes into force after 15 minutes, which tests/service waits for on a clock of its own.
    """
    say("Rotating the secret …")
    before, first, second = proof_of(api, inbox), request_one(api), request_one(api)
    (old_key,) = api.get(KEY_SET).body["keys"]
    assert run_rotate() == 0
    assert run_rotate() == 1
    print("ok  a second rotation within two hours is refused")
    proofs = [before, proof_of(api, inbox, first)]
    print("ok  a function that runs on takes a code from before")
    for function in ("RequestCode", "VerifyCode"):
        start_anew(ids[function])
    proofs += [proof_of(api, inbox, second), proof_of(api, inbox)]
    print("ok  one that starts now takes a code from before, and a new one")
    keys = api.get(KEY_SET).body["keys"]
    assert old_key in keys and len(keys) == 2, keys
    assert {header(proof["token"])["kid"] for proof in proofs} == {old_key["kid"]}
    print("ok  both keys are published; the old one signs until all know the new one")
    for name in ("python", "node", "go"):
        with tempfile.TemporaryDirectory() as folder:
            tokens = [proof["token"] for proof in proofs]
            checked = Backend(name, Path(folder)).check(*tokens, issuer=api.url, audience=AUDIENCE)
        assert checked == [{"email": proof["email"]} for proof in proofs], checked
        print(f"ok  the {name} backend accepts a proof from before, and those made since")


def permissions(policy):
    """Each permission of a policy by its action, and the policy without it."""
    for index, statement in enumerate(policy["Statement"]):
        actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
        for action in actions:
            for resource in resources:
                rest = copy.deepcopy(policy)
                rest["Statement"].pop(index)
                kept = [(other, resources) for other in actions if other != action]
                kept += [(action, [other for other in resources if other != resource])]
                for other, where in kept:
                    if where:
                        rest["Statement"].append({"Effect": "Allow", "Action": other, "Resource": where})
                yield action, rest


def call(api, function):
    """The response to a request for which the function makes all its calls."""
    email = f"{uuid.uuid4().hex}@example.com"
    return api.request_code(email) if function == "RequestCode" else api.verify_code(email, str(uuid.uuid4()), "123456")


def change_environment(function, change):
    """Gives a function the variables that `change` makes of the present ones, from the next request on."""
    client = SERVICE.client("lambda")
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    client.update_function_configuration(FunctionName=function, Environment={"Variables": change(variables)})


def start_anew(function):
    """Makes the next request start a new instance, so that it sees the role as it is now."""
    change_environment(function, lambda variables: variables | {"STARTED_ANEW": str(uuid.uuid4())})


def denied(text):
    """The denied call, in the function's own words."""
    found = re.search(r"(DynamoDB|SES|Secrets Manager)[^\"]*AccessDenied\w*", text)
    return re.sub(r" arn:\S+:", ":", found.group()) if found else None


def cause_in_log(group, since):
    """Why the function failed, as its log says."""
    for _ in range(30):
        events = SERVICE.client("logs").filter_log_events(logGroupName=group, startTime=since)["events"]
        for event in reversed(events):
            if cause := denied(event["message"]):
                return cause
        time.sleep(0.1)
    return None


def prove_permissions(ids, api):
    say("Taking each permission from its role …")
    iam = SERVICE.client("iam")
    rows, failed = [], False
    for function, group in (("RequestCode", "RequestCodeLog"), ("VerifyCode", "VerifyCodeLog")):
        role = ids[f"{function}Role"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            expected = 202 if function == "RequestCode" else 401
            for action, rest in permissions(policy):
                if action in NOT_ENFORCED:
                    rows.append((action, function, "not enforced by the emulator"))
                    continue
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(rest))
                start_anew(ids[function])
                since = int(time.time() * 1_000)
                response = call(api, function)
                # A function that cannot start says so in its response here, any other in its log.
                cause = denied(response.text) or cause_in_log(ids[group], since)
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
                start_anew(ids[function])
                failed |= response.status < 500 or call(api, function).status != expected
                failed |= cause is None or not cause.startswith(CALLS[action])
                rows.append((action, function, f"{response.status}: {cause}"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    print(f"{'permission':{widths[0]}}  {'needed by':{widths[1]}}  what fails without it")
    for permission, function, outcome in rows:
        print(f"{permission:{widths[0]}}  {function:{widths[1]}}  {outcome}")
    if failed:
        raise Failure("A permission is missing, or one is left that nothing needs.")


def run_with(function, **endpoints):
    """Runs a function with these endpoints of AWS from now on. The log is JSON, which the emulator does not see to."""

    def change(variables):
        known = {name: value for name, value in variables.items() if not name.startswith("AWS_ENDPOINT_URL_")}
        return known | {"AWS_LAMBDA_LOG_FORMAT": "JSON"} | endpoints

    change_environment(function, change)


def produce_log_lines(ids, api, inbox, undelivered):
    """Lets happen once what the metric filters look for."""
    request, verify, nowhere = ids["RequestCode"], ids["VerifyCode"], "http://127.0.0.1:9"
    for function in (request, verify):
        run_with(function)
    email, challenge_id = request_one(api)
    code = inbox.code(email)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert api.verify_code(email, challenge_id, wrong).problem() == "401 invalid-code"
    assert api.verify_code(email, challenge_id, code).status == 200
    assert undelivered.bounce("reject")[0] == "content"
    run_with(request, AWS_ENDPOINT_URL_SESV2=nowhere)
    assert api.request_code(email=f"{uuid.uuid4().hex}@example.com").problem() == "503 mail-unavailable"
    for function, name in ((request, "RequestCode"), (verify, "VerifyCode")):
        run_with(function, AWS_ENDPOINT_URL_DYNAMODB=nowhere)
        assert call(api, name).problem() == "500 internal-error"
        run_with(function)


def check_alarms(ids, template, api, inbox, undelivered):
    """All alarms and the dashboard are there, and real log lines have what each metric filter looks for."""
    say("Deploying the alarms …")
    stack = f"{STACK}-operations"
    SERVICE.create_stack(template, stack, AlarmEmail="operator@example.com")
    operations, resources = physical_ids(stack), alarms.read()
    described = SERVICE.client("cloudwatch").describe_alarms()["MetricAlarms"]
    found = {alarm["AlarmName"] for alarm in described if alarm["AlarmActions"] == [operations["AlarmTopic"]]}
    assert found == {operations[name] for name in alarms.alarms(resources) if name in operations}, found
    assert len(found) >= 10, found
    body = json.loads(SERVICE.client("cloudwatch").get_dashboard(DashboardName=STACK)["DashboardBody"])
    print(f"ok  {len(found)} alarms, and a dashboard of {len(body['widgets'])} widgets")
    assert "${" not in json.dumps(body), body
    produce_log_lines(ids, api, inbox, undelivered)
    groups = outputs()
    for group, pattern, metric in alarms.filters(resources):
        events = SERVICE.client("logs").filter_log_events(logGroupName=groups[group])["events"]
        lines = [event["message"] for event in events if alarms.matches(pattern, event["message"])]
        assert lines, f"no line of {group} matches {pattern}"
        print(f"ok  {metric}: {len(lines)} lines of {group} match {pattern}; the last has {len(lines[-1])} bytes")


def test_the_stack():
    begun = time.monotonic()
    template, operations = templates_for_the_emulator(unpack())
    SERVICE.start_aws_and_inbox(AUTH="true")
    SERVICE.deploy(template, **PARAMETERS)
    ids = before = physical_ids()
    api_url = f"{SERVICE.aws}/_aws/execute-api/{ids['Api']}/$default"
    api, inbox = Api(api_url), Inbox(SERVICE.inbox)
    check_default_issuer(ids, api, inbox)
    permissions_before = feedback.permissions(SERVICE, ids)
    tests = f"@{TEST_DOMAIN} {TEST_CODE} {date.today() + timedelta(days=7)}"
    SERVICE.deploy(template, **PARAMETERS, VerificationLink="page", TestRecipient=tests, DeliveryFeedback="on")
    ids = physical_ids()
    for function in ("RequestCode", "VerifyCode"):
        # The domain of the local API has no address here, so backends could not fetch its keys.
        change_environment(ids[function], lambda variables: variables | {"PROOF_ISSUER": api_url})
    run_suite(ids, api_url)
    undelivered = feedback.check(SERVICE, ids, api, before, permissions_before)
    rotate(ids, api, inbox)
    prove_permissions(ids, api)
    check_alarms(ids, operations, api, inbox, undelivered)
    say("Looking at the stack as an operator …")
    # After the alarms, which leave log lines in JSON.
    deployed.prove(SERVICE, STACK, ids, api)
    SERVICE.deploy(template, **PARAMETERS, DeliveryFeedback="off")
    feedback.check_off(SERVICE, physical_ids(), before, permissions_before)
    combinations.check(SERVICE, template, operations)
    print(f"The stack works. {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    sys.exit(SERVICE.attend(test_the_stack))
