"""The database users that a restore sets up, and what was found out about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aurora_restore.domain.came_along import NotLookedInto
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.outward import ForeignTables
from aurora_restore.domain.passwords import password_problem
from aurora_restore.domain.user_progress import SetupProgress

MAX_USERNAME_BYTES = 63
# Names of PostgreSQL's and of Amazon's own roles: pg_monitor, rdsadmin, rds_superuser, rdsrepladmin, …
_RESERVED_PREFIXES = ("pg_", "rds")
_RESERVED_NAMES = frozenset({"public", "none"})
# What can be part of a policy's `rds-db:connect` ARN as itself: no wildcard, no separator, no space.
_IAM_USERNAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@+=,$-]*")


class Access(StrEnum):
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"
    ADMIN = "admin"


@dataclass(frozen=True)
class DbUser:
    """A user as the request names it. `databases` empty means: all but templates and `rdsadmin`."""

    username: str
    access: Access
    secret_id: str | None = None
    iam: bool = False
    databases: tuple[str, ...] = ()
    foreign_tables: ForeignTables = ForeignTables.NONE

    def access_in(self, database: str) -> Access | None:
        """The level in one database; None where the user is to have none."""
        return self.access if not self.databases or database in self.databases else None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> DbUser:
        """Read back what the plan in a record says."""
        return cls(
            username=item["username"],
            access=Access(item["access"]),
            secret_id=item["secret_id"],
            iam=item["iam"],
            databases=tuple(item["databases"]),
            # An earlier release granted them like any other table.
            foreign_tables=ForeignTables(item.get("foreign_tables", "read_write")),
        )


@dataclass(frozen=True)
class DbUserLogin:
    """A requested user together with what it logs in with; `credentials` is None for an IAM user."""

    user: DbUser
    credentials: Credentials | None


@dataclass(frozen=True)
class UserReport:
    """The state after the set-up: what was done, and each check with its result in words.

    `databases`: the first of those that the user has, `database_count` of them in all.
    """

    username: str
    access: Access
    action: str
    databases: tuple[str, ...]
    checks: tuple[str, ...]
    database_count: int = 0


@dataclass(frozen=True)
class UsersReport:
    """`other_logins` are roles that came along with the snapshot; `locked_logins` those that were disabled.

    `not_looked_into`: databases in which no user was set up; `notes`: what else people should know, a sentence each.
    `unfinished`: how far it has come where the time of the call did not suffice; there are no `users` yet then.
    """

    users: tuple[UserReport, ...]
    other_logins: tuple[str, ...]
    locked_logins: tuple[str, ...]
    notes: tuple[str, ...] = ()
    not_looked_into: tuple[NotLookedInto, ...] = ()
    unfinished: SetupProgress | None = None


def username_problem(username: str, *, iam: bool = False) -> str | None:
    """Why no database user of this name is made, in words; None where nothing is against it.

    Quotes, spaces and letters of any script are fine: a name is quoted wherever it goes into SQL.
    """
    if not username:
        return "it is empty"
    if not username.isprintable():
        return "it holds a character that does not print"
    if len(username.encode("utf-8")) > MAX_USERNAME_BYTES:
        return f"it is longer than {MAX_USERNAME_BYTES} bytes"
    if username.casefold() in _RESERVED_NAMES:
        return "it is a reserved word of SQL"
    if username.casefold().startswith(_RESERVED_PREFIXES):
        return "names that begin with `pg_` or `rds` belong to PostgreSQL and to Amazon RDS"
    if iam and not _IAM_USERNAME.fullmatch(username):
        return "the name of an IAM user is made of letters, digits and _ . @ + = , $ - and begins with a letter or _"
    return None


def refuse_impossible_logins(master_username: str, logins: Sequence[DbUserLogin]) -> None:
    """Refuse what no server needs to be asked about.

    Raises:
        DbUserSetupFailed: names each user that cannot be made, and why.
    """
    seen: set[str] = set()
    problems = []
    for login in logins:
        name = login.user.username
        problem = _login_problem(login)
        if name == master_username:
            problem = "it is the cluster's master user"
        elif name in seen:
            problem = "it is named twice"
        if problem is not None:
            problems.append(f"The database user {name!r} is not made: {problem}.")
        seen.add(name)
    if problems:
        raise DbUserSetupFailed(" ".join(problems))


def _login_problem(login: DbUserLogin) -> str | None:
    user, credentials = login.user, login.credentials
    if user.iam != (credentials is None):
        return "a user logs in with a secret or by IAM, one of the two"
    if credentials is not None and credentials.username != user.username:
        return "its secret is that of another user"
    if credentials is not None and (reason := password_problem(credentials.password)):
        return f"its password cannot be used: {reason}"
    return username_problem(user.username, iam=user.iam)


def refuse_missing_databases(
    users: Sequence[DbUser],
    existing: Sequence[str],
    closed: Mapping[str, str] | None = None,
    templates: Sequence[str] = (),
) -> None:
    """Refuse users who are to have access to a database that does not exist, or that takes no connections.

    `closed`: why a database takes no connections.

    Raises:
        DbUserSetupFailed: names each user and database with the reason, and what there is.
    """
    closed = closed or {}
    problems = []
    for user in users:
        for name in sorted(set(user.databases) - set(existing)):
            why = closed.get(name) or ("it is a template" if name in templates else "")
            problems.append(
                f"The database user {user.username} is to have access to {name}, "
                + (f"which cannot be had: {why}." if why else "which the restored cluster does not have.")
            )
    if problems:
        raise DbUserSetupFailed(
            f"{' '.join(problems)} The cluster has {', '.join(existing)}.",
            "Correct `databases` of this user, or leave it out for all of them. A database that takes no connections "
            "is opened in the source cluster: `ALTER DATABASE … ALLOW_CONNECTIONS true CONNECTION LIMIT -1`.",
        )
