"""Records of every earlier version are read, shown and finished by the code as it is.

tests/data/records has a folder for each version that changed the record; `tests.support.kept_records` wrote them.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.support.kept_records import AFTER_THE_CHECK, DATA, TARGET, situations, taken_up
from tests.support.worlds import PipelineRun

from aurora_restore.cli.views.operation import render_operation, render_status
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.audit_verification import ChainState, verify
from aurora_restore.domain.record import Part, Record
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.states import OperationStatus, PhaseStatus, RetirementState
from aurora_restore.steps.functions import work_of

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
KEPT = sorted(DATA.glob("*/*.json"))
NEWEST = max(path.parent.name for path in KEPT)
# The records of the version before this one are tried each day, older ones on one day in four.
PARAMETERS = [
    pytest.param(path, marks=() if path.parent.name == NEWEST else pytest.mark.one_day_in(4)) for path in KEPT
]


def path_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def records_in(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["records"]
    return found


def of(*beginnings: str) -> list[Any]:
    return [each for each, path in zip(PARAMETERS, KEPT, strict=True) if path.stem.startswith(beginnings)]


def record(run: PipelineRun, operation_id: str) -> Record:
    return Record.read(run.record(operation_id))


def resource_id(run: PipelineRun, name: str = TARGET) -> str | None:
    cluster = run.ports.target_rds.find_cluster(name)
    return cluster.db_cluster_resource_id if cluster else None


def test_there_are_records_of_every_situation() -> None:
    names = {situation.name for situation in situations()}
    for version in DATA.iterdir():
        assert {path.stem for path in version.iterdir()} == names, (
            f"{version.name} does not have the situations of tests/support/kept_records.py; "
            "a phase that is newer than its records belongs in NEWER_PHASES there"
        )


@pytest.mark.parametrize("path", KEPT, ids=path_id)
def test_every_field_of_a_kept_record_is_known(path: Path) -> None:
    for item in records_in(path):
        assert unknown_fields(Record.read(item), "") == []


def unknown_fields(part: Part, path: str) -> list[str]:
    """The fields of an item that no reading of it asks for, or that were read as nothing."""
    entries = {
        key: (name, entry) for name, entry in part.FIELDS.items() for key in (entry.key, *entry.former_keys)
    }
    found = []
    for key, value in part.item.items():
        if key not in entries:
            found.append(f"{path}{key}")
            continue
        read = getattr(part, entries[key][0])
        inner = read.values() if isinstance(read, dict) else read if isinstance(read, tuple) else (read,)
        for each in inner:
            if isinstance(each, Part):
                found += unknown_fields(each, f"{path}{key}.")
        if value not in (None, "", [], {}, False, 0) and read in (None, "", (), {}, False, 0):
            found.append(f"{path}{key} is read as {read!r}")
    return [each for each in found if not each.startswith((*READ_ELSEWHERE, ERROR_BY_HAND))]


ERROR_BY_HAND = "error is read as None"
"""A plain text, which `error_by_hand` reads."""
READ_ELSEWHERE = ("plan.", "replaced.", "parameters.", "snapshot_details.")
"""What the plan, the configuration and the request hold is read by `from_item`, and known there."""


@pytest.mark.parametrize("path", KEPT, ids=path_id)
def test_status_shows_a_kept_record(path: Path) -> None:
    for item in records_in(path):
        view, shown = view_operation(item), io.StringIO()
        console = Console(file=shown, width=100)
        console.print(render_status(view, NOW), crop=False)
        console.print(render_operation(view, NOW), crop=False)
        assert view.operation_id in shown.getvalue()


@pytest.mark.parametrize("path", of("running"), ids=path_id)
def test_a_run_that_was_under_way_is_finished(path: Path) -> None:
    run, operation_id = taken_up(path)
    had_ended = record(run, operation_id).is_closed
    # A state machine never goes back: a phase that a later version put before the present one is not called.
    under_way = Phase(record(run, operation_id).step or "")
    for phase in AFTER_THE_CHECK[AFTER_THE_CHECK.index(under_way) :]:
        if not record(run, operation_id).phase(phase).has_ended_well:
            run.run_phase(phase, operation_id)
    ended = record(run, operation_id)
    assert (ended.status, ended.error) == (OperationStatus.SUCCEEDED, None)
    assert ended.restore_details.db_cluster_resource_id == resource_id(run)
    assert run.ports.locks.owner(TARGET) is None
    if not had_ended:
        chain = verify(run.record(operation_id), run.ports.audit.trail(operation_id), run.clock.now())
        assert (chain.state, chain.count) == (ChainState.VERIFIED, ended.audit_head.count)
        assert run.events(operation_id).count("operation.succeeded") == 1


@pytest.mark.parametrize("path", of("running", "cleaning-up", "marked"), ids=path_id)
def test_what_was_interrupted_is_tidied_up(path: Path) -> None:
    run, operation_id = taken_up(path)
    old = record(run, operation_id).replaced.db_cluster_resource_id
    assert run.clean_up(operation_id, "ABORTED").status is StepStatus.DONE
    ended = record(run, operation_id)
    assert ended.is_closed
    assert not [name for name, state in ended.phases.items() if state.status is PhaseStatus.IN_PROGRESS]
    if ended.goes_back and not ended.retirement.made_again:
        assert resource_id(run) == old
    elif ended.goes_back:
        assert resource_id(run) not in (None, ended.restore_details.db_cluster_resource_id)
    else:
        assert resource_id(run) == ended.restore_details.db_cluster_resource_id
    assert run.ports.locks.owner(TARGET) is None


@pytest.mark.parametrize("path", of("kept", "being-retired"), ids=path_id)
def test_a_kept_cluster_is_retired_when_its_time_is_over(path: Path) -> None:
    run, operation_id = taken_up(path)
    run.clock.advance(26 * 3600)
    sweep(run)
    assert run.executions.cleanups == [operation_id]
    assert run.clean_up(operation_id, "SUCCEEDED").status is StepStatus.DONE
    ended = record(run, operation_id)
    assert ended.retirement.state is RetirementState.RETIRED
    assert run.ports.target_rds.find_cluster(ended.switch_over.retired_identifier or "") is None


@pytest.mark.parametrize("path", PARAMETERS, ids=path_id)
def test_a_sweep_reads_them_all(path: Path) -> None:
    run, operation_id = taken_up(path)
    run.clock.advance(3600)
    assert sweep(run)["status"] == StepStatus.DONE
    assert record(run, operation_id).operation_id == operation_id


def sweep(run: PipelineRun) -> Any:
    return work_of("aurora-restore-sweep")(run.ports, {})


@pytest.mark.parametrize("path", of("kept"), ids=path_id)
def test_a_kept_cluster_can_be_put_back(path: Path) -> None:
    run, operation_id = taken_up(path)
    before = record(run, operation_id)
    again = "undo-20261122-150000"
    run.start(again, {"undo_operation_id": operation_id})
    for phase in AFTER_THE_CHECK:
        run.run_phase(phase, again)
    assert resource_id(run) == before.replaced.db_cluster_resource_id
    assert record(run, operation_id).retirement.state is RetirementState.UNDONE
