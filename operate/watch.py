"""Whether alarms watch a stack, whether anybody is told, and what is in alarm now.

The alarms may be in another stack than the service. So they are found by what they watch, not by who made them.
"""

import re

from operate.report import said

SET_UP = "docs/operations.md#setting-the-alarms-up says how."


def alarms_of(stack):
    """Each alarm that watches something of the stack, or SES for whoever is told about the stack."""
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page.get("MetricAlarms", [])]
    own = [alarm for alarm in alarms if _watches(alarm, stack)]
    told = {action for alarm in own for action in alarm.get("AlarmActions", [])}
    # SES's rates belong to the whole account, and name no stack.
    shared = [
        alarm for alarm in alarms if alarm.get("Namespace") == "AWS/SES" and told & set(alarm.get("AlarmActions", []))
    ]
    return own + [alarm for alarm in shared if alarm not in own]


def _watches(alarm, stack):
    parts = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part]
    ids = set(stack.ids.values())
    return alarm["AlarmName"] in ids or any(
        # Metric filters publish in the namespace that is the stack's name.
        metric.get("Namespace") == stack.name or ids & {part["Value"] for part in metric.get("Dimensions", [])}
        for metric in [alarm, *parts]
    )


def judge_alarms(report, stack):
    with report.guard("alarms"):
        alarms = alarms_of(stack)
        if not alarms:
            report.note("alarms: none watches this stack, so nobody is told when something is wrong.", SET_UP)
            return
        silent = [alarm["AlarmName"] for alarm in alarms if not alarm.get("AlarmActions") or not _may_tell(alarm)]
        report.judge(
            not silent,
            f"alarms: {len(alarms)} watch the stack, and each tells somebody",
            f"alarms: {len(silent)} of {len(alarms)} tell nobody: {', '.join(sorted(silent))}.",
            "If somebody silenced them, aws cloudwatch enable-alarm-actions --alarm-names …; else deploy them again.",
        )
        for topic in sorted(
            {action for alarm in alarms for action in alarm.get("AlarmActions", []) if ":sns:" in action}
        ):
            _judge_topic(report, stack, topic)
        _judge_states(report, alarms)


def _may_tell(alarm):
    return said(alarm, "ActionsEnabled")


def _judge_topic(report, stack, topic):
    name = topic.rpartition(":")[2]
    gone = (f"alarms: the topic {name} does not exist, so nobody is told.", "Deploy the alarms again.")
    with report.guard(f"topic {name}", gone):
        pages = stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        arns = [item["SubscriptionArn"] for page in pages for item in page.get("Subscriptions", [])]
        # Others are called PendingConfirmation or Deleted.
        confirmed = [arn for arn in arns if arn.startswith("arn:")]
        report.judge(
            confirmed,
            f"topic {name}: {len(confirmed)} of {len(arns)} subscriptions are confirmed",
            f"topic {name}: none of {len(arns)} subscriptions is confirmed, so nobody is told.",
            f"Open the link that AWS mailed. It works for two days; after that subscribe again. {SET_UP}",
        )


def _judge_states(report, alarms):
    ringing = [alarm for alarm in alarms if said(alarm, "StateValue") == "ALARM"]
    if not ringing:
        report.ok("alarms: none is in alarm now")
    for alarm in ringing:
        section = re.search(r"docs/\S+#[a-z0-9-]+", alarm.get("AlarmDescription", ""))
        since = (
            f" since {alarm['StateUpdatedTimestamp']:%Y-%m-%d %H:%M} UTC" if "StateUpdatedTimestamp" in alarm else ""
        )
        report.wrong(
            f"alarm {alarm['AlarmName']} is in alarm{since}.", f"Go to {section[0] if section else 'docs/runbook.md'}."
        )
