"""What of a backup is loaded, and what becomes of an operation that was not at its end in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.domain.audit_chains import Chain, begun, ended

from aurora_restore.domain import recovery
from aurora_restore.domain.audit_verification import ChainState
from aurora_restore.domain.backup import (
    KeptFile,
    Manifest,
    parameters_to_give,
    without_secrets,
)
from aurora_restore.domain.backup_errors import BackupDamaged
from aurora_restore.domain.kept_operations import KeptOperation, Seal, gathered, needs_another_look
from aurora_restore.domain.record import Record
from aurora_restore.domain.recovery import LeftBehind, Loading, Origin, as_loaded, is_at_rest

HOME, OTHER = "us-west-2", "eu-central-1"
MOMENT = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
ARN = f"arn:aws:states:{HOME}:123456789012:execution:aurora-restore-state-machine:x"


def kept(chain: Chain) -> KeptOperation:
    record = chain.record | {"execution_arn": ARN}
    return KeptOperation.of(str(chain.record["operation_id"]), record, chain.events)


def running() -> KeptOperation:
    chain = begun()
    chain.write(("SnapshotCheck.started", {}))
    return kept(chain)


ORIGIN = Origin(HOME, MOMENT)


def loaded(operation: KeptOperation) -> KeptOperation:
    return as_loaded(operation, ORIGIN)


def decide(operation: KeptOperation, found: KeptOperation | None) -> Loading:
    return recovery.decide(operation, found, ORIGIN)


def without_last_event(operation: KeptOperation) -> KeptOperation:
    return KeptOperation.of(operation.operation_id, operation.record, operation.events[:-1])


def test_what_has_ended_is_loaded_as_it_is() -> None:
    assert loaded(kept(ended())) == kept(ended())


def test_what_ran_is_closed_as_left_behind_and_its_chain_verifies() -> None:
    closed = loaded(running())
    record = closed.record or {}
    assert (record["status"], record["error"]["code"]) == ("FAILED", LeftBehind.code)
    assert record["end_time"] == record["left_behind_time"] == "2026-11-22T18:00:00.000Z"
    assert closed.events[:-1] == running().events
    assert closed.verification().state is ChainState.VERIFIED


@pytest.mark.parametrize(
    "fields", [{"retirement": {"state": "KEPT"}}, {"retirement": {"state": "BEGUN"}}, {"settled_time": None}]
)
def test_what_had_ended_and_was_not_at_rest_keeps_its_end_and_is_left_behind(fields: dict[str, Any]) -> None:
    chain = ended()
    chain.close(**fields)
    marked = loaded(kept(chain))
    record = marked.record or {}
    assert (record["status"], record["end_time"]) == ("SUCCEEDED", "2026-11-22T13:00:00.000Z")
    assert record["left_behind_time"] == "2026-11-22T18:00:00.000Z"
    assert len(record.get("warnings", ())) == ("retirement" in fields)
    assert marked.verification().state is ChainState.VERIFIED
    # A backup of what was recovered has it as it is.
    assert is_at_rest(Record.read(record))


def test_it_is_the_same_in_every_repetition() -> None:
    assert loaded(running()) == loaded(running())


def test_what_its_last_call_noted_and_did_not_append_is_not_lost() -> None:
    chain = begun()
    chain.note(("SnapshotCheck.started", {}))
    closed = loaded(kept(chain))
    names = [event["event"] for event in closed.events]
    assert names == ["operation.started", "SnapshotCheck.started", "operation.left_behind"]
    assert closed.verification().state is ChainState.VERIFIED


def test_the_word_of_an_operator_stays_on_a_record_that_was_marked_by_hand() -> None:
    chain = begun()
    chain.record |= {"status": "FAILED", "error": "given up"}
    record = loaded(kept(chain)).record or {}
    assert (record["status"], record["error"]) == ("FAILED", "given up")


def test_an_operation_that_is_not_there_or_not_whole_is_written() -> None:
    wanted = kept(ended())
    assert decide(wanted, None) is Loading.WRITE
    assert decide(wanted, without_last_event(wanted)) is Loading.WRITE
    assert decide(wanted, KeptOperation(wanted.operation_id, None, wanted.events)) is Loading.WRITE


def test_one_that_is_there_is_left_and_so_is_a_later_state_of_it() -> None:
    wanted = kept(ended())
    chain = ended()
    chain.write(("copy.removed", {}))
    assert decide(wanted, wanted) is Loading.SAME
    assert decide(wanted, kept(chain)) is Loading.NEWER


@pytest.mark.parametrize(
    "changes",
    [
        {"record": {"execution_arn": "arn:another"}},
        {"record": {"audit_head": {"count": 1, "hash": "0"}}},
        {"event": {"details": {"message": "forged"}}},
    ],
)
def test_one_that_is_another_or_was_changed_is_neither_overwritten_nor_taken_for_it(
    changes: dict[str, Any],
) -> None:
    wanted = kept(ended())
    record = {**(wanted.record or {}), **changes.get("record", {})}
    events = [*wanted.events[:-1], {**wanted.events[-1], **changes.get("event", {})}]
    assert decide(wanted, KeptOperation.of(wanted.operation_id, record, events)) is Loading.OTHER


def test_tables_that_outlived_the_stack_keep_what_runs_as_it_is() -> None:
    chain = begun()
    chain.write(("SnapshotCheck.started", {}))
    chain.write(("plan.made", {}))
    assert decide(running(), running()) is Loading.SAME
    assert decide(running(), kept(chain)) is Loading.NEWER
    assert decide(running(), loaded(running())) is Loading.SAME


def test_one_that_was_left_behind_and_is_not_whole_is_written() -> None:
    closed = loaded(running())
    for part in (closed.events, closed.events[:-1], closed.events[:1]):
        assert decide(running(), KeptOperation(closed.operation_id, None, part)) is Loading.WRITE


def test_two_tables_that_were_exported_at_two_moments_need_another_look() -> None:
    assert not needs_another_look(kept(ended()))
    assert needs_another_look(without_last_event(kept(ended())))
    assert needs_another_look(running())


def test_tables_are_put_together_by_operation_whatever_is_missing() -> None:
    found = gathered(
        [{"operation_id": "a"}],
        [{"operation_id": "b", "event_id": "2"}, {"operation_id": "b", "event_id": "1"}],
    )
    assert found["a"].events == ()
    assert found["b"].record is None
    assert [event["event_id"] for event in found["b"].events] == ["1", "2"]


def test_what_has_expired_is_left_out() -> None:
    operation = kept(ended())
    assert not operation.is_expired(MOMENT)
    assert operation.is_expired(MOMENT + timedelta(days=366))


def test_a_kept_operation_and_its_seal_are_read_as_they_were_written() -> None:
    operation = kept(ended())
    assert KeptOperation.from_line(operation.to_line()) == operation
    assert Seal.read(Seal.of(operation).to_item()) == Seal.of(operation)


def test_a_seal_is_another_one_when_anything_was_changed() -> None:
    operation = kept(ended())
    edited = KeptOperation.of(
        operation.operation_id, {**(operation.record or {}), "step": "X"}, operation.events
    )
    assert Seal.of(edited).sha256 != Seal.of(operation).sha256
    assert Seal.of(without_last_event(operation)).chain is ChainState.BROKEN


def manifest(**changes: Any) -> Manifest:
    file = KeptFile("a", "b")
    values: dict[str, Any] = {
        "time": MOMENT, "account_id": "1", "region": HOME, "stack_name": "s", "parameters": {},
        "template": file, "artifacts": {"Lambda": file}, "keys": {"Lambda": "k"}, "differing_code": {},
        "tables": {"T": [KeptFile("t", "c", 3)]}, "operations": file, "read_again": file,
        "subscriptions": [], "schedules": [],
    }  # fmt: skip
    return Manifest(**(values | changes))


def test_a_manifest_is_read_as_it_was_written_and_refused_in_another_format() -> None:
    assert Manifest.read(manifest().to_item()) == manifest()
    wrong: list[Any] = [{**manifest().to_item(), "format": 2}, {"format": 1}, []]
    for item in wrong:
        with pytest.raises(BackupDamaged):
            Manifest.read(item)


def test_an_object_that_is_missing_or_was_changed_is_refused() -> None:
    file = KeptFile.of("name", b"content")
    assert file.compare(b"content") == b"content"
    for content in (None, b"other"):
        with pytest.raises(BackupDamaged):
            file.compare(content)


def test_values_of_one_region_are_asked_for_in_another() -> None:
    made = manifest(parameters={"SubnetIds": "subnet-1", "KmsKeyArn": "", "LogRetentionDays": "90"})
    assert parameters_to_give(made, HOME, {}) == ()
    assert parameters_to_give(made, OTHER, {}) == ("SubnetIds",)
    assert parameters_to_give(made, OTHER, {"SubnetIds": ""}) == ()


def test_an_address_of_the_web_is_kept_without_what_may_be_a_secret() -> None:
    assert (
        without_secrets("https://user:word@hooks.example.com/T0/secret?token=x")
        == "https://hooks.example.com/…"
    )
    assert without_secrets("on-call@example.com") == "on-call@example.com"
