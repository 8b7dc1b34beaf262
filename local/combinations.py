"""Deploys the stack in every way in which its parameters change its resources.

Each is a stack of its own, and is removed again.
"""

import json

from local.lint_template import as_list, translated
from local.service import say

CERTIFICATE = "arn:aws:acm:ap-northeast-2:000000000000:certificate/11111111-2222-3333-4444-555555555555"
OWN_DOMAIN = {"ApiDomain": "verify.example.com", "ApiCertificateArn": CERTIFICATE}
SENDERS = {
    "address": {"SenderIdentity": "address"},
    "domain": {"SenderIdentity": "s1.example.org"},
    "parent domain": {"SenderIdentity": "example.org", "MailFromDomain": "bounce.example.org"},
    "existing": {"SenderIdentity": "existing"},
}


def combinations(zone):
    """Each by its name: all senders, with and without a domain of one's own."""
    yield from (
        (name, {"SenderAddress": f"no-reply@s{index}.example.org"} | sender)
        for index, (name, sender) in enumerate(SENDERS.items())
    )
    yield "own domain, records elsewhere", OWN_DOMAIN
    everything = {
        "ApiHostedZoneId": zone,
        "VerificationLink": "page",
        "ReservedConcurrency": 5,
        "DeliveryFeedback": "on",
    }
    yield "everything", OWN_DOMAIN | everything | {"AllowedOrigins": "https://example.com,https://localhost"}


def expected_resources(resources, holding):
    """Those of the template whose conditions hold, and that the emulator knows."""
    return {name for name, item in resources.items() if item.get("Condition") in {None, *holding}}


def conditions(parameters):
    """The conditions of the template that these parameters fulfil, worked out anew."""
    found = set()
    if parameters.get("SenderIdentity") != "existing":
        found.add("HasNewIdentity")
    if parameters.get("DeliveryFeedback") == "on":
        found.add("HasDeliveryFeedback")
    if parameters.get("ApiDomain"):
        found.add("HasApiDomain")
        if parameters.get("ApiHostedZoneId"):
            found.add("HasApiRecords")
    return found


def wildcards(service, roles):
    """The resources with a wildcard that the roles of a stack may use, but for emails: `make lint` looks at those."""
    iam = service.client("iam")
    for role in roles:
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for statement in policy["Statement"]:
                if statement["Action"] == "ses:SendEmail":
                    continue
                # The ARN of a log group ends so by itself.
                resources = (item.removesuffix(":*") for item in as_list(statement["Resource"]))
                yield from (item for item in resources if "*" in item)


def check(service, template, operations):
    say("Deploying every combination of parameters …")
    cloudformation = service.client("cloudformation")
    template_resources = translated()["Resources"]
    zone = service.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    for number, (name, parameters) in enumerate(combinations(zone.rpartition("/")[2])):
        stack = f"combination-{number}"
        service.deploy(template, stack=stack, **parameters)
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        expected = expected_resources(template_resources, conditions(parameters))
        assert set(ids) == expected, (name, set(ids) ^ expected)
        assert list(wildcards(service, [ids["RequestCodeRole"], ids["VerifyCodeRole"]])) == [], name
        outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        issuer = service.client("lambda").get_function_configuration(FunctionName=ids["VerifyCode"])
        issuer = issuer["Environment"]["Variables"]["PROOF_ISSUER"]
        if "ApiDomain" in parameters:
            assert outputs["ApiUrl"] == issuer == f"https://{parameters['ApiDomain']}", (name, outputs, issuer)
        else:
            assert (f"https://{ids['Api']}." in outputs["ApiUrl"], issuer) == (True, ""), (name, outputs)
        for dashboard in ("on", "off"):
            alarms = {"ServiceStack": stack, "AlarmEmail": "operator@example.com", "Dashboard": dashboard}
            service.create_stack(operations, f"{stack}-operations", **alarms)
            made = cloudformation.describe_stack_resources(StackName=f"{stack}-operations")["StackResources"]
            assert any(item["LogicalResourceId"] == "Overview" for item in made) == (dashboard == "on"), name
            cloudformation.delete_stack(StackName=f"{stack}-operations")
        cloudformation.delete_stack(StackName=stack)
        print(f"ok  {name}: {len(ids)} resources, {len(made)} of alarms; {json.dumps(parameters)}")
