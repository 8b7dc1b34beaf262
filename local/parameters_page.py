"""docs/parameters.md, a page of the parameters of template.yaml and operations.yaml. `local.pages` writes it."""

import re

from samcli.yamlhelper import yaml_parse

from local.service import ROOT

HEAD = """# The parameters

*Made from [template.yaml](../template.yaml) and [operations.yaml](../operations.yaml) by `make pages`.*

Every parameter has a default that is right for most, except `SenderAddress` and `SenderName`. Put what you change into
`parameters.yaml`, and deploy: [deploy.md](deploy.md#build-and-deploy). The last group is operations.yaml's,
which is a stack of its own.

- A **day** is a UTC day. It begins at midnight UTC.
- An **IP address** is the caller's: one IPv4 address, or one IPv6 /64.
- A **mailbox** is an address without its `+tag` and without what its provider ignores, such as Gmail's dots.
- Only **emails** count towards limits. A request that mails nothing costs nobody anything.

[security.md](security.md#what-strangers-can-do) says what the limits are worth against strangers.
"""


def taken(parameter):
    """Which values a parameter takes."""
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if "MinValue" in parameter:
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    return parameter["ConstraintDescription"].removeprefix("must be ")


def prose(text, names):
    """A description in Markdown: parameters and routes as code, and pages as links."""
    text = re.sub(r"\bdocs/([a-z-]+\.md)(#[a-z-]+)?", r"[\1](\1\2)", text)
    text = re.sub(r"\bPOST /[a-z-]+", r"`\g<0>`", text)
    # A name of one word, such as Tracing, is a word as well.
    words = "|".join(name for name in names if re.search("[a-z][A-Z]", name))
    return re.sub(rf"\b({words})\b", r"`\1`", text).replace("|", r"\|")


def page():
    templates = [yaml_parse((ROOT / name).read_text()) for name in ("template.yaml", "operations.yaml")]
    return "\n".join([HEAD, *(table for template in templates for table in tables(template))])


def tables(template):
    """A table for each group of parameters."""
    parameters = template["Parameters"]
    for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        rows = ["| parameter | default | takes | |", "| --- | --- | --- | --- |"]
        for name in group["Parameters"]:
            parameter = parameters[name]
            default = parameter.get("Default")
            shown = "none: set it" if default is None else f"`{default}`" if default != "" else "empty"
            rows.append(f"| `{name}` | {shown} | {taken(parameter)} | {prose(parameter['Description'], parameters)} |")
        yield f"## {group['Label']['default']}\n\n" + "\n".join(rows) + "\n"
