"""Checks template.yaml: `sam validate --lint`, then cfn-lint on what SAM makes of it.

Of a SAM template itself cfn-lint sees little: a function's role, its routes and its permissions exist only once the
template is translated.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
TEMPLATE = ROOT / "template.yaml"
# SAM asks AWS for the managed policies that a template names; this one names none of its own.
ENVIRONMENT = os.environ | {"AWS_DEFAULT_REGION": "ap-northeast-2", "SAM_CLI_TELEMETRY": "0"}


class NoManagedPolicies(ManagedPolicyLoader):
    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def translated():
    """The CloudFormation template that SAM makes of template.yaml."""
    template = yaml_parse(TEMPLATE.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam deploy` puts the address of the uploaded code here.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    os.environ.setdefault("AWS_DEFAULT_REGION", "ap-northeast-2")
    return transform(template, {}, NoManagedPolicies())


def run(*command):
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=ENVIRONMENT).returncode


def main():
    failed = run(TOOLS / "sam", "validate", "--lint", "--template", TEMPLATE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "translated.json"
        path.write_text(json.dumps(translated(), indent=2))
        failed |= run(TOOLS / "cfn-lint", "--regions", "ap-northeast-2", "--template", path)
    return failed


if __name__ == "__main__":
    sys.exit(main())
