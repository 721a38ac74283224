"""The interpreter: the language as far as it is known here, and nothing beyond."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.states_language.interpreter import Execution, ExecutionAlreadyExists, ProcessDied, StepFunctions
from tests.states_language.scheduler import Scheduler, VirtualClock, seeded_random
from tests.states_language.states import UnknownDefinition, read_machine

Definition = dict[str, Any]
START = datetime(2026, 11, 22, 10, tzinfo=UTC)
CALL: Definition = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "work", "Payload": {"name.$": "$$.Execution.Name", "fixed": 1}},
}
END: Definition = {"Type": "Succeed"}


class TargetExists(Exception):
    pass


class Machinery:
    """One machine `m`, whose functions answer in turn what they are given; an exception is raised."""

    def __init__(self, states: Definition, answers: list[Any] | None = None, **top: Any) -> None:
        definition = {"StartAt": next(iter(states)), "States": states, **top}
        self.clock = VirtualClock(START)
        self.scheduler = Scheduler(self.clock)
        self.answers = answers or []
        self.payloads: list[Any] = []
        self.step_functions = StepFunctions(
            self.scheduler,
            {"m": read_machine("m", definition)},
            self._invoke,
            seeded_random(7),
            "arn:stem",
        )

    def run(self, given: Any = None) -> Execution:
        arn = self.step_functions.start("m", "run", given if given is not None else {})
        while self.scheduler.has_foreground:
            self.scheduler.step()
        return self.step_functions.executions[arn]

    def seconds(self) -> float:
        return (self.clock.now() - START) / timedelta(seconds=1)

    def _invoke(self, _function_name: str, payload: dict[str, Any]) -> Mapping[str, Any]:
        self.payloads.append(payload)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        found: Mapping[str, Any] = answer() if callable(answer) else answer
        return found


def kinds(execution: Execution) -> list[str]:
    return [event.type for event in execution.history]


def test_a_task_gets_what_its_paths_name_and_gives_what_its_selector_takes() -> None:
    task = {
        **CALL,
        "ResultSelector": {"status.$": "$.Payload.status"},
        "ResultPath": "$.outcome",
        "End": True,
    }
    machinery = Machinery({"A": task}, [{"status": "DONE", "more": 1}])
    execution = machinery.run({"given": True})
    assert machinery.payloads == [{"name": "run", "fixed": 1}]
    assert execution.output == {"given": True, "outcome": {"status": "DONE"}}
    assert kinds(execution) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip


def test_choices_waits_and_passes_are_gone_through_in_aws_s_order() -> None:
    states: Definition = {
        "Give": {"Type": "Pass", "Result": {"status": "LATER", "seconds": 90}, "Next": "Decide"},
        "Decide": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.status", "StringEquals": "LATER", "Next": "Hold"}],
            "Default": "End",
        },
        "Hold": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "End"},
        "End": END,
    }
    machinery = Machinery(states)
    assert kinds(machinery.run()) == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ChoiceStateEntered", "ChoiceStateExited",
        "WaitStateEntered", "WaitStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert machinery.seconds() == 90


@pytest.mark.parametrize(
    ("rule", "given", "is_chosen"),
    [
        ({"Variable": "$.a", "StringEquals": "x"}, {"a": "x"}, True),
        ({"Variable": "$.a", "StringEquals": "x"}, {"a": 1}, False),
        ({"Variable": "$.a", "BooleanEquals": False}, {"a": False}, True),
        ({"Variable": "$.a", "BooleanEquals": False}, {"a": 0}, False),
        ({"Variable": "$.a", "IsPresent": False}, {}, True),
        ({"Variable": "$.a", "IsPresent": True}, {"a": None}, True),
        ({"Variable": "$.a", "IsNull": True}, {"a": None}, True),
        ({"Variable": "$$.Execution.Input.a", "IsNull": True}, {"a": 2}, False),
        (
            {"Or": [{"Variable": "$.a", "StringEquals": "x"}, {"Variable": "$.a", "StringEquals": "y"}]},
            {"a": "y"},
            True,
        ),
    ],
)
def test_a_choice_is_made_as_its_rule_says(rule: Definition, given: Any, is_chosen: bool) -> None:
    states = {
        "Decide": {"Type": "Choice", "Choices": [{**rule, "Next": "Chosen"}], "Default": "End"},
        "Chosen": {"Type": "Fail", "Error": "Chosen"},
        "End": END,
    }
    assert (Machinery(states).run(given).error == "Chosen") is is_chosen


def test_a_choice_that_fits_nothing_fails() -> None:
    rule = {"Variable": "$.a", "StringEquals": "x", "Next": "End"}
    execution = Machinery({"Decide": {"Type": "Choice", "Choices": [rule]}, "End": END}).run({"a": "y"})
    assert (execution.status, execution.error) == ("FAILED", "States.NoChoiceMatched")


@pytest.mark.parametrize(
    "states",
    [
        {"A": {"Type": "Wait", "SecondsPath": "$.none", "Next": "End"}, "End": END},
        {"A": {"Type": "Fail", "ErrorPath": "$.none"}},
        {"A": {"Type": "Choice", "Choices": [{"Variable": "$.none", "StringEquals": "x", "Next": "A"}]}},
        {
            "A": {
                **CALL,
                "Parameters": {"FunctionName": "work", "Payload": {"x.$": "$.none"}},
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "End"}],
                "Next": "End",
            },
            "End": END,
        },
    ],
)
def test_a_path_that_leads_nowhere_ends_the_execution_and_nothing_catches_it(states: Definition) -> None:
    execution = Machinery(states).run()
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert "$.none" in (execution.cause or "")


def test_an_error_is_caught_with_its_name_and_lambda_s_cause() -> None:
    states = {
        "A": {
            **CALL,
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "B"}],
            "Next": "End",
        },
        "B": {"Type": "Fail", "ErrorPath": "$.e.Error", "CausePath": "$.e.Cause"},
        "End": END,
    }
    execution = Machinery(states, [TargetExists("it exists")]).run({"kept": 1})
    assert (execution.status, execution.error) == ("FAILED", "TargetExists")
    assert json.loads(execution.cause or "") == {"errorMessage": "it exists", "errorType": "TargetExists"}
    assert kinds(execution)[3:] == [
        "TaskStarted", "TaskFailed", "TaskStateExited", "FailStateEntered", "ExecutionFailed",
    ]  # fmt: skip


def test_an_error_that_is_not_caught_ends_the_execution() -> None:
    execution = Machinery({"A": {**CALL, "End": True}}, [TargetExists("it exists")]).run()
    assert (execution.status, execution.error) == ("FAILED", "TargetExists")


def retrying(**changes: Any) -> Definition:
    retrier = {
        "ErrorEquals": ["TargetExists"], "IntervalSeconds": 10, "BackoffRate": 2.0, "MaxAttempts": 3,
        "MaxDelaySeconds": 25, **changes,
    }  # fmt: skip
    return {"A": {**CALL, "Retry": [retrier], "End": True}}


def test_a_task_is_repeated_with_growing_waits_up_to_the_longest() -> None:
    machinery = Machinery(retrying(), [TargetExists()] * 3 + [{}])
    execution = machinery.run()
    assert execution.status == "SUCCEEDED"
    assert machinery.seconds() == pytest.approx(10 + 20 + 25 + 4 * 0.08)
    assert kinds(execution)[1:8] == [
        "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "TaskScheduled", "TaskStarted", "TaskFailed",
    ]  # fmt: skip


def test_repetitions_end_and_are_for_their_errors_only() -> None:
    assert Machinery(retrying(), [TargetExists()] * 4).run().error == "TargetExists"
    assert Machinery(retrying(), [ValueError("x")]).run().error == "ValueError"


def test_full_jitter_shortens_the_waits_in_the_same_way_for_the_same_seed() -> None:
    spent = []
    for _ in range(2):
        machinery = Machinery(retrying(JitterStrategy="FULL"), [TargetExists()] * 3 + [{}])
        machinery.run()
        spent.append(machinery.seconds())
    assert spent[0] == spent[1] < 10 + 20 + 25


def test_a_process_that_dies_is_an_error_of_its_own() -> None:
    machinery = Machinery(retrying(ErrorEquals=["Runtime.ExitError"]), [ProcessDied(), {}])
    assert machinery.run().status == "SUCCEEDED"


def test_an_answer_that_is_late_is_a_time_out() -> None:
    machinery = Machinery({"A": {**CALL, "TimeoutSeconds": 60, "End": True}})

    def late() -> dict[str, Any]:
        machinery.clock.advance(61)
        return {}

    machinery.answers.append(late)
    execution = machinery.run()
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")
    assert "TaskTimedOut" in kinds(execution)


def test_an_answer_that_is_too_large_is_caught_by_nothing() -> None:
    states = {
        "A": {**CALL, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "End"}], "Next": "End"},
        "End": END,
    }
    assert Machinery(states, [{"x": "y" * 300_000}]).run().error == "States.DataLimitExceeded"


def test_the_machine_s_time_limit_ends_an_execution() -> None:
    machinery = Machinery({"A": {"Type": "Wait", "Seconds": 900, "End": True}}, TimeoutSeconds=600)
    machinery.step_functions.start("m", "run", {})
    machinery.scheduler.run_until(START + timedelta(hours=1))
    (execution,) = machinery.step_functions.executions.values()
    assert (execution.status, execution.error, execution.history[-1].type) == (
        "TIMED_OUT", "States.Timeout", "ExecutionTimedOut",
    )  # fmt: skip
    assert execution.stop_time == START + timedelta(seconds=600)


def test_a_stopped_execution_goes_no_further_and_what_it_called_works_on() -> None:
    machinery = Machinery({"A": {**CALL, "Next": "End"}, "End": END}, [{}])
    arn = machinery.step_functions.start("m", "run", {})
    machinery.scheduler.run_until(START + timedelta(seconds=0.01))
    machinery.step_functions.stop(arn, "Cancelled", "not needed")
    machinery.step_functions.stop(arn, "Cancelled", "again")
    machinery.scheduler.run_until(START + timedelta(seconds=10))
    execution = machinery.step_functions.executions[arn]
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Cancelled", "not needed")
    assert kinds(execution)[-2:] == ["TaskStarted", "ExecutionAborted"]
    assert len(machinery.payloads) == 1


def test_a_name_starts_one_execution() -> None:
    machinery = Machinery({"A": {"Type": "Wait", "Seconds": 5, "End": True}})
    arn = machinery.step_functions.start("m", "run", {"a": 1})
    assert machinery.step_functions.start("m", "run", {"a": 1}) == arn
    with pytest.raises(ExecutionAlreadyExists):
        machinery.step_functions.start("m", "run", {"a": 2})
    machinery.scheduler.run_until(START + timedelta(seconds=10))
    with pytest.raises(ExecutionAlreadyExists):
        machinery.step_functions.start("m", "run", {"a": 1})


def test_too_long_a_history_ends_the_execution() -> None:
    states: Definition = {
        "A": {"Type": "Wait", "Seconds": 1, "Next": "B"},
        "B": {"Type": "Pass", "Result": {}, "Next": "A"},
    }
    execution = Machinery(states).run()
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert len(execution.history) <= 25_000


UNKNOWN: list[Callable[[Definition], Any]] = [
    lambda d: d.update(QueryLanguage="JSONata"),
    lambda d: d.update(StartAt="None"),
    lambda d: d["States"]["A"].update(Type="Parallel"),
    lambda d: d["States"]["A"].update(InputPath="$.a"),
    lambda d: d["States"]["A"].update(OutputPath="$.a"),
    lambda d: d["States"]["A"].update(HeartbeatSeconds=5),
    lambda d: d["States"]["A"].update(Resource="arn:aws:states:::dynamodb:getItem"),
    lambda d: d["States"]["A"]["Parameters"].update(Qualifier="live"),
    lambda d: d["States"]["A"]["Parameters"]["Payload"].update({"x.$": "$.a[0]"}),
    lambda d: d["States"]["A"]["Parameters"]["Payload"].update({"x.$": "States.UUID()"}),
    lambda d: d["States"]["A"]["Parameters"]["Payload"].update({"x.$": "$$.Task.Token"}),
    lambda d: d["States"]["A"].update(Retry=[{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1}]),
    lambda d: d["States"]["A"].update(Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "End"}]),
    lambda d: d["States"]["A"].update(Next="Nowhere"),
    lambda d: d["States"]["A"].pop("Next"),
    lambda d: d["States"]["B"]["Choices"].append({"Variable": "$.a", "NumericEquals": 1, "Next": "End"}),
    lambda d: d["States"]["B"]["Choices"].append({"Not": {}, "Next": "End"}),
    lambda d: d["States"]["B"]["Choices"].append({"Variable": "$.a", "IsNull": True}),
    lambda d: d["States"].update(W={"Type": "Wait", "Timestamp": "2026-01-01T00:00:00Z", "Next": "End"}),
    lambda d: d["States"].update(F={"Type": "Fail", "Error": "x", "ErrorPath": "$.x"}),
]


@pytest.mark.parametrize("spoil", UNKNOWN, ids=[str(number) for number in range(len(UNKNOWN))])
def test_what_is_not_known_is_refused_when_it_is_read(spoil: Callable[[Definition], Any]) -> None:
    rule = {"Variable": "$.a", "StringEquals": "x", "Next": "End"}
    definition: Definition = {
        "StartAt": "A",
        "States": {
            "A": json.loads(json.dumps({**CALL, "Next": "B"})),
            "B": {"Type": "Choice", "Choices": [rule], "Default": "End"},
            "End": END,
        },
    }
    read_machine("m", definition)
    spoil(definition)
    with pytest.raises(UnknownDefinition):
        read_machine("m", definition)
