"""SQL for the users that a server has before any client comes."""

from __future__ import annotations

from collections.abc import Iterator

from local_aurora.access import Login
from local_aurora.engines.mysql.install import Kind


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
    name = account(login.username, "localhost")
    yield f"CREATE USER {name} IDENTIFIED BY {literal(login.password)}"
    yield f"GRANT ALL ON *.* TO {name} WITH GRANT OPTION"
    if kind is Kind.MYSQL:
        yield "DROP USER root@localhost"
    else:
        yield "DELETE FROM mysql.global_priv WHERE user = 'root'"
        yield "FLUSH PRIVILEGES"
