"""Looks at a deployed stack, and says in words what is wrong with it. It only reads.

Variables, from the environment:

STACK     the stack, such as email-verification
RESOLVER  the DNS server to ask, as address or address:port; the system's if it is not given
TIMEOUT   seconds to wait for each answer of the DNS; 5 if it is not given

Account and region are those of the AWS credentials. Exit status: 1 if something is wrong or the stack cannot be read, 0
otherwise. What AWS does not tell is `unknown`, and no fault.
"""

import contextlib
import io
import os
import sys

import boto3

from operate import sending, watch, web
from operate.check_sender import Sender
from operate.report import Report, said
from operate.resolver import Dns
from operate.sender_settings import Misuse, Settings
from operate.stack import FUNCTIONS, NoStack, Stack

RUNTIME = "provided.al2023"
RESTORE = "docs/runbook.md#restore says how."
# What Sender begins its lines with. Its heading and its sum are left out: this command has its own.
LINES = ("ok  ", "wrong  ", "unknown  ", "note  ", "    ")


def judge_stack(report, stack):
    status, why = stack.status, f" ({stack.reason})" if stack.reason else ""
    if status.endswith("_IN_PROGRESS"):
        report.unknown(f"stack: it is {status}, so what follows may change.", "Check again when that is over.")
        return
    report.judge(
        status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"),
        f"stack: {status}",
        f"stack: it is {status}{why}. Its last change failed.",
        f"aws cloudformation describe-stack-events --stack-name {stack.name} says why. Mend it, and deploy again.",
    )


def judge_table(report, stack):
    with report.guard("table"):
        name, dynamodb = stack.id("Table"), stack.client("dynamodb")
        gone = (f"table: {name} does not exist, so every request is a 500.", f"Make it again. {RESTORE}")
        with report.guard("table", gone):
            table = said(dynamodb.describe_table(TableName=name), "Table")
            status, key = (
                said(table, "TableStatus"),
                [(part["AttributeName"], part["KeyType"]) for part in table["KeySchema"]],
            )
            report.judge(
                status in ("ACTIVE", "UPDATING"), f"table: {name} exists", f"table: {name} is {status}.", RESTORE
            )
            report.judge(
                key == [("pk", "HASH")],
                "table: its key is pk",
                f"table: its key is {', '.join(part for part, _ in key)}, and the functions know pk alone.",
                f"Delete it, and make it again. {RESTORE}",
            )
            _judge_billing(report, name, table)
            _judge_time_to_live(report, name, dynamodb)


def _judge_billing(report, name, table):
    with report.guard("table"):
        # A table that was never on demand has no summary.
        mode = table["BillingModeSummary"]["BillingMode"] if "BillingModeSummary" in table else "PROVISIONED"
        report.judge(
            mode == "PAY_PER_REQUEST",
            "table: it is paid by request",
            f"table: its billing mode is {mode}, so it throttles where it should grow.",
            f"aws dynamodb update-table --table-name {name} --billing-mode PAY_PER_REQUEST",
        )


def _judge_time_to_live(report, name, dynamodb):
    with report.guard("table"):
        described = said(dynamodb.describe_time_to_live(TableName=name), "TimeToLiveDescription")
        status, attribute = said(described, "TimeToLiveStatus"), described.get("AttributeName")
        report.judge(
            status in ("ENABLED", "ENABLING") and attribute == "expires_at",
            "table: items go when expires_at is over (TTL)",
            f"table: TTL is {status}{f' on {attribute}' if attribute else ''}, so items stay for ever.",
            f"aws dynamodb update-time-to-live --table-name {name} "
            "--time-to-live-specification Enabled=true,AttributeName=expires_at",
        )


def judge_functions(report, stack):
    roles = {}
    for name, called in FUNCTIONS.items():
        gone = (
            f"{called}: the function does not exist.",
            "Deploy the stack anew (docs/operations.md#the-stack-is-lost).",
        )
        with report.guard(called, gone):
            function = stack.function(name)
            _judge_function(report, called, function)
            roles[called] = said(function, "Role").rpartition("/")[2]
            _judge_role(report, stack, called, roles[called])
    if len(roles) == len(FUNCTIONS):
        report.judge(
            len(set(roles.values())) == len(roles),
            "roles: each function has one of its own",
            f"roles: both functions have {next(iter(roles.values()))}, so each may do what only the other needs.",
            "Deploy the stack again: somebody has changed a function by hand.",
        )


def _judge_function(report, called, function):
    with report.guard(called):
        state, why = said(function, "State"), function.get("StateReason", "no reason is given")
        if state == "Pending":
            report.unknown(f"{called}: AWS still sets it up.", "Check again in a minute.")
        else:
            advice = "Call it once if it is Inactive. Else deploy the stack again."
            report.judge(state == "Active", f"{called}: Active", f"{called}: it is {state} ({why}).", advice)
    with report.guard(called):
        runtime = said(function, "Runtime")
        report.judge(
            runtime == RUNTIME,
            f"{called}: runs on {RUNTIME}",
            f"{called}: runs on {runtime}, and is built for {RUNTIME}.",
            "Deploy the stack again.",
        )
    with report.guard(called):
        update, why = said(function, "LastUpdateStatus"), function.get("LastUpdateStatusReason", "no reason is given")
        if update == "InProgress":
            report.unknown(f"{called}: it is being updated.", "Check again in a minute.")
            return
        advice = "Deploy the stack again. The function of before still runs."
        wrong = f"{called}: its last update is {update} ({why})."
        report.judge(update == "Successful", f"{called}: its last update was successful", wrong, advice)


def _judge_role(report, stack, called, role):
    gone = (
        f"{called}: its role {role} does not exist, so it may call nothing.",
        "Deploy the stack anew, or restore it.",
    )
    with report.guard(f"{called}: role {role}", gone):
        stack.client("iam").get_role(RoleName=role)
        report.ok(f"{called}: its role {role} exists")


def judge_secret(report, stack):
    with report.guard("secret"):
        arn = stack.id("Secret")
        gone = ("secret: it does not exist, so no function can start.", RESTORE)
        with report.guard("secret", gone):
            secret = stack.client("secretsmanager").describe_secret(SecretId=arn)
            deleted = secret.get("DeletedDate")
            report.judge(
                not deleted,
                "secret: it exists, and nobody has deleted it",
                f"secret: it is being deleted{f', since {deleted:%Y-%m-%d %H:%M} UTC' if deleted else ''}. No function "
                "can start.",
                f"At once: aws secretsmanager restore-secret --secret-id {arn}",
            )
            stages = {stage for found in said(secret, "VersionIdsToStages").values() for stage in found}
            report.judge(
                "AWSCURRENT" in stages,
                "secret: it has a current version",
                "secret: no version is AWSCURRENT, so no function can start.",
                "Label one AWSCURRENT (docs/rotation.md).",
            )


def judge_logs(report, stack):
    for resource, name in sorted(stack.of_type("AWS::Logs::LogGroup").items()):
        with report.guard(f"log {resource}"):
            pages = stack.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
            found = [group for page in pages for group in page["logGroups"] if group["logGroupName"] == name]
            if not found:
                report.wrong(
                    f"log {resource}: {name} does not exist, so its lines are lost.",
                    f"aws logs create-log-group --log-group-name {name}, and set its retention.",
                )
                continue
            days = found[0].get("retentionInDays")
            report.judge(
                days,
                f"log {resource}: lines are kept for {days} days",
                f"log {resource}: {name} has no retention, so lines are kept for ever.",
                f"aws logs put-retention-policy --log-group-name {name} --retention-in-days 30",
            )


def judge_sending(report, stack, variables):
    ses = stack.client("sesv2")
    with report.guard("SES account"):
        account = ses.get_account()
        sending.judge_account(report, account)
        sending.judge_quota(report, account)
        sending.note_suppression(report, account)
        if not said(account, "ProductionAccessEnabled"):
            report.note(
                "SES account: it is in the sandbox, so only verified addresses get an email. For a test that will do.",
                "Before people use it: docs/deploy.md#leave-the-sandbox",
            )
        else:
            report.ok("SES account: it is out of the sandbox")
    sending.judge_configuration_set(report, stack)
    sending.judge_feedback(report, stack)
    with report.guard("sender"):
        address = stack.sender()
        found = sending.judge_identity(report, ses, address)
        judge_dns(report, sending.sender_settings(stack.region, address, found) | variables)


def judge_dns(report, variables):
    """What `make check-sender` says."""
    printed = io.StringIO()
    try:
        settings = Settings.read(variables)
        sender = Sender(settings, Dns(settings.resolver, settings.timeout))
    except Misuse as misuse:
        report.unknown(f"DNS: {misuse}", "Ask with make check-sender, and values that fit.")
        return
    with contextlib.redirect_stdout(printed):
        sender.check()
    lines = [line for line in printed.getvalue().splitlines() if line.startswith(LINES)]
    print("\n".join(lines))
    report.wrongs += sender.wrong
    report.unknowns += sender.unknown


def check(stack, variables):
    report = Report()
    print(f"{stack.name} in {stack.region}\n")
    for judge in (
        judge_stack,
        judge_table,
        judge_functions,
        web.judge_routes,
        web.judge_answers,
        judge_secret,
        judge_logs,
    ):
        judge(report, stack)
    judge_sending(report, stack, variables)
    watch.judge_alarms(report, stack)
    print()
    if report.unknowns:
        print(f"Unknown: {report.unknowns}. Nothing is known about these.")
    print(f"Wrong: {report.wrongs}." if report.wrongs else "Nothing is wrong in what was checked.")
    return 1 if report.wrongs else 0


def main(environment=os.environ, client=boto3.client):
    try:
        if not environment.get("STACK"):
            raise NoStack("Say which stack: make check-stack STACK=email-verification")
        variables = {name: environment[name] for name in ("RESOLVER", "TIMEOUT") if name in environment}
        return check(Stack(environment["STACK"], client), variables)
    except NoStack as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
