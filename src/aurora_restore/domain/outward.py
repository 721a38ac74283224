"""The ways out of a copy, as a request decides about them: without a decision they lead into production."""

from __future__ import annotations

from enum import StrEnum


class ForeignTables(StrEnum):
    """What the users that we make may do there: never more than their own access gives for tables."""

    NONE = "none"
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"


class OutwardConnections(StrEnum):
    """What becomes of the logins to other servers that are stored in the copy."""

    REPORT = "report"
    CUT = "cut"
    KEEP = "keep"
