"""What watches and starts the pipeline, through the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.watched import AwsWatched
from aurora_restore.domain.checks.watching import RuleSeen, RunsSeen
from aurora_restore.domain.errors import AccessDenied

ALARM: dict[str, Any] = {
    "Namespace": "Tests",
    "MetricName": "Failed",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def watched(aws: InProcessAws) -> AwsWatched:
    return AwsWatched(aws.clients())


def test_a_topic_that_does_not_exist_is_an_answer(aws: InProcessAws, watched: AwsWatched) -> None:
    assert watched.subscriptions(aws.create_topic()) == ()
    assert watched.subscriptions(f"arn:aws:sns:us-west-2:{aws.account_id}:none") is None


def test_a_subscription_counts_once_its_receiver_has_agreed(
    aws: InProcessAws, watched: AwsWatched, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = aws.create_topic()
    queue = f"arn:aws:sqs:us-west-2:{aws.account_id}:inbox"
    aws.session().client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    [seen] = watched.subscriptions(topic) or ()
    assert (seen.protocol, seen.endpoint, seen.is_confirmed) == ("sqs", queue, True)
    client = aws.clients().sns()
    # As SNS lists one that waits, and one that was deleted a moment ago.
    waiting = {"Protocol": "email", "Endpoint": "night@example.com", "SubscriptionArn": "PendingConfirmation"}
    deleted = {"Protocol": "email", "Endpoint": "gone@example.com", "SubscriptionArn": "Deleted"}
    monkeypatch.setattr(
        client, "get_paginator", lambda _: Pages([{"Subscriptions": [waiting]}, {"Subscriptions": [deleted]}])
    )
    [seen] = watched.subscriptions(topic) or ()
    assert (seen.endpoint, seen.is_confirmed) == ("night@example.com", False)


class Pages:
    """A paginator with these pages."""

    def __init__(self, pages: list[Any]) -> None:
        self._pages = pages

    def paginate(self, **_: Any) -> list[Any]:
        return self._pages


def test_alarms_of_a_prefix_are_seen_with_their_states(aws: InProcessAws, watched: AwsWatched) -> None:
    cloudwatch = aws.session().client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="aurora-restore-b", AlarmDescription="Look at it.", **ALARM)
    cloudwatch.put_metric_alarm(AlarmName="aurora-restore-a", ActionsEnabled=False, **ALARM)
    cloudwatch.put_metric_alarm(AlarmName="another", **ALARM)
    cloudwatch.set_alarm_state(AlarmName="aurora-restore-b", StateValue="ALARM", StateReason="a test")
    first, second = watched.alarms("aurora-restore-")
    assert (first.name, first.has_actions_enabled) == ("aurora-restore-a", False)
    assert (second.name, second.state, second.description) == ("aurora-restore-b", "ALARM", "Look at it.")


def test_a_rule_is_seen_with_its_state_and_its_targets(aws: InProcessAws, watched: AwsWatched) -> None:
    events = aws.session().client("events")
    assert watched.rule("sweep") is None
    events.put_rule(Name="sweep", ScheduleExpression="rate(5 minutes)")
    function = f"arn:aws:lambda:us-west-2:{aws.account_id}:function:sweep"
    events.put_targets(Rule="sweep", Targets=[{"Id": "1", "Arn": function}])
    assert watched.rule("sweep") == RuleSeen("sweep", True, 1)
    events.disable_rule(Name="sweep")
    assert watched.rule("sweep") == RuleSeen("sweep", False, 1)


def test_the_runs_of_a_function_are_those_of_the_time_asked_for(
    aws: InProcessAws, watched: AwsWatched, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    assert watched.runs("sweep", now - timedelta(minutes=20), now) == RunsSeen(0, 0)
    asked: list[dict[str, Any]] = []

    def answer(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        return {
            "Datapoints": [{"Sum": 2.0}, {"Sum": 1.0}] if parameters["MetricName"] == "Invocations" else []
        }

    # ministack takes no metric of AWS's own namespaces from outside.
    monkeypatch.setattr(aws.clients().cloudwatch(), "get_metric_statistics", answer)
    assert watched.runs("sweep", now - timedelta(minutes=20), now) == RunsSeen(3, 0)
    assert {each["MetricName"] for each in asked} == {"Invocations", "Errors"}
    assert all(each["EndTime"] - each["StartTime"] == timedelta(minutes=20) for each in asked)


def test_schedules_of_a_group_are_seen_with_their_states(aws: InProcessAws, watched: AwsWatched) -> None:
    scheduler = aws.session().client("scheduler")
    assert watched.schedules("restores") == []
    scheduler.create_schedule_group(Name="restores")
    for name, state, group in (
        ("a", "ENABLED", "restores"),
        ("b", "DISABLED", "restores"),
        ("x", "DISABLED", "default"),
    ):
        scheduler.create_schedule(
            Name=name,
            GroupName=group,
            State=state,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": f"arn:aws:states:us-west-2:{aws.account_id}:stateMachine:x",
                "RoleArn": f"arn:aws:iam::{aws.account_id}:role/x",
            },
        )
    seen = watched.schedules("restores")
    assert [(each.name, each.state) for each in seen] == [("a", "ENABLED"), ("b", "DISABLED")]


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("ListSchedules", "scheduler:ListSchedules"),
        ("DescribeRule", "events:DescribeRule"),
    ],
)
def test_a_refusal_names_the_permission(
    aws: InProcessAws, watched: AwsWatched, operation: str, action: str
) -> None:
    aws.before(is_operation(operation), FaultKind.DENIED)
    look = {
        "DescribeAlarms": watched.alarms,
        "ListSchedules": watched.schedules,
        "DescribeRule": watched.rule,
    }
    with pytest.raises(AccessDenied) as denied:
        look[operation]("x")
    assert denied.value.action == action
