"""Names and values become SQL that means exactly them. The same on a real server: tests/contract/database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_restore.database.postgresql.quoting import MAX_IDENTIFIER_BYTES, identifier, literal

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
NAMES = TEXTS.filter(lambda name: 0 < len(name.encode()) <= MAX_IDENTIFIER_BYTES)


def read_identifier(sql: str) -> str:
    """As PostgreSQL reads a quoted identifier: to the first quote that is not doubled, which is the end."""
    assert sql[0] == sql[-1] == '"'
    inside = sql[1:-1]
    assert '"' not in inside.replace('""', "")
    return inside.replace('""', '"')


def read_literal(sql: str, *, standard_conforming_strings: bool) -> str:
    """As PostgreSQL reads a text constant, with and without E, under either setting."""
    escapes = sql.startswith("E") or not standard_conforming_strings
    body = sql.removeprefix("E")
    assert body[0] == body[-1] == "'"
    read, rest = "", body[1:-1]
    while rest:
        step = 2 if rest[0] == "'" or (escapes and rest[0] == "\\") else 1
        assert step == 1 or rest[:2] in ("''", "\\\\"), "the constant would end here, or mean something else"
        read, rest = read + rest[0], rest[step:]
    return read


@given(NAMES)
def test_an_identifier_reads_back_as_the_name(name: str) -> None:
    assert read_identifier(identifier(name)) == name


@given(TEXTS, st.booleans())
def test_a_literal_reads_back_as_the_value_under_either_setting(value: str, standard: bool) -> None:
    assert read_literal(literal(value), standard_conforming_strings=standard) == value


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("plain", '"plain"'),
        ('x"; DROP ROLE y; --', '"x""; DROP ROLE y; --"'),
        ("o'brien", '"o\'brien"'),
        ("back\\slash", '"back\\slash"'),
    ],
)
def test_hostile_names_stay_names(name: str, sql: str) -> None:
    assert identifier(name) == sql


@pytest.mark.parametrize(
    ("value", "sql"), [("o'brien", "'o''brien'"), ("\\'; DROP ROLE y; --", "E'\\\\''; DROP ROLE y; --'")]
)
def test_hostile_values_stay_values(value: str, sql: str) -> None:
    assert literal(value) == sql


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "é" * 32, "\ud800"])
def test_a_name_that_the_server_would_cut_or_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError among them
        identifier(name)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_value_that_no_text_holds_is_refused(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        literal(value)
