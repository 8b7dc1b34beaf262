"""docs/deployer-policy.json, what somebody needs who deploys both stacks. `local.pages` writes it.

CloudFormation acts with the deployer's rights. What it calls for a resource its schema says, which cfn-lint carries.
"""

import json
from fnmatch import fnmatch

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from local import alarms
from local.lint_template import translated

# Actions that the schemas name and that these templates never cause: data, and what no resource here has.
UNUSED = [
    "dynamodb:*Item",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:*Replica",
    "dynamodb:*KinesisStreamingDestination",
    "dynamodb:DescribeImport",
    "dynamodb:ImportTable",
    "dynamodb:PutResourcePolicy",
    "dynamodb:DeleteResourcePolicy",
    "dynamodb:Update*ContributorInsights",
    "dynamodb:UpdateContinuousBackups",
    "iam:*Boundary",
    "iam:AttachRolePolicy",
    "iam:DetachRolePolicy",
    "iam:CreateServiceLinkedRole",
    "iam:PassRole",
    "lambda:*CapacityProvider",
    "lambda:GetLayerVersion",
    "lambda:PublishVersion",
    "lambda:Put*Config",
    "lambda:DeleteFunctionCodeSigningConfig",
    "logs:*KmsKey",
    "logs:*LogStream*",
    "logs:PutLogEvents",
    "logs:Put*Authentication",
    "logs:Put*Protection*",
    "logs:*IndexPolicy",
    "logs:DeleteDataProtectionPolicy",
    "secretsmanager:*Replic*",
    "secretsmanager:GetSecretValue",
    "ses:*ArchivingOptions",
    "ses:*TrackingOptions",
    "ses:*ConfigurationSetAttributes",
    "ses:*DkimSigningAttributes",
    "sns:PutDataProtectionPolicy",
]
OWN_SERVICES = "apigateway cloudwatch dynamodb events iam lambda logs secretsmanager ses sns".split()
CLOUDFORMATION = """
CreateChangeSet CreateStack DeleteChangeSet DeleteStack DescribeChangeSet DescribeEvents DescribeStackEvents
DescribeStackResource DescribeStackResources DescribeStacks ExecuteChangeSet GetTemplate GetTemplateSummary
ListExports ListImports ListStackResources TagResource UntagResource UpdateStack UpdateTerminationProtection
ValidateTemplate
""".split()
# SAM's bucket for the code, which its first deploy makes.
S3 = """
CreateBucket DeleteObject GetBucketLocation GetBucketPolicy GetObject GetObjectVersion ListBucket
PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning PutEncryptionConfiguration
PutObject
""".split()
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
ACCESS_LOG = """
CreateLogDelivery DeleteLogDelivery DescribeResourcePolicies GetLogDelivery ListLogDeliveries PutResourcePolicy
UpdateLogDelivery
""".split()
# The schema of a record set names nothing. With ApiDomain alone.
ROUTE53 = ["ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListResourceRecordSets"]


def handled(resources):
    """What CloudFormation calls for these resources."""
    for kind in {item["Type"] for item in resources.values()}:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("ap-northeast-2", kind).schema
        for handler in schema.get("handlers", {}).values():
            yield from handler.get("permissions", [])


def actions():
    found = {*handled(translated()["Resources"]), *handled(alarms.read())}
    own = {action for action in found if action.partition(":")[0] in OWN_SERVICES}
    own = {action for action in own if not any(fnmatch(action, pattern) for pattern in UNUSED)}
    for service, names in (("cloudformation", CLOUDFORMATION), ("s3", S3), ("logs", ACCESS_LOG), ("route53", ROUTE53)):
        own |= {f"{service}:{name}" for name in names}
    return sorted(own | {"acm:DescribeCertificate", "lambda:GetFunctionConfiguration"})


def page():
    def passed_to(action, condition, service):
        limit = {"StringEquals": {condition: service}}
        return {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": limit}

    statements = [
        {"Effect": "Allow", "Action": actions(), "Resource": "*"},
        passed_to("iam:PassRole", "iam:PassedToService", "lambda.amazonaws.com"),
        # The first domain of an account.
        passed_to("iam:CreateServiceLinkedRole", "iam:AWSServiceName", "ops.apigateway.amazonaws.com"),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"
