"""The alarms, one row each: what has happened, what to do about it, and what it is seen by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aurora_restore.deployment.functions import PREFIX
from aurora_restore.deployment.rendering import Commented, Short
from aurora_restore.domain.naming import METRIC_NAMESPACE, SCHEDULE_GROUP, SCHEDULED_START_FUNCTION

FUNCTION_ERRORS, FUNCTION_THROTTLES = "LambdaErrors", "LambdaThrottles"
FIVE_MINUTES = 300
NEARLY_MET_PERCENT = 90
AT_LEAST, BELOW = "GreaterThanOrEqualToThreshold", "LessThanThreshold"

# What it means that a metric has no value, by the word that CloudWatch has for how it is taken.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
QUIET, SILENT, UNKNOWN = "notBreaching", "breaching", "ignore"
WHY = {
    QUIET: "A value is sent only where something happens: none means that nothing did.",
    SILENT: "Each sweep sends a value: none means that there was no sweep.",
    UNKNOWN: "Each sweep sends a value: without one nothing is known, and sweep-missing says so.",
}


@dataclass(frozen=True)
class Alarm:
    """An alarm; in the usual case on the first event in five minutes.

    Attributes:
        happened, action: its description: what is the case, and one sentence that says what to do.
        dimension, about: the metric is that of one thing: a parameter of the template, or the name itself.
        threshold: a number, or the parameter that has it.
        periods: of five minutes; all of them have to be over the threshold.
        condition: of the template, under which there is such an alarm.
    """

    logical_id: str
    name: str
    happened: str
    action: str
    namespace: str
    metric: str
    dimension: str = ""
    about: str | Short = ""
    statistic: str = "Sum"
    comparison: str = AT_LEAST
    threshold: float | Short = 1
    periods: int = 1
    missing: str = QUIET
    condition: str = ""

    @property
    def full_name(self) -> str:
        return PREFIX + self.name

    def resource(self) -> dict[str, Any]:
        properties = {
            "AlarmName": self.full_name,
            "AlarmDescription": f"{self.happened} {self.action}",
            "Namespace": self.namespace,
            "MetricName": self.metric,
            **({"Dimensions": [{"Name": self.dimension, "Value": self.about}]} if self.dimension else {}),
            "Statistic": self.statistic,
            "Period": FIVE_MINUTES,
            "EvaluationPeriods": self.periods,
            "Threshold": self.threshold,
            "ComparisonOperator": self.comparison,
            "TreatMissingData": Commented(WHY[self.missing], self.missing),
            "AlarmActions": [Short("Ref", "NotificationTopicArn")],
        }
        condition = {"Condition": self.condition} if self.condition else {}
        return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


_RESTORES, _CLEANUPS = Short("Ref", "StateMachineArn"), Short("Ref", "CleanupStateMachineArn")

ALARMS = (
    Alarm("FailedAlarm", "executions-failed",
          "A restore failed.",
          "Read why, and what to do, in its record: `aurora-restore list` names it, `aurora-restore status` shows it.",
          "AWS/States", "ExecutionsFailed", "StateMachineArn", _RESTORES),
    Alarm("TimedOutAlarm", "executions-timed-out",
          "A restore reached the time limit of the state machine.",
          "See with `aurora-restore status` what it was waiting for, and start it again once that is over.",
          "AWS/States", "ExecutionsTimedOut", "StateMachineArn", _RESTORES),
    Alarm("CleanupFailedAlarm", "cleanup-failed",
          "A cleanup gave up; the sweep tries again.",
          "Look with `aurora-restore check` which operation it is, why its cleanup cannot go on, and what to do.",
          "AWS/States", "ExecutionsFailed", "StateMachineArn", _CLEANUPS),
    Alarm("CleanupTimedOutAlarm", "cleanup-timed-out",
          "A cleanup reached its time limit; the sweep tries again.",
          "See with `aurora-restore status` what it was waiting for, and take away what holds that up.",
          "AWS/States", "ExecutionsTimedOut", "StateMachineArn", _CLEANUPS),
    Alarm("SweepFailedAlarm", "sweep-failed",
          "The sweep ended with an error; until it works again lost events are not found.",
          "Read in the log /aws/lambda/aurora-restore-sweep what it could not do, and correct that.",
          "AWS/Lambda", "Errors", "FunctionName", Short("Ref", "SweepFunctionName")),
    Alarm("SweepMissingAlarm", "sweep-missing",
          "No sweep came to its end in the last quarter of an hour.",
          "Enable the rule aurora-restore-sweep, or see in the log of aurora-restore-sweep what keeps it from its end.",
          METRIC_NAMESPACE, "OperationsRunning",
          statistic="SampleCount", comparison=BELOW, periods=3, missing=SILENT),
    Alarm("LambdaErrorsAlarm", "lambda-errors",
          "A function of the pipeline ended with an error; it may have been repeated with success.",
          "Look at the dashboard for the function, and in its log for the error.",
          METRIC_NAMESPACE, FUNCTION_ERRORS),
    Alarm("LambdaThrottlesAlarm", "lambda-throttles",
          "Lambda refused to run a function of the pipeline, because all that the account may run at once was running.",
          "Raise the account's quota of concurrent executions, or find what uses it up.",
          METRIC_NAMESPACE, FUNCTION_THROTTLES),
    Alarm("PhaseBeyondLimitAlarm", "phase-beyond-limit",
          "An operation is still in a phase after the limit of that phase.",
          "See with `aurora-restore list` and `aurora-restore status` what it waits for; cancel it if that never ends.",
          METRIC_NAMESPACE, "OperationsBeyondLimit", statistic="Maximum", missing=UNKNOWN),
    Alarm("AuditWritesFailedAlarm", "audit-writes-failed",
          "An audit event could not be written; the call that was to write it is repeated.",
          "See in the log of the function why AuroraRestoreAudit refused it, and correct that before the retries end.",
          METRIC_NAMESPACE, "AuditWritesFailed"),
    Alarm("QuotaNearlyMetAlarm", "quota-nearly-met",
          "Nine tenths or more of a quota of RDS are used: clusters, instances, manual snapshots or parameter groups.",
          "Remove what is not needed or ask for a higher quota; the line of the last sweep names the fullest one.",
          METRIC_NAMESPACE, "QuotaUsedPercent", statistic="Maximum", threshold=NEARLY_MET_PERCENT, missing=UNKNOWN),
    Alarm("ScheduleFailedAlarm", "schedule-failed",
          "EventBridge Scheduler could not call the function that starts a scheduled restore; it may try again.",
          "Check that the role of the schedule may call aurora-restore-start-scheduled, and that this function exists.",
          "AWS/Scheduler", "TargetErrorCount", "ScheduleGroup", SCHEDULE_GROUP),
    Alarm("ScheduleDroppedAlarm", "schedule-dropped",
          "EventBridge Scheduler has given up a scheduled restore, which did not start.",
          "Start it by hand with `aurora-restore start`, and correct the schedule before its next time.",
          "AWS/Scheduler", "InvocationDroppedCount", "ScheduleGroup", SCHEDULE_GROUP),
    Alarm("ScheduledStartFailedAlarm", "scheduled-start-failed",
          "The function that starts scheduled restores ended with an error; Lambda calls it twice more.",
          "Read in the log of aurora-restore-start-scheduled why, and start the restore by hand if no call succeeded.",
          "AWS/Lambda", "Errors", "FunctionName", SCHEDULED_START_FUNCTION),
    Alarm("RestoreOverdueAlarm", "restore-overdue",
          "No restore has ended well for longer than ExpectedRestoreHours.",
          "See with `aurora-restore list` whether the last one did not start, runs too long, or failed.",
          METRIC_NAMESPACE, "HoursSinceLastRestore", statistic="Maximum",
          threshold=Short("Ref", "ExpectedRestoreHours"), missing=UNKNOWN, condition="ExpectsRestores"),
)  # fmt: skip
