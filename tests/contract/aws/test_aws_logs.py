"""The logs of all functions through the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes.logs import FakeLogs
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.logs import GROUP_PREFIX, AwsLogs
from aurora_restore.cli.pipeline import Logs
from aurora_restore.domain.errors import AccessDenied, AwsThrottled
from aurora_restore.domain.log_entries import read_log_entry

NOW = datetime.now(UTC).replace(microsecond=0)
"""CloudWatch Logs refuses events that are too old or too new."""
BEGIN, END = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def logs(aws: InProcessAws) -> AwsLogs:
    return AwsLogs(aws.clients())


def write(
    aws: InProcessAws, function: str, lines: Sequence[tuple[float, Any]], prefix: str = GROUP_PREFIX
) -> None:
    """Lines of a function, each at so many seconds after NOW."""
    client = aws.session().client("logs")
    client.create_log_group(logGroupName=f"{prefix}{function}")
    client.create_log_stream(logGroupName=f"{prefix}{function}", logStreamName="stream")
    client.put_log_events(
        logGroupName=f"{prefix}{function}",
        logStreamName="stream",
        logEvents=[
            {
                "timestamp": int((NOW + timedelta(seconds=seconds)).timestamp() * 1000),
                "message": json.dumps(line),
            }
            for seconds, line in lines
        ],
    )


Lines = Sequence[tuple[float, Any]]
Written = Callable[[Mapping[str, Lines]], Logs]


@pytest.fixture(params=["adapter", "fake"])
def written(request: pytest.FixtureRequest, aws: InProcessAws) -> Written:
    """The logs, once functions have written into them."""

    def of(lines_of: Mapping[str, Lines]) -> Logs:
        if request.param == "adapter":
            for function, lines in lines_of.items():
                write(aws, function, lines)
            return AwsLogs(aws.clients())
        return FakeLogs(
            [
                read_log_entry(
                    NOW + timedelta(seconds=seconds), f"aurora-restore-{function}", json.dumps(line)
                )
                for function, lines in lines_of.items()
                for seconds, line in lines
            ]
        )

    return of


def own(operation_id: str, message: str, request_id: str = "r-1") -> dict[str, Any]:
    return {
        "level": "INFO",
        "message": message,
        "operation_id": operation_id,
        "function_request_id": request_id,
    }


def report(status: str, request_id: str = "r-1") -> dict[str, Any]:
    return {"type": "platform.report", "record": {"requestId": request_id, "status": status}}


def test_the_lines_of_all_functions_come_in_the_order_of_their_times(written: Written) -> None:
    logs = written(
        {
            "copy-snapshot": [(1, own("restore-1", "second")), (3, own("restore-1", "fourth"))],
            "notify": [(0, own("restore-1", "first")), (2, own("restore-1", "third"))],
        }
    )
    found = logs.of_operation("restore-1", BEGIN, END)
    assert [entry.message for entry in found] == ["first", "second", "third", "fourth"]
    assert [entry.function for entry in found][:2] == [
        "aurora-restore-notify",
        "aurora-restore-copy-snapshot",
    ]
    assert found[0].time == NOW


def test_other_operations_are_left_out(written: Written) -> None:
    logs = written({"notify": [(0, own("restore-1", "own")), (1, own("restore-12", "other"))]})
    assert [entry.message for entry in logs.of_operation("restore-1", BEGIN, END)] == ["own"]


def test_other_groups_are_left_out(aws: InProcessAws, logs: AwsLogs) -> None:
    write(aws, "notify", [(0, own("restore-1", "own"))])
    write(aws, "else", [(0, own("restore-1", "of another program"))], prefix="/aws/lambda/other-")
    assert [entry.message for entry in logs.of_operation("restore-1", BEGIN, END)] == ["own"]


def test_a_function_that_ran_out_of_time_is_recognized_by_lambdas_report(written: Written) -> None:
    lines = [(0, own("restore-1", "begun")), (9, report("timeout")), (10, report("success", "r-2"))]
    found = written({"copy-snapshot": lines}).of_operation("restore-1", BEGIN, END)
    assert [entry.level for entry in found] == ["INFO", "ERROR"]


def test_what_is_outside_of_the_time_range_is_left_out(written: Written) -> None:
    logs = written({"notify": [(-7200, own("restore-1", "too early")), (0, own("restore-1", "in time"))]})
    assert [entry.message for entry in logs.of_operation("restore-1", BEGIN, END)] == ["in time"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (FaultKind.THROTTLED, AwsThrottled),
        (Refusal("AccessDeniedException", "not authorized to perform: logs:FilterLogEvents"), AccessDenied),
    ],
)
def test_a_refusal_is_reported_as_what_it_is(
    aws: InProcessAws, logs: AwsLogs, fault: Refusal, expected: type[Exception]
) -> None:
    write(aws, "notify", [(0, own("restore-1", "own"))])
    aws.before(is_operation("FilterLogEvents"), fault, times=9)
    with pytest.raises(expected):
        logs.of_operation("restore-1", BEGIN, END)
