"""Text of a database as it is kept, and as people see it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_restore.domain.visible_text import storable, visible, visible_values


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("ключ \u00a0 \U0001f418", "ключ \u00a0 \U0001f418"),
        ("evil\x1b[31mRED\x07", "evil\\x1b[31mRED\\x07"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("turned \u202e round", "turned \\u202e round"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("m\udcfcller", "m\\xfcller"),
        ("half \ud800", "half \\ud800"),
    ],
    ids=ascii,
)
def test_what_would_act_on_a_terminal_is_written_out(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(st.text(st.characters(codec=None)))
def test_what_is_visible_can_be_stored_and_shows_nothing_hidden(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert visible(shown) == shown


@given(st.binary())
def test_bytes_of_any_kind_can_be_stored(raw: bytes) -> None:
    kept = storable(raw.decode("utf-8", "surrogateescape"))
    kept.encode()
    if raw.isascii():
        assert kept == raw.decode()


def test_the_lines_of_a_hint_stay_lines() -> None:
    record = {"error": {"message": "a\nb", "hint": "do this:\ncommand\x1b"}, "names": ["x\ny"], "count": 2}
    assert visible_values(record) == {
        "error": {"message": "a\\nb", "hint": "do this:\ncommand\\x1b"},
        "names": ["x\\ny"],
        "count": 2,
    }
