"""The cleanup's definition: started by an event or by the sweep, it goes on until nothing is left to do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.template_policies import ROOT, Template

from aurora_restore.domain import errors
from aurora_restore.domain.measures import CLEANUP_LIMIT
from aurora_restore.domain.results import StepStatus

DEFINITION_FILE = ROOT / "infrastructure" / "cleanup_definition.json"
MAIN_FILE = ROOT / "infrastructure" / "step_functions_definition.json"
DEFINITION: dict[str, Any] = json.loads(DEFINITION_FILE.read_text(encoding="utf-8"))
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
CLEAN_UP = STATES["CleanUp"]
TWO_DAYS = 2 * 24 * 3600
ABNORMAL_ENDS = {"FAILED", "TIMED_OUT", "ABORTED"}


def rule(name: str) -> dict[str, Any]:
    rules = Template().resources("AWS::Events::Rule").values()
    return next(each for each in rules if each["Name"] == name)


def subclasses(base: type[object]) -> Iterator[type[object]]:
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)


def hours_of(retrier: Mapping[str, Any]) -> float:
    """How long a retrier goes on, with delays of half their limit: that is what full jitter makes of them."""
    delays = (
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n, retrier["MaxDelaySeconds"]) / 2
        for n in range(retrier["MaxAttempts"])
    )
    return float(sum(delays)) / 3600


def test_a_cleanup_is_measured_as_late_when_its_machine_would_have_ended() -> None:
    assert CLEANUP_LIMIT.total_seconds() == DEFINITION["TimeoutSeconds"] == TWO_DAYS


def test_statelint_has_no_findings() -> None:
    statelint = Path(sys.executable).with_name("statelint")

    finished = subprocess.run([statelint, DEFINITION_FILE], capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout + finished.stderr) == (0, "")


def test_it_reads_two_fields_of_the_event_and_gives_them_to_its_function() -> None:
    assert CLEAN_UP["Parameters"] == {
        "FunctionName": "aurora-restore-cleanup",
        "Payload": {"operation_id.$": "$.detail.name", "execution_arn.$": "$.detail.executionArn"},
    }
    # The event stays what the state is given, whatever the function answers.
    assert CLEAN_UP["ResultPath"] == "$.outcome"


def test_it_is_called_until_it_says_that_it_is_done() -> None:
    outcome = STATES["CleanUpOutcome"]

    assert DEFINITION["StartAt"] == "CleanUp"
    assert CLEAN_UP["Next"] == "CleanUpOutcome"
    assert outcome["Choices"][0] == {
        "Variable": "$.outcome.status", "StringEquals": StepStatus.IN_PROGRESS, "Next": "CleanUpWait",
    }  # fmt: skip
    finished = outcome["Choices"][1]
    assert {each["StringEquals"] for each in finished["Or"]} == {StepStatus.DONE, StepStatus.SKIPPED}
    assert STATES[finished["Next"]]["Type"] == "Succeed"
    assert STATES["CleanUpWait"] == {
        "Type": "Wait", "SecondsPath": "$.outcome.wait_seconds", "Next": "CleanUp",
    }  # fmt: skip


def test_an_unknown_answer_neither_loops_nor_passes_for_success() -> None:
    assert STATES[STATES["CleanUpOutcome"]["Default"]]["Type"] == "Fail"


def test_its_function_answers_as_those_of_the_phases_do() -> None:
    main = json.loads(MAIN_FILE.read_text(encoding="utf-8"))["States"]["RestoreCluster"]

    assert CLEAN_UP["ResultSelector"] == main["ResultSelector"]


def test_it_is_stubborn() -> None:
    services, ours, anything = CLEAN_UP["Retry"]

    main = json.loads(MAIN_FILE.read_text(encoding="utf-8"))["States"]["RestoreCluster"]["Retry"]
    assert services["ErrorEquals"] == main[0]["ErrorEquals"]
    assert set(ours["ErrorEquals"]) == {cls.__name__ for cls in subclasses(errors.TransientError)}
    assert anything["ErrorEquals"] == ["States.ALL"]
    assert hours_of(services) >= 2
    assert hours_of(ours) >= 8
    assert hours_of(anything) >= 0.5
    assert sum(map(hours_of, CLEAN_UP["Retry"])) * 3600 < DEFINITION["TimeoutSeconds"]
    assert all(retrier["JitterStrategy"] == "FULL" for retrier in CLEAN_UP["Retry"])


def test_when_it_gives_up_it_says_why() -> None:
    (catcher,) = CLEAN_UP["Catch"]
    failed = STATES[catcher["Next"]]

    assert (catcher["ErrorEquals"], catcher["ResultPath"]) == (["States.ALL"], "$.failure")
    assert (failed["Type"], failed["ErrorPath"], failed["CausePath"]) == (
        "Fail", "$.failure.Error", "$.failure.Cause",
    )  # fmt: skip


def test_everything_has_a_time_limit_and_the_step_outlives_its_function() -> None:
    assert DEFINITION["TimeoutSeconds"] == TWO_DAYS
    assert CLEAN_UP["TimeoutSeconds"] > Template().function("aurora-restore-cleanup")["Timeout"]


def test_the_same_file_serves_the_stack_and_update_state_machine() -> None:
    text = DEFINITION_FILE.read_text(encoding="utf-8")

    assert "${" not in text
    assert "arn:aws:lambda" not in text


def test_every_abnormal_end_of_a_restore_starts_it_and_nothing_else_does() -> None:
    pattern = rule("aurora-restore-abnormal-end")["EventPattern"]

    assert pattern["source"] == ["aws.states"]
    assert pattern["detail-type"] == ["Step Functions Execution Status Change"]
    assert set(pattern["detail"]) == {"stateMachineArn", "status"}
    assert pattern["detail"]["stateMachineArn"] == ["StateMachine"]
    assert set(pattern["detail"]["status"]) == ABNORMAL_ENDS


def test_the_event_is_its_input_as_it_comes() -> None:
    (target,) = rule("aurora-restore-abnormal-end")["Targets"]

    assert target["Arn"] == "CleanupStateMachine"
    assert target["RoleArn"] == "AbnormalEndRole.Arn"
    assert target.keys() == {"Id", "Arn", "RoleArn"}


def test_the_sweep_comes_every_few_minutes_and_may() -> None:
    template, sweep = Template(), rule("aurora-restore-sweep")
    (permission,) = template.resources("AWS::Lambda::Permission").values()

    assert sweep["ScheduleExpression"] == "rate(5 minutes)"
    assert [target["Arn"] for target in sweep["Targets"]] == ["SweepFunction.Arn"]
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "SweepFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": "SweepRule.Arn",
    }


@pytest.mark.parametrize("name", ["aurora-restore-abnormal-end", "aurora-restore-sweep"])
def test_a_rule_is_at_work_from_the_start(name: str) -> None:
    assert rule(name).get("State", "ENABLED") == "ENABLED"
