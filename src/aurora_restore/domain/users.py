"""The database users that a restore sets up, and what was found out about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aurora_restore.domain.came_along import NotLookedInto
from aurora_restore.domain.counting import counted
from aurora_restore.domain.engines import ENGINES, MYSQL, POSTGRESQL, Engine
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.outward import ForeignTables
from aurora_restore.domain.passwords import password_problem
from aurora_restore.domain.user_progress import SetupProgress

ANY_HOST = "%"
# The longest host name that every version of MySQL takes in an account (60 in 5.7, 255 since 8.0.17).
MAX_HOST_CHARACTERS = 60
# What can be part of a policy's `rds-db:connect` ARN as itself: no wildcard, no separator, no space.
_IAM_USERNAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@+=,$-]*")
# Names, IPv4 and IPv6 addresses, `10.0.0.0/255.255.0.0`, `10.0.0.0/16`, and wildcards.
_HOST = re.compile(r"[A-Za-z0-9_.:%/-]+")


class Access(StrEnum):
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"
    ADMIN = "admin"


@dataclass(frozen=True)
class DbUser:
    """A user as the request names it. `databases` empty means: all but those of the engine and of RDS.

    `host`: from where it logs in, with the wildcards of the engine; PostgreSQL has none.
    """

    username: str
    access: Access
    secret_id: str | None = None
    iam: bool = False
    databases: tuple[str, ...] = ()
    foreign_tables: ForeignTables = ForeignTables.NONE
    host: str = ANY_HOST

    @property
    def account(self) -> str:
        """What distinguishes it from other users: the name, and the host where there is one."""
        return self.username if self.host == ANY_HOST else f"'{self.username}'@'{self.host}'"

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
            host=item.get("host", ANY_HOST),
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
    host: str = ANY_HOST


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

    @property
    def summary(self) -> str:
        count, others, locked = len(self.users), len(self.other_logins), len(self.locked_logins)
        words = f"{counted(count, 'database user')} set up"
        words += " and checked" if count else ""
        if locked:
            return f"{words}; {counted(locked, 'other login')} {'was' if locked == 1 else 'were'} locked"
        came = f"; {counted(others, 'other login')} came along with the snapshot"
        return words + came if others else words


def username_problem(username: str, *, iam: bool = False, engine: Engine | None = None) -> str | None:
    """Why no database user of this name is made, in words; None where nothing is against it.

    Quotes, spaces and letters of any script are fine: a name is quoted wherever it goes into SQL. Without an engine, as
    before a snapshot is chosen: what is against it on every engine, and the names that PostgreSQL keeps.
    """
    if not username:
        return "it is empty"
    if not username.isprintable():
        return "it holds a character that does not print"
    # Before the engine is known only a name that is too long for each of them is refused.
    engines = [engine] if engine else list(ENGINES.values())
    too_long = [each.username_length_problem(username) for each in engines]
    if all(too_long):
        return too_long[0]
    if (engine or ENGINES[POSTGRESQL]).is_reserved(username):
        return "the name is reserved: it is a word of SQL, or belongs to the engine or to Amazon RDS"
    if iam and not _IAM_USERNAME.fullmatch(username):
        return "the name of an IAM user is made of letters, digits and _ . @ + = , $ - and begins with a letter or _"
    return _mysql_name_problem(username) if engine and engine.name == MYSQL else None


def _mysql_name_problem(username: str) -> str | None:
    """Names that MySQL would change, so that another account would be meant."""
    if username != username.strip(" "):
        return "it begins or ends with a space, which MySQL does not keep"
    if username.startswith("'") and username.endswith("'"):
        return "it begins and ends with an apostrophe, which MySQL takes away at the login"
    if any(ord(letter) > 0xFFFF for letter in username):
        return "it holds a character beyond U+FFFF, which MySQL does not keep in names"
    return None


def host_problem(host: str, engine: Engine | None = None) -> str | None:
    """Why no account can have this host, in words; None where nothing is against it."""
    if engine and not engine.users_have_hosts and host != ANY_HOST:
        return f"users of {engine.words} have no host"
    if not host or len(host) > MAX_HOST_CHARACTERS:
        return f"a host has 1 to {MAX_HOST_CHARACTERS} characters"
    if not _HOST.fullmatch(host):
        return "a host is a name, an address or a network, with % and _ as wildcards"
    return None


def user_problem(user: DbUser, engine: Engine) -> str | None:
    """Why the engine cannot have this user, in words; None where it can."""
    if problem := username_problem(user.username, iam=user.iam, engine=engine) or host_problem(
        user.host, engine
    ):
        return problem
    # What a snapshot holds cannot be asked; a name that no cluster of the engine can have is refused before the copy.
    for database in user.databases:
        if reason := engine.database_problem(database):
            return f"it is to have access to the database {database!r}, but {reason}"
    return None


def refuse_impossible_logins(
    master_username: str, logins: Sequence[DbUserLogin], engine: Engine = ENGINES[POSTGRESQL]
) -> None:
    """Refuse logins that cannot work on any server.

    Raises:
        DbUserSetupFailed: names each user that cannot be made, and why.
    """
    seen: set[str] = set()
    problems = []
    for login in logins:
        user, credentials, account = login.user, login.credentials, login.user.account
        # One reason a user: a person corrects the first, and the others may follow from it.
        problem: str | None
        if user.username == master_username:
            problem = "it is the cluster's master user"
        elif account in seen:
            problem = "it is named twice"
        elif user.iam != (credentials is None):
            problem = "a user logs in with a secret or by IAM, one of the two"
        elif credentials is not None and credentials.username != user.username:
            problem = "its secret is that of another user"
        elif credentials is not None and (reason := password_problem(credentials.password, engine.name)):
            problem = f"its password cannot be used: {reason}"
        else:
            problem = user_problem(user, engine)
        if problem is not None:
            problems.append(f"The database user {account!r} is not made: {problem}.")
        seen.add(account)
    if problems:
        raise DbUserSetupFailed(" ".join(problems))


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
                f"The database user {user.account} is to have access to {name}, "
                + (f"which cannot be had: {why}." if why else "which the restored cluster does not have.")
            )
    if problems:
        hint = "Correct `databases` of this user, or leave it out for all of them."
        if closed:
            hint += (
                " A database that takes no connections is opened in the source cluster: "
                "`ALTER DATABASE … ALLOW_CONNECTIONS true CONNECTION LIMIT -1`."
            )
        raise DbUserSetupFailed(f"{' '.join(problems)} The cluster has {', '.join(existing)}.", hint)
