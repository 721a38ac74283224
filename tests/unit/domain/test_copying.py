from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.domain.builders import KEY_ARN, OPERATION_ID, copy_of, plan, request, snapshot

from aurora_restore.domain.acts import Wait
from aurora_restore.domain.copying import StartCopy, UseCopy, decide_copy
from aurora_restore.domain.errors import NameTaken, SnapshotCopyFailed
from aurora_restore.domain.naming import OPERATION_TAG, RETAIN_UNTIL_TAG
from aurora_restore.domain.plan import copy_decision
from aurora_restore.domain.times import format_time

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWN = "aurora-restore-20261122-120000"
SOURCE_KEY = "arn:aws:kms:us-east-1:123456789012:key/source"


def test_another_region_needs_a_copy() -> None:
    assert plan().copy is not None
    assert "us-east-1" in plan().copy_reason


def test_the_same_region_needs_none() -> None:
    assert plan(source_region="us-west-2").copy is None


def test_another_key_in_the_same_region_needs_a_copy() -> None:
    encrypted = snapshot(storage_encrypted=True, kms_key_id=SOURCE_KEY)
    asked = request(source_region="us-west-2")
    assert copy_decision(asked, encrypted, KEY_ARN)[0]
    assert not copy_decision(asked, encrypted, SOURCE_KEY)[0]


def test_an_unencrypted_snapshot_is_encrypted_at_the_restore_and_not_at_the_copy() -> None:
    made = plan(kms_key_arn=KEY_ARN, kms_key_id="alias/x")
    assert made.copy is not None
    assert made.copy.kms_key_id is None
    assert made.cluster.kms_key_id == KEY_ARN


def test_an_encrypted_one_gets_its_key_at_the_copy() -> None:
    made = plan(
        snapshot(storage_encrypted=True, kms_key_id=SOURCE_KEY), kms_key_arn=KEY_ARN, kms_key_id="alias/x"
    )
    assert made.copy is not None
    assert made.copy.kms_key_id == KEY_ARN
    assert made.cluster.kms_key_id is None


def test_where_there_is_no_copy_one_is_started() -> None:
    assert isinstance(decide_copy(OPERATION_ID, plan(), [], NOW), StartCopy)


def test_the_own_copy_in_flight_is_waited_for() -> None:
    found = [copy_of(snapshot(), OWN, status="copying", percent_progress=40)]
    assert isinstance(decide_copy(OPERATION_ID, plan(), found, NOW), Wait)


def test_a_finished_copy_of_an_earlier_operation_is_used_again() -> None:
    earlier = copy_of(snapshot(), "aurora-restore-earlier", tags={OPERATION_TAG: "restore-earlier"})
    decision = decide_copy(OPERATION_ID, plan(), [earlier], NOW)
    assert isinstance(decision, UseCopy)
    assert decision.snapshot == earlier
    assert "restore-earlier" in decision.reason


def test_a_copy_of_another_operation_in_flight_is_waited_for_rather_than_doubled() -> None:
    other = copy_of(
        snapshot(), "aurora-restore-other", status="copying", tags={OPERATION_TAG: "restore-other"}
    )
    assert isinstance(decide_copy(OPERATION_ID, plan(), [other], NOW), Wait)


def test_the_own_copy_is_preferred_to_anothers() -> None:
    own = copy_of(snapshot(), OWN)
    other = copy_of(snapshot(), "aurora-restore-other", tags={OPERATION_TAG: "restore-other"})
    decision = decide_copy(OPERATION_ID, plan(), [other, own], NOW)
    assert isinstance(decision, UseCopy)
    assert decision.snapshot == own


def test_a_copy_that_is_not_ours_is_not_used() -> None:
    foreign = copy_of(snapshot(), "aurora-restore-by-hand", tags={})
    assert isinstance(decide_copy(OPERATION_ID, plan(), [foreign], NOW), StartCopy)


def test_a_copy_of_another_snapshot_is_not_used() -> None:
    other = copy_of(snapshot(db_cluster_snapshot_arn="arn:another"), "aurora-restore-other")
    assert isinstance(decide_copy(OPERATION_ID, plan(), [other], NOW), StartCopy)


def test_a_copy_under_another_key_is_not_used() -> None:
    encrypted = snapshot(storage_encrypted=True, kms_key_id=SOURCE_KEY)
    made = plan(encrypted, kms_key_arn=KEY_ARN, kms_key_id="alias/x")
    other = copy_of(encrypted, "aurora-restore-other", kms_key_id="arn:another-key")
    assert isinstance(decide_copy(OPERATION_ID, made, [other], NOW), StartCopy)


def test_a_failed_copy_ends_the_run() -> None:
    with pytest.raises(SnapshotCopyFailed, match="`failed`"):
        decide_copy(OPERATION_ID, plan(), [copy_of(snapshot(), OWN, status="failed")], NOW)


def test_anothers_snapshot_under_our_name_is_left_alone_and_its_owner_named() -> None:
    taken = snapshot(db_cluster_snapshot_identifier=OWN, tags={OPERATION_TAG: "restore-x"})
    with pytest.raises(NameTaken, match="restore-x"):
        decide_copy(OPERATION_ID, plan(), [taken], NOW)


@pytest.mark.parametrize(("hours", "expected"), [(-1, StartCopy), (1, UseCopy)])
def test_a_copy_whose_retention_is_over_may_go_at_any_moment_and_is_not_used(
    hours: int, expected: type[StartCopy | UseCopy]
) -> None:
    until = {RETAIN_UNTIL_TAG: format_time(NOW + timedelta(hours=hours))}
    earlier = copy_of(snapshot(), "aurora-restore-earlier", tags={OPERATION_TAG: "restore-earlier", **until})
    assert isinstance(decide_copy(OPERATION_ID, plan(), [earlier], NOW), expected)
