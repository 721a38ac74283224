from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.domain.builders import OPERATION_ID, snapshot
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

from aurora_restore.domain.acts import DeleteSnapshot, StartCluster, Wait
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.proving import START_ACT, STOP_ACT
from aurora_restore.domain.roll_forward import delete_early_final_snapshot, new_in_place, start_new_again

FINAL = replace(
    snapshot(db_cluster_snapshot_identifier="aurora-restore-final"),
    db_cluster_resource_id=OLD_ID,
    tags={OPERATION_TAG: OPERATION_ID},
)


def seen(*clusters: DbCluster, **fields: Any) -> Look:
    return Look(operation(swap_plan(), **fields), clusters, [FINAL])


def asked(minutes: float) -> dict[str, Any]:
    return {"name": TARGET, "last_time": minutes_ago(minutes), "answered": True}


def test_the_new_cluster_is_in_place_once_it_has_the_targets_name() -> None:
    assert new_in_place(seen(new(TARGET), old(RETIRED))) == new(TARGET)
    for elsewhere in (new(STAGING), old(TARGET), stranger(TARGET)):
        assert new_in_place(seen(elsewhere)) is None


def test_a_stopped_new_cluster_is_started_again_and_the_record_says_so_first() -> None:
    act = start_new_again(seen(new(TARGET, "stopped"), old(RETIRED)))
    assert isinstance(act, StartCluster)
    assert act.also == {"proof.started_by_cleanup": True}


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        ("stopping", {}, "start"),
        ("available", {"acts": {STOP_ACT: asked(5)}}, "stop"),
        ("available", {"acts": {STOP_ACT: asked(31)}}, None),
        ("available", {"acts": {STOP_ACT: asked(5), START_ACT: asked(4)}}, None),
        ("available", {"acts": {STOP_ACT: asked(5)}, "proof": {"started_by_cleanup": True}}, None),
        ("available", {}, None),
    ],
)
def test_a_stop_of_the_new_cluster_that_may_still_come_is_waited_for(
    status: str, fields: dict[str, Any], expected: str | None
) -> None:
    found = start_new_again(seen(new(TARGET, status), old(RETIRED), **fields))
    assert (found.waits_for if isinstance(found, Wait) else found) == expected


def test_no_other_cluster_under_the_name_is_started() -> None:
    assert start_new_again(seen(stranger(TARGET))) is None
    assert start_new_again(seen(old(TARGET, "stopped"))) is None


def test_a_final_snapshot_that_was_taken_before_the_cluster_is_kept_is_deleted() -> None:
    assert isinstance(delete_early_final_snapshot(seen(new(TARGET), old(RETIRED))), DeleteSnapshot)


@pytest.mark.parametrize("state", ["KEPT", "BEGUN", "RETIRED"])
def test_a_final_snapshot_stays_once_the_end_of_the_old_cluster_has_begun(state: str) -> None:
    begun = seen(new(TARGET), old(RETIRED), retirement={"state": state})
    assert delete_early_final_snapshot(begun) is None


def test_a_final_snapshot_stays_where_its_cluster_is_gone() -> None:
    assert delete_early_final_snapshot(seen(new(TARGET))) is None
    assert delete_early_final_snapshot(seen(new(TARGET), stranger(RETIRED))) is None
