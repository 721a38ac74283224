"""The nested template of what watches the pipeline: alarms, metric filters, saved queries and the dashboard.

No role gets anything for it: metrics are made of what the functions and the state machine log anyway.
"""

from __future__ import annotations

import json
from typing import Any

from aurora_restore.deployment.alarms import ALARMS, FUNCTION_ERRORS, FUNCTION_THROTTLES
from aurora_restore.deployment.dashboard import SHOWS, widgets
from aurora_restore.deployment.log_queries import query_resources
from aurora_restore.deployment.rendering import Commented, Short, yaml_block
from aurora_restore.domain.naming import METRIC_NAMESPACE

HEAD = """\
# Written by `make build` from src/aurora_restore/deployment (monitoring.py, alarms.py, dashboard.py, log_queries.py):
# change it there.
AWSTemplateFormatVersion: "2010-09-09"
Description: Aurora Restore Pipeline - its alarms, saved queries and dashboard. Nested in aurora-restore-pipeline.yaml.
"""
PARAMETERS = {
    "StateMachineArn": "${StateMachine}",
    "CleanupStateMachineArn": "${CleanupStateMachine}",
    "SweepFunctionName": "${SweepFunction}",
    "StateMachineLogGroupName": "${StateMachineLogs}",
    "CleanupLogGroupName": "${CleanupStateMachineLogs}",
    "NotificationTopicArn": "${NotificationTopic}",
    "TargetClusterPrefix": "${TargetClusterPrefix}",
    "ExpectedRestoreHours": "${ExpectedRestoreHours}",
}
# Step Functions logs one of these for each call that a function did not answer.
FAILED_TASKS = ("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed")
ERROR_PATTERN = "{ " + " || ".join(f'$.type = "{kind}"' for kind in FAILED_TASKS) + " }"
# The error that Lambda answers Step Functions with.
THROTTLE_PATTERN = '{ $.type = "TaskFailed" && $.details.error = "Lambda.TooManyRequestsException" }'


def monitoring_template() -> str:
    body = {
        "Parameters": {name: {"Type": "String"} for name in PARAMETERS},
        "Conditions": {
            "ExpectsRestores": Short("Not", [Short("Equals", [Short("Ref", "ExpectedRestoreHours"), "0"])]),
        },
        "Mappings": {
            "Console": Commented("Each partition has a console of its own.", {
                "aws": {"Domain": "console.aws.amazon.com"},
                "aws-us-gov": {"Domain": "console.amazonaws-us-gov.com"},
                "aws-cn": {"Domain": "console.amazonaws.cn"},
            }),
        },
        "Resources": {
            **{alarm.logical_id: alarm.resource() for alarm in ALARMS},
            "StepErrorsFilter": Commented(
                "The log of a state machine has the errors of all functions that it calls.",
                _step_filter("StateMachineLogGroupName", ERROR_PATTERN, FUNCTION_ERRORS),
            ),
            "StepThrottlesFilter": _step_filter(
                "StateMachineLogGroupName", THROTTLE_PATTERN, FUNCTION_THROTTLES
            ),
            "CleanupErrorsFilter": _step_filter("CleanupLogGroupName", ERROR_PATTERN, FUNCTION_ERRORS),
            "CleanupThrottlesFilter": _step_filter(
                "CleanupLogGroupName", THROTTLE_PATTERN, FUNCTION_THROTTLES
            ),
            **query_resources(),
        },
    }  # fmt: skip
    sections = "".join(f"\n{name}:\n{yaml_block(section, 1)}\n" for name, section in body.items())
    # The last of the resources. JSON in a text block, one widget a line, so that a difference can be read.
    lines = ",\n".join(f"    {json.dumps(widget, separators=(',', ':'))}" for widget in widgets())
    dashboard = (
        " Dashboard:\n  Type: AWS::CloudWatch::Dashboard\n  Properties:\n"
        "   DashboardName: AuroraRestorePipelineDashboard\n   DashboardBody: !Sub |-\n"
        f'    {{"start":"{SHOWS}","widgets":[\n{lines}\n    ]}}\n'
    )
    url = (
        "https://${AWS::Region}.${Domain}/cloudwatch/home?region=${AWS::Region}#dashboards:name=${Dashboard}"
    )
    domain = Short("FindInMap", ["Console", Short("Ref", "AWS::Partition"), "Domain"])
    outputs = {"DashboardUrl": {"Value": Short("Sub", [url, {"Domain": domain}])}}
    return f"{HEAD}{sections}{dashboard}\nOutputs:\n{yaml_block(outputs, 1)}\n"


def _step_filter(log_group: str, pattern: str, metric: str) -> dict[str, Any]:
    # A metric of our own over all functions: one alarm a function would be many, and each of them costs.
    counted = {
        "MetricNamespace": METRIC_NAMESPACE,
        "MetricName": metric,
        "MetricValue": "1",
        "DefaultValue": 0,
    }
    properties = {
        "LogGroupName": Short("Ref", log_group),
        "FilterPattern": pattern,
        "MetricTransformations": [counted],
    }
    return {"Type": "AWS::Logs::MetricFilter", "Properties": properties}
