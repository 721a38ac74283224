"""The interpreter of the simulation and the local stack's Step Functions go through the same states, with the same
results, for the same runs: good ones, refused ones, those that fail and those that are cancelled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.simulation.seeding import TARGET, Surroundings
from tests.simulation.seeding import request as simulated_request
from tests.simulation.simulation import Simulation
from tests.stack.conftest import Clients, await_execution, selected
from tests.stack.polling import poll_until
from tests.stack.serving_targets import Place
from tests.stack.serving_targets import request as stack_request
from tests.states_language.interpreter import Execution

from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.domain.naming import copy_identifier, final_snapshot_identifier, staging_identifier
from local_aurora.faults import Effect, FaultRule
from local_aurora.timing import Durations
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 0)

CLEANUP_MACHINE = "aurora-restore-cleanup-state-machine"
WAIT_SECONDS, END_SECONDS = 240.0, 600.0
LONG_WAIT_SECONDS = 4
ANY_USERS: dict[str, Any] = {"db_users": ...}


@dataclass(frozen=True)
class Scenario:
    """One run, reported in a way that both worlds understand.

    `fault`: what RDS does wrong; `identifier` is found from the target and the operation. `stops_in`: the phase in
    whose wait an operator stops the execution.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    replaces: bool = True
    fault: Mapping[str, Any] | None = field(default=None, hash=False)
    identifier: Callable[[str, str], str] = lambda target, _: target
    stops_in: str | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        return f"aurora-restored-{self.name}"

    @property
    def operation_id(self) -> str:
        return f"restore-{self.name}"

    def rule(self, target: str, operation_id: str) -> dict[str, Any]:
        return {"identifier": self.identifier(target, operation_id), **(self.fault or {})}


HELD_COPY = {"effect": "hold", "action": "CopyDBClusterSnapshot"}
SCENARIOS = (
    Scenario("new", {"delete_cluster_if_exists": False}, replaces=False),
    Scenario("swap"),
    Scenario("delete-first", {"replace_strategy": "delete_first"}),
    Scenario("keep", {"keep_replaced_hours": 1}),
    Scenario("dry-run", {"dry_run": True}),
    Scenario("refused", {"delete_cluster_if_exists": False}),
    Scenario(
        "restore-fails",
        fault={"effect": "end-as", "action": "RestoreDBClusterFromSnapshot", "status": "migration-failed"},
        identifier=staging_identifier,
    ),
    Scenario(
        "final-snapshot-refused",
        fault={
            "effect": "error",
            "action": "CreateDBClusterSnapshot",
            "code": "SnapshotQuotaExceeded",
            "message": "Cannot create more than 100 manual snapshots",
            "times": 0,
        },
        identifier=lambda _, operation: final_snapshot_identifier(operation),
    ),
    Scenario(
        "cancelled",
        # A snapshot of its own: a copy in flight would be shared with the others.
        {"source_snapshot_date": "latest", "source_cluster_id": "production"},
        fault=HELD_COPY,
        identifier=lambda _, operation: copy_identifier(operation),
        stops_in="CopySnapshot",
    ),
)


@dataclass(frozen=True)
class History:
    """What a history tells: each state entered, with what its step answered; how it ended."""

    walk: tuple[str, ...]
    status: str
    error: str | None


@dataclass(frozen=True)
class Outcome:
    """The run, its cleanup where it had one, and what the record says in the end."""

    run: History
    cleanup: History | None
    status: str
    code: str | None
    phases: tuple[tuple[str, str], ...]


def walk(states: Iterable[tuple[str, str | None]]) -> tuple[str, ...]:
    """The states in their order; how often one looped through its wait is a matter of time, and left out."""
    steps: list[str] = []
    for name, answer in states:
        if name.endswith("Wait"):
            steps = steps[: _loop_start(steps, name.removesuffix("Wait"))]
        else:
            steps.append(f"{name}: {answer}" if answer else name)
    return tuple(steps)


def _loop_start(steps: list[str], phase: str) -> int:
    return next(index for index, step in enumerate(steps) if step.partition(":")[0] == phase)


def exits_of_simulation(execution: Execution) -> Iterator[tuple[str, str | None]]:
    for event in execution.history:
        if event.type.endswith("StateEntered") and event.state:
            last = event.state
        if event.type in {"TaskStateExited", "ChoiceStateExited", "WaitStateExited", "PassStateExited"}:
            yield str(event.state), _answer(event.state, event.details)
    if execution.history and not execution.history[-1].type.endswith("StateExited"):
        yield last, None


def exits_of_stack(events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str | None]]:
    entered, exited = "", ""
    for event in events:
        if details := event.get("stateEnteredEventDetails"):
            entered = details["name"]
        if details := event.get("stateExitedEventDetails"):
            exited = details["name"]
            if event["type"] != "SucceedStateExited":
                yield exited, _answer(exited, json.loads(details["output"]))
    yield entered, None


def _answer(state: str | None, output: Any) -> str | None:
    """What a step said; a choice only passes it on."""
    if state is None or not isinstance(output, dict) or state.endswith(("Outcome", "Wait", "PlanOnly")):
        return None
    status = (output.get("outcome") or output).get("status")
    return str(status) if status else None


def simulated(scenario: Scenario) -> Outcome:
    """The run on the virtual clock."""
    targets = (TARGET,) if scenario.replaces else ()
    sim = Simulation(Surroundings(targets=targets), durations=Durations())
    operation_id = "restore-compared"
    if scenario.fault:
        rule = scenario.rule(TARGET, operation_id)
        sim.aurora.faults.add(FaultRule(name="compared", **{**rule, "effect": Effect(rule["effect"])}))
    given = {"delete_cluster_if_exists": True, **ANY_USERS, **scenario.changes}
    sim.start(operation_id, simulated_request(**given))
    if scenario.stops_in:
        sim.run_until_phase(operation_id, f"{scenario.stops_in}Wait")
        sim.stop(operation_id, "ManualCancellation")
    sim.run()
    main = sim.main_execution(operation_id)
    cleanups = [
        item for item in sim.step_functions.executions.values() if item.machine_name == CLEANUP_MACHINE
    ]
    return _outcome_of(
        History(walk(exits_of_simulation(main)), main.status, main.error),
        History(walk(exits_of_simulation(cleanups[0])), cleanups[0].status, None) if cleanups else None,
        sim.records.items[operation_id],
    )


def _outcome_of(run: History, cleanup: History | None, record: Mapping[str, Any]) -> Outcome:
    code = (record.get("error") or {}).get("code")
    phases = tuple((name, state["status"]) for name, state in sorted(record["phases"].items()))
    return Outcome(run, cleanup, record["status"], code, phases)


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Place:
    """With no sweep, which would come at its own time."""
    boto("events").disable_rule(Name="aurora-restore-sweep")
    stack.control.change_durations(snapshot=1)
    return Place(stack, boto)


def begin(place: Place, scenario: Scenario) -> None:
    target, operation_id = scenario.target, scenario.operation_id
    if scenario.fault:
        place.fault(operation_id, **scenario.rule(target, operation_id))
    groups = {"vpc_security_group_ids": [SECURITY_GROUP_ID], "db_subnet_group_name": SUBNET_GROUP}
    takes_after_the_old = scenario.changes.get("delete_cluster_if_exists", True)
    given = {**({} if takes_after_the_old else groups), **scenario.changes}
    if scenario.stops_in:
        given |= place.own_snapshot(f"of-{operation_id}")
    place.start(stack_request(target, **given), operation_id)


@pytest.fixture(scope="module")
def begun(place: Place, request: pytest.FixtureRequest) -> None:
    """All of today's at once: they wait most of their time."""
    scenarios = selected(request, "scenario")
    place.make_targets(scenario.target for scenario in scenarios if scenario.replaces)
    for scenario in scenarios:
        begin(place, scenario)


def played(place: Place, scenario: Scenario) -> Outcome:
    """The run on the local stack, in real time."""
    operation_id = scenario.operation_id
    if scenario.stops_in:
        poll_until(lambda: waits_in(place, operation_id, f"{scenario.stops_in}Wait"), "a wait", WAIT_SECONDS)
        place.stop(operation_id)
        place.release(operation_id)
    states = place.boto("stepfunctions")
    finished = await_execution(states, place.execution_arn(operation_id), END_SECONDS)
    record = place.closed(operation_id)
    cleanup = cleanup_of(place, operation_id) if finished.status != "SUCCEEDED" else None
    return _outcome_of(
        History(walk(exits_of_stack(finished.events)), finished.status, finished.error), cleanup, record
    )


def waits_in(place: Place, operation_id: str, state: str) -> bool:
    """Whether a run has just begun a wait of some seconds, so that what comes now comes in its middle.

    The first waits are short, and end between the look and the stop on a machine that is busy.
    """
    phase = place.record(operation_id).get("phases", {}).get(state.removesuffix("Wait"), {})
    return int(phase.get("wait_seconds", 0)) >= LONG_WAIT_SECONDS and place.state_of(operation_id) == state


def cleanup_of(place: Place, operation_id: str) -> History:
    """The execution of the cleanup machine that the event of the run's end started."""
    states = place.boto("stepfunctions")
    machine = f"arn:aws:states:{place.stack.region}:{place.stack.account_id}:stateMachine:{CLEANUP_MACHINE}"

    def find() -> str | None:
        for item in states.list_executions(stateMachineArn=machine)["executions"]:
            seen = states.describe_execution(executionArn=item["executionArn"])
            if json.loads(seen["input"])["detail"]["name"] == operation_id:
                return str(item["executionArn"])
        return None

    arn = poll_until(find, f"the cleanup of {operation_id}", WAIT_SECONDS)
    assert arn is not None
    finished = await_execution(states, arn, 60)
    return History(walk(exits_of_stack(finished.events)), finished.status, finished.error)


@pytest.mark.one_day_in(3)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_both_go_through_the_same_states_with_the_same_results(
    place: Place, begun: None, scenario: Scenario
) -> None:
    on_the_stack, in_the_simulation = played(place, scenario), simulated(scenario)
    assert on_the_stack.run == in_the_simulation.run
    assert on_the_stack.cleanup == in_the_simulation.cleanup
    assert on_the_stack == in_the_simulation
