"""The alarms and the dashboard of operations.yaml: who emits their metrics, and where an operator reads on."""

import json
import re

from samtranslator.yaml_helper import yaml_parse

from local import operator_pages
from local.lint_links import anchors
from local.service import ROOT

RUNBOOKS = [ROOT / "docs" / "runbook.md", ROOT / "docs" / "runbook.ko.md"]
# What AWS emits by itself, with its dimensions, by the page of docs.aws.amazon.com that says so.
DOCUMENTED = {
    "apigateway/latest/developerguide/http-api-metrics.html": [
        ("AWS/ApiGateway", name, ("ApiId",)) for name in ("4xx", "5xx", "Count", "Latency")
    ],
    "amazondynamodb/latest/developerguide/metrics-dimensions.html": [
        ("AWS/DynamoDB", name, ("TableName",)) for name in ("ConsumedWriteCapacityUnits", "WriteThrottleEvents")
    ],
    "lambda/latest/dg/monitoring-metrics-types.html": [
        ("AWS/Lambda", name, ("FunctionName",)) for name in ("Errors", "Invocations", "Throttles")
    ],
    "ses/latest/dg/reputationdashboard-cloudwatch-alarm.html": [
        ("AWS/SES", name, ()) for name in ("Reputation.BounceRate", "Reputation.ComplaintRate")
    ],
}
OWN = {"Ref": "ServiceStack"}
TEMPLATE = ROOT / "operations.yaml"


def read():
    """The resources of operations.yaml."""
    return yaml_parse(TEMPLATE.read_text())["Resources"]


def of_type(resources, kind):
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def alarms(resources):
    return of_type(resources, "AWS::CloudWatch::Alarm")


def filters(resources):
    """Each metric filter as (log group, pattern, metric). The log group is an output of the service's stack."""
    found = of_type(resources, "AWS::Logs::MetricFilter").values()
    return [
        (imported(item["LogGroupName"]), item["FilterPattern"], change["MetricName"])
        for item in found
        for change in item["MetricTransformations"]
    ]


def imported(value):
    """The output of the service's stack that a value is."""
    return value["Fn::ImportValue"]["Fn::Sub"].removeprefix("${ServiceStack}-")


def imports(value):
    """Every output of the service's stack in a part of the template."""
    if isinstance(value, dict):
        if "Fn::ImportValue" in value:
            yield imported(value)
        else:
            for part in value.values():
                yield from imports(part)
    elif isinstance(value, list):
        for part in value:
            yield from imports(part)


def matches(pattern, line):
    """Whether a log line has a field that the pattern names. Only the forms that the template uses are known here."""
    field = r'\$\.(\w+) = "([^"]+)"'
    assert re.fullmatch(rf"\{{ (?:{field}|\({field}\)(?: \|\| \({field}\))*) \}}", pattern), pattern
    try:
        found = json.loads(line)
        return any(found.get(name) == value for name, value in re.findall(field, pattern))
    except (ValueError, AttributeError):
        return False


def metrics(alarm):
    """Each metric that an alarm watches as (namespace, name, dimensions)."""
    parts = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part] or [alarm]
    for part in parts:
        names = tuple(sorted(dimension["Name"] for dimension in part.get("Dimensions", [])))
        yield part["Namespace"], part["MetricName"], names


def shown(resources):
    """Each metric of the dashboard as (namespace, name, dimensions)."""
    for dashboard in of_type(resources, "AWS::CloudWatch::Dashboard").values():
        for widget in json.loads(dashboard["DashboardBody"]["Fn::Sub"][0])["widgets"]:
            for namespace, metric, *rest in widget["properties"].get("metrics", []):
                names = [part for part in rest if isinstance(part, str)]
                yield OWN if namespace == "${ServiceStack}" else namespace, metric, tuple(names[::2])


def faults(exported):
    """What is wrong with an alarm or the dashboard, each as a sentence. `exported` are the service's outputs."""
    resources = read()
    yield from (
        f"it imports {name}, which template.yaml does not export" for name in set(imports(resources)) - exported
    )
    yield from (f"template.yaml exports {name} for nothing" for name in exported - set(imports(resources)))
    emitted = {metric for _, _, metric in filters(resources)}
    by_aws = {metric for metrics_of_page in DOCUMENTED.values() for metric in metrics_of_page}

    def is_emitted(namespace, metric, dimensions):
        return metric in emitted if namespace == OWN else (namespace, metric, dimensions) in by_aws

    for metric in shown(resources):
        if not is_emitted(*metric):
            yield f"the dashboard shows {metric}, which nothing emits"
    sections = {path.name: anchors(path) for path in RUNBOOKS}
    watched = set()
    for name, alarm in alarms(resources).items():
        for namespace, metric, dimensions in metrics(alarm):
            watched.add(metric)
            if not is_emitted(namespace, metric, dimensions):
                yield f"{name} watches {metric} by {dimensions}, which nothing emits"
        for runbook, headings in sections.items():
            section = alarm["AlarmDescription"].rpartition("#")[2].rstrip(".")
            if section not in headings:
                yield f"{name} names the section {section}, which {runbook} does not have"
        if alarm.get("AlarmActions") != [{"Ref": "AlarmTopic"}]:
            yield f"{name} tells nobody"
        # SES reports no rate in a quiet hour, which is no all-clear; of everything else no news is good news.
        missing = "ignore" if alarm.get("Namespace") == "AWS/SES" else "notBreaching"
        if alarm.get("TreatMissingData") != missing:
            yield f"{name} takes missing data for {alarm.get('TreatMissingData')}, and not for {missing}"
        for part in alarm.get("Metrics", []):
            # Else a quotient with nothing in it is no value at all.
            if "/" in part.get("Expression", "") and "FILL(" not in part["Expression"]:
                yield f"{name} divides what may be missing: {part['Expression']}"
    yield from (f"no alarm watches {metric}" for metric in sorted(emitted - watched))
    yield from operator_pages.faults(set(alarms(resources)))
