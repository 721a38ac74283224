"""The accounts themselves: how they log in, and whether they may.

Every statement is one that MySQL 5.7 documents, except for the comment and the second password, which later versions
have and which are touched only there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aurora_restore.database.mysql import quoting, verifiers
from aurora_restore.database.mysql.quoting import literal, plain_literal
from aurora_restore.database.mysql.session import (
    PLUGIN_NOT_LOADED,
    USER_EXISTS,
    ServerRefused,
    Session,
)
from aurora_restore.database.mysql.versions import NATIVE, SHA2
from aurora_restore.domain.errors import DatabaseBusy, DbUserSetupFailed
from aurora_restore.domain.users import DbUserLogin

IAM_PLUGIN = "AWSAuthenticationPlugin"
_IAM_CLAUSE = f"IDENTIFIED WITH {IAM_PLUGIN} AS 'RDS'"
# What a lock leaves on the account, for people who wonder and for the next call that reports it.
_MARK = "Login disabled by aurora-restore. "
# The attribute of an account that asks for more than its password.
_MORE_FACTORS = "multi_factor_authentication"
# mysql.user.ssl_type of an account that asks its clients for certificates, which no user of ours is given.
_CERTIFICATE_ASKED = frozenset({"X509", "SPECIFIED"})


@dataclass(frozen=True)
class Account:
    """An account as the server shows it. `attributes`: its comment, and a second password or factor."""

    name: str
    host: str
    plugin: str = ""
    verifier: str = ""
    is_locked: bool = False
    is_expired: bool = False
    ssl_type: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.host

    @property
    def shown(self) -> str:
        """For people and for the record."""
        return self.name if self.name and self.host == "%" else f"'{self.name}'@'{self.host}'"

    @property
    def quoted(self) -> str:
        return quoting.account(self.name, self.host)

    @property
    def comment(self) -> str:
        return str((self.attributes.get("metadata") or {}).get("comment") or "")

    @property
    def bears_mark(self) -> bool:
        return self.comment.startswith(_MARK)

    def lock(self, *, marks: bool) -> str:
        mark = f" COMMENT {plain_literal(_MARK + self.comment)}" if marks and not self.bears_mark else ""
        return f"ALTER USER {self.quoted} ACCOUNT LOCK{mark}"

    def unlock(self) -> str:
        """With the comment that it had before a lock of ours."""
        mark = ""
        if self.bears_mark:
            before = self.comment.removeprefix(_MARK)
            mark = f" COMMENT {plain_literal(before)}" if before else """ ATTRIBUTE '{"comment": null}'"""
        return f"ALTER USER {self.quoted} ACCOUNT UNLOCK{mark}"


def all_accounts(session: Session) -> list[Account]:
    """Every account of the server. Roles of MariaDB are not accounts: they have no host and no login."""
    version = session.version
    attributes = "u.User_attributes" if version.has_attributes else "NULL"
    locked, only = "u.account_locked", ""
    if version.is_mariadb:
        # Its `mysql.user` is a view without the lock.
        locked = (
            "(SELECT IF(JSON_VALUE(g.Priv, '$.account_locked'), 'Y', 'N') FROM mysql.global_priv g"
            " WHERE g.User = u.User AND g.Host = u.Host)"
        )
        only = " WHERE u.is_role = 'N'"
    rows = session.rows(
        "SELECT u.User, u.Host, u.plugin, u.authentication_string,"  # noqa: S608 - constants
        f" {locked}, u.password_expired, u.ssl_type, {attributes} FROM mysql.user u{only} ORDER BY 1, 2"
    )
    return [
        Account(
            _text(name),
            _text(host),
            _text(plugin),
            _text(verifier),
            locked == "Y",
            expired == "Y",
            _text(ssl_type),
            json.loads(attributes) if attributes else {},
        )
        for name, host, plugin, verifier, locked, expired, ssl_type, attributes in rows
    ]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def find_account(session: Session, key: tuple[str, str]) -> Account | None:
    return next((each for each in all_accounts(session) if each.key == key), None)


def default_plugin(session: Session) -> str:
    """The plugin of a new account with a password.

    MySQL 5.7 and 8.0 name it in `default_authentication_plugin`. 8.4 has `authentication_policy` alone, whose first
    factor may name one (`*:plugin`, or `plugin` where no other is allowed) and is `caching_sha2_password` otherwise; in
    8.0.27 and later it goes before. MariaDB has neither.
    """
    if session.version.is_mariadb:
        return NATIVE
    factor = (session.variable("authentication_policy") or "").split(",")[0].strip()
    named = factor.removeprefix("*").removeprefix(":")
    plugin = named or session.variable("default_authentication_plugin") or SHA2
    # No verifier can be computed for another one, such as `sha256_password`.
    return plugin if plugin in (NATIVE, SHA2) else SHA2


def create(session: Session, login: DbUserLogin, plugin: str) -> None:
    """Make the account, with no right at all.

    Raises:
        ServerRefused: in the server's words.
        DatabaseBusy: another session made it just now.
        DbUserSetupFailed: IAM authentication is off.
    """
    account = Account(login.user.username, login.user.host)
    try:
        _run(session, login, f"CREATE USER {account.quoted} {_login_clause(login, plugin)}")
    except ServerRefused as refused:
        if refused.number == USER_EXISTS:
            raise DatabaseBusy(f"Another session made the account {account.shown} just now.") from None
        raise


def change(session: Session, login: DbUserLogin, account: Account, plugin: str) -> bool:
    """Make its login what it is to be, but for a lock; whether anything was to be changed.

    Raises as `create`, and DbUserSetupFailed where the account asks for a second factor.
    """
    if _MORE_FACTORS in account.attributes:
        raise DbUserSetupFailed(
            f"The account {account.shown} came along with the snapshot and asks for a second factor at the login.",
            "Choose another username, or take the factor away in the source cluster.",
        )
    statements = _changes(login, account, plugin)
    for statement in statements:
        _run(session, login, statement)
    return bool(statements)


def needs_change(login: DbUserLogin, account: Account, plugin: str) -> bool:
    """Whether its login is not yet what it is to be, a lock aside."""
    return _MORE_FACTORS in account.attributes or bool(_changes(login, account, plugin))


def _changes(login: DbUserLogin, account: Account, plugin: str) -> list[str]:
    alter = f"ALTER USER {account.quoted} "
    if login.credentials is None:
        is_right = account.plugin == IAM_PLUGIN and account.ssl_type != ""
        statements = [] if is_right else [alter + _login_clause(login, plugin)]
    else:
        is_right = not account.is_expired and verifiers.is_of(
            account.verifier, account.plugin, login.credentials.password
        )
        statements = [] if is_right else [alter + _login_clause(login, plugin)]
    if account.ssl_type in _CERTIFICATE_ASKED:
        statements.append(f"{alter}REQUIRE SSL")
    if "additional_password" in account.attributes:
        # Since MySQL 8.0.14 the password before may go on opening the account.
        statements.append(f"{alter}DISCARD OLD PASSWORD")
    return statements


def _login_clause(login: DbUserLogin, plugin: str) -> str:
    if login.credentials is None:
        return f"{_IAM_CLAUSE} REQUIRE SSL"
    return f"IDENTIFIED WITH '{plugin}' AS {literal(verifiers.verifier(plugin, login.credentials.password))}"


def _run(session: Session, login: DbUserLogin, statement: str) -> None:
    try:
        session.run(statement)
    except ServerRefused as refused:
        if refused.number == PLUGIN_NOT_LOADED and login.user.iam:
            raise DbUserSetupFailed(
                f"The IAM user {login.user.account} cannot be made: IAM authentication is not enabled on the cluster "
                f"({refused}).",
                "Ask for `iam_authentication: true`, or give the user a secret; then start again under a new name.",
            ) from None
        raise
