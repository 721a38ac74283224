"""SQL for the users that a server has before any client comes: those of Aurora, as far as a restore meets them.

Sources: AuroraUserGuide, "Master user account privileges" and "Role-based privilege model" (Aurora MySQL version 3
compared with MySQL 8.0). What differs here, and why:

On Aurora only Amazon can write to the tables of the schema `mysql`; MySQL itself can forbid it only by
`partial_revokes`, which changes what `_` and `%` mean in every GRANT. So the privileges to write are given here for all
databases by a pattern, and for `mysql` by a closer one without them. Two things follow. SHOW GRANTS of the master user
says so; and the master user can neither give another user one of these privileges on `*.*` nor take it back by name
(REVOKE ALL PRIVILEGES works).
"""

from __future__ import annotations

from collections.abc import Iterator

from local_aurora.access import Login
from local_aurora.engines.mysql.install import Kind

HERE = "localhost"
"""What a client on the loopback is called."""
SUPERUSER_ROLE = "rds_superuser_role"
# On Aurora they are granted so that SQL can call other services.
_SERVICE_ROLES = (
    "AWS_BEDROCK_ACCESS",
    "AWS_COMPREHEND_ACCESS",
    "AWS_LAMBDA_ACCESS",
    "AWS_LOAD_S3_ACCESS",
    "AWS_SAGEMAKER_ACCESS",
    "AWS_SELECT_S3_ACCESS",
)
_GLOBAL = (
    "SELECT, RELOAD, PROCESS, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT, CREATE USER, CREATE ROLE, "
    "DROP ROLE"
)
_DYNAMIC = (
    "APPLICATION_PASSWORD_ADMIN",
    "CONNECTION_ADMIN",
    "FLUSH_OPTIMIZER_COSTS",
    "FLUSH_STATUS",
    "FLUSH_TABLES",
    "FLUSH_USER_RESOURCES",
    "ROLE_ADMIN",
    "SESSION_VARIABLES_ADMIN",
    "SHOW_ROUTINE",
    "XA_RECOVER_ADMIN",
)
# SET_USER_ID is what Aurora has; 8.4 has put these two in its place.
_DEFINER = {(8, 0): ("SET_USER_ID",), (8, 2): ("SET_ANY_DEFINER", "ALLOW_NONEXISTENT_DEFINER")}
_IN_DATABASES = (
    "INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, "
    "CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT, TRIGGER"
)


def identifier(name: str) -> str:
    """A name as SQL, always quoted."""
    if not name or "\0" in name:
        raise ValueError("A name in SQL is not empty and holds no NUL.")
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as SQL, for a session whose sql_mode is the server's own."""
    if "\0" in text:
        raise ValueError("A text in SQL holds no NUL.")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def account(username: str, host: str = "%") -> str:
    """`'name'@'host'`; names can be quoted as identifiers are."""
    return f"{identifier(username)}@{identifier(host)}"


def administrator_statements(kind: Kind, login: Login) -> Iterator[str]:
    """One user who may do everything, from this machine alone, and `root` no more."""
    name = account(login.username, HERE)
    yield f"CREATE USER {name} IDENTIFIED BY {literal(login.password)}"
    yield f"GRANT ALL ON *.* TO {name} WITH GRANT OPTION"
    if kind is Kind.MYSQL:
        yield "DROP USER root@localhost"
    else:
        yield "DELETE FROM mysql.global_priv WHERE user = 'root'"
        yield "FLUSH PRIVILEGES"


def aurora_statements(version: tuple[int, ...]) -> Iterator[str]:
    """What every cluster has before it has a master user. Run as `rdsadmin`."""
    for role in (SUPERUSER_ROLE, *_SERVICE_ROLES):
        yield f"CREATE ROLE {account(role)}"
    yield from _superuser_statements(account(SUPERUSER_ROLE), version)


def _superuser_statements(name: str, version: tuple[int, ...]) -> Iterator[str]:
    definer = [names for since, names in _DEFINER.items() if since <= version[:2]][-1]
    yield f"GRANT {_GLOBAL} ON *.* TO {name} WITH GRANT OPTION"
    yield f"GRANT {', '.join((*_DYNAMIC, *definer))} ON *.* TO {name} WITH GRANT OPTION"
    yield f"GRANT SELECT, EXECUTE ON mysql.* TO {name}"
    yield f"GRANT {_IN_DATABASES} ON `%`.* TO {name} WITH GRANT OPTION"


def master_statements(master: Login, database_name: str | None, version: tuple[int, ...]) -> Iterator[str]:
    """Make the master user, and the first database."""
    yield from master_password_statements(master, version)
    if database_name is not None:
        yield f"CREATE DATABASE {identifier(database_name)}"


def master_password_statements(master: Login, version: tuple[int, ...]) -> Iterator[str]:
    """Set the password; as on RDS this also gives back what the master user has lost."""
    name = account(master.username)
    yield f"CREATE USER IF NOT EXISTS {name}"
    yield f"ALTER USER {name} IDENTIFIED BY {literal(master.password)} PASSWORD EXPIRE NEVER ACCOUNT UNLOCK"
    yield from _superuser_statements(name, version)
    yield f"GRANT {account(SUPERUSER_ROLE)} TO {name} WITH ADMIN OPTION"
    yield f"SET DEFAULT ROLE ALL TO {name}"
