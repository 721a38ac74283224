"""Runs that are stopped while a function is at work for them: whatever it does later, it finds the door closed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from tests.stack.conftest import Clients
from tests.stack.endings import REASON, assert_cancelled, assert_succeeded
from tests.stack.polling import poll_until
from tests.stack.serving_targets import Place, Things, request
from tests.support.inbox import Inbox

from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 6)

FUNCTIONS = {
    "SnapshotCheck": "snapshot-check",
    "SetupDbUsers": "setup-db-users",
    "VerifyRestore": "verify-restore",
    "ArchiveSnapshot": "archive-snapshot",
    "Notify": "notify",
}
"""The phases of a swap that wait for nothing, so that a run can only be met in them while their function works."""
BEFORE_THE_SWITCH = ("SnapshotCheck", "SetupDbUsers", "VerifyRestore")
WAIT_SECONDS = 400.0
ANSWER_SHOWS_SECONDS = 0.5
TIMEOUT_SECONDS = 600
"""Of the functions here: one that is held still while its run is cleaned up must not reach its end meanwhile."""


@dataclass(frozen=True)
class StoppedAtWork:
    """A run whose function was held still, and went on when the cleanup was done.

    `record` and `things` are those from before it went on.
    """

    operation_id: str
    target: str
    record: dict[str, Any]
    things: Things


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Iterator[Place]:
    """With no sweep, and with time for each function."""
    boto("events").disable_rule(Name="aurora-restore-sweep")
    stack.control.change_durations(snapshot=1)
    before = {name: change_timeout(boto, name, TIMEOUT_SECONDS) for name in FUNCTIONS.values()}
    yield Place(stack, boto)
    for name, timeout_seconds in before.items():
        change_timeout(boto, name, timeout_seconds)
    boto("events").enable_rule(Name="aurora-restore-sweep")


def change_timeout(boto: Clients, function: str, timeout_seconds: int) -> int:
    """Returns what it was."""
    functions, name = boto("lambda"), f"aurora-restore-{function}"
    before = functions.get_function_configuration(FunctionName=name)["Timeout"]
    functions.update_function_configuration(FunctionName=name, Timeout=timeout_seconds)
    return int(before)


@pytest.fixture(scope="module")
def inbox(boto: Clients) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


@pytest.fixture(scope="module")
def stopped(place: Place, inbox: Inbox) -> dict[str, StoppedAtWork]:
    """One run stopped in each of the phases, all under way at once: the first that comes to a phase stays there."""
    assert inbox.messages() == []
    runs = {f"restore-met-{number}": f"aurora-restored-met-{number}" for number in range(len(FUNCTIONS))}
    place.make_targets(runs.values())
    end_idle_workers(place)
    with ThreadPoolExecutor(len(FUNCTIONS)) as pool:
        met = {phase: pool.submit(meet, place, runs, phase) for phase in FUNCTIONS}
        for operation_id, target in runs.items():
            place.start(request(target), operation_id)
        return {phase: each.result() for phase, each in met.items()}


def end_idle_workers(place: Place) -> None:
    """So that each function starts cold, and is met before it has done anything."""
    for worker in place.stack.control.workers():
        if not worker["busy"]:
            place.stack.control.kill_worker(worker["pid"])


def meet(place: Place, runs: dict[str, str], phase: str) -> StoppedAtWork:
    """Hold the phase's function at the first moment of its work, stop the run, let the function go on at the end."""
    pid, operation_id = poll_until(lambda: held_at_work(place, runs, phase), f"{phase} works", WAIT_SECONDS)
    place.stop(operation_id, REASON)
    record = place.closed(operation_id)
    target = runs[operation_id]
    things = place.things(target, operation_id)
    os.kill(pid, signal.SIGCONT)
    poll_until(lambda: pid not in busy_pids(place), f"the end of {phase}", WAIT_SECONDS)
    return StoppedAtWork(operation_id, target, record, things)


def held_at_work(place: Place, runs: dict[str, str], phase: str) -> tuple[int, str] | None:
    """The process of the phase's function, held still in the middle of a call, and the run that the call is for.

    One that was seen at work may have ended its call before it was held: what it had answered shows within moments.
    """
    seen = at_work(place, runs, phase)
    if seen is None:
        return None
    pid, _ = seen
    os.kill(pid, signal.SIGSTOP)
    time.sleep(ANSWER_SHOWS_SECONDS)
    if at_work(place, runs, phase, pid) == seen:
        return seen
    os.kill(pid, signal.SIGCONT)
    return None


def at_work(place: Place, runs: dict[str, str], phase: str, pid: int | None = None) -> tuple[int, str] | None:
    """The process, or this one, that is in a call of the phase for one of the runs, and the run.

    A function may do other work too: that of SetupDbUsers probes the network for SnapshotCheck, and defuses.
    """
    for worker in place.stack.control.workers():
        event = worker["event"] or {}
        is_of_phase = event.get("phase", phase) == phase and not event.get("probe")
        if (
            worker["function"] == f"aurora-restore-{FUNCTIONS[phase]}"
            and is_of_phase
            and event.get("operation_id") in runs
            and pid in (None, worker["pid"])
        ):
            return worker["pid"], event["operation_id"]
    return None


def busy_pids(place: Place) -> set[int]:
    return {item["pid"] for item in place.stack.control.workers() if item["busy"]}


@pytest.mark.parametrize("phase", BEFORE_THE_SWITCH)
def test_a_run_that_is_stopped_at_work_before_the_switch_is_cancelled(
    place: Place, inbox: Inbox, stopped: dict[str, StoppedAtWork], phase: str
) -> None:
    run = stopped[phase]
    assert_cancelled(place, inbox, run.target, run.operation_id)


@pytest.mark.parametrize("phase", ["ArchiveSnapshot", "Notify"])
def test_a_run_that_is_stopped_at_work_after_the_switch_has_succeeded(
    place: Place, inbox: Inbox, stopped: dict[str, StoppedAtWork], phase: str
) -> None:
    run = stopped[phase]
    record = assert_succeeded(place, inbox, run.target, run.operation_id)
    assert record["retirement"]["state"] == "RETIRED"
    assert record["retirement"]["final_snapshot_identifier"] in run.things.snapshots


@pytest.mark.parametrize("phase", FUNCTIONS)
def test_a_function_that_goes_on_after_its_run_was_cleaned_up_changes_nothing(
    place: Place, stopped: dict[str, StoppedAtWork], phase: str
) -> None:
    run = stopped[phase]
    assert place.record(run.operation_id) == run.record
    assert place.things(run.target, run.operation_id) == run.things
    assert place.lock_owner(run.target) is None
