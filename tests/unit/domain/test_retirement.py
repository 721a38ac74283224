from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.builders import NOW, OPERATION_ID, cluster, instances, snapshot

from aurora_restore.domain.acts import (
    DeleteCluster,
    DeleteInstance,
    StartCluster,
    StopCluster,
    Tag,
    TakeSnapshot,
    Wait,
)
from aurora_restore.domain.errors import (
    DeletionProtected,
    FinalSnapshotFailed,
    GlobalClusterMember,
    NameTaken,
    RestoreError,
)
from aurora_restore.domain.naming import KEEP_UNTIL_TAG, OPERATION_TAG, REPLACED_BY_TAG
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster
from aurora_restore.domain.retirement import Retiring, decide_keeping, decide_retirement
from aurora_restore.domain.times import format_time

FINAL, OLD_ID = "aurora-restore-final", "cluster-OLD"
MEMBERS = instances(2)
NAMES = tuple(item.db_instance_identifier for item in MEMBERS)


def final(**changes: Any) -> ClusterSnapshot:
    base = snapshot(
        db_cluster_snapshot_identifier=FINAL,
        db_cluster_resource_id=OLD_ID,
        tags={OPERATION_TAG: OPERATION_ID},
    )
    return replace(base, **changes)


def seen(**changes: Any) -> Retiring:
    base = Retiring(
        operation_id=OPERATION_ID,
        resource_id=OLD_ID,
        cluster=cluster(db_cluster_resource_id=OLD_ID, member_identifiers=NAMES),
        instances=MEMBERS,
        final_snapshot_identifier=FINAL,
        final_snapshot=final(),
    )
    return replace(base, **changes)


def old(**changes: Any) -> Any:
    return cluster(**({"db_cluster_resource_id": OLD_ID, "member_identifiers": NAMES} | changes))


def deleting(count: int) -> list[Any]:
    return [
        replace(item, status="deleting") if n < count else item for n, item in enumerate(reversed(MEMBERS))
    ]


def test_readers_go_first_and_the_writer_last() -> None:
    for going, instance in ((0, NAMES[1]), (1, NAMES[0])):
        act = decide_retirement(seen(instances=deleting(going)))
        assert isinstance(act, DeleteInstance)
        assert act.name == instance


def test_the_cluster_goes_when_every_instance_is_on_its_way() -> None:
    assert isinstance(decide_retirement(seen(instances=deleting(2))), DeleteCluster)
    assert isinstance(decide_retirement(seen(instances=[])), DeleteCluster)
    assert isinstance(decide_retirement(seen(cluster=old(status="deleting"))), Wait)
    assert decide_retirement(seen(cluster=None)) is None


def test_nothing_is_deleted_before_the_final_snapshot_is_finished() -> None:
    assert isinstance(decide_retirement(seen(final_snapshot=None)), TakeSnapshot)
    assert isinstance(decide_retirement(seen(final_snapshot=final(status="creating"))), Wait)


def test_without_a_final_snapshot_only_where_none_is_requested() -> None:
    wanted_none = seen(final_snapshot_identifier=None, final_snapshot=None)
    assert isinstance(decide_retirement(wanted_none), DeleteInstance)


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (NameTaken, {"cluster": old(db_cluster_resource_id="cluster-ANOTHER")}),
        (NameTaken, {"final_snapshot": final(tags={OPERATION_TAG: "restore-other"})}),
        (NameTaken, {"final_snapshot": final(tags={})}),
        (NameTaken, {"final_snapshot": final(db_cluster_resource_id="cluster-ANOTHER")}),
        (FinalSnapshotFailed, {"final_snapshot": final(status="failed")}),
        (DeletionProtected, {"cluster": old(deletion_protection=True)}),
        (GlobalClusterMember, {"global_cluster": "worldwide"}),
    ],
)
def test_what_is_not_proved_to_be_meant_is_not_deleted(
    error: type[RestoreError], changes: dict[str, Any]
) -> None:
    with pytest.raises(error):
        decide_retirement(seen(**changes))


@pytest.mark.parametrize(("status", "expected"), [("stopped", StartCluster), ("starting", Wait)])
def test_a_stopped_cluster_is_started_before_it_is_retired(status: str, expected: type) -> None:
    assert type(decide_retirement(seen(cluster=old(status=status)))) is expected


@pytest.mark.parametrize(("snapshot", "may_go"), [(final(), True), (None, False)])
def test_a_cluster_may_go_without_its_backups_only_where_its_final_snapshot_is_proved(
    snapshot: ClusterSnapshot | None, may_go: bool
) -> None:
    wanted = {} if snapshot else {"final_snapshot_identifier": None}
    act = decide_retirement(seen(instances=[], final_snapshot=snapshot, **wanted))
    assert isinstance(act, DeleteCluster)
    assert act.may_lose_backups is may_go


def test_the_record_says_that_the_deletion_begins_before_it_is_asked_for() -> None:
    begun = {"retirement.state": "BEGUN"}
    for members in (MEMBERS, []):
        act = decide_retirement(seen(instances=members, before_deletion=begun))
        assert isinstance(act, DeleteInstance | DeleteCluster)
        assert act.also == begun


def kept(until: timedelta = timedelta(hours=1), by: str = OPERATION_ID, **changes: Any) -> DbCluster:
    tags = {REPLACED_BY_TAG: by, KEEP_UNTIL_TAG: format_time(NOW + until)}
    made: DbCluster = old(tags=tags, **changes)
    return made


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (old(tags={}), Tag),
        (kept(by="restore-other"), Tag),
        (kept(until=timedelta()), Tag),
        (kept(), StopCluster),
        (kept(status="stopping"), Wait),
        (kept(status="stopped"), type(None)),
        (kept(member_identifiers=()), type(None)),
    ],
)
def test_a_replaced_cluster_is_marked_and_stopped_and_then_it_is_kept(
    cluster: DbCluster, expected: type
) -> None:
    found = decide_keeping(OPERATION_ID, OLD_ID, cluster, NOW, timedelta(hours=24))
    assert type(found) is expected
    if isinstance(found, Tag):
        assert found.tags == {
            REPLACED_BY_TAG: OPERATION_ID,
            KEEP_UNTIL_TAG: format_time(NOW + timedelta(hours=24)),
        }


def test_another_cluster_is_neither_marked_nor_stopped() -> None:
    with pytest.raises(NameTaken):
        decide_keeping(OPERATION_ID, "cluster-ANOTHER", old(tags={}), NOW, timedelta(hours=24))
