"""Rotates the secret of a stack: gives it a new version. docs/rotation.md says what follows from that.

Variables, from the environment:

STACK       the stack, whose output SecretArn names the secret
SECRET_ARN  the secret itself, in place of STACK
LEAKED      1, or the argument --leaked: rotate although the version before is still accepted

Account and region are those of the AWS credentials. Exit status: 0 if the secret was rotated, 1 if not.
"""

import os
import sys
import uuid
from datetime import UTC, datetime, timedelta

import boto3
from botocore.exceptions import BotoCoreError, ClientError

# As verification/src/keys/key_ring.rs has them.
ACTIVE_AFTER = timedelta(minutes=15)
ROTATION_LASTS = timedelta(hours=2)


class Failure(Exception):
    """Why the secret was not rotated, for the person who asked."""


def clock(time):
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def secret_of(stack, cloudformation):
    """The secret that the outputs of a stack name."""
    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    found = [output["OutputValue"] for output in outputs if output["OutputKey"] == "SecretArn"]
    if not found:
        raise Failure(f"The stack {stack} has no output SecretArn.")
    return found[0]


def rotate(secret, secrets, leaked, now):
    """Gives the secret a new version, unless that would forget one whose codes and proofs are still on their way."""
    listed = secrets.list_secret_version_ids(SecretId=secret)["Versions"]
    versions = {stage: version for version in listed for stage in version.get("VersionStages", [])}
    if "AWSCURRENT" not in versions:
        raise Failure(f"The secret {secret} has no current version. Label one AWSCURRENT (docs/rotation.md).")
    made = versions["AWSCURRENT"]["CreatedDate"]
    # Functions know two versions. A third one pushes out the one before.
    if "AWSPREVIOUS" in versions and now - made < ROTATION_LASTS and not leaked:
        raise Failure(
            f"Not rotated. The last version was made at {clock(made)}, and codes and proofs of the one before may "
            f"still be on their way.\nThe next rotation is possible at {clock(made + ROTATION_LASTS)}. If the secret "
            "has leaked, rotate at once, with LEAKED=1."
        )
    # Look and write are two calls. The new version is named after those that were seen, and Secrets Manager refuses a
    # second text for a name. So of two people who rotate at the same moment by this command, one is refused.
    seen = " ".join(versions[stage]["VersionId"] for stage in sorted(versions))
    token = str(uuid.uuid5(uuid.NAMESPACE_OID, seen))
    text = secrets.get_random_password(PasswordLength=64, ExcludePunctuation=True)["RandomPassword"]
    secrets.put_secret_value(SecretId=secret, SecretString=text, ClientRequestToken=token)
    print(f"Rotated. The new version comes into force at {clock(now + ACTIVE_AFTER)}, in every function at once.")
    if leaked:
        print(f"The version of {clock(made)} is still accepted. If that one has leaked, run this once more.")
    else:
        print(f"The next rotation is possible at {clock(now + ROTATION_LASTS)}.")


def main(arguments=None, environment=os.environ, client=boto3.client, now=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments not in ([], ["--leaked"]) or environment.get("LEAKED", "") not in ("", "0", "1"):
            raise Failure("Expected LEAKED=1, or --leaked, or neither.")
        leaked = bool(arguments) or environment.get("LEAKED") == "1"
        secret, stack = environment.get("SECRET_ARN"), environment.get("STACK")
        if not secret and not stack:
            raise Failure("Say whose secret: make rotate STACK=email-verification, or SECRET_ARN=…")
        secret = secret or secret_of(stack, client("cloudformation"))
        rotate(secret, client("secretsmanager"), leaked, now or datetime.now(UTC))
    except Failure as failure:
        print(failure, file=sys.stderr)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        hint = ". Somebody has just rotated it." if code == "ResourceExistsException" else ""
        print(f"AWS refused {error.operation_name}: {code}{hint}", file=sys.stderr)
    except BotoCoreError as error:
        print(f"AWS could not be asked: {error}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
