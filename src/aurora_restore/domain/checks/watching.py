"""What watches the pipeline, and what starts it: alarms, the two rules, the sweep's runs, the schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora_restore.domain.checks.finding import Defect, Finding, green, judged, red
from aurora_restore.domain.counting import counted

# The sweep runs every five minutes, and Lambda's metrics come within some minutes more.
SWEEP_WINDOW = timedelta(minutes=20)


@dataclass(frozen=True)
class AlarmSeen:
    """An alarm of CloudWatch: `state` is OK, ALARM or INSUFFICIENT_DATA."""

    name: str
    state: str
    has_actions_enabled: bool
    description: str = ""


@dataclass(frozen=True)
class RuleSeen:
    """A rule of EventBridge; `targets`: how many it has."""

    name: str
    is_enabled: bool
    targets: int


@dataclass(frozen=True)
class RunsSeen:
    """How often a function was called within `SWEEP_WINDOW`, and how often it ended with an error."""

    calls: int
    errors: int


@dataclass(frozen=True)
class ScheduleSeen:
    """A schedule of EventBridge Scheduler; `state` is ENABLED or DISABLED."""

    name: str
    state: str


def check_alarms(prefix: str, seen: Sequence[AlarmSeen], region: str) -> Finding:
    if not seen:
        return red(
            "alarms",
            f"there is no alarm {prefix}*",
            "Nothing says that a restore fails: the stack of alarms and dashboard is missing.",
            f"aurora-restore deploy --region {region}",
        )
    defects = [
        Defect(
            f"{alarm.name} is in ALARM",
            alarm.description or f"See the history of the alarm {alarm.name}.",
            (
                f"aws cloudwatch describe-alarm-history --region {region} --alarm-name {alarm.name} --max-items 5",
            ),
        )
        for alarm in seen
        if alarm.state == "ALARM"
    ]
    silent = [alarm.name for alarm in seen if not alarm.has_actions_enabled]
    if silent:
        defects.append(
            Defect(
                f"the actions of {', '.join(silent)} are disabled",
                "An alarm whose actions are disabled sends no message.",
                (f"aws cloudwatch enable-alarm-actions --region {region} --alarm-names {' '.join(silent)}",),
            )
        )
    return judged("alarms", defects, f"{counted(len(seen), 'alarm')}, none in ALARM, actions enabled")


def check_sweep(
    rule_name: str,
    rule: RuleSeen | None,
    runs: RunsSeen | None,
    deployed: datetime | None,
    now: datetime,
    region: str,
) -> Finding:
    """`runs`: None where they were not looked at, because the rule calls nothing; `deployed`: the last change of the
    stack."""
    if defect := _rule_defect(
        rule_name, rule, region, "Lost ends of operations are not found, and nothing expires."
    ):
        return red("sweep", defect.seen, defect.means, *defect.repairs)
    minutes = int(SWEEP_WINDOW.total_seconds() // 60)
    run_now = f"aws lambda invoke --region {region} --function-name {rule_name} /dev/stdout"
    if runs is None or not runs.calls:
        # A rule counts its time from when it was made.
        if deployed is not None and now - deployed < SWEEP_WINDOW:
            return green("sweep", f"enabled; the stack is less than {minutes} min old")
        return red(
            "sweep",
            f"enabled, and it has not run for {minutes} min",
            "Lost ends of operations are not found, and nothing expires.",
            f"aws lambda get-policy --region {region} --function-name {rule_name}",
            run_now,
        )
    words = f"enabled; {counted(runs.calls, 'run')} in {minutes} min"
    if runs.errors >= runs.calls:
        return red(
            "sweep",
            f"{words}, all of which ended with an error",
            "What the sweep could not do is in its log.",
            f"aws logs filter-log-events --region {region} --log-group-name /aws/lambda/{rule_name} "
            "--filter-pattern ERROR",
        )
    return green("sweep", words + (f", {runs.errors} of which ended with an error" if runs.errors else ""))


def check_abnormal_end(rule_name: str, rule: RuleSeen | None, region: str) -> Finding:
    """The rule that starts the cleanup of what ended abnormally."""
    means = "Cleanups begin only when the sweep looks, minutes later."
    if defect := _rule_defect(rule_name, rule, region, means):
        return red("abnormal ends", defect.seen, defect.means, *defect.repairs)
    return green("abnormal ends", "the rule for them is enabled")


def _rule_defect(name: str, rule: RuleSeen | None, region: str, means: str) -> Defect | None:
    deploy = f"aurora-restore deploy --region {region}"
    if rule is None:
        return Defect(f"there is no rule {name}", means, (deploy,))
    if not rule.is_enabled:
        return Defect(
            f"the rule {name} is disabled",
            means,
            (f"aws events enable-rule --region {region} --name {name}",),
        )
    if not rule.targets:
        return Defect(f"the rule {name} has no target", means, (deploy,))
    return None


def check_schedules(seen: Sequence[ScheduleSeen], region: str) -> Finding:
    """Every schedule that is paused is red: its restore does not happen."""
    if not seen:
        return green("schedules", "there is no schedule of restores")
    defects = [
        Defect(
            f"{schedule.name} is paused",
            "A paused schedule starts nothing. If it is to stay so, delete it.",
            (f"aurora-restore schedule resume {schedule.name} --region {region}",),
        )
        for schedule in seen
        if schedule.state != "ENABLED"
    ]
    return judged("schedules", defects, f"{counted(len(seen), 'schedule')}, all enabled")
