"""The fence: when no client can write any more, when it is lifted, and what may still come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.domain.builders import cluster, instances

from aurora_restore.domain.acts import ChangePort, DeleteInstance, TakeSnapshot, Wait
from aurora_restore.domain.asking import STILL_ARRIVES
from aurora_restore.domain.fencing import (
    FENCE_ACT,
    decide_fence,
    decide_lifting,
    is_under_way,
    may_still_come,
    port_behind_fence,
)
from aurora_restore.domain.record import ActState, Fence, changed
from aurora_restore.domain.retirement import Retiring, decide_retirement

OPEN, SHUT = 5432, port_behind_fence(5432)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def members(*ports: int, status: str = "available") -> list[Any]:
    return [
        replace(item, port=port, status=status)
        for item, port in zip(instances(len(ports)), ports, strict=True)
    ]


def fence(
    port: int, found: list[Any], *, under_way: bool = False, status: str = "available"
) -> ChangePort | Wait | None:
    return decide_fence(cluster(port=port, status=status), found, OPEN, under_way=under_way)


def lifting(port: int, found: list[Any], *, under_way: bool = False) -> ChangePort | Wait | None:
    return decide_lifting(cluster(port=port), found, OPEN, NOW, under_way=under_way)


@pytest.mark.parametrize("port", [1150, 5432, 6000, 57616, 57617, 65535])
def test_behind_the_fence_is_another_port_that_rds_takes_and_always_the_same(port: int) -> None:
    behind = port_behind_fence(port)

    assert behind == port_behind_fence(port) != port
    assert 1150 <= behind <= 65535


def test_a_cluster_under_its_known_port_is_fenced() -> None:
    act = fence(OPEN, members(OPEN, OPEN))
    assert isinstance(act, ChangePort)
    assert (act.port, act.is_fence, act.kind) == (SHUT, True, FENCE_ACT)


def test_a_busy_cluster_is_waited_for_although_one_of_its_instances_has_its_name() -> None:
    of_that_name = [
        replace(item, db_instance_identifier=cluster().db_cluster_identifier) for item in members(OPEN)
    ]

    assert isinstance(fence(OPEN, of_that_name, status="modifying"), Wait)


def test_what_was_asked_for_and_does_not_show_yet_is_not_asked_for_again() -> None:
    assert isinstance(fence(OPEN, members(OPEN), under_way=True), Wait)


def test_the_fence_holds_when_each_instance_listens_elsewhere_and_serves() -> None:
    assert fence(SHUT, members(SHUT, SHUT)) is None
    assert isinstance(fence(SHUT, members(SHUT, OPEN)), Wait)
    assert isinstance(fence(SHUT, members(SHUT, SHUT, status="rebooting")), Wait)
    assert isinstance(fence(SHUT, members(SHUT), status="modifying"), Wait)


def test_an_instance_that_has_failed_for_good_is_not_waited_for() -> None:
    broken = replace(members(SHUT)[0], status="storage-full")

    assert fence(SHUT, [broken]) is None


def test_a_cluster_without_instances_has_no_sessions() -> None:
    assert fence(OPEN, []) is None


def test_a_cluster_that_is_put_back_gets_its_port_back() -> None:
    act = lifting(SHUT, members(SHUT))
    assert isinstance(act, ChangePort)
    assert (act.port, act.is_fence, act.also) == (OPEN, False, changed(Fence, lifted_time=NOW))
    assert isinstance(lifting(OPEN, members(SHUT)), Wait)
    assert lifting(OPEN, members(OPEN)) is None


def test_a_fence_that_may_still_come_is_waited_for_before_it_is_called_lifted() -> None:
    assert isinstance(lifting(OPEN, members(OPEN), under_way=True), Wait)


@pytest.mark.parametrize("answered", [True, False])
def test_only_what_was_answered_is_under_way_but_either_may_still_come(*, answered: bool) -> None:
    acts = {FENCE_ACT: ActState(last_time=NOW, answered=answered)}
    soon, late = NOW + timedelta(seconds=5), NOW + STILL_ARRIVES + timedelta(seconds=1)

    assert is_under_way(acts, soon) is answered
    assert may_still_come(acts, soon)
    assert not is_under_way(acts, late)
    assert not may_still_come(acts, late)
    assert not may_still_come({}, soon)


def test_no_final_snapshot_is_taken_while_clients_can_write() -> None:
    def seen(port: int, **changes: Any) -> Retiring:
        old = cluster(db_cluster_resource_id="cluster-OLD", port=port)
        base = Retiring("op", "cluster-OLD", old, members(port), "aurora-restore-final", None, None, OPEN)
        return replace(base, **changes)

    assert isinstance(decide_retirement(seen(OPEN)), ChangePort)
    assert isinstance(decide_retirement(seen(OPEN, fence_is_under_way=True)), Wait)
    assert isinstance(decide_retirement(seen(SHUT)), TakeSnapshot)
    assert isinstance(decide_retirement(seen(OPEN, open_port=None)), TakeSnapshot)
    assert isinstance(decide_retirement(seen(OPEN, final_snapshot_identifier=None)), DeleteInstance)
