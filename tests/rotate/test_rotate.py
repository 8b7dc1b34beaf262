"""operate/rotate.py against stubs of AWS's clients. `make e2e` rotates a real secret of the local AWS with it."""

import uuid
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import ANY, Stubber

from operate import rotate

NOW = datetime(2027, 3, 31, 12, 0, tzinfo=UTC)
ARN = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:example-AbCdEf"
TEXT = "x" * 64
HOURS = timedelta(hours=1)


class Aws:
    """Clients that expect these calls in this order, and no others."""

    def __init__(self):
        session = boto3.Session("test", "test", region_name="ap-northeast-2")
        self.clients = {name: session.client(name) for name in ("cloudformation", "secretsmanager")}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def lists(self, *ages):
        """The versions, the current one first, each made so long ago."""
        versions = [
            {"VersionId": f"{index}" * 36, "VersionStages": [stage], "CreatedDate": NOW - age}
            for index, (stage, age) in enumerate(zip(("AWSCURRENT", "AWSPREVIOUS"), ages, strict=False))
        ]
        self.stubs["secretsmanager"].add_response("list_secret_version_ids", {"Versions": versions}, {"SecretId": ARN})

    def draws(self):
        wanted = {"PasswordLength": 64, "ExcludePunctuation": True}
        self.stubs["secretsmanager"].add_response("get_random_password", {"RandomPassword": TEXT}, wanted)

    def puts(self, token=ANY):
        wanted = {"SecretId": ARN, "SecretString": TEXT, "ClientRequestToken": token}
        self.stubs["secretsmanager"].add_response("put_secret_value", {}, wanted)

    def rotate(self, *arguments, **environment):
        status = rotate.main(list(arguments), {"SECRET_ARN": ARN} | environment, self.clients.get, NOW)
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()
        return status


@pytest.fixture
def aws():
    return Aws()


@pytest.mark.parametrize("ages", [(2 * HOURS, 400 * HOURS), (timedelta(),)], ids=["after two hours", "the first time"])
def test_the_secret_gets_a_new_version_in_one_step(aws, capsys, ages):
    aws.lists(*ages)
    aws.draws()
    aws.puts()
    assert aws.rotate() == 0
    output = capsys.readouterr()
    assert "comes into force at 2027-03-31 12:15:00 UTC" in output.out
    assert "next rotation is possible at 2027-03-31 14:00:00 UTC" in output.out
    assert TEXT not in output.out + output.err


def test_a_second_rotation_within_two_hours_is_refused(aws, capsys):
    aws.lists(2 * HOURS - timedelta(seconds=1), 400 * HOURS)
    assert aws.rotate() == 1
    error = capsys.readouterr().err
    assert "last version was made at 2027-03-31 10:00:01 UTC" in error
    assert "next rotation is possible at 2027-03-31 12:00:01 UTC" in error


@pytest.mark.parametrize(("arguments", "leaked"), [(["--leaked"], ""), ([], "1")], ids=["argument", "variable"])
def test_a_leaked_secret_is_rotated_at_once(aws, capsys, arguments, leaked):
    aws.lists(timedelta(seconds=9), 400 * HOURS)
    aws.draws()
    aws.puts()
    assert aws.rotate(*arguments, LEAKED=leaked) == 0
    assert "The version of 2027-03-31 11:59:51 UTC is still accepted." in capsys.readouterr().out


def test_of_two_who_rotate_at_once_one_is_refused(aws, capsys):
    # Both name the new version after those that they saw, and write another text.
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{'0' * 36} {'1' * 36}"))
    aws.lists(3 * HOURS, 9 * HOURS)
    aws.draws()
    aws.puts(name)
    assert aws.rotate() == 0
    aws.lists(3 * HOURS, 9 * HOURS)
    aws.draws()
    aws.stubs["secretsmanager"].add_client_error(
        "put_secret_value",
        "ResourceExistsException",
        expected_params={"SecretId": ARN, "SecretString": TEXT, "ClientRequestToken": name},
    )
    assert aws.rotate() == 1
    assert "Somebody has just rotated it" in capsys.readouterr().err


def test_the_stack_names_its_secret(aws):
    stack = {"StackName": "email-verification", "CreationTime": NOW, "StackStatus": "CREATE_COMPLETE"}
    outputs = [{"OutputKey": "TableName", "OutputValue": "table"}, {"OutputKey": "SecretArn", "OutputValue": ARN}]
    answer = {"Stacks": [stack | {"Outputs": outputs}]}
    aws.stubs["cloudformation"].add_response("describe_stacks", answer, {"StackName": "email-verification"})
    aws.lists(3 * HOURS)
    aws.draws()
    aws.puts()
    assert aws.rotate(SECRET_ARN="", STACK="email-verification") == 0


@pytest.mark.parametrize(
    ("environment", "words"),
    [({"SECRET_ARN": ""}, "make rotate STACK="), ({"LEAKED": "yes"}, "Expected LEAKED=1")],
    ids=["no stack", "a value that is no answer"],
)
def test_misuse_is_said_in_words(aws, capsys, environment, words):
    assert aws.rotate(**environment) == 1
    assert words in capsys.readouterr().err


def test_what_aws_refuses_is_named(aws, capsys):
    aws.stubs["secretsmanager"].add_client_error("list_secret_version_ids", "AccessDeniedException", "not you")
    assert aws.rotate() == 1
    assert capsys.readouterr().err == "AWS refused ListSecretVersionIds: AccessDeniedException\n"


def test_a_secret_without_a_current_version_is_left_alone(aws, capsys):
    aws.lists()
    assert aws.rotate() == 1
    assert "has no current version" in capsys.readouterr().err
