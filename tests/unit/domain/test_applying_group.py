"""Deciding how a cluster gets its own parameter group: what a status says, and what it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aurora_restore.domain.acts import RebootInstance, Wait
from aurora_restore.domain.applying_group import (
    APPLY_LIMIT,
    CHANGE_ACT,
    REBOOT_AGAIN,
    SHOWS_WITHIN,
    ApplyAct,
    Applying,
    decide_applying,
    reboot_act,
)
from aurora_restore.domain.asking import ASK_AGAIN, Asked
from aurora_restore.domain.errors import ClusterFailed, InstanceFailed, ParameterGroupNotApplied

from .builders import NOW, cluster, instances, plan

WANTED, WRITER, READER = "tuned", *(item.db_instance_identifier for item in instances(2))


def asked(kind: str, ago: timedelta, *, answered: bool = True, refused: bool = False) -> dict[str, Asked]:
    return {kind: Asked(kind, NOW - ago, NOW - ago, answered, refused)}


CHANGED = asked(CHANGE_ACT, SHOWS_WITHIN)


def decide(
    statuses: dict[str, str],
    asked_for: dict[str, Asked] | None = None,
    seen_pending: frozenset[str] = frozenset(),
    status: str = "available",
    instance_status: str = "available",
) -> ApplyAct | Wait | None:
    return decide_applying(
        Applying(
            plan=plan(),
            cluster=cluster(
                status=status,
                db_cluster_parameter_group_name=WANTED,
                parameter_group_statuses=statuses,
                member_identifiers=tuple(statuses),
            ),
            instances=instances(len(statuses), status=instance_status),
            wanted_group=WANTED,
            asked=CHANGED if asked_for is None else CHANGED | asked_for,
            seen_pending=seen_pending,
            now=NOW,
        )
    )


def test_the_writer_is_rebooted_first_and_a_reader_once_the_writer_is_in_sync() -> None:
    pending = {WRITER: "pending-reboot", READER: "pending-reboot"}
    first = decide(pending)
    assert isinstance(first, RebootInstance)
    assert (first.name, first.kind) == (WRITER, reboot_act(WRITER))

    rebooted = asked(reboot_act(WRITER), timedelta(seconds=10))
    assert isinstance(decide(pending, rebooted), Wait)
    then = decide({**pending, WRITER: "in-sync"}, rebooted, frozenset({WRITER}))
    assert isinstance(then, RebootInstance)
    assert (then.name, then.kind) == (READER, reboot_act(READER))


def test_an_instance_that_shows_in_sync_is_rebooted_too() -> None:
    """AuroraUserGuide asks for the reboot of each reader, and the status may lag."""
    assert isinstance(decide({WRITER: "in-sync"}), RebootInstance)


def test_a_change_that_was_just_accepted_may_not_show_yet() -> None:
    early = asked(CHANGE_ACT, SHOWS_WITHIN - timedelta(seconds=1))
    assert isinstance(decide({WRITER: "in-sync"}, early), Wait)
    assert isinstance(decide({WRITER: "pending-reboot"}, early), RebootInstance)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (ASK_AGAIN - timedelta(seconds=1), Wait),
        (ASK_AGAIN, RebootInstance),
        (REBOOT_AGAIN + timedelta(seconds=1), RebootInstance),
    ],
)
@pytest.mark.parametrize("refused", [True, False])
def test_a_reboot_that_rds_did_not_accept_is_asked_for_again_and_never_taken_for_done(
    ago: timedelta, expected: type[Wait | RebootInstance], refused: bool
) -> None:
    not_accepted = asked(reboot_act(WRITER), ago, answered=False, refused=refused)
    assert isinstance(decide({WRITER: "in-sync"}, not_accepted), expected)


def test_a_reboot_that_no_status_showed_is_given_its_time() -> None:
    accepted = asked(reboot_act(WRITER), REBOOT_AGAIN)
    assert isinstance(decide({WRITER: "in-sync"}, accepted), RebootInstance)
    over = asked(reboot_act(WRITER), REBOOT_AGAIN + timedelta(seconds=1))
    assert decide({WRITER: "in-sync"}, over) is None


def test_a_status_that_never_comes_ends_the_run() -> None:
    long_ago = asked(reboot_act(WRITER), APPLY_LIMIT + timedelta(seconds=1))
    with pytest.raises(ParameterGroupNotApplied, match="pending-reboot"):
        decide({WRITER: "pending-reboot"}, long_ago)


def test_what_does_not_come_up_with_the_requested_group_ends_the_run() -> None:
    with pytest.raises(ClusterFailed, match="incompatible-parameters"):
        decide({WRITER: "in-sync"}, status="incompatible-parameters")
    with pytest.raises(InstanceFailed, match="incompatible-parameters"):
        decide({WRITER: "in-sync"}, instance_status="incompatible-parameters")


@pytest.mark.parametrize("status", ["modifying", "rebooting"])
def test_nothing_is_asked_of_what_is_busy(status: str) -> None:
    assert isinstance(decide({WRITER: "pending-reboot"}, instance_status=status), Wait)
    assert isinstance(decide({WRITER: "pending-reboot"}, status=status), Wait)
