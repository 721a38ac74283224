"""The queries that CloudWatch Logs Insights keeps for operators: the names of the first three are fixed."""

from __future__ import annotations

from typing import Any

from aurora_restore.deployment.functions import FUNCTIONS

# Where an operator writes the operation that is meant.
SOME_OPERATION = "restore-YYYYMMDD-HHMMSS"
PHASES = """\
filter ispresent(PhaseMinutes)
| stats count(*) as runs, latest(PhaseMinutes) as last, avg(PhaseMinutes) as usual,
    pct(PhaseMinutes, 90) as slow, max(PhaseMinutes) as slowest by Phase
| sort slowest desc"""
LAST_RESTORES = """\
filter ispresent(RtoMinutes)
| sort @timestamp desc
| limit 30
| display @timestamp, operation_id, target_cluster_id, RtoMinutes, RestoreMinutes"""

QUERIES = {
    "Errors by Lambda Function": """\
filter level = "ERROR"
| stats count(*) as errorCount by function_name
| sort errorCount desc""",
    "Operation Duration Analysis": """\
filter message like "Operation completed"
| parse message "in * seconds" as duration
| stats avg(duration), max(duration), min(duration) by function_name""",
    "Track Specific Operation": f"""\
filter operation_id = "{SOME_OPERATION}"
| sort @timestamp asc
| display @timestamp, level, function_name, message""",
    "Slowest Phases": PHASES,
    # Also what a sweep, or another operation, says of it.
    "Everything About One Operation": f"""\
filter @message like "{SOME_OPERATION}"
| sort @timestamp asc
| display @timestamp, level, function_name, operation_id, message, status, error_code, hint, progress_percent""",
}
# In the console a slash makes a folder.
FOLDER = "aurora-restore/"
# The functions that close operations, and write how long each took.
MEASURING = ("notify", "record-failure", "cleanup")


def log_group(function_name: str) -> str:
    return f"/aws/lambda/aurora-restore-{function_name}"


def query_resources() -> dict[str, Any]:
    """By their logical ids. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-logs-querydefinition.html"""
    groups = [log_group(function.name) for function in FUNCTIONS]
    return {
        f"{name.title().replace(' ', '')}Query": {
            "Type": "AWS::Logs::QueryDefinition",
            "Properties": {"Name": FOLDER + name, "LogGroupNames": groups, "QueryString": query},
        }
        for name, query in QUERIES.items()
    }
