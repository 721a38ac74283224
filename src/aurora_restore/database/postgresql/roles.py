"""The roles themselves: attributes, password, memberships.

What PostgreSQL 16 and later ask of a master that is not a superuser decides the shape of every statement: ALTER
ROLE names only attributes that differ (NOSUPERUSER is refused even where it changes nothing), and a role or a
membership that another role made can be changed only with ADMIN OPTION on it. A refusal names the user.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

from aurora_restore.database.postgresql.other_logins import unlocked_comment
from aurora_restore.database.postgresql.quoting import identifier, literal
from aurora_restore.database.postgresql.session import DUPLICATE_OBJECT, ServerRefused, Session
from aurora_restore.domain.errors import DatabaseBusy, DbUserSetupFailed
from aurora_restore.domain.passwords import password_problem, prepared
from aurora_restore.domain.users import Access, DbUser, DbUserLogin

SUPERUSER_GROUP = "rds_superuser"
IAM_GROUP = "rds_iam"

# As PostgreSQL's own (src/include/common/scram-common.h).
_SCRAM_ITERATIONS = 4096
_SALT_BYTES = 16
_PASSWORD_HINT = "Put another password into the user's secret, and start again under a new name."  # noqa: S105 - no secret

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"


@dataclass(frozen=True)
class Membership:
    """A grant of one role to another; the grantor counts since PostgreSQL 16. `admin`: it may be passed on.

    `inherits`: it gives what the group may do (since PostgreSQL 16 each grant says so for itself).
    """

    group: str
    grantor: str
    admin: bool = False
    inherits: bool = True


@dataclass(frozen=True)
class Role:
    """A role as the catalog shows it. Whether it has a password, and which, a master cannot see."""

    can_login: bool
    inherits: bool
    creates_databases: bool
    creates_roles: bool
    expires: bool
    connection_limit: int
    beyond_master: tuple[str, ...]
    comment: str
    memberships: tuple[Membership, ...]


def find_role(session: Session, name: str) -> Role | None:
    found = session.rows(
        "SELECT rolcanlogin, rolinherit, rolcreatedb, rolcreaterole,"
        " rolvaliduntil IS NOT NULL AND rolvaliduntil <> 'infinity',"
        " rolconnlimit, rolsuper, rolreplication, rolbypassrls, coalesce(shobj_description(oid, 'pg_authid'), '')"
        " FROM pg_roles WHERE rolname = :name",
        name=name,
    )
    if not found:
        return None
    can_login, inherits, databases, roles, expires, limit, superuser, replication, bypass, comment = found[0]
    powers = {"SUPERUSER": superuser, "REPLICATION": replication, "BYPASSRLS": bypass}
    beyond = tuple(power for power, held in powers.items() if held)
    groups = session.rows(
        "SELECT g.rolname, coalesce(b.rolname, ''), m.admin_option,"
        " coalesce(CAST(to_jsonb(m) ->> 'inherit_option' AS boolean), true) FROM pg_auth_members m"
        " JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.roleid"
        " LEFT JOIN pg_roles b ON b.oid = m.grantor WHERE u.rolname = :name ORDER BY 1, 2",
        name=name,
    )
    memberships = tuple(Membership(*row) for row in groups)
    return Role(can_login, inherits, databases, roles, expires, limit, beyond, comment, memberships)


def inherited_groups(role: Role) -> frozenset[str]:
    """The groups whose powers the role has."""
    return frozenset(membership.group for membership in role.memberships if membership.inherits)


def required_groups(user: DbUser) -> frozenset[str]:
    groups = {SUPERUSER_GROUP} if user.access is Access.ADMIN else set()
    return frozenset(groups | ({IAM_GROUP} if user.iam else set()))


def prepare(
    session: Session, login: DbUserLogin, logs_in: Callable[[DbUserLogin], bool], *, is_known: bool = False
) -> str:
    """Make the role what it is to be; returns created, changed or unchanged.

    A role that came along is shut until `open_login`: what was granted to it in databases that no call has finished yet
    may be more than its level. An admin keeps what it has, and its login.

    `logs_in` tries whether the password of the secret is the one that is set already: it is the only way to
    know, since no master may read the verifiers. `is_known`: an earlier call of the run has prepared this role.

    Raises:
        DbUserSetupFailed: the server refuses, or the role holds a power that a master cannot take away.
    """
    role = None
    try:
        role = find_role(session, login.user.username)
        if role is None:
            _create(session, login)
            return CREATED
        has_password = is_known or (role.can_login and not login.user.iam and logs_in(login))
        changed = _alter(session, login, role, has_password=has_password)
    except ServerRefused as refused:
        hint = (
            "Give the master user what the server's words name in the source cluster (CREATEROLE; membership of "
            "rds_password where rds.restrict_password_commands is on), and restore a snapshot taken after that."
        )
        if role is not None:
            hint = _hint_for_role_that_came_along(login.user.username, refused)
        raise DbUserSetupFailed(
            f"The database user {login.user.username} could not be made or changed: {refused}.", hint
        ) from None
    return CHANGED if changed and not is_known else UNCHANGED


def open_login(session: Session, user: DbUser) -> None:
    """Let a role log in whose rights are those of its level by now.

    Raises:
        DbUserSetupFailed: the server refuses.
    """
    role = find_role(session, user.username)
    if role is None or role.can_login:
        return
    try:
        session.run(f"ALTER ROLE {identifier(user.username)} LOGIN")
    except ServerRefused as refused:
        raise DbUserSetupFailed(
            f"The login of the database user {user.username} could not be enabled: {refused}.",
            _hint_for_role_that_came_along(user.username, refused),
        ) from None


def _hint_for_role_that_came_along(username: str, refused: ServerRefused) -> str:
    if not refused.lacks_privilege:
        return (
            "Mend in the source cluster what the server's words name (for dependent privileges: `REVOKE ... CASCADE` "
            "of what the role has passed on), and restore a snapshot taken after that; or choose another username."
        )
    return (
        "A role that came along with the snapshot can be changed only where the master user has ADMIN on it: "
        f"`GRANT {identifier(username)} TO <master user> WITH ADMIN OPTION` in the source cluster, and restore a "
        "snapshot taken after that; or choose another username."
    )


def _create(session: Session, login: DbUserLogin) -> None:
    user = login.user
    name = identifier(user.username)
    powers = " CREATEDB CREATEROLE" if user.access is Access.ADMIN else ""
    with session.transaction():
        try:
            session.run(f"CREATE ROLE {name} LOGIN{powers} {_password_clause(login)}")
        except ServerRefused as refused:
            if refused.sqlstate == DUPLICATE_OBJECT:
                raise DatabaseBusy(f"Another session made the role {user.username} just now.") from None
            raise
        for group in sorted(required_groups(user)):
            session.run(f"GRANT {identifier(group)} TO {name}")


def _alter(session: Session, login: DbUserLogin, role: Role, *, has_password: bool) -> bool:
    """In one transaction, so that the role never lets anyone in half altered; whether anything was to be changed."""
    user = login.user
    tolerated = {"REPLICATION", "BYPASSRLS"} if user.access is Access.ADMIN else set()
    beyond = [power for power in role.beyond_master if power not in tolerated]
    if beyond:
        raise DbUserSetupFailed(
            f"The database user {user.username} came along with the snapshot and has {', '.join(beyond)}, which is"
            f" more than {user.access} and which the master user cannot take away.",
            "Choose another username, or take the attribute away in the source cluster.",
        )
    name = identifier(user.username)
    changes = [f"ALTER ROLE {name} {clause}" for clause in _attribute_clauses(user, role)]
    if not role.can_login and (comment := unlocked_comment(role.comment)) is not None:
        changes.append(f"COMMENT ON ROLE {name} IS {literal(comment)}")
    changes += _membership_statements(session, user, role)
    if not user.iam and not has_password:
        changes.append(f"ALTER ROLE {name} {_password_clause(login)}")
    # A password that came along is taken out of an IAM user. Whether there was one cannot be seen.
    besides = [f"ALTER ROLE {name} PASSWORD NULL"] if user.iam else []
    if role.can_login and user.access is not Access.ADMIN:
        besides.insert(0, f"ALTER ROLE {name} NOLOGIN")
    if changes or besides:
        with session.transaction():
            for statement in (*besides, *changes):
                session.run(statement)
    return bool(changes) or not role.can_login


def _attribute_clauses(user: DbUser, role: Role) -> list[str]:
    admin = user.access is Access.ADMIN
    clauses = []
    if not role.can_login and admin:
        clauses.append("LOGIN")
    if not role.inherits:
        clauses.append("INHERIT")
    if role.creates_databases != admin:
        clauses.append("CREATEDB" if admin else "NOCREATEDB")
    if role.creates_roles != admin:
        clauses.append("CREATEROLE" if admin else "NOCREATEROLE")
    if role.expires:
        clauses.append("VALID UNTIL 'infinity'")
    return clauses


def _membership_statements(session: Session, user: DbUser, role: Role) -> list[str]:
    """Grants of what is missing; what is too much is taken away, but an admin keeps other memberships."""
    name, expected = identifier(user.username), required_groups(user)
    held = inherited_groups(role)
    surplus = [membership for membership in role.memberships if membership.group not in expected]
    if user.access is Access.ADMIN:
        surplus = [membership for membership in surplus if membership.group == IAM_GROUP]
    by_grantor = session.version >= 160000
    # One who may pass rds_iam on could shut the master out with it.
    options = [
        membership for membership in role.memberships if membership.admin and membership not in surplus
    ]
    if user.access is Access.ADMIN:
        options = []
    revokes = [
        f"REVOKE {option}{identifier(membership.group)} FROM {name}"
        + (f" GRANTED BY {identifier(membership.grantor)}" if by_grantor else "")
        for option, memberships in (("", surplus), ("ADMIN OPTION FOR ", options))
        for membership in memberships
    ]
    inherit = " WITH INHERIT TRUE" if by_grantor else ""
    return revokes + [f"GRANT {identifier(group)} TO {name}{inherit}" for group in sorted(expected - held)]


def _password_clause(login: DbUserLogin) -> str:
    if login.credentials is None:
        return "PASSWORD NULL"
    return f"PASSWORD {literal(scram_verifier(login.user.username, login.credentials.password))}"


def scram_verifier(username: str, password: str) -> str:
    """What PostgreSQL stores for a password: the server, its log and the wire never see the password itself.

    Raises:
        DbUserSetupFailed: no login with this password can succeed.
    """
    if problem := password_problem(password):
        raise DbUserSetupFailed(
            f"The password of the database user {username} cannot be used: {problem}.", _PASSWORD_HINT
        )
    salt = os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    parts = (salt, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256"))
    salt_text, stored_key, server_key = (base64.b64encode(part).decode() for part in parts)
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{salt_text}${stored_key}:{server_key}"
