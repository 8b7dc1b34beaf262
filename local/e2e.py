"""Builds with SAM, deploys to a local AWS that enforces IAM, and runs the suite in tests/api against the stack.

Then takes every permission from its role, one at a time, and shows which call fails without it.
"""

import copy
import json
import os
import platform
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile

# Ports of its own, so that it runs beside `make run`.
os.environ |= {"API_PORT": "29000", "AWS_PORT": "24566", "SMTP_PORT": "21025", "INBOX_PORT": "21080"}

import run  # noqa: E402
from lint_template import as_list, routes, translated  # noqa: E402

ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
BUILT = run.ROOT / ".aws-sam" / "build"

# Whose call a permission belongs to, as the functions name it.
CALLS = {
    "dynamodb:UpdateItem": "DynamoDB",
    "secretsmanager:GetSecretValue": "Secrets Manager",
    "ses:SendEmail": "SES",
}
# The emulator writes logs by itself and asks nobody.
NOT_ENFORCED = {"logs:CreateLogStream", "logs:PutLogEvents"}


def build():
    run.say(f"Building both functions with SAM for {ARCHITECTURE} (some minutes) …")
    begun = time.monotonic()
    command = [run.TOOLS / "sam", "build", "--parameter-overrides", f"Architecture={ARCHITECTURE}"]
    if subprocess.run([str(part) for part in command], cwd=run.ROOT, env=run.environment()).returncode:
        raise run.Failure("`sam build` failed; see above.")
    print(f"Built in {time.monotonic() - begun:.0f} s.")
    for function in ("RequestCode", "VerifyCode"):
        path = run.STATE / f"{function}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(BUILT / function / "bootstrap", "bootstrap")
        print(f"{function}: {path.stat().st_size / 1e6:.2f} MB zipped")


def physical_ids():
    resources = run.aws_client("cloudformation").describe_stack_resources(StackName=run.STACK)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def connect_routes(ids):
    """The emulator does not import the routes that SAM writes into the API's body, so they are made from it here."""
    api, functions = run.aws_client("apigatewayv2"), run.aws_client("lambda")
    for route, function in routes(translated()["Resources"]).items():
        arn = functions.get_function_configuration(FunctionName=ids[function])["FunctionArn"]
        integration = api.create_integration(
            ApiId=ids["Api"], IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
        )
        api.create_route(ApiId=ids["Api"], RouteKey=route, Target=f"integrations/{integration['IntegrationId']}")


def widen_mail_permission(ids):
    """The emulator asks for ses:SendEmail on any resource, where SES asks for it on identity and configuration set.

    That the template names these two, `make lint` asserts; here only the action is enforced.
    """
    iam, role = run.aws_client("iam"), ids["RequestCodeRole"]
    policy = iam.get_role_policy(RoleName=role, PolicyName="request-code")["PolicyDocument"]
    for statement in policy["Statement"]:
        if statement["Action"] == "ses:SendEmail":
            statement["Resource"] = "*"
    iam.put_role_policy(RoleName=role, PolicyName="request-code", PolicyDocument=json.dumps(policy))


def run_suite(ids, api_url):
    run.say("Running the suite …")
    command = [run.TOOLS / "pytest", "-q", "-p", "no:cacheprovider", "tests/api"]
    environment = os.environ | {"API_URL": api_url, "INBOX_URL": run.INBOX}
    if subprocess.run([str(part) for part in command], cwd=run.ROOT, env=environment).returncode:
        for group in ("RequestCodeLog", "VerifyCodeLog"):
            for event in run.aws_client("logs").filter_log_events(logGroupName=ids[group])["events"]:
                print(event["message"])
        raise run.Failure("The suite failed; see above.")


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


def call(api_url, function):
    """One request that takes the function through all its calls. Status and what it answered."""
    body = {"email": f"{uuid.uuid4().hex}@example.com"}
    path = "request-code"
    if function == "VerifyCode":
        path, body = "verify-code", body | {"challenge_id": str(uuid.uuid4()), "code": "123456"}
    request = urllib.request.Request(
        f"{api_url}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def start_anew(function):
    """Lets the next request find no running instance, so that it sees the role as it is now."""
    client = run.aws_client("lambda")
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    variables["STARTED_ANEW"] = str(uuid.uuid4())
    client.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


def denied(text):
    """The call that was denied, in the function's own words."""
    found = re.search(r"(DynamoDB|SES|Secrets Manager)[^\"]*AccessDenied\w*", text)
    return re.sub(r" arn:\S+:", ":", found.group()) if found else None


def cause_in_log(group, since):
    """Why the function failed, as its log says."""
    for _ in range(30):
        events = run.aws_client("logs").filter_log_events(logGroupName=group, startTime=since)["events"]
        for event in reversed(events):
            if cause := denied(event["message"]):
                return cause
        time.sleep(0.1)
    return None


def prove_permissions(ids, api_url):
    run.say("Taking each permission from its role …")
    iam = run.aws_client("iam")
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
                status, text = call(api_url, function)
                # A function that cannot start says so in its answer here, any other in its log.
                cause = denied(text) or cause_in_log(ids[group], since)
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
                start_anew(ids[function])
                restored, _ = call(api_url, function)
                failed |= status < 500 or restored != expected
                failed |= cause is None or not cause.startswith(CALLS[action])
                rows.append((action, function, f"{status}: {cause}"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    print(f"{'permission':{widths[0]}}  {'needed by':{widths[1]}}  what fails without it")
    for permission, function, outcome in rows:
        print(f"{permission:{widths[0]}}  {function:{widths[1]}}  {outcome}")
    if failed:
        raise run.Failure("A permission is missing, or one is left that nothing needs.")


def test_the_stack(processes):
    begun = time.monotonic()
    build()
    run.start_aws_and_inbox(processes, AUTH="true")
    run.deploy(BUILT / "template.yaml", Architecture=ARCHITECTURE, ResendPauseSeconds=30)
    ids = physical_ids()
    connect_routes(ids)
    widen_mail_permission(ids)
    api_url = f"{run.AWS}/_aws/execute-api/{ids['Api']}/$default"
    run_suite(ids, api_url)
    prove_permissions(ids, api_url)
    print(f"The stack works. {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    sys.exit(run.attended(test_the_stack))
