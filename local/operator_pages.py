"""The operator's pages: their commands against AWS's API, and what they name against the template and the functions."""

import re

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from samtranslator.yaml_helper import yaml_parse

from local.service import ROOT

DOCS = ROOT / "docs"
# Both languages of a page have the same commands.
PAGES = ("runbook", "operations")
# Options of the AWS CLI itself.
COMMON = {"output", "query", "region"}
# What the AWS CLI calls otherwise than the API does.
RENAMED = {("sns", "subscribe"): {"notification-endpoint"}}
# Commands of the AWS CLI alone, with the options that the pages use.
CLI_ALONE = {("cloudformation", "deploy"): {"template-file", "stack-name", "parameter-overrides"}}
COMMAND = re.compile(r"aws ([a-z0-9-]+) ([a-z-]+)(?: ([a-z-]+))?")
SESSION = botocore.session.get_session()


def blocks(path):
    """The shell commands of a page that stand on lines of their own."""
    found = re.findall(r"^( *)```sh\n(.*?)^\1```$", path.read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def commands(path):
    """Each call of the AWS CLI on a page as (service, operation, argument, options)."""
    inline = re.findall(r"`(aws [^`]+)`", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL))
    for text in "\n".join(blocks(path) + inline).replace("\\\n", " ").splitlines():
        for call in re.split(r"(?<![\w-])(?=aws )", text):
            if found := COMMAND.match(call):
                yield *found.groups(), re.findall(r"(?<=\s)--([a-z0-9-]+)", call)


def command_fault(service, operation, argument, options):
    """What AWS's API does not know of a command."""
    if known := CLI_ALONE.get((service, operation)):
        unknown = set(options) - known - COMMON
        return f"{service} {operation} has no option --{min(unknown)}" if unknown else None
    try:
        model = SESSION.get_service_model(service)
    except UnknownServiceError:
        return f"there is no service {service}"
    if operation == "wait":
        waiters = SESSION.get_waiter_model(service)
        names = {xform_name(name, "-"): waiters.get_waiter(name).operation for name in waiters.waiter_names}
        called = names.get(argument)
    else:
        called = {xform_name(name, "-"): name for name in model.operation_names}.get(operation)
    if not called:
        return f"{service} has no {argument if operation == 'wait' else operation}"
    members = model.operation_model(called).input_shape.members.items()
    known = COMMON | RENAMED.get((service, operation), set()) | {xform_name(name, "-") for name, _ in members}
    known |= {f"no-{xform_name(name, '-')}" for name, shape in members if shape.type_name == "boolean"}
    unknown = [option for option in options if option not in known]
    return f"{service} {operation} has no option --{unknown[0]}" if unknown else None


def faults(alarm_names):
    """What is wrong on a page, each as a sentence."""
    for path in sorted(DOCS.glob("*.md")):
        wrong = [command_fault(*command) for command in commands(path)]
        yield from (f"{path.name}: {fault}" for fault in wrong if fault)
    outputs = yaml_parse((ROOT / "template.yaml").read_text())["Outputs"]
    first = blocks(DOCS / "runbook.md")[0]
    sources = "".join(path.read_text() for path in sorted((ROOT / "verification" / "src").rglob("*.rs")))
    for page in PAGES:
        english, korean = DOCS / f"{page}.md", DOCS / f"{page}.ko.md"
        if blocks(english) != blocks(korean):
            yield f"{korean.name} has other commands than {english.name}"
        for name in sorted(set(re.findall(r"\$([A-Z][a-z]\w*)", english.read_text()))):
            if name not in outputs:
                yield f"{english.name} uses ${name}, which is no output of the template"
            elif not name.endswith("LogGroup") and f'"{name}"' not in first:
                yield f"{english.name} uses ${name}, which its first block does not set"
        asked = re.findall(r"filter outcome (?:= |in \[)([^|\]']+)", "".join(blocks(english)))
        for outcome in sorted(set(re.findall(r'"[a-z-]+"', " ".join(asked)))):
            if outcome not in sources:
                yield f"{english.name} looks for the outcome {outcome}, which no function logs"
    named = set(re.findall(r"\b\w+Alarm\b", (DOCS / "operations.md").read_text()))
    # A permission of a deployer.
    named -= {"PutMetricAlarm"}
    yield from (f"operations.md does not name {name}" for name in sorted(alarm_names - named))
    yield from (f"operations.md names {name}, which is no alarm" for name in sorted(named - alarm_names))
