"""SQL text from names and values. Statements about roles take no bound parameters, so they are quoted here."""

from __future__ import annotations

MAX_IDENTIFIER_BYTES = 63


def identifier(name: str) -> str:
    """Quote a name so that PostgreSQL reads exactly this name and nothing else.

    Raises:
        ValueError: the name is empty, holds NUL, is no valid Unicode, or is longer than PostgreSQL keeps
            (63 bytes; the server would cut it silently and mean another object).
    """
    if not name:
        raise ValueError("An SQL identifier is not empty.")
    if "\0" in name:
        raise ValueError("An SQL identifier holds no NUL character.")
    if len(name.encode("utf-8")) > MAX_IDENTIFIER_BYTES:
        raise ValueError(f"An SQL identifier has at most {MAX_IDENTIFIER_BYTES} bytes.")
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text value; the same under either setting of `standard_conforming_strings`.

    Raises:
        ValueError: the value holds NUL or is no valid Unicode.
    """
    if "\0" in value:
        raise ValueError("An SQL text value holds no NUL character.")
    value.encode("utf-8")
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"
