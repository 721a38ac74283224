"""The definition: every phase is the same three states, every failure ends in a record, nothing waits without end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.template_policies import ROOT, Template

from aurora_restore.domain import errors
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.settings import DEFAULT_PHASE_TIMEOUT_HOURS, MACHINE_TIMEOUT_HOURS

DEFINITION_FILE = ROOT / "infrastructure" / "step_functions_definition.json"
DEFINITION: dict[str, Any] = json.loads(DEFINITION_FILE.read_text(encoding="utf-8"))
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
PAYLOAD_FIELDS = {"operation_id", "status", "wait_seconds", "progress_percent", "message"}
OF_ONE_FUNCTION = {
    Phase.CLEAR_TARGET: "aurora-restore-retire-replaced",
    Phase.RETIRE_REPLACED: "aurora-restore-retire-replaced",
    Phase.APPLY_PARAMETER_GROUP: "aurora-restore-restore-cluster",
    Phase.END_REHEARSAL: "aurora-restore-retire-replaced",
}
"""Phases of a function that serves others too."""
EIGHT_DAYS = 8 * 24 * 3600


def transitions(state: dict[str, Any]) -> Iterator[str]:
    for holder in (state, *state.get("Choices", []), *state.get("Catch", [])):
        yield from (holder[key] for key in ("Next", "Default") if key in holder)


def subclasses(base: type[object]) -> Iterator[type[object]]:
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)


def following(phase: Phase) -> str:
    phases = list(Phase)
    if phase is Phase.SNAPSHOT_CHECK:
        return "ProbeNetwork"
    return "Succeeded" if phase is phases[-1] else phases[phases.index(phase) + 1].value


def function_of(task: dict[str, Any]) -> str:
    return str(task["Parameters"]["FunctionName"])


def test_statelint_has_no_findings() -> None:
    statelint = Path(sys.executable).with_name("statelint")

    finished = subprocess.run([statelint, DEFINITION_FILE], capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout + finished.stderr) == (0, "")


def test_the_states_are_the_phases_and_the_ends() -> None:
    of_phases = {f"{phase}{part}" for phase in Phase for part in ("", "Outcome", "Wait")}

    assert set(STATES) - of_phases == {
        "ProbeNetwork", "NetworkSilent", "PlanOnly",
        "Succeeded", "UnexpectedStepStatus", "RecordFailure", "Failed", "FailedUnrecorded",
    }  # fmt: skip
    assert of_phases <= set(STATES)
    assert DEFINITION["StartAt"] == Phase.SNAPSHOT_CHECK


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_is_called_until_it_says_that_it_is_done(phase: Phase) -> None:
    task, outcome, wait = STATES[phase], STATES[f"{phase}Outcome"], STATES[f"{phase}Wait"]

    assert task["Next"] == f"{phase}Outcome"
    assert outcome["Choices"][0] == {
        "Variable": "$.status", "StringEquals": StepStatus.IN_PROGRESS, "Next": f"{phase}Wait",
    }  # fmt: skip
    finished = outcome["Choices"][1]
    assert {rule["StringEquals"] for rule in finished["Or"]} == {StepStatus.DONE, StepStatus.SKIPPED}
    assert finished["Next"] == following(phase)
    assert wait == {"Type": "Wait", "SecondsPath": "$.wait_seconds", "Next": phase}


@pytest.mark.parametrize("phase", Phase)
def test_an_unknown_answer_neither_loops_nor_passes_for_success(phase: Phase) -> None:
    assert STATES[f"{phase}Outcome"]["Default"] == "UnexpectedStepStatus"
    assert STATES["UnexpectedStepStatus"]["Next"] == "RecordFailure"
    assert STATES["UnexpectedStepStatus"]["Result"].keys() == {"Error", "Cause"}


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_answers_with_the_same_small_thing_whatever_its_function_returns(phase: Phase) -> None:
    assert STATES[phase]["ResultSelector"] == {f"{name}.$": f"$.Payload.{name}" for name in PAYLOAD_FIELDS}


@pytest.mark.parametrize(
    "phase",
    [phase for phase in Phase if phase not in {Phase.SNAPSHOT_CHECK, Phase.DEFUSE, *OF_ONE_FUNCTION}],
)
def test_a_phase_is_given_the_operation_id_and_nothing_else(phase: Phase) -> None:
    assert STATES[phase]["Parameters"]["Payload"] == {"operation_id.$": "$$.Execution.Name"}


@pytest.mark.parametrize("phase", OF_ONE_FUNCTION)
def test_a_function_of_several_phases_is_given_the_phase(phase: Phase) -> None:
    assert STATES[phase]["Parameters"] == {
        "FunctionName": OF_ONE_FUNCTION[phase],
        "Payload": {"operation_id.$": "$$.Execution.Name", "phase": phase},
    }


def test_the_copy_is_put_to_rest_before_its_users_are_set_up_by_the_function_that_sets_them_up() -> None:
    order = list(Phase)

    assert order[order.index(Phase.RESTORE_CLUSTER) + 1 :][:2] == [Phase.DEFUSE, Phase.SETUP_DB_USERS]
    assert STATES[Phase.DEFUSE]["Parameters"] == {
        "FunctionName": function_of(STATES[Phase.SETUP_DB_USERS]),
        "Payload": {"operation_id.$": "$$.Execution.Name", "phase": Phase.DEFUSE},
    }


def test_a_cluster_is_cleared_away_before_the_restore_and_replaced_after_its_verification() -> None:
    order = list(Phase)

    assert order.index(Phase.CLEAR_TARGET) == order.index(Phase.COPY_SNAPSHOT) + 1
    assert order.index(Phase.RESTORE_CLUSTER) == order.index(Phase.CLEAR_TARGET) + 1
    assert order.index(Phase.VERIFY_RESTORE) == order.index(Phase.APPLY_PARAMETER_GROUP) + 1
    assert order[order.index(Phase.VERIFY_RESTORE) + 1 :][:6] == [
        Phase.SWITCH_OVER, Phase.PROVE_ENDPOINT, Phase.RETIRE_REPLACED, Phase.ARCHIVE_SNAPSHOT,
        Phase.END_REHEARSAL, Phase.NOTIFY,
    ]  # fmt: skip


def test_the_first_phase_is_given_the_request_too() -> None:
    assert STATES[Phase.SNAPSHOT_CHECK]["Parameters"]["Payload"] == {
        "operation_id.$": "$$.Execution.Name",
        "execution_arn.$": "$$.Execution.Id",
        "request.$": "$$.Execution.Input",
    }


def test_a_dry_run_goes_from_its_plan_to_the_notification() -> None:
    choice = STATES["PlanOnly"]

    assert choice["Default"] == "Notify"
    assert {rule["Next"] for rule in choice["Choices"]} == {"CopySnapshot"}
    assert {rule["Variable"] for rule in choice["Choices"]} == {"$$.Execution.Input.dry_run"}
    assert [rule.get("BooleanEquals", True) for rule in choice["Choices"]].count(False) == 1


@pytest.mark.parametrize("name", TASKS)
def test_what_a_repetition_can_mend_is_repeated_with_jitter_and_an_end(name: str) -> None:
    services, ours, *others = TASKS[name]["Retry"]

    assert set(ours["ErrorEquals"]) == {cls.__name__ for cls in subclasses(errors.TransientError)}
    assert {
        "Lambda.TooManyRequestsException",
        "Runtime.ExitError",
        "Sandbox.Timedout",
        "States.Timeout",
    } <= set(services["ErrorEquals"])
    # An hour without RDS does not end a copy of two days; an end is notified sooner.
    most = 12 if name in {"Notify", "RecordFailure"} else 60
    assert ours["MaxAttempts"] == most
    assert 0 < services["MaxAttempts"] <= 12
    for retrier in (services, ours, *others):
        assert retrier["JitterStrategy"] == "FULL"
        assert 0 < retrier["MaxDelaySeconds"] <= 300


@pytest.mark.parametrize("phase", Phase)
def test_every_failure_of_a_phase_is_recorded(phase: Phase) -> None:
    assert STATES[phase]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "RecordFailure"}]


def test_the_network_of_the_functions_is_probed_between_the_check_and_the_copy_in_dry_runs_too() -> None:
    probe = STATES["ProbeNetwork"]

    assert probe["Parameters"] == {
        "FunctionName": function_of(STATES[Phase.SETUP_DB_USERS]),
        "Payload": {"operation_id.$": "$$.Execution.Name", "probe": True},
    }
    assert (probe["Next"], probe["TimeoutSeconds"]) == ("PlanOnly", 60)


def test_a_probe_that_gets_no_answer_ends_the_run_in_minutes_with_a_code_of_its_own() -> None:
    probe, silent = STATES["ProbeNetwork"], STATES["NetworkSilent"]
    services, _, own = probe["Retry"]

    assert (own["ErrorEquals"], own["MaxAttempts"]) == (["NetworkUnreachable"], 2)
    assert services["MaxAttempts"] * probe["TimeoutSeconds"] <= 180
    assert probe["Catch"] == [
        {"ErrorEquals": ["Sandbox.Timedout", "States.Timeout"], "Next": "NetworkSilent"},
        {"ErrorEquals": ["States.ALL"], "Next": "RecordFailure"},
    ]
    assert silent["Result"]["Error"] == errors.NetworkUnreachable.__name__
    assert silent["Next"] == "RecordFailure"


def test_the_failure_is_recorded_and_shown_with_the_errors_own_name() -> None:
    record = STATES["RecordFailure"]

    assert record["Parameters"]["Payload"] == {
        "operation_id.$": "$$.Execution.Name",
        "execution_arn.$": "$$.Execution.Id",
        "request.$": "$$.Execution.Input",
        "error.$": "$.Error",
        "cause.$": "$.Cause",
    }
    assert record["Next"] == "Failed"
    failed = STATES["Failed"]
    assert (failed["Type"], failed["ErrorPath"], failed["CausePath"]) == ("Fail", "$.error", "$.cause")


def test_a_failure_that_cannot_be_recorded_still_shows_the_steps_error() -> None:
    catcher = STATES["RecordFailure"]["Catch"][0]
    unrecorded = STATES[catcher["Next"]]

    assert catcher["ResultPath"] == "$.record_failure"
    assert (unrecorded["Type"], unrecorded["ErrorPath"], unrecorded["CausePath"]) == (
        "Fail", "$.Error", "$.Cause",
    )  # fmt: skip


def test_every_transition_leads_to_a_state_and_every_state_can_be_reached() -> None:
    reached, waiting = set(), [DEFINITION["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += transitions(STATES[name])

    assert reached == set(STATES)


def test_everything_has_a_time_limit_and_a_step_outlives_its_function() -> None:
    template = Template()

    assert DEFINITION["TimeoutSeconds"] == EIGHT_DAYS == MACHINE_TIMEOUT_HOURS * 3600
    assert set(DEFAULT_PHASE_TIMEOUT_HOURS) == set(Phase)
    assert sum(DEFAULT_PHASE_TIMEOUT_HOURS.values()) <= MACHINE_TIMEOUT_HOURS
    for name, task in TASKS.items():
        function_timeout = template.function(function_of(task))["Timeout"]
        if name != "ProbeNetwork":
            assert task["TimeoutSeconds"] > function_timeout, name


def test_functions_are_named_as_the_template_names_them() -> None:
    functions = Template().resources("AWS::Lambda::Function").values()
    called_otherwise = {
        "aurora-restore-cleanup",
        "aurora-restore-sweep",
        "aurora-restore-start-scheduled",
    }

    called = {function_of(task) for task in TASKS.values()}
    assert called == {f["FunctionName"] for f in functions} - called_otherwise
    assert all(task["Resource"] == "arn:aws:states:::lambda:invoke" for task in TASKS.values())


def test_the_same_file_serves_the_stack_and_update_state_machine() -> None:
    text = DEFINITION_FILE.read_text(encoding="utf-8")

    assert "${" not in text
    assert "arn:aws:lambda" not in text


def test_every_step_says_to_an_operator_what_it_does() -> None:
    assert [name for name, state in TASKS.items() if not state.get("Comment")] == []
