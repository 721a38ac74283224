from __future__ import annotations

from typing import get_args

import pytest

from aurora_restore.domain.acts import (
    Act,
    Change,
    ChangeMasterPassword,
    DeleteCluster,
    DeleteSnapshot,
    RenameCluster,
    StartCluster,
)

SECRET = "correct-horse"


def test_an_act_says_what_it_asks_for_under_which_word_and_what_is_waited_for() -> None:
    act = RenameCluster("old", "new", kind="rename_new_in", reason="it is free")
    assert (act.name, act.new_name, act.kind, act.waits_for) == ("old", "new", "rename_new_in", "rename")
    assert act.describe() == "renamed old to new"


def test_acts_are_compared_by_their_kind_and_their_fields() -> None:
    assert StartCluster("one") == StartCluster("one")
    assert StartCluster("one") != StartCluster("two")
    assert RenameCluster("a", "b") != DeleteSnapshot("a", "b")


def test_an_act_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        StartCluster("one").name = "two"  # type: ignore[misc]


def test_an_act_is_made_of_its_fields_and_nothing_else() -> None:
    for wrong in (
        lambda: RenameCluster("old"),  # type: ignore[call-arg]
        lambda: StartCluster("one", "two"),  # type: ignore[call-arg]
        lambda: StartCluster("one", force=True),  # type: ignore[call-arg]
        lambda: StartCluster("one", name="two"),  # type: ignore[misc]
        lambda: DeleteCluster("one", keep_backups=True),  # type: ignore[call-arg]
    ):
        with pytest.raises(TypeError):
            wrong()


def test_audit_events_keep_the_words_that_they_have_for_acts() -> None:
    """People search for them, and old audit events have them."""
    words = {kind.__name__: kind.FIELDS["event"].default for kind in get_args(Act)}
    assert {name: word for name, word in words.items() if word} == {
        "AddRole": "add_role",
        "ChangePort": "fence",
        "DeleteCluster": "delete_cluster",
        "DeleteInstance": "delete_instance",
        "DropEndpoint": "drop",
        "EnableDataApi": "data_api",
        "MakeEndpoint": "make",
        "ModifyCluster": "change_cluster",
        "RebootInstance": "reboot",
        "StartCluster": "start",
        "StopCluster": "stop",
        "TakeSnapshot": "take_final_snapshot",
    }


def test_two_acts_share_no_default() -> None:
    assert StartCluster("one").also is not StartCluster("two").also


def test_no_act_shows_a_password() -> None:
    assert SECRET not in repr(ChangeMasterPassword("one", SECRET))
    assert SECRET not in ChangeMasterPassword("one", SECRET).describe()


def test_every_kind_of_change_is_an_act_and_says_what_was_done() -> None:
    kinds = set(get_args(Act))
    assert kinds == set(Change.__subclasses__())
    assert all(kind.describe is not Change.describe for kind in kinds)
