"""The lock table through the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.locks import AwsLocks
from aurora_restore.domain.errors import AwsThrottled, AwsUnavailable

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def aws() -> InProcessAws:
    aws = shared_aws()
    aws.create_tables()
    return aws


@pytest.fixture
def locks(aws: InProcessAws) -> AwsLocks:
    return AwsLocks(aws.clients(), "AuroraRestoreLocks")


def test_a_free_lock_is_taken(locks: AwsLocks) -> None:
    assert locks.owner("staging") is None
    assert locks.acquire("staging", "restore-1", NOW)
    assert locks.owner("staging") == "restore-1"


def test_a_lock_of_ours_is_ours_again(locks: AwsLocks) -> None:
    locks.acquire("staging", "restore-1", NOW)
    assert locks.acquire("staging", "restore-1", NOW)


def test_a_lock_of_another_is_left_alone(locks: AwsLocks) -> None:
    locks.acquire("staging", "restore-1", NOW)
    assert not locks.acquire("staging", "restore-2", NOW)
    assert locks.owner("staging") == "restore-1"


def test_each_cluster_has_a_lock_of_its_own(locks: AwsLocks) -> None:
    locks.acquire("staging", "restore-1", NOW)
    assert locks.acquire("testing", "restore-2", NOW)


def test_a_lock_is_taken_over_from_exactly_the_owner_that_is_named(locks: AwsLocks) -> None:
    locks.acquire("staging", "restore-1", NOW)
    assert not locks.acquire("staging", "restore-3", NOW, replaces="restore-2")
    assert locks.acquire("staging", "restore-3", NOW, replaces="restore-1")
    assert locks.owner("staging") == "restore-3"


def test_only_the_owner_gives_a_lock_back(locks: AwsLocks) -> None:
    locks.acquire("staging", "restore-1", NOW)
    locks.release("staging", "restore-2")
    assert locks.owner("staging") == "restore-1"
    locks.release("staging", "restore-1")
    locks.release("staging", "restore-1")
    assert locks.owner("staging") is None


def test_a_lock_whose_reply_was_lost_is_ours(aws: InProcessAws, locks: AwsLocks) -> None:
    aws.after(is_operation("PutItem"), FaultKind.REPLY_LOST)
    with pytest.raises(AwsUnavailable):
        locks.acquire("staging", "restore-1", NOW)
    assert locks.acquire("staging", "restore-1", NOW)


def test_a_throttled_table_is_not_an_answer(aws: InProcessAws, locks: AwsLocks) -> None:
    aws.before(is_operation("PutItem"), FaultKind.THROTTLED)
    with pytest.raises(AwsThrottled):
        locks.acquire("staging", "restore-1", NOW)
