"""SQL text from names and values. Statements about roles take no bound parameters, so they are quoted here."""

from __future__ import annotations

import re

MAX_IDENTIFIER_BYTES = 63


def identifier(name: str) -> str:
    """Quote a name so that PostgreSQL reads exactly this name and nothing else.

    Raises:
        ValueError: the name is empty, holds NUL, is neither Unicode nor bytes of the server, or is longer than
            PostgreSQL keeps (63 bytes; the server would cut it silently and mean another object).
    """
    if not name:
        raise ValueError("An SQL identifier is not empty.")
    if "\0" in name:
        raise ValueError("An SQL identifier holds no NUL character.")
    if len(name.encode("utf-8", "surrogateescape")) > MAX_IDENTIFIER_BYTES:
        raise ValueError(f"An SQL identifier has at most {MAX_IDENTIFIER_BYTES} bytes.")
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text value; the same under either setting of `standard_conforming_strings`.

    Raises:
        ValueError: the value holds NUL or is not valid Unicode.
    """
    if "\0" in value:
        raise ValueError("An SQL text value holds no NUL character.")
    value.encode("utf-8")
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def printable_identifier(name: str) -> str:
    """`identifier` in letters that print alone, for a statement that people copy."""
    return identifier(name) if name.isprintable() else 'U&"' + _escapes(name).replace('"', '""') + '"'


def printable_literal(value: str) -> str:
    """`literal` in letters that print alone, for a statement that people copy."""
    return literal(value) if value.isprintable() else "U&'" + _escapes(value).replace("'", "''") + "'"


def _escapes(text: str) -> str:
    return "".join(
        letter if letter.isprintable() and letter != "\\" else f"\\+{ord(letter):06x}" for letter in text
    )


_QUOTED = re.compile("'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_SHARED_NAMES = (
    "SELECT rolname::text AS name FROM pg_catalog.pg_roles"
    " UNION ALL SELECT datname::text FROM pg_catalog.pg_database"
)
_NO_UTF8 = re.compile("[\udc80-\udcff]")


def by_lookup(statement: str) -> str:
    """The statement for a UTF-8 database, where names that are not UTF-8 cannot be written.

    The names of roles and databases are shared by all databases, so what was made in a database of another encoding has
    such a name here. The server looks it up by its bytes and puts it in.
    """
    if not _NO_UTF8.search(statement):
        return statement
    names: list[str] = []

    def take(found: re.Match[str]) -> str:
        text = found.group()
        if not text.startswith('"') or not _NO_UTF8.search(text):
            return text.replace("%", "%%")
        names.append(text[1:-1].replace('""', '"').encode("utf-8", "surrogateescape").hex())
        return "%I"

    pieces, end = [], 0
    for found in _QUOTED.finditer(statement):
        pieces += [statement[end : found.start()].replace("%", "%%"), take(found)]
        end = found.end()
    pattern = "".join([*pieces, statement[end:].replace("%", "%%")])
    lookups = ", ".join(
        f"(SELECT name FROM ({_SHARED_NAMES}) n WHERE textsend(name) = '\\x{name}'::bytea LIMIT 1)"  # noqa: S608 - hexadecimal digits
        for name in names
    )
    return "DO " + literal(f"BEGIN EXECUTE format({literal(pattern)}, {lookups}); END")
