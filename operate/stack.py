"""A deployed stack as `make check-stack` and `make why` see it: its status, outputs, resources and functions."""

import functools
import re

from botocore.exceptions import BotoCoreError, ClientError

from operate.report import Missing, refusal, said

# The functions, by their names in template.yaml, as the documents call them.
FUNCTIONS = {"RequestCode": "request-code", "VerifyCode": "verify-code"}


# What else is typed there by mistake, such as an address, is neither asked for nor shown.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*|arn:[a-z-]+:cloudformation:[A-Za-z0-9:/-]+")


class NoStack(Exception):
    """Why nothing could be looked at, for the person who asked."""


class Stack:
    """One stack. Nothing of it is guessed: names come from CloudFormation and from the functions' environment."""

    def __init__(self, name, client):
        if not NAME.fullmatch(name):
            raise NoStack("STACK: expected the name of a stack, such as email-verification")
        self.name = name
        # One client for each service of AWS.
        self.client = functools.cache(client)
        try:
            cloudformation = self.client("cloudformation")
            described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            self.resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        except ClientError as error:
            raise NoStack(self._refused(error)) from None
        except BotoCoreError as error:
            said_so = str(error).rstrip(".")
            raise NoStack(f"AWS could not be asked: {said_so}. Set AWS_DEFAULT_REGION and credentials.") from None
        # The stack may have been named by its ARN. Alarms know its name.
        self.name = described["StackName"]
        self.region = cloudformation.meta.region_name
        self.status = described["StackStatus"]
        self.reason = described.get("StackStatusReason")
        outputs = described.get("Outputs", [])
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        # What failed to be created has no id.
        named = [resource for resource in self.resources if resource.get("PhysicalResourceId")]
        self.ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in named}
        self._functions = {}

    def _refused(self, error):
        if error.response["Error"]["Code"] == "ValidationError":
            return f"This account and region have no stack {self.name}. Check STACK, the region and your credentials."
        return f"{refusal(error)}. Without it nothing can be looked at (docs/operations.md#permissions)."

    def id(self, name):
        """What AWS calls the resource that template.yaml calls `name`."""
        if name not in self.ids:
            raise Missing(name)
        return self.ids[name]

    def of_type(self, kind):
        """The ids of all resources of that type, by their names in template.yaml."""
        named = {resource["LogicalResourceId"] for resource in self.resources if resource["ResourceType"] == kind}
        return {name: value for name, value in self.ids.items() if name in named}

    def function(self, name):
        """The configuration of a function."""
        if name not in self._functions:
            asked = self.client("lambda").get_function_configuration(FunctionName=self.id(name))
            self._functions[name] = asked
        return self._functions[name]

    def variable(self, function, variable):
        """A variable of a function's environment, which may be empty."""
        return said(self.function(function), "Environment", "Variables").get(variable, "")

    def sender(self):
        """The address in From."""
        return said(self.function("RequestCode"), "Environment", "Variables", "SENDER_ADDRESS")

    def url(self):
        """Where apps and backends reach the API: `iss` of a proof."""
        return self.variable("VerifyCode", "PROOF_ISSUER") or said(self.outputs, "ApiUrl")
