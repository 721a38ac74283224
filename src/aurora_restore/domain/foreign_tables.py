"""What the users that we make may do with foreign tables: through them a copy reads and writes production."""

from __future__ import annotations

from enum import StrEnum


class ForeignTables(StrEnum):
    """Never more than the user's own access level gives for tables."""

    NONE = "none"
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"
