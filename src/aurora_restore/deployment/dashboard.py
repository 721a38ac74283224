"""The dashboard: one line a widget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aurora_restore.deployment.alarms import NEARLY_MET_PERCENT
from aurora_restore.deployment.functions import BY_NAME
from aurora_restore.deployment.log_queries import LAST_RESTORES, MEASURING, PHASES, log_group
from aurora_restore.domain.naming import METRIC_NAMESPACE

WIDE, HALF, THIRD = 24, 12, 8
A_DAY, FIVE_MINUTES = 86400, 300
# What the tables look back on; the periods of the graphs follow the range that is looked at.
SHOWS = "-P30D"
# Snapshot copies in progress to one Region, also those that others began (AuroraUserGuide, "Quotas and constraints").
MOST_COPIES = 5


def widgets() -> Iterator[dict[str, Any]]:
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
    yield _table("Error Count by Type", THIRD, [BY_NAME["record-failure"].name],
                 "filter ispresent(error)\n| stats count(*) as failures by error\n| sort failures desc")  # fmt: skip
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
    yield from _own_widgets()


def _own_widgets() -> Iterator[dict[str, Any]]:
    """Of what the pipeline measures of itself."""
    yield _heading("Operations and Their Phases")
    yield _metrics("Operations Running and the Age of the Oldest (minutes)", THIRD, [
        _own("OperationsRunning", label="Running"),
        _own("OperationsBeyondLimit", label="Beyond the limit of their phase"),
        _own("OldestOperationMinutes", label="Age of the oldest", yAxis="right"),
    ], "Maximum", FIVE_MINUTES)  # fmt: skip
    yield _metrics("Copies in Flight", THIRD, [_own("CopiesInFlight", label="Copies")], "Maximum", FIVE_MINUTES,
                   yAxis={"left": {"min": 0}}, annotations=_line("AWS allows no more", MOST_COPIES))  # fmt: skip
    yield _metrics(
        "Oldest Lock (minutes)", THIRD, [_own("OldestLockMinutes", label="Held for")], "Maximum", FIVE_MINUTES
    )
    phases = f'{{{METRIC_NAMESPACE},Phase}} MetricName="PhaseMinutes"'
    yield _widget("metric", HALF, "Time by Phase (minutes)", {
        "metrics": [[{"expression": f"SEARCH('{phases}', 'Average', {A_DAY})"}]],
    })  # fmt: skip
    yield _table("Time by Phase Against Its Usual (minutes)", HALF, MEASURING, PHASES)
    yield _table("RTO of the Last Thirty Restores (minutes)", HALF, MEASURING, LAST_RESTORES)
    yield _metrics("Fullest Quota of RDS (%)", HALF, [_own("QuotaUsedPercent", label="Used")], "Maximum", FIVE_MINUTES,
                   yAxis={"left": {"min": 0, "max": 100}}, annotations=_line("Alarm", NEARLY_MET_PERCENT))  # fmt: skip


def _heading(title: str) -> dict[str, Any]:
    return {"type": "text", "width": WIDE, "height": 1, "properties": {"markdown": f"## {title}"}}


def _widget(kind: str, width: int, title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "width": width,
        "properties": {"title": title, "region": "${AWS::Region}", **properties},
    }


def _table(title: str, width: int, functions: Any, query: str) -> dict[str, Any]:
    """What a query finds in the logs of some functions."""
    sources = " | ".join(f"SOURCE '{log_group(name)}'" for name in functions)
    return _widget("log", width, title, {"view": "table", "query": f"{sources} | {query}"})


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


def _own(metric: str, **options: Any) -> list[Any]:
    """A metric of the pipeline's own that has no dimension."""
    return [METRIC_NAMESPACE, metric, options]


def _line(label: str, value: float) -> dict[str, Any]:
    return {"horizontal": [{"label": label, "value": value}]}


def _search(
    title: str, service: str, dimension: str, metric: str, begins: str, statistic: str
) -> dict[str, Any]:
    """A metric of everything whose name begins so."""
    terms = f'{{AWS/{service},{dimension}}} MetricName="{metric}" {dimension}={begins}'
    return _widget(
        "metric", THIRD, title, {"metrics": [[{"expression": f"SEARCH('{terms}', '{statistic}')"}]]}
    )
