"""All that the catalog of a server says about roles and rights, to be compared; and whose rights they are."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pg8000.native import Connection
from tests.contract.database.servers import RestoredCluster

Fact = tuple[str, ...]

_OF_THE_CLUSTER = """
    SELECT 'role', rolname, 'LOGIN ' || rolcanlogin FROM pg_roles WHERE oid >= 16384
    UNION ALL SELECT 'power', r.rolname, p FROM pg_roles r, unnest(ARRAY[
        CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
        CASE WHEN rolbypassrls THEN 'BYPASSRLS' END]) p WHERE p IS NOT NULL AND oid >= 16384
    UNION ALL SELECT 'rest of role', rolname, concat_ws(' ', rolinherit, rolconnlimit, rolvaliduntil,
        shobj_description(oid, 'pg_authid')) FROM pg_roles WHERE oid >= 16384
    UNION ALL SELECT 'member', m.member::regrole::text, concat_ws(' ', m.roleid::regrole, m.grantor::regrole,
        m.admin_option, m.inherit_option, m.set_option) FROM pg_auth_members m
    UNION ALL SELECT 'setting', setrole::regrole::text, concat_ws(' ', setdatabase, setconfig)
        FROM pg_db_role_setting
    UNION ALL SELECT 'database', a.grantee::regrole::text,
        concat_ws(' ', datname, privilege_type, is_grantable, a.grantor::regrole)
        FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
"""
_OF_A_DATABASE = """
    WITH objects AS (
        SELECT c.oid::regclass::text AS name, relacl AS acl, relowner AS owner,
            CASE relkind WHEN 'S' THEN 's' ELSE 'r' END AS kind, relnamespace AS schema FROM pg_class c
        UNION ALL SELECT a.attrelid::regclass || '.' || attname, attacl, relowner, 'c', relnamespace
            FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE attacl IS NOT NULL
        UNION ALL SELECT p.oid::regprocedure::text, proacl, proowner, 'f', pronamespace FROM pg_proc p
        UNION ALL SELECT nspname, nspacl, nspowner, 'n', oid FROM pg_namespace)
    SELECT 'object', a.grantee::regrole::text,
        concat_ws(' ', current_database(), o.name, privilege_type, is_grantable, a.grantor::regrole)
        FROM objects o, aclexplode(coalesce(acl, acldefault(kind::"char", owner))) a
        WHERE o.schema IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
    UNION ALL SELECT 'later objects', a.grantee::regrole::text, concat_ws(' ', current_database(),
        defaclrole::regrole, defaclnamespace, defaclobjtype, privilege_type, is_grantable)
        FROM pg_default_acl, aclexplode(defaclacl) a
"""


class Catalog:
    """The catalog as a superuser sees it, over connections that stay open. `passwords`: those that are known."""

    def __init__(self, connections: Sequence[Connection], passwords: Sequence[str]) -> None:
        self._connections = connections
        self._passwords = passwords

    def facts(self) -> frozenset[Fact]:
        """Each of them a kind, the role that it is about, and what it says."""
        found: set[Fact] = set(self._passwords_that_open())
        found.update(map(tuple, self._connections[0].run(_OF_THE_CLUSTER)))
        for connection in self._connections:
            found.update(map(tuple, connection.run(_OF_A_DATABASE)))
        return frozenset(found)

    def _passwords_that_open(self) -> Iterator[Fact]:
        rows = self._connections[0].run(
            "SELECT rolname, rolpassword FROM pg_authid WHERE oid >= 16384 AND rolpassword IS NOT NULL"
        )
        for name, verifier in rows:
            known = [password for password in self._passwords if _opens(password, verifier)]
            yield "password", name, known[0] if known else "another"


def _opens(password: str, verifier: str) -> bool:
    """Whether a SCRAM verifier is that of the password."""
    iterations, _, rest = verifier.removeprefix("SCRAM-SHA-256$").partition(":")
    salt, _, keys = rest.partition("$")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return base64.b64encode(hashlib.sha256(client_key).digest()).decode() == keys.partition(":")[0]


@contextmanager
def superusers_sessions(cluster: RestoredCluster, databases: Iterable[str]) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        yield [stack.enter_context(cluster.session(cluster.superuser, database)) for database in databases]


def can_log_in(facts: frozenset[Fact], user: str) -> bool:
    return ("role", user, "LOGIN true") in facts


def rights_of(facts: frozenset[Fact], user: str) -> set[Fact]:
    """What the user may: powers, memberships, privileges on what is there and on what comes later."""
    kinds = ("power", "member", "database", "object", "later objects")
    return {fact for fact in facts if fact[0] in kinds and fact[1] == user}
