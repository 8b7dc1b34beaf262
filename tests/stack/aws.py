"""A stand-in of an AWS account: clients of boto3 whose calls end in a dictionary of answers, and not in the network.

Each call and each answer is held against botocore's own description of AWS. What is not in the dictionary is refused.
"""

import copy

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters


class Refused:
    """In place of an answer: AWS refuses the call with this code."""

    def __init__(self, code, message=""):
        self.error = {"Code": code, "Message": message}


def merged(healthy, change):
    """What is healthy, but for what the change says. None takes a member away. A refusal has none, and stays."""
    if isinstance(healthy, Refused) and isinstance(change, dict):
        return healthy
    if not isinstance(healthy, dict) or not isinstance(change, dict):
        return change
    whole = copy.deepcopy(healthy)
    for name, value in change.items():
        if value is None:
            whole.pop(name)
        else:
            whole[name] = merged(whole.get(name), value)
    return whole


class Aws:
    def __init__(self):
        self._session = boto3.Session("test", "test", region_name="ap-northeast-2")
        self._clients = {}
        # {"dynamodb.DescribeTable": the answer, Refused, an exception, or what makes one of these of the parameters}
        self.answers = {}
        # Each call as (operation, parameters).
        self.calls = []

    def client(self, service):
        if service not in self._clients:
            client = self._clients[service] = self._session.client(service)
            client.meta.events.register("before-parameter-build", self._note)
            client.meta.events.register("before-call", lambda model, **_: self._answer(service, model))
        return self._clients[service]

    def _note(self, params, model, **_):
        self.calls.append((model.name, copy.deepcopy(params)))

    def _answer(self, service, model):
        answer = self.answers.get(f"{service}.{model.name}")
        if callable(answer):
            answer = answer(self.calls[-1][1])
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None, f"no answer is given to {service}.{model.name}"
        if isinstance(answer, Refused):
            return AWSResponse(None, 400, {}, None), {"Error": answer.error, "ResponseMetadata": {}}
        try:
            # With an empty one an emulator answers what it does not know.
            if answer:
                validate_parameters(answer, model.output_shape)
        except ParamValidationError as error:
            # The commands take an error of botocore for one of the network.
            raise AssertionError(f"AWS does not answer so to {service}.{model.name}: {error}") from None
        return AWSResponse(None, 200, {}, None), copy.deepcopy(answer)
