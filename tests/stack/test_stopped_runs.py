"""Runs that an operator ends: by stop-execution at every phase of a swap, and by marking the record."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.stack.conftest import Clients
from tests.stack.endings import REASON, assert_cancelled, assert_succeeded
from tests.stack.polling import poll_until
from tests.stack.serving_targets import NEW_DATA, Place, messages_of, request
from tests.support.aws_cli import directory_of_aws
from tests.support.inbox import Inbox

from aurora_restore.domain.naming import copy_identifier, final_snapshot_identifier, staging_identifier
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 1)

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "operations_guide.md"
GUIDE_OPERATION = "restore-20230615-123456"
CLEANUP_MACHINE = "aurora-restore-cleanup-state-machine"
WAIT_SECONDS = 400.0
SILENCE_SECONDS = 3.0
HOLDS: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "CopySnapshot": ("CopyDBClusterSnapshot", lambda _, operation: copy_identifier(operation)),
    "RestoreCluster": ("RestoreDBClusterFromSnapshot", staging_identifier),
    "Instances": ("CreateDBInstance", lambda target, _: f"{target}-*"),
    "FirstRename": ("ModifyDBCluster", lambda target, _: target),
    "SecondRename": ("ModifyDBCluster", staging_identifier),
    "FinalSnapshot": ("CreateDBClusterSnapshot", lambda _, operation: final_snapshot_identifier(operation)),
}
"""What a run waits for: the call whose work is held, and at which thing."""


@dataclass(frozen=True)
class Held:
    """A run that waits, until its rule is released."""

    operation_id: str
    target: str


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Iterator[Place]:
    """With no sweep but those that a test asks for."""
    boto("events").disable_rule(Name="aurora-restore-sweep")
    stack.control.change_durations(snapshot=1)
    yield Place(stack, boto)
    boto("events").enable_rule(Name="aurora-restore-sweep")


@pytest.fixture(scope="module")
def inbox(boto: Clients) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


def hold(place: Place, what: str, name: str, **changes: Any) -> Held:
    """Start a swap that will wait for something for as long as we want."""
    target, operation_id = f"aurora-restored-{name}", f"restore-{name}"
    action, identifier = HOLDS[what]
    # The other modifications of a cluster, such as that of its password, are not to wait.
    renames = {"parameter": "NewDBClusterIdentifier"} if what.endswith("Rename") else {}
    # A run asks again for what does not come: that request waits as well, however late the run is stopped.
    place.fault(
        operation_id,
        effect="hold",
        action=action,
        identifier=identifier(target, operation_id),
        times=0,
        **renames,
    )
    return Held(place.start(request(target, **changes), operation_id), target)


def stop(place: Place, held: Held) -> None:
    """In the middle of its wait."""
    poll_until(lambda: place.waits_at(held.operation_id), f"{held.operation_id} waits", WAIT_SECONDS)
    place.stop(held.operation_id, REASON)


def release(place: Place, held: Held) -> None:
    """Once the cleanup has decided how the run ends: what was held goes on then, and comes late."""
    place.becomes(held.operation_id, lambda record: "ending" in record.get("cleanup", {}))
    place.release(held.operation_id)


def cleanups_of(place: Place, operation_id: str) -> list[str]:
    """The executions of the cleanup machine that were started for an operation."""
    arn = f"arn:aws:states:{place.stack.region}:{place.stack.account_id}:stateMachine:{CLEANUP_MACHINE}"
    states = place.boto("stepfunctions")
    found = states.list_executions(stateMachineArn=arn)["executions"]
    inputs = {item["name"]: states.describe_execution(executionArn=item["executionArn"]) for item in found}
    return [name for name, seen in inputs.items() if f'"{operation_id}"' in seen["input"]]


@pytest.fixture(scope="module")
def waiting(place: Place, inbox: Inbox) -> dict[str, Held]:
    """Swaps that wait, each for something else, all at once."""
    assert inbox.messages() == []
    cases = {f"held-{number}": what for number, what in enumerate(HOLDS)} | {
        "swept-early": "RestoreCluster",
        "swept-late": "SecondRename",
        "marked": "RestoreCluster",
    }
    place.make_targets(f"aurora-restored-{name}" for name in cases)
    started = {}
    for name, what in cases.items():
        changes = place.own_snapshot("to-be-held") if what == "CopySnapshot" else {}
        started[what if name.startswith("held") else name] = hold(place, what, name, **changes)
    return started


@pytest.fixture(scope="module")
def stopped(place: Place, waiting: dict[str, Held]) -> dict[str, Held]:
    for what in HOLDS:
        stop(place, waiting[what])
    for what in HOLDS:
        release(place, waiting[what])
    return waiting


@pytest.mark.parametrize("what", [name for name in HOLDS if name != "FinalSnapshot"])
def test_a_run_that_is_stopped_before_the_switch_leaves_everything_as_before_by_the_event_alone(
    place: Place, inbox: Inbox, stopped: dict[str, Held], what: str
) -> None:
    held = stopped[what]
    assert_cancelled(place, inbox, held.target, held.operation_id)
    (cleanup,) = cleanups_of(place, held.operation_id)
    assert "sweep" not in cleanup


def test_a_run_that_is_stopped_after_the_switch_has_succeeded_and_keeps_the_old_cluster_stopped(
    place: Place, inbox: Inbox, stopped: dict[str, Held]
) -> None:
    held = stopped["FinalSnapshot"]
    record = assert_succeeded(place, inbox, held.target, held.operation_id)
    retired = record["retirement"]["db_cluster_identifier"]
    assert record["retirement"]["state"] == "KEPT"
    assert place.cluster(retired)["Status"] == "stopped"
    (message,) = messages_of(inbox, held.operation_id)
    assert f"aurora-restore undo {held.operation_id}" in message
    undo = place.start({"undo_operation_id": held.operation_id, "dry_run": True})
    assert place.closed(undo)["status"] == "SUCCEEDED"


@pytest.mark.usefixtures("stopped")
def test_runs_whose_end_event_is_lost_are_cleaned_up_by_the_sweep_alone(
    place: Place, inbox: Inbox, waiting: dict[str, Held]
) -> None:
    both = [waiting["swept-early"], waiting["swept-late"]]
    place.boto("events").disable_rule(Name="aurora-restore-abnormal-end")
    try:
        for held in both:
            stop(place, held)
        assert not threading.Event().wait(SILENCE_SECONDS)
        assert [place.record(held.operation_id)["status"] for held in both] == ["RUNNING"] * 2
        assert [cleanups_of(place, held.operation_id) for held in both] == [[], []]
        begun = place.sweep()
    finally:
        place.boto("events").enable_rule(Name="aurora-restore-abnormal-end")
    for held in both:
        assert [line for line in begun if line.startswith(f"{held.operation_id}:")]
        release(place, held)
        assert_cancelled(place, inbox, held.target, held.operation_id)


@pytest.mark.usefixtures("stopped")
def test_a_run_that_is_marked_failed_by_the_guides_command_ends_and_can_be_started_again_at_once(
    place: Place, inbox: Inbox, waiting: dict[str, Held], tmp_path: Path
) -> None:
    held = waiting["marked"]
    poll_until(lambda: place.waits_at(held.operation_id), "it waits", WAIT_SECONDS)
    assert place.record(held.operation_id)["snapshot_details"]["restored_from"]
    by_the_guide(place, "aws dynamodb update-item", held.operation_id, tmp_path)
    place.release(held.operation_id)
    again = place.start(request(held.target))

    record = place.closed(held.operation_id)
    assert (record["status"], record["error"]["code"]) == ("FAILED", "MANUAL_INTERVENTION")
    assert record["error"]["message"] == "Manually marked as failed"
    assert place.execution(held.operation_id)["status"] in ("FAILED", "ABORTED")
    (message,) = messages_of(inbox, held.operation_id)
    assert f"{held.target} is the old cluster" in message

    second = place.closed(again)
    assert second["status"] == "SUCCEEDED", second.get("error")
    # Other runs have copied the same snapshot too: which of the finished copies is used is all the same.
    finished = place.boto("rds").describe_db_cluster_snapshots(
        DBClusterSnapshotIdentifier=second["snapshot_details"]["restored_from"]
    )["DBClusterSnapshots"]
    assert finished[0]["Status"] == "available"
    assert "copy" not in second["acts"]
    assert place.data_of(held.target) == NEW_DATA
    assert place.things(held.target, again).clusters == {held.target}


def by_the_guide(place: Place, beginning: str, operation_id: str, directory: Path) -> None:
    """Run one command of the operations guide, word for word but for the operation's name."""
    (command,) = re.findall(rf"^{beginning}.*?(?=^```)", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ |= lifecycle.environment(place.stack.home) | {"AWS_PAGER": ""}
    environ["PATH"] = f"{directory_of_aws(directory)}{os.pathsep}{environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-ec", command.replace(GUIDE_OPERATION, operation_id)],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
