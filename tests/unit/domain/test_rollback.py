from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.builders import NOW, OPERATION_ID, cluster, copy_of, instances, plan, snapshot
from tests.unit.domain.looks import Look, minutes_ago, operation
from tests.unit.domain.switched_clusters import (
    OLD_ID,
    RETIRED,
    STAGING,
    TARGET,
    new,
    old,
    stranger,
    swap_plan,
)

from aurora_restore.domain.acts import (
    Act,
    ChangePort,
    DeleteInstance,
    DeleteSnapshot,
    ModifyCluster,
    RenameCluster,
    RestoreCluster,
    StartCluster,
    StopCluster,
    Untag,
    Wait,
)
from aurora_restore.domain.configuration import configuration_of
from aurora_restore.domain.errors import (
    ClusterFailed,
    FinalSnapshotFailed,
    InstanceFailed,
    NameTaken,
    SwitchOverFailed,
)
from aurora_restore.domain.naming import BY_HAND, OPERATION_TAG, PUT_BACK_TAG, REPLACED_BY_TAG
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.rds_statuses import FAILED_CREATION_STATUSES
from aurora_restore.domain.replacement import Replacement
from aurora_restore.domain.rollback import (
    CLEAR_INSTANCE,
    await_before_remaking,
    await_late_arrivals,
    delete_unfinished_copy,
    delete_unneeded_final_snapshot,
    give_old_its_name,
    lift_fence,
    new_in_the_way,
    new_to_remove,
    remade_old,
    remake_old,
    require_old_serving,
    stop_kept_again,
    unmark_old,
    wake_old,
)
from aurora_restore.domain.seeing import Rule
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.times import parse_time

FINAL = "aurora-restore-final"
RULES: list[Rule] = [
    lift_fence,
    wake_old,
    give_old_its_name,
    stop_kept_again,
    await_before_remaking,
    remake_old,
    delete_unfinished_copy,
    delete_unneeded_final_snapshot,
    unmark_old,
    await_late_arrivals,
    require_old_serving,
]


def swap(*clusters: DbCluster, snapshots: tuple[ClusterSnapshot, ...] = (), **fields: Any) -> Look:
    return Look(operation(swap_plan(), **fields), clusters, snapshots)


def undo(*clusters: DbCluster) -> Look:
    made = swap_plan()
    kept = Replacement(
        Strategy.UNDO, OLD_ID, RETIRED, FINAL, incoming_resource_id="cluster-NEW", undoes="earlier"
    )
    return Look(operation(replace(made, replacement=kept)), clusters)


def delete_first_plan() -> RestorePlan:
    return replace(plan(), replacement=Replacement(Strategy.DELETE_FIRST, OLD_ID, RETIRED, FINAL))


def delete_first(
    *clusters: DbCluster, snapshots: tuple[ClusterSnapshot, ...] = (), begun: bool = True, **fields: Any
) -> Look:
    retirement = {"state": "BEGUN", "begun_time": minutes_ago(60)} if begun else {}
    replaced = configuration_of(old(TARGET), instances()).to_item()
    made = operation(delete_first_plan(), retirement=retirement, replaced=replaced, **fields)
    return Look(made, clusters, snapshots)


def final(**changes: Any) -> ClusterSnapshot:
    base = snapshot(
        db_cluster_snapshot_identifier=FINAL,
        db_cluster_resource_id=OLD_ID,
        tags={OPERATION_TAG: OPERATION_ID},
    )
    return replace(base, **changes)


def what(found: Act | Wait | None) -> str | None:
    """The kind of a finding: an act's type and name, or what is waited for."""
    if isinstance(found, Wait):
        return f"wait for {found.waits_for}"
    return f"{type(found).__name__} {found.name}" if found else None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
def test_nothing_is_done_for_a_run_that_ended_before_it_had_a_plan(rule: Rule) -> None:
    assert rule(Look(operation(None), [old(TARGET), new(STAGING)], [final()])) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
def test_nothing_is_left_to_do_where_the_old_cluster_is_as_it_was(rule: Rule) -> None:
    assert rule(swap(old(TARGET))) is None


@pytest.mark.parametrize(
    ("place", "status", "expected"),
    [
        (TARGET, "stopped", f"StartCluster {TARGET}"),
        (RETIRED, "stopped", f"StartCluster {RETIRED}"),
        (RETIRED, "stopping", "wait for start"),
        (RETIRED, "starting", "wait for start"),
        (RETIRED, "available", None),
    ],
)
def test_a_stopped_old_cluster_is_started_whatever_its_name_is(
    place: str, status: str, expected: str | None
) -> None:
    assert what(wake_old(swap(old(place, status), new(STAGING, "stopped")))) == expected


@pytest.mark.parametrize(
    ("clusters", "expected"),
    [
        ([new(TARGET), old(RETIRED)], f"RenameCluster {TARGET}"),
        ([new(STAGING), old(RETIRED)], f"RenameCluster {RETIRED}"),
        ([old(RETIRED)], f"RenameCluster {RETIRED}"),
        ([new(STAGING), old(RETIRED, "renaming")], "wait for rename"),
        ([new(STAGING)], "wait for rename"),
        ([old(TARGET), new(STAGING)], None),
    ],
)
def test_the_old_cluster_gets_its_name_back(clusters: list[DbCluster], expected: str | None) -> None:
    assert what(give_old_its_name(swap(*clusters))) == expected


def test_a_name_that_a_stranger_has_taken_stays_his() -> None:
    with pytest.raises(NameTaken):
        give_old_its_name(swap(stranger(TARGET), old(RETIRED)))


def test_an_old_cluster_that_shows_nowhere_is_waited_for_and_not_for_ever() -> None:
    unseen = swap(new(STAGING))
    assert isinstance(give_old_its_name(replace(unseen, ended_time=NOW - timedelta(minutes=59))), Wait)
    with pytest.raises(SwitchOverFailed):
        give_old_its_name(replace(unseen, ended_time=NOW - timedelta(minutes=61)))


@pytest.mark.parametrize("status", ["available", "backing-up", "modifying"])
def test_a_new_cluster_that_can_be_renamed_is_not_in_the_way(status: str) -> None:
    assert new_in_the_way(swap(new(TARGET, status), old(RETIRED))) is None


@pytest.mark.parametrize("status", ["failed", "stopped", "creating"])
def test_a_new_cluster_that_cannot_be_renamed_is_in_the_way_of_the_old_one(status: str) -> None:
    assert new_in_the_way(swap(new(TARGET, status), old(RETIRED))) == new(TARGET, status)


@pytest.mark.parametrize(
    "clusters",
    [[old(TARGET, "failed"), new(STAGING)], [new(TARGET, "renaming"), old(RETIRED)], [new(TARGET, "failed")]],
)
def test_only_the_new_cluster_is_in_the_way_and_only_while_the_old_one_waits(
    clusters: list[DbCluster],
) -> None:
    assert new_in_the_way(swap(*clusters)) is None


def test_the_cluster_that_the_run_made_is_removed_and_no_other() -> None:
    assert new_to_remove(swap(new(STAGING), old(TARGET))) == new(STAGING)
    assert new_to_remove(swap(stranger(STAGING), old(TARGET))) is None
    put_back = cluster(
        db_cluster_identifier=STAGING, tags={OPERATION_TAG: OPERATION_ID, PUT_BACK_TAG: OPERATION_ID}
    )
    assert new_to_remove(swap(put_back, old(TARGET))) is None


def test_an_undo_removes_no_cluster_since_it_made_none() -> None:
    assert new_to_remove(undo(new(STAGING), old(TARGET))) is None


@pytest.mark.parametrize(
    ("status", "members", "expected"),
    [
        ("available", ("one",), f"StopCluster {STAGING}"),
        ("starting", ("one",), "wait for stop"),
        ("stopped", ("one",), None),
        ("available", (), None),
    ],
)
def test_the_kept_cluster_of_an_undo_is_stopped_again(
    status: str, members: tuple[str, ...], expected: str | None
) -> None:
    kept = replace(new(STAGING, status), member_identifiers=members)
    found = stop_kept_again(undo(kept, old(TARGET)))
    assert what(found) == expected
    assert not isinstance(found, StopCluster) or found.waits_for == "stop"


@pytest.mark.parametrize(
    ("status", "tags", "expected"),
    [
        ("copying", {OPERATION_TAG: OPERATION_ID}, "DeleteSnapshot"),
        ("failed", {OPERATION_TAG: OPERATION_ID}, "DeleteSnapshot"),
        ("available", {OPERATION_TAG: OPERATION_ID}, None),
        ("deleting", {OPERATION_TAG: OPERATION_ID}, "wait for copy_deleted"),
        ("copying", {OPERATION_TAG: "restore-other"}, None),
        ("copying", {}, None),
    ],
)
def test_an_unfinished_copy_of_the_run_is_deleted(
    status: str, tags: dict[str, str], expected: str | None
) -> None:
    made = plan()
    assert made.copy is not None
    copy = copy_of(snapshot(), made.copy.cluster_snapshot_identifier, status=status, tags=tags)
    found = what(delete_unfinished_copy(Look(operation(made), [], [copy])))
    assert (found or "").removesuffix(f" {made.copy.cluster_snapshot_identifier}") == (expected or "")


@pytest.mark.parametrize(
    ("taken", "existing", "expected"),
    [
        (final(), old(TARGET), f"DeleteSnapshot {FINAL}"),
        (final(status="deleting"), old(TARGET), "wait for snapshot_deleted"),
        (final(tags={OPERATION_TAG: "restore-other"}), old(TARGET), None),
        (final(db_cluster_resource_id="cluster-X"), old(TARGET), None),
        (final(), stranger(TARGET), None),
    ],
)
def test_a_final_snapshot_is_deleted_only_where_the_very_cluster_that_it_is_of_exists(
    taken: ClusterSnapshot, existing: DbCluster, expected: str | None
) -> None:
    assert what(delete_unneeded_final_snapshot(swap(existing, snapshots=(taken,)))) == expected


def test_a_final_snapshot_stays_where_its_cluster_has_gone_since_it_was_seen() -> None:
    seen = swap(old(TARGET), snapshots=(final(),))
    assert isinstance(delete_unneeded_final_snapshot(seen), DeleteSnapshot)
    assert delete_unneeded_final_snapshot(replace(seen, anew=[])) is None


def test_an_old_cluster_that_stays_loses_the_mark_of_this_run_and_of_no_other() -> None:
    def marked(by: str) -> DbCluster:
        return replace(old(TARGET), tags={REPLACED_BY_TAG: by})

    assert isinstance(unmark_old(swap(marked(OPERATION_ID))), Untag)
    assert unmark_old(swap(marked("restore-other"))) is None


def asked(minutes: float, *, answered: bool = True) -> dict[str, Any]:
    return {"name": TARGET, "last_time": minutes_ago(minutes), "answered": answered}


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        ({}, None),
        ({"rename_old_aside": asked(5)}, "wait for late_rename"),
        ({"rename_old_aside": asked(31)}, None),
        ({"rename_old_aside": {**asked(5), "refused": True}}, None),
        ({"cluster": asked(0.2)}, "wait for late_arrivals"),
        ({"cluster": asked(5)}, None),
    ],
)
def test_what_may_still_take_effect_is_waited_for(acts: dict[str, Any], expected: str | None) -> None:
    assert what(await_late_arrivals(swap(old(TARGET), acts=acts))) == expected


def test_a_rename_that_the_cleanup_asked_for_is_waited_for_as_well() -> None:
    asked_by_cleanup = {"asked": {"rename_old_back": asked(5)}}
    assert what(await_late_arrivals(swap(old(RETIRED), cleanup=asked_by_cleanup))) == "wait for late_rename"


@pytest.mark.parametrize(
    ("clusters", "expected"),
    [
        ([old(TARGET)], None),
        ([old(TARGET, "backing-up")], None),
        ([old(TARGET, "modifying")], "wait for change"),
        ([], "wait for rename"),
    ],
)
def test_the_old_cluster_counts_as_put_back_once_it_serves(
    clusters: list[DbCluster], expected: str | None
) -> None:
    assert what(require_old_serving(swap(*clusters))) == expected


FENCED: dict[str, Any] = {"acts": {"fence": asked(60)}, "replaced": {"port": 5432}}


@pytest.mark.parametrize(
    ("old_cluster", "expected"),
    [
        (replace(old(RETIRED), port=13351), f"ChangePort {RETIRED}"),
        (replace(old(TARGET), port=13351), f"ChangePort {TARGET}"),
        (replace(old(TARGET, "modifying"), port=13351), "wait for fence"),
        (replace(old(TARGET, "stopped"), port=13351), f"StartCluster {TARGET}"),
        (replace(old(TARGET, "deleting"), port=13351), None),
        (old(TARGET), None),
    ],
)
def test_the_fence_is_lifted_before_the_old_cluster_has_its_name(
    old_cluster: DbCluster, expected: str | None
) -> None:
    found = lift_fence(swap(old_cluster, **FENCED))
    assert what(found) == expected
    if isinstance(found, ChangePort):
        assert (found.port, found.is_fence) == (5432, False)
        assert "fence.lifted_time" in found.also
    assert not isinstance(found, StartCluster) or old_cluster.status == "stopped"


def test_the_old_cluster_is_restored_from_its_final_snapshot_and_the_record_says_so_first() -> None:
    act = remake_old(delete_first(snapshots=(final(),)))
    assert isinstance(act, RestoreCluster)
    assert (act.name, act.snapshot) == (TARGET, FINAL)
    # What was asked for an earlier one, which a person has deleted since, is asked for anew.
    assert act.also == {"retirement.made_again": True, "cleanup.asked": {}}


def test_it_is_not_restored_before_its_deletion_had_begun() -> None:
    assert remake_old(delete_first(snapshots=(final(),), begun=False)) is None


@pytest.mark.parametrize(
    "taken", [(), (final(db_cluster_resource_id="cluster-X"),), (final(status="creating"),)]
)
def test_it_is_restored_from_nothing_but_its_own_finished_snapshot(
    taken: tuple[ClusterSnapshot, ...],
) -> None:
    with pytest.raises(FinalSnapshotFailed):
        remake_old(delete_first(snapshots=taken))


def test_no_late_request_for_the_new_cluster_may_reach_the_old_one_under_its_name() -> None:
    late = delete_first(acts={"cluster": asked(0.2)})
    assert what(await_before_remaking(late)) == "wait for late_arrivals"
    going = delete_first(cluster(status="deleting"))
    assert what(await_before_remaking(going)) == "wait for cluster_deleted"
    assert await_before_remaking(delete_first()) is None


def test_what_is_left_of_an_old_cluster_whose_deletion_had_begun_is_completed() -> None:
    left = old(TARGET)
    assert remade_old(delete_first(left)) == left
    with pytest.raises(NameTaken):
        remake_old(delete_first(stranger(TARGET)))
    assert remade_old(delete_first(stranger(TARGET))) is None


def made_again(
    *, status: str, tags: Mapping[str, str], resource_id: str = "cluster-AGAIN", **fields: Any
) -> Look:
    """After delete_first: the cleanup has restored the old cluster, and its instance has this status and these tags."""
    mine = replace(old(TARGET), db_cluster_resource_id=resource_id, tags={PUT_BACK_TAG: OPERATION_ID})
    one = instances(db_cluster_identifier=TARGET, status=status, tags=tags)
    return replace(delete_first(mine, snapshots=(final(),), **fields), instances=one)


@pytest.mark.parametrize("status", sorted(FAILED_CREATION_STATUSES))
@pytest.mark.parametrize("resource_id", ["cluster-AGAIN", OLD_ID])
def test_an_instance_that_the_cleanup_created_and_that_failed_is_deleted_to_be_created_again(
    status: str, resource_id: str
) -> None:
    look = made_again(status=status, tags={PUT_BACK_TAG: OPERATION_ID}, resource_id=resource_id)
    name = instances()[0].db_instance_identifier
    assert what(remake_old(look)) == f"DeleteInstance {name}"
    assert what(remake_old(replace(look, instances=()))) == f"CreateInstance {name}"


@pytest.mark.parametrize(("minutes", "is_tried_again"), [(59, True), (61, False)])
def test_a_person_is_called_once_the_attempts_have_failed_for_an_hour(
    minutes: int, is_tried_again: bool
) -> None:
    kind = f"{CLEAR_INSTANCE}-{instances()[0].db_instance_identifier}"
    begun = {"first_time": minutes_ago(minutes), "last_time": minutes_ago(1)}
    # The time of another instance does not count.
    cleanup = {"asked": {kind: begun, f"{CLEAR_INSTANCE}-other": {"first_time": minutes_ago(600)}}}
    look = made_again(status="failed", tags={PUT_BACK_TAG: OPERATION_ID}, cleanup=cleanup)
    if is_tried_again:
        act = remake_old(look)
        assert isinstance(act, DeleteInstance)
        # The hour counts from the first attempt.
        asked = act.also[f"cleanup.asked.{kind}"]
        assert parse_time(asked["first_time"]) == parse_time(begun["first_time"])
    else:
        with pytest.raises(InstanceFailed):
            remake_old(look)


def test_the_first_attempt_is_written_down_before_it_is_made() -> None:
    act = remake_old(made_again(status="failed", tags={PUT_BACK_TAG: OPERATION_ID}))
    assert isinstance(act, DeleteInstance)
    assert parse_time(act.also[f"cleanup.asked.{act.kind}"]["first_time"]) == NOW


def test_the_end_of_a_failed_instance_is_waited_for() -> None:
    look = made_again(status="deleting", tags={PUT_BACK_TAG: OPERATION_ID})
    assert what(remake_old(look)) == "wait for instances_deleted"


@pytest.mark.parametrize(
    ("status", "has_instances", "may_be_deleted"),
    [
        ("migration-failed", False, True),
        ("failed", False, True),
        # It has served, or will again.
        ("failed", True, False),
        ("inaccessible-encryption-credentials", False, False),
        ("incompatible-parameters", False, False),
        ("stopped", True, False),
        ("stopping", True, False),
    ],
)
@pytest.mark.parametrize(
    ("snapshots", "is_restored_again"),
    [
        ((final(),), True),
        ((), False),
        ((final(status="failed"),), False),
        ((final(db_cluster_resource_id="X"),), False),
    ],
)
def test_a_person_is_asked_to_delete_only_a_cluster_that_has_never_served(
    status: str,
    has_instances: bool,
    may_be_deleted: bool,
    snapshots: tuple[ClusterSnapshot, ...],
    is_restored_again: bool,
) -> None:
    look = made_again(status="available", tags={PUT_BACK_TAG: OPERATION_ID})
    look = replace(
        look,
        clusters=[replace(each, status=status) for each in look.clusters],
        instances=look.instances if has_instances else (),
        snapshots=snapshots,
    )
    with pytest.raises(ClusterFailed) as raised:
        remake_old(look)
    words = raised.value.cleanup_hint
    assert ("delete the cluster" in words) is may_be_deleted
    # The old cluster itself, whose deletion had begun, may have lost its instances already.
    itself = replace(look, clusters=[replace(each, db_cluster_resource_id=OLD_ID) for each in look.clusters])
    with pytest.raises(ClusterFailed) as of_the_old_one:
        remake_old(itself)
    assert "delete" not in of_the_old_one.value.cleanup_hint
    assert ("start-db-cluster" in words) is (status in ("stopped", "stopping"))
    assert (f"restores it from {FINAL}" in words) is (may_be_deleted and is_restored_again)
    assert ("by hand" in words) is (may_be_deleted and not is_restored_again)


def test_a_cluster_that_serves_without_a_setting_is_not_to_be_deleted() -> None:
    look = made_again(status="available", tags={PUT_BACK_TAG: OPERATION_ID})
    before = configuration_of(replace(old(TARGET), backup_retention_days=35), instances())
    item = {**look.operation.item, "replaced": before.to_item()}
    act = remake_old(replace(look, operation=Operation(item)))
    assert isinstance(act, ModifyCluster)
    overdue = {"asked": {act.kind: {"first_time": minutes_ago(90), "last_time": minutes_ago(1)}}}
    with pytest.raises(ClusterFailed) as raised:
        remake_old(replace(look, operation=Operation({**item, "cleanup": overdue})))
    assert "not to be deleted" in raised.value.cleanup_hint


@pytest.mark.parametrize(("taken", "waits"), [((), False), ((final(status="creating"),), True)])
def test_without_a_final_snapshot_a_person_learns_how_to_restore_by_hand(
    taken: tuple[ClusterSnapshot, ...], waits: bool
) -> None:
    with pytest.raises(FinalSnapshotFailed) as raised:
        remake_old(delete_first(snapshots=taken))
    words = raised.value.cleanup_hint
    assert f"Key={PUT_BACK_TAG},Value={OPERATION_ID}{BY_HAND}" in words
    assert f"--source-db-cluster-resource-id {OLD_ID}" in words
    assert f"--db-cluster-identifier {TARGET} --port 5432 --db-subnet-group-name" in words
    assert f"--vpc-security-group-ids {' '.join(old(TARGET).vpc_security_group_ids)} --tags" in words
    assert "Create no instances" in words
    assert ("once it is `available`" in words) is waits


@pytest.mark.parametrize("tags", [{}, {PUT_BACK_TAG: "restore-other"}, {OPERATION_TAG: OPERATION_ID}])
def test_a_failed_instance_that_the_cleanup_did_not_create_is_not_deleted(tags: Mapping[str, str]) -> None:
    with pytest.raises(NameTaken):
        remake_old(made_again(status="failed", tags=tags))
    # One of the old cluster itself, whose deletion had only begun.
    with pytest.raises(InstanceFailed):
        remake_old(made_again(status="failed", tags=tags, resource_id=OLD_ID))


def test_nothing_is_deleted_in_a_cluster_that_another_made() -> None:
    look = made_again(status="failed", tags={PUT_BACK_TAG: OPERATION_ID})
    [made] = look.clusters
    with pytest.raises(NameTaken):
        remake_old(replace(look, clusters=[replace(made, tags={})]))


@pytest.mark.parametrize(
    "status", ["stopped", "storage-full", "inaccessible-encryption-credentials-recoverable"]
)
def test_an_instance_that_may_serve_again_is_not_deleted(status: str) -> None:
    with pytest.raises(InstanceFailed):
        remake_old(made_again(status=status, tags={PUT_BACK_TAG: OPERATION_ID}))


def lost_and_restored_by_hand(status: str, *, instance: str | None, mark: str = BY_HAND) -> Look:
    """In a swap: the new cluster has the name, and a person has restored the old one, which was lost, beside it."""
    tags = {PUT_BACK_TAG: f"{OPERATION_ID}{mark}"}
    by_hand = replace(old(RETIRED), db_cluster_resource_id="cluster-HAND", tags=tags, status=status)
    look = swap(new(TARGET), by_hand)
    members = instances(db_cluster_identifier=RETIRED, status=instance) if instance else ()
    return replace(look, instances=members)


@pytest.mark.parametrize(
    ("status", "instance", "gives_up_the_name"),
    [
        ("available", "available", True),
        ("available", "creating", False),
        ("available", None, False),
        ("creating", None, False),
        ("migration-failed", None, False),
    ],
)
@pytest.mark.parametrize("mark", [BY_HAND, ""])
def test_a_new_cluster_that_serves_gives_up_the_name_only_to_one_that_serves(
    status: str, instance: str | None, gives_up_the_name: bool, mark: str
) -> None:
    look = lost_and_restored_by_hand(status, instance=instance, mark=mark)
    if gives_up_the_name:
        assert isinstance(give_old_its_name(look), RenameCluster)
    else:
        with pytest.raises(ClusterFailed):
            give_old_its_name(look)


def test_a_new_cluster_that_cannot_be_renamed_is_not_removed_for_one_that_does_not_serve() -> None:
    look = lost_and_restored_by_hand("creating", instance=None)
    busy = [
        replace(each, status="incompatible-parameters") if each.db_cluster_identifier == TARGET else each
        for each in look.clusters
    ]
    with pytest.raises(ClusterFailed):
        new_in_the_way(replace(look, clusters=busy))


@pytest.mark.parametrize(("instance", "serves"), [("available", True), ("creating", False), (None, False)])
@pytest.mark.parametrize("mark", [BY_HAND, ""])
def test_what_was_restored_by_hand_under_the_name_itself_counts_once_clients_can_use_it(
    instance: str | None, serves: bool, mark: str
) -> None:
    """Until then no later step comes to its turn: the new cluster beside it is not removed."""
    tags = {PUT_BACK_TAG: f"{OPERATION_ID}{mark}"}
    by_hand = replace(old(TARGET), db_cluster_resource_id="cluster-HAND", tags=tags)
    members = instances(db_cluster_identifier=TARGET, status=instance) if instance else ()
    look = replace(swap(by_hand, new(STAGING)), instances=members)
    for rule in (give_old_its_name, require_old_serving):
        if serves:
            assert rule(look) is None
        else:
            with pytest.raises(ClusterFailed):
                rule(look)


def test_the_renames_of_a_rollback_say_why() -> None:
    act = give_old_its_name(swap(old(RETIRED)))
    assert isinstance(act, RenameCluster)
    assert act.reason.startswith(f"{RETIRED} is being renamed to {TARGET}")
    assert act.describe() == f"renamed {RETIRED} to {TARGET}"
