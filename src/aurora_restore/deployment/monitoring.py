"""The nested template of the alarms, the metric filter and the dashboard; an alarm is one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aurora_restore.deployment.functions import BY_NAME, PREFIX
from aurora_restore.deployment.rendering import Commented, Short, yaml_block

HEAD = """\
# Written by `make build` from src/aurora_restore/deployment/monitoring.py: change it there.
AWSTemplateFormatVersion: "2010-09-09"
Description: Aurora Restore Pipeline - its alarms and its dashboard. Nested in aurora-restore-pipeline.yaml.
"""
PARAMETERS = {
    "StateMachineArn": "${StateMachine}",
    "CleanupStateMachineArn": "${CleanupStateMachine}",
    "SweepFunctionName": "${SweepFunction}",
    "StateMachineLogGroupName": "${StateMachineLogs}",
    "NotificationTopicArn": "${NotificationTopic}",
    "TargetClusterPrefix": "${TargetClusterPrefix}",
}
OWN_METRICS = "AuroraRestore"
FUNCTION_ERRORS = "LambdaErrors"
# Step Functions logs one of these for each call that a function did not answer.
FAILED_TASKS = ("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed")


@dataclass(frozen=True)
class Alarm:
    """An alarm on the first event in five minutes. `dimension` and `about`: the metric is that of one thing."""

    logical_id: str
    name: str
    description: str
    namespace: str
    metric: str
    dimension: str = ""
    about: str = ""


ALARMS = (
    Alarm("FailedAlarm", "executions-failed",
          "A restore failed. Its record in AuroraRestoreState says why and what to do.",
          "AWS/States", "ExecutionsFailed", "StateMachineArn", "StateMachineArn"),
    Alarm("TimedOutAlarm", "executions-timed-out", "A restore reached the time limit of the state machine.",
          "AWS/States", "ExecutionsTimedOut", "StateMachineArn", "StateMachineArn"),
    Alarm("CleanupFailedAlarm", "cleanup-failed",
          "A cleanup gave up; the sweep tries again. The record in AuroraRestoreState says how far it came.",
          "AWS/States", "ExecutionsFailed", "StateMachineArn", "CleanupStateMachineArn"),
    Alarm("CleanupTimedOutAlarm", "cleanup-timed-out", "A cleanup reached its time limit; the sweep tries again.",
          "AWS/States", "ExecutionsTimedOut", "StateMachineArn", "CleanupStateMachineArn"),
    Alarm("SweepFailedAlarm", "sweep-failed",
          "The sweep ended with an error. Until it works again lost events are not found.",
          "AWS/Lambda", "Errors", "FunctionName", "SweepFunctionName"),
    Alarm("LambdaErrorsAlarm", "lambda-errors",
          "A function of the pipeline ended with an error; it may have been repeated with success. The dashboard shows "
          "which function.", OWN_METRICS, FUNCTION_ERRORS),
)  # fmt: skip

WIDE, HALF, THIRD = 24, 12, 8
A_DAY, FIVE_MINUTES = 86400, 300


def monitoring_template() -> str:
    body = {
        "Parameters": {name: {"Type": "String"} for name in PARAMETERS},
        "Mappings": {
            "Console": Commented("Each partition has a console of its own.", {
                "aws": {"Domain": "console.aws.amazon.com"},
                "aws-us-gov": {"Domain": "console.amazonaws-us-gov.com"},
                "aws-cn": {"Domain": "console.amazonaws.cn"},
            }),
        },
        "Resources": {
            **{alarm.logical_id: _alarm(alarm) for alarm in ALARMS},
            "StepErrorsFilter": Commented(
                "The log of the state machine has the errors of all functions that it calls.", _step_errors()
            ),
        },
    }  # fmt: skip
    sections = "".join(f"\n{name}:\n{yaml_block(section, 1)}\n" for name, section in body.items())
    # The last of the resources. JSON in a text block, one widget a line, so that a difference can be read.
    widgets = ",\n".join(f"    {json.dumps(widget, separators=(',', ':'))}" for widget in _widgets())
    dashboard = (
        " Dashboard:\n  Type: AWS::CloudWatch::Dashboard\n  Properties:\n"
        "   DashboardName: AuroraRestorePipelineDashboard\n   DashboardBody: !Sub |-\n"
        f'    {{"widgets":[\n{widgets}\n    ]}}\n'
    )
    url = (
        "https://${AWS::Region}.${Domain}/cloudwatch/home?region=${AWS::Region}#dashboards:name=${Dashboard}"
    )
    domain = Short("FindInMap", ["Console", Short("Ref", "AWS::Partition"), "Domain"])
    outputs = {"DashboardUrl": {"Value": Short("Sub", [url, {"Domain": domain}])}}
    return f"{HEAD}{sections}{dashboard}\nOutputs:\n{yaml_block(outputs, 1)}\n"


def _alarm(alarm: Alarm) -> dict[str, Any]:
    dimensions = [{"Name": alarm.dimension, "Value": Short("Ref", alarm.about)}]
    properties = {
        "AlarmName": PREFIX + alarm.name,
        "AlarmDescription": alarm.description,
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric,
        **({"Dimensions": dimensions} if alarm.dimension else {}),
        "Statistic": "Sum",
        "Period": FIVE_MINUTES,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        # Step Functions and Lambda send no data while nothing runs.
        "TreatMissingData": "notBreaching",
        "AlarmActions": [Short("Ref", "NotificationTopicArn")],
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def _step_errors() -> dict[str, Any]:
    # A metric of our own over all functions: one alarm a function would be many, and each of them costs.
    pattern = " || ".join(f'$.type = "{kind}"' for kind in FAILED_TASKS)
    counted = {
        "MetricNamespace": OWN_METRICS,
        "MetricName": FUNCTION_ERRORS,
        "MetricValue": "1",
        "DefaultValue": 0,
    }
    properties = {
        "LogGroupName": Short("Ref", "StateMachineLogGroupName"),
        "FilterPattern": f"{{ {pattern} }}",
        "MetricTransformations": [counted],
    }
    return {"Type": "AWS::Logs::MetricFilter", "Properties": properties}


def _widgets() -> Iterator[dict[str, Any]]:
    yield _heading("Pipeline Execution Status")
    # A day without any executions of one outcome has no data for it, which FILL counts as zero.
    yield _metrics("Success Rate (%)", THIRD, [
        [{"expression": "100*FILL(s,0)/(FILL(s,0)+FILL(f,0)+FILL(t,0)+FILL(a,0))", "label": "Success rate", "id": "r"}],
        _machine("ExecutionsSucceeded", id="s", visible=False),
        _same_machine("ExecutionsFailed", id="f", visible=False),
        _same_machine("ExecutionsTimedOut", id="t", visible=False),
        _same_machine("ExecutionsAborted", id="a", visible=False),
    ], "Sum", A_DAY, yAxis={"left": {"min": 0, "max": 100}})  # fmt: skip
    yield _metrics("Average Duration (minutes)", THIRD, [
        [{"expression": "d/60000", "label": "Average duration", "id": "m"}],
        _machine("ExecutionTime", id="d", visible=False),
    ], "Average", A_DAY)  # fmt: skip
    # Each failure is logged once there, with its code.
    log = f"/aws/lambda/{BY_NAME['record-failure'].full_name}"
    yield _widget("log", THIRD, "Error Count by Type", {
        "view": "table",
        "query": f"SOURCE '{log}' | filter ispresent(error)\n| stats count(*) as failures by error\n"
                 "| sort failures desc",
    })  # fmt: skip
    yield _heading("Lambda Function Metrics")
    yield _search("Duration by Function", "Lambda", "FunctionName", "Duration", "aurora-restore", "Average")
    yield _search("Error Count by Function", "Lambda", "FunctionName", "Errors", "aurora-restore", "Sum")
    yield _search("Throttles by Function", "Lambda", "FunctionName", "Throttles", "aurora-restore", "Sum")
    yield _heading("Step Functions Metrics")
    yield _metrics("Execution Timeline", HALF, [
        _machine("ExecutionTime", stat="Maximum", label="Longest"),
        _same_machine("ExecutionTime", stat="Average", label="Average"),
    ], "Sum", FIVE_MINUTES)  # fmt: skip
    yield _metrics("Execution Status Count", HALF, [
        _machine("ExecutionsStarted"),
        *map(_same_machine, ("ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")),
        ["AWS/States", "ExecutionsStarted", "StateMachineArn", "${CleanupStateMachineArn}",
         {"label": "Cleanups started"}],
        _same_machine("ExecutionsFailed", label="Cleanups failed"),
    ], "Sum", FIVE_MINUTES)  # fmt: skip
    yield _heading("RDS Metrics")
    for title, metric, statistic in (
        ("CPU Utilization", "CPUUtilization", "Average"),
        ("Free Memory", "FreeableMemory", "Minimum"),
        ("Database Connections", "DatabaseConnections", "Maximum"),
    ):
        yield _search(title, "RDS", "DBClusterIdentifier", metric, "${TargetClusterPrefix}", statistic)


def _heading(title: str) -> dict[str, Any]:
    return {"type": "text", "width": WIDE, "height": 1, "properties": {"markdown": f"## {title}"}}


def _widget(kind: str, width: int, title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "width": width,
        "properties": {"title": title, "region": "${AWS::Region}", **properties},
    }


def _metrics(
    title: str, width: int, metrics: list[Any], stat: str, period: int, **more: Any
) -> dict[str, Any]:
    return _widget("metric", width, title, {"stat": stat, "period": period, "metrics": metrics, **more})


def _machine(metric: str, **options: Any) -> list[Any]:
    """A metric of the state machine of the restores."""
    return ["AWS/States", metric, "StateMachineArn", "${StateMachineArn}", *([options] if options else [])]


def _same_machine(metric: str, **options: Any) -> list[Any]:
    """Another metric of the state machine of the line before."""
    return [".", metric, ".", ".", *([options] if options else [])]


def _search(
    title: str, service: str, dimension: str, metric: str, begins: str, statistic: str
) -> dict[str, Any]:
    """A metric of everything whose name begins so."""
    terms = f'{{AWS/{service},{dimension}}} MetricName="{metric}" {dimension}={begins}'
    return _widget(
        "metric", THIRD, title, {"metrics": [[{"expression": f"SEARCH('{terms}', '{statistic}')"}]]}
    )
