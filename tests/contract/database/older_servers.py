"""What the tests say in the words of a new PostgreSQL, said to an older one; and what an older one has not."""

from __future__ import annotations

import re

import pytest

# The version that brought it, what a test says, and what means the same before.
_WORDS: tuple[tuple[int, str, str], ...] = (
    # Before 15 every database is copied as files, and its locale is the system's.
    (15, r" STRATEGY wal_log\b", ""),
    (15, r" LOCALE_PROVIDER libc\b", ""),
    # Before 16 a membership is inherited or not as the member's own attribute says.
    (16, r" WITH INHERIT FALSE\b", ""),
    # Before 16 only a superuser may own a subscription. Aurora lets a member of rds_superuser, and so has no need
    # of a role for it.
    (16, r"^GRANT pg_create_subscription TO \w+$", "SELECT"),
    (
        16,
        r'ALTER SUBSCRIPTION ("(?:[^"]|"")+"|\w+) OWNER TO (\w+)',
        r"UPDATE pg_subscription SET subowner = $owner$\2$owner$::regrole WHERE quote_ident(subname) = $name$\1$name$",
    ),
    (16, r", inherit_option, set_option FROM pg_auth_members\b", ", admin_option FROM pg_auth_members"),
)


def said_to(major: int, statement: str) -> str:
    """A statement as a server of this major version knows it."""
    for since, new, old in _WORDS:
        if major < since:
            statement = re.sub(new, old, statement)
    return statement


def since(major: int, first: int, what: str) -> None:
    """Leave the test out where the server has no such thing yet."""
    if major < first:
        pytest.skip(f"PostgreSQL {first} brought {what}; this server is of {major}")
