"""Loading a backup through the wire: it may die anywhere, it never overwrites, and it compares what is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, shared_aws
from tests.unit.cli.cli_fakes import pipeline_with
from tests.unit.domain.audit_chains import RUN, begun
from tests.unit.domain.test_recovery import ARN, HOME, OTHER, manifest

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.table_items import AwsTableItems
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.recovering import Backup, Loaded, Tables, load
from aurora_restore.domain.audit_verification import ChainState
from aurora_restore.domain.backup_errors import TablesInUse
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.kept_operations import KeptOperation
from aurora_restore.domain.recovery import Loading

MOMENT = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
ENDED, RUNNING = NAMES = ("restore-20261101-020000", "restore-20261122-020000")


def kept(name: str) -> KeptOperation:
    chain = begun(operation_id=name)
    chain.write(*RUN[:2])
    if name == ENDED:
        chain.write(*RUN[2:])
        chain.close()
    return KeptOperation.of(name, chain.record | {"execution_arn": ARN}, chain.events)


@pytest.fixture
def backup() -> Backup:
    """One operation that has ended, and one that ran when the backup was made."""
    return Backup(manifest(), "", {}, {name: kept(name) for name in NAMES})


@pytest.fixture
def aws() -> InProcessAws:
    aws = shared_aws()
    aws.create_tables()
    return aws


def tables_of(aws: InProcessAws, region: str) -> Tables:
    """The tables of the account, as those of a Region."""
    clients, fakes = aws.clients(), pipeline_with()
    records, audit = AwsRecords(clients, "AuroraRestoreState"), AwsAudit(clients, "AuroraRestoreAudit")
    return Tables(
        Pipeline(region, records, fakes.executions, audit, fakes.logs),
        AwsTableItems(clients, "AuroraRestoreState", "AuroraRestoreAudit"),
        region,
    )


def loaded(backup: Backup, tables: Tables) -> Loaded:
    return load(backup, tables, MOMENT, lambda _text: None)


def contents(tables: Tables) -> dict[str, Any]:
    return {name: tables.found(name) for name in sorted(tables.items.operation_ids())}


@pytest.mark.parametrize("region", [HOME, OTHER])
def test_what_ran_is_left_behind_in_whichever_region(aws: InProcessAws, backup: Backup, region: str) -> None:
    tables = tables_of(aws, region)
    done = loaded(backup, tables)
    assert done.left_behind == (RUNNING,)
    assert done.chains[ChainState.VERIFIED] == len(NAMES)
    assert tables.found(ENDED) == backup.operations[ENDED]
    found = tables.found(RUNNING)
    assert found is not None
    assert (found.record or {})["error"]["code"] == "LEFT_BEHIND"


def test_in_tables_that_outlived_the_stack_it_stays_as_it_went_on(aws: InProcessAws, backup: Backup) -> None:
    tables = tables_of(aws, HOME)
    for operation in backup.operations.values():
        for event in operation.events:
            tables.items.put_event(event)
        tables.items.put_record(operation.record or {})
    assert tables.pipeline.records.update(RUNNING, {"step": "CopySnapshot"})
    before = contents(tables)
    done = loaded(backup, tables)
    assert (done.decisions[RUNNING], done.left_behind) == (Loading.NEWER, ())
    assert contents(tables) == before


@pytest.mark.parametrize("fault", [FaultKind.DIES_BEFORE, FaultKind.REPLY_LOST])
def test_it_may_die_at_any_request_and_a_repetition_completes_it(
    aws: InProcessAws, backup: Backup, fault: FaultKind
) -> None:
    tables = tables_of(aws, OTHER)
    aws.calls.clear()
    loaded(backup, tables)
    count = len(aws.calls)
    with aws.setting_up():
        whole = contents(tables)
    for number in range(count):
        aws.reset()
        aws.create_tables()
        (aws.before if fault is FaultKind.DIES_BEFORE else aws.after)(number, fault)
        with pytest.raises((ProcessDied, RestoreError)):
            loaded(backup, tables)
        aws.clear_faults()
        loaded(backup, tables)
        with aws.setting_up():
            assert contents(tables) == whole


def test_a_repetition_finds_all_of_it_and_writes_nothing(aws: InProcessAws, backup: Backup) -> None:
    tables = tables_of(aws, OTHER)
    loaded(backup, tables)
    aws.calls.clear()
    assert set(loaded(backup, tables).decisions.values()) == {Loading.SAME}
    assert not [call for call in aws.calls if call.operation in ("PutItem", "UpdateItem", "DeleteItem")]


def test_an_operation_that_is_not_in_the_backup_keeps_everything_out(
    aws: InProcessAws, backup: Backup
) -> None:
    tables = tables_of(aws, OTHER)
    stranger = kept("restore-20261123-020000")
    tables.items.put_record(stranger.record or {})
    before = contents(tables)
    with pytest.raises(TablesInUse):
        loaded(backup, tables)
    assert contents(tables) == before


def test_one_that_came_after_the_recovery_does_not(aws: InProcessAws, backup: Backup) -> None:
    tables = tables_of(aws, OTHER)
    loaded(backup, tables)
    tables.items.put_record(kept("restore-20261123-020000").record or {})
    assert set(loaded(backup, tables).decisions.values()) == {Loading.SAME}


def test_an_operation_that_differs_is_neither_overwritten_nor_passed_over(
    aws: InProcessAws, backup: Backup
) -> None:
    tables = tables_of(aws, OTHER)
    other = replace(kept(ENDED), record={**(kept(ENDED).record or {}), "execution_arn": "arn:another"})
    tables.items.put_record(other.record or {})
    with pytest.raises(TablesInUse):
        loaded(backup, tables)
    found = tables.found(ENDED)
    assert found is not None
    assert found.record == other.record
    assert tables.found(RUNNING) is None


def test_what_has_expired_is_left_out(aws: InProcessAws, backup: Backup) -> None:
    tables = tables_of(aws, OTHER)
    done = load(backup, tables, datetime(2028, 1, 1, tzinfo=UTC), lambda _text: None)
    assert done.expired == NAMES
    assert tables.items.operation_ids() == frozenset()
