"""SQL text from names and values. Account statements take no bound parameters, so all of it is quoted here."""

from __future__ import annotations

import re

MAX_IDENTIFIER_LETTERS = 64
MAX_USERNAME_LETTERS = 32
# What the three characters mean in the database name of a GRANT, and how each is written to mean itself.
_WILD = re.compile(r"([\\_%])")


def identifier(name: str) -> str:
    """Quote a name so that MySQL reads exactly this name and nothing else, whatever the SQL mode.

    Raises:
        ValueError: MySQL would refuse the name, or change it and mean another object.
    """
    if not name:
        raise ValueError("An SQL identifier is not empty.")
    if len(name) > MAX_IDENTIFIER_LETTERS:
        raise ValueError(f"An SQL identifier has at most {MAX_IDENTIFIER_LETTERS} characters.")
    if name.endswith(" "):
        raise ValueError("An SQL identifier does not end with a space.")
    return _in_backticks(name)


def account(username: str, host: str) -> str:
    """Quote an account, `name`@`host`. An anonymous account has the empty name. Raises ValueError as `identifier`."""
    if len(username) > MAX_USERNAME_LETTERS:
        raise ValueError(f"The name of an account has at most {MAX_USERNAME_LETTERS} characters.")
    if username != username.strip(" "):
        raise ValueError(
            "The name of an account neither begins nor ends with a space: MySQL does not keep it."
        )
    return f"{_in_backticks(username)}@{_in_backticks(host)}"


def grant_pattern(database: str, *, has_wildcards: bool = True) -> str:
    """The database name of a GRANT that means this database alone.

    `_` and `%` are wildcards there, and a backslash takes that away from them; unless `partial_revokes` is on, where
    each of the three means itself.
    """
    return _WILD.sub(r"\\\1", database) if has_wildcards else database


def on_databases(pattern: str) -> str:
    """The object of a GRANT on all of what a pattern means."""
    return f"{_in_backticks(pattern)}.*"


def literal(value: str) -> str:
    """Quote a text value; the same with and without NO_BACKSLASH_ESCAPES.

    Raises:
        ValueError: the value is not valid Unicode.
    """
    raw = value.encode("utf-8")
    if "\\" in value or "\0" in value:
        return f"_utf8mb4 X'{raw.hex()}'"
    return "'" + value.replace("'", "''") + "'"


def plain_literal(value: str) -> str:
    """Quote a text value where the grammar takes a string in apostrophes only, as for the comment of an account.

    It means the value where NO_BACKSLASH_ESCAPES is off, as in every session that manages.
    """
    return "'" + value.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0") + "'"


def _in_backticks(name: str) -> str:
    if "\0" in name:
        raise ValueError("An SQL identifier holds no NUL character.")
    # Names are kept in the encoding utf8mb3: for any other letter the server would put a question mark.
    if any(ord(letter) > 0xFFFF or 0xD800 <= ord(letter) <= 0xDFFF for letter in name):
        raise ValueError(
            "An SQL identifier holds no character beyond U+FFFF and no half of a surrogate pair."
        )
    return "`" + name.replace("`", "``") + "`"
