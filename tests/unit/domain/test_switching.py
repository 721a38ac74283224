from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.domain.builders import NOW, OPERATION_ID, plan
from tests.unit.domain.switched_clusters import (
    RETIRED,
    STAGING,
    TARGET,
    new,
    old,
    stranger,
    swap_plan,
)

from aurora_restore.domain.acts import RenameCluster, Wait
from aurora_restore.domain.asking import Asked
from aurora_restore.domain.errors import NameTaken, SwitchOverFailed
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.switching import (
    RENAME_NEW_IN,
    RENAME_NEW_OUT,
    RENAME_OLD_ASIDE,
    RENAME_OLD_BACK,
    Parties,
    Places,
    decide_rollback,
    decide_switch,
    late_rename_of_old,
    parties_of,
)


def parties() -> Parties:
    found = parties_of(OPERATION_ID, swap_plan())
    assert found is not None
    return found


def kind(found: RenameCluster | Wait | None) -> str | None:
    return found.kind if isinstance(found, RenameCluster) else "wait" if found else None


def test_a_run_with_one_cluster_has_nothing_to_switch() -> None:
    assert parties_of(OPERATION_ID, plan()) is None


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (Places(old(TARGET), new(STAGING), None), RENAME_OLD_ASIDE),
        (Places(old(TARGET, "renaming"), new(STAGING), None), "wait"),
        (Places(None, new(STAGING), old(RETIRED)), RENAME_NEW_IN),
        (Places(None, new(STAGING, "renaming"), old(RETIRED)), "wait"),
        (Places(new(TARGET), None, old(RETIRED)), None),
        (Places(None, new(STAGING), None), "wait"),
        (Places(None, None, old(RETIRED)), "wait"),
        (Places(old(TARGET), new(STAGING, "backing-up"), None), RENAME_OLD_ASIDE),
        (Places(old(TARGET, "modifying"), new(STAGING), None), "wait"),
    ],
)
def test_the_names_change_one_after_the_other(places: Places, expected: str | None) -> None:
    assert kind(decide_switch(parties(), places)) == expected


@pytest.mark.parametrize(
    "places",
    [
        Places(stranger(TARGET), new(STAGING), old(RETIRED)),
        Places(old(TARGET), new(STAGING), stranger(RETIRED)),
        Places(old(TARGET), stranger(STAGING), None),
    ],
)
def test_a_cluster_that_is_neither_of_the_two_is_never_renamed(places: Places) -> None:
    with pytest.raises(NameTaken, match="not touched"):
        decide_switch(parties(), places)


def test_nothing_is_renamed_where_one_of_the_two_will_not_serve() -> None:
    with pytest.raises(SwitchOverFailed, match="`stopped`"):
        decide_switch(parties(), Places(old(TARGET, "stopped"), new(STAGING), None))
    with pytest.raises(SwitchOverFailed, match="`migration-failed`"):
        decide_switch(parties(), Places(old(TARGET), new(STAGING, "migration-failed"), None))


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (Places(new(TARGET), None, old(RETIRED)), RENAME_NEW_OUT),
        (Places(None, new(STAGING), old(RETIRED)), RENAME_OLD_BACK),
        (Places(None, None, old(RETIRED)), RENAME_OLD_BACK),
        (Places(old(TARGET), new(STAGING), None), None),
        (Places(None, None, old(RETIRED, "renaming")), "wait"),
        (Places(None, new(STAGING), None), "wait"),
    ],
)
def test_a_rollback_gives_the_old_cluster_its_name(places: Places, expected: str | None) -> None:
    assert kind(decide_rollback(parties(), places)) == expected


def test_each_rename_goes_from_a_name_to_a_name() -> None:
    forward = decide_switch(parties(), Places(old(TARGET), new(STAGING), None))
    back = decide_rollback(parties(), Places(None, new(STAGING), old(RETIRED)))
    assert isinstance(forward, RenameCluster)
    assert isinstance(back, RenameCluster)
    assert (forward.name, forward.new_name) == (TARGET, RETIRED)
    assert (back.name, back.new_name) == (RETIRED, TARGET)


def test_a_rollback_does_not_move_another_cluster_that_has_taken_the_name() -> None:
    with pytest.raises(NameTaken, match="did not make"):
        decide_rollback(parties(), Places(stranger(TARGET), None, old(RETIRED)))


def test_who_is_who_is_recognized_by_resource_id_and_tag_and_not_by_name() -> None:
    elsewhere = parties()
    assert elsewhere.is_old(old("anywhere"))
    assert not elsewhere.is_old(stranger(TARGET))
    assert elsewhere.is_new(new("anywhere"))
    assert not elsewhere.is_new(stranger(STAGING))


def pending_rename(existing: DbCluster, new_name: str) -> DbCluster:
    """RDS has accepted a rename, and its status does not say so yet."""
    return replace(existing, pending_modified_values={"db_cluster_identifier": new_name})


@pytest.mark.parametrize(
    "places",
    [
        Places(pending_rename(old(TARGET), RETIRED), new(STAGING), None),
        Places(None, pending_rename(new(STAGING), TARGET), old(RETIRED)),
    ],
)
def test_a_rename_that_only_the_pending_values_tell_of_is_under_way(places: Places) -> None:
    assert kind(decide_switch(parties(), places)) == "wait"
    assert kind(decide_rollback(parties(), places)) == "wait"


def rename(kind: str, minutes_ago: float, *, answered: bool = True, refused: bool = False) -> Asked:
    time = NOW - timedelta(minutes=minutes_ago)
    return Asked(kind, time, time, answered, refused)


BEFORE = Places(old(TARGET), new(STAGING), None)
ASIDE_ASKED = rename(RENAME_OLD_ASIDE, 5)


@pytest.mark.parametrize(
    ("asked", "places", "may_come"),
    [
        ([ASIDE_ASKED], BEFORE, True),
        ([rename(RENAME_OLD_ASIDE, 5, answered=False)], BEFORE, True),
        ([rename(RENAME_OLD_ASIDE, 5, answered=False, refused=True)], BEFORE, False),
        ([rename(RENAME_OLD_ASIDE, 31)], BEFORE, False),
        ([ASIDE_ASKED], Places(None, new(STAGING), old(RETIRED)), False),
        ([ASIDE_ASKED], Places(new(TARGET), None, None), False),
        ([ASIDE_ASKED, rename(RENAME_OLD_BACK, 3)], BEFORE, False),
        ([ASIDE_ASKED, rename(RENAME_OLD_BACK, 3, refused=True)], BEFORE, True),
        ([rename(RENAME_NEW_IN, 1)], BEFORE, False),
        ([], BEFORE, False),
    ],
)
def test_a_rename_of_the_old_cluster_may_come_late_until_it_is_seen_refused_or_too_old(
    asked: list[Asked], places: Places, may_come: bool
) -> None:
    assert (late_rename_of_old(asked, parties(), places, NOW) is not None) is may_come
