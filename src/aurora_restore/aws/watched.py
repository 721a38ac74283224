"""What watches and starts the pipeline, for the command line: subscriptions, alarms, rules, schedules, runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import Translating
from aurora_restore.domain.checks.surroundings import Subscription
from aurora_restore.domain.checks.watching import AlarmSeen, RuleSeen, RunsSeen, ScheduleSeen

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

# SNS lists a subscription that is not confirmed with `PendingConfirmation` in place of its ARN, and answers Subscribe
# with "pending confirmation" (Amazon SNS API Reference, Subscribe); one that was deleted is listed for a while as
# `Deleted`. Only an ARN is that of a confirmed one.
DELETED = "Deleted"
RUNS_PERIOD_SECONDS = 300


class AwsWatched:
    """Observations of the stack's own Region.

    Raises, in every method: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def subscriptions(self, topic_arn: str) -> Sequence[Subscription] | None:
        """Those of a topic, every page; None where there is no such topic."""
        pages = self._clients.sns().get_paginator("list_subscriptions_by_topic")
        with Translating("sns", ignoring={"NotFound", "NotFoundException"}):
            return tuple(
                Subscription(
                    item.get("Protocol", ""),
                    item.get("Endpoint", ""),
                    item["SubscriptionArn"].startswith("arn:"),
                )
                for page in pages.paginate(TopicArn=topic_arn)
                for item in page["Subscriptions"]
                if item["SubscriptionArn"] != DELETED
            )
        return None

    def alarms(self, prefix: str) -> Sequence[AlarmSeen]:
        """Alarms of metrics and of other alarms whose names begin so, every page, by name."""
        pages = self._clients.cloudwatch().get_paginator("describe_alarms")
        with Translating("cloudwatch"):
            found = [
                AlarmSeen(
                    item.get("AlarmName", ""),
                    item.get("StateValue", ""),
                    item.get("ActionsEnabled", False),
                    item.get("AlarmDescription", ""),
                )
                for page in pages.paginate(
                    AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
                )
                for item in (*page["MetricAlarms"], *page["CompositeAlarms"])
            ]
        return sorted(found, key=lambda alarm: alarm.name)

    def rule(self, name: str) -> RuleSeen | None:
        """A rule of the default bus; None where there is none."""
        events = self._clients.events()
        with Translating("events", ignoring={"ResourceNotFoundException"}):
            rule = events.describe_rule(Name=name)
            # A rule has five targets at most, which are one page.
            targets = events.list_targets_by_rule(Rule=name)["Targets"]
            return RuleSeen(name, rule.get("State", "") != "DISABLED", len(targets))
        return None

    def runs(self, function_name: str, since: datetime, until: datetime) -> RunsSeen:
        """How often a function was called, and ended with an error."""
        return RunsSeen(
            self._sum(function_name, "Invocations", since, until),
            self._sum(function_name, "Errors", since, until),
        )

    def schedules(self, group: str) -> Sequence[ScheduleSeen]:
        """Schedules of a group of EventBridge Scheduler, every page; none where there is no such group."""
        paginator = self._clients.scheduler().get_paginator("list_schedules")
        with Translating("scheduler", ignoring={"ResourceNotFoundException"}):
            pages = list(paginator.paginate(GroupName=group))
            return [
                ScheduleSeen(item["Name"], item.get("State", ""))
                for page in pages
                for item in page["Schedules"]
            ]
        return []

    def _sum(self, function_name: str, metric: str, since: datetime, until: datetime) -> int:
        with Translating("cloudwatch"):
            points = self._clients.cloudwatch().get_metric_statistics(
                Namespace="AWS/Lambda",
                MetricName=metric,
                Dimensions=[{"Name": "FunctionName", "Value": function_name}],
                StartTime=since,
                EndTime=until,
                Period=RUNS_PERIOD_SECONDS,
                Statistics=["Sum"],
            )["Datapoints"]
        return int(sum(point.get("Sum", 0) for point in points))
