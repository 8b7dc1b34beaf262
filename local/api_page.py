"""docs/api.md, the readable page of openapi.yaml. `local.pages` writes it."""

import yaml

from local.service import ROOT

HEAD = """# The API

*Made from [openapi.yaml](../openapi.yaml) by `make pages`. The tests hold the document against the functions.*

{description}
"""


def resolve(document, value):
    """What a reference means, and its last part as a name."""
    if "$ref" not in value:
        return value, ""
    path = value["$ref"].removeprefix("#/").split("/")
    for part in path:
        document = document[part]
    return document, path[-1]


def kind(document, schema):
    """The type of a member in a word or two."""
    schema, _ = resolve(document, schema)
    if "const" in schema:
        return f"`{schema['const']}`"
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            return " or ".join(kind(document, part) for part in schema[keyword])
    types = schema.get("type", "anything")
    types = types if isinstance(types, list) else [types]
    bounds = [str(schema[bound]) for bound in ("minimum", "maximum") if bound in schema]
    return " or ".join(types) + (f", {' to '.join(bounds)}" if bounds else "")


def members(document, schema):
    """A table of an object's members, or of each alternative's."""
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            parts = [members(document, resolve(document, part)[0]) for part in schema[keyword]]
            return "\n\nor\n\n".join(parts)
    rows = ["| member | | |", "| --- | --- | --- |"]
    for name, member in schema.get("properties", {}).items():
        whole, _ = resolve(document, member)
        needed = "" if name in schema.get("required", []) else "optional; "
        rows.append(
            f"| `{name}` | {kind(document, member)} | {needed}{whole.get('description', '')} |".replace("; |", " |")
        )
    return "\n".join(rows)


def answers(document, responses):
    """A table of the answers of an operation."""
    rows = ["| status | body | when |", "| --- | --- | --- |"]
    for status, response in responses.items():
        response, _ = resolve(document, response)
        bodies = []
        for media_type, content in response.get("content", {}).items():
            schema, name = resolve(document, content["schema"])
            parts = [resolve(document, part)[0] for part in schema.get("oneOf", [schema])]
            types = [part.get("properties", {}).get("type", {}).get("const") for part in parts]
            types = [f"`{text.removeprefix('urn:email-verification:')}`" for text in types if text]
            if name == "GatewayMessage":
                bodies.append("API Gateway's message")
            elif types:
                bodies.append(" or ".join(types))
            else:
                bodies.append("a page" if media_type == "text/html" else f"`{media_type}`")
        rows.append(f"| {status} | {'; '.join(bodies)} | {response['description']} |")
    return "\n".join(rows)


def page():
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    parts = [HEAD.format(description=document["info"]["description"].strip())]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(
                f"## {method.upper()} {path}\n\n{operation['summary']}. {operation.get('description', '').strip()}\n"
            )
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                schema, _ = resolve(document, content["schema"])
                parts.append(f"The body, `{media_type}`:\n\n{members(document, schema)}\n")
            schema = operation["responses"].get("200", operation["responses"].get("202", {}))
            for media_type, content in resolve(document, schema)[0].get("content", {}).items():
                if media_type == "application/json":
                    answer, _ = resolve(document, content["schema"])
                    parts.append(f"The response:\n\n{members(document, answer)}\n")
            parts.append(f"{answers(document, operation['responses'])}\n")
    return "\n".join(parts)
