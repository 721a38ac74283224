"""A database server that takes no work now, and may later: part of the one tree of errors (domain/errors.py)."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import TransientError


class DatabaseUnreachable(TransientError):
    code = "DATABASE_UNREACHABLE"
    default_hint = (
        "Check the security groups, the subnets of the three functions that talk to databases, and "
        "the certificate bundle."
    )


class DatabaseBusy(TransientError):
    """The server answered with an error that passes: the network is not the cause."""

    code = "DATABASE_BUSY"
    default_hint = (
        "The database server answers, with the words above: the network is not the cause. See who holds its "
        "connections or locks."
    )
