"""Replication from another server that came along: what it reads, and how it is ended and begun again.

On Aurora it is Amazon's procedures that stop it and forget where it led; a server without them, and a channel with a
name, gets the statement itself. The password of the source is not read: no statement shows it, and the way back names
a place for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_restore.database.found import Found
from aurora_restore.database.mysql.quoting import literal
from aurora_restore.database.mysql.session import Session
from aurora_restore.domain.came_along import Finding, Kind
from aurora_restore.domain.defusing import Fuse
from aurora_restore.domain.visible_text import visible

_PASSWORD = "'<password of the source>'"  # noqa: S105 - a place for one


def channels(session: Session) -> Found:
    """The channels with a source.

    Aurora has one without a name. Since Aurora MySQL 8.4.8 it can have named ones, with procedures of their own; they
    are stopped by the statements themselves, which Aurora may refuse: a refusal is recorded with the server's words.
    """
    found = Found()
    version = session.version
    if version.is_mariadb:
        rows = session.named_rows("SHOW ALL SLAVES STATUS")
    else:
        rows = session.named_rows("SHOW REPLICA STATUS" if version.says_replica else "SHOW SLAVE STATUS")
    for row in rows:
        status = _Status(row)
        if status.host:
            _add(session, found, status)
    return found


class _Status:
    """A row of the status by one set of names, whichever the version has."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self.name = self._text("Channel_Name") or self._text("Connection_name")
        self.host = self._text("Source_Host")
        self.port = int(self._text("Source_Port") or 3306)
        self.user = self._text("Source_User")
        self.file = self._text("Relay_Source_Log_File")
        self.position = int(self._text("Exec_Source_Log_Pos") or 4)
        self.is_auto = self._text("Auto_Position") == "1"
        self.is_ssl = int(self._text("Source_SSL_Allowed").startswith("Y"))
        self.is_running = "Yes" in (self._text("Replica_IO_Running"), self._text("Replica_SQL_Running"))

    def _text(self, name: str) -> str:
        older = name.replace("Source", "Master").replace("Replica", "Slave")
        value = self._row.get(name, self._row.get(older))
        return "" if value is None else str(value)

    @property
    def before(self) -> dict[str, Any]:
        """What the record keeps: all but the password."""
        return {
            "source": f"{visible(self.host)}:{self.port}",
            "user": visible(self.user),
            "log_file": visible(self.file),
            "position": self.position,
            "auto_position": self.is_auto,
            "tls": bool(self.is_ssl),
            "running": self.is_running,
        }


def _add(session: Session, found: Found, status: _Status) -> None:
    has_procedures = not status.name and bool(
        session.rows(
            "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'mysql'"
            " AND ROUTINE_NAME = 'rds_stop_replication'"
        )
    )
    if has_procedures:
        statements, take_back = _of_aurora(session, status)
    else:
        statements, take_back = _of_others(session, status)
    name = visible(status.name) or visible(f"from {status.host}")
    detail = f"{visible(status.host)}:{status.port}, {'running' if status.is_running else 'stopped'}"
    found.things.append(Finding(Kind.REPLICATION_CHANNEL, "", name, f"{'; '.join(statements)};", detail))
    found.fuses.append(
        Fuse(
            kind=Kind.REPLICATION_CHANNEL,
            database="",
            name=name,
            before=status.before,
            statements=statements,
            take_back=take_back,
            # A stopped one begins again with the next start of the server.
            acts=True,
        )
    )


def _of_aurora(session: Session, status: _Status) -> tuple[tuple[str, ...], tuple[str, ...]]:
    role = "source" if session.version.says_source else "master"
    stop = ["CALL mysql.rds_stop_replication"] if status.is_running else []
    who = f"{literal(status.host)}, {status.port}, {literal(status.user)}, {_PASSWORD}"
    if status.is_auto:
        begin = f"CALL mysql.rds_set_external_{role}_with_auto_position ({who}, {status.is_ssl});"
    else:
        where = f"{literal(status.file)}, {status.position}"
        begin = f"CALL mysql.rds_set_external_{role} ({who}, {where}, {status.is_ssl});"
    start = ("CALL mysql.rds_start_replication;",) if status.is_running else ()
    return (*stop, f"CALL mysql.rds_reset_external_{role}"), (begin, *start)


def _of_others(session: Session, status: _Status) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if session.version.is_mariadb:
        name = literal(status.name)
        change = (
            f"CHANGE MASTER {name} TO MASTER_HOST = {literal(status.host)}, MASTER_PORT = {status.port}, "
        )
        change += f"MASTER_USER = {literal(status.user)}, MASTER_PASSWORD = {_PASSWORD}, "
        change += f"MASTER_LOG_FILE = {literal(status.file)}, MASTER_LOG_POS = {status.position};"
        return (f"STOP SLAVE {name}", f"RESET SLAVE {name} ALL"), (change, f"START SLAVE {name};")
    replica, source = ("REPLICA", "SOURCE") if session.version.says_replica else ("SLAVE", "MASTER")
    channel = f" FOR CHANNEL {literal(status.name)}"
    change = "CHANGE REPLICATION SOURCE TO " if source == "SOURCE" else "CHANGE MASTER TO "
    change += f"{source}_HOST = {literal(status.host)}, {source}_PORT = {status.port}, "
    change += f"{source}_USER = {literal(status.user)}, {source}_PASSWORD = {_PASSWORD}, "
    change += f"{source}_SSL = {status.is_ssl}, "
    change += (
        f"{source}_AUTO_POSITION = 1"
        if status.is_auto
        else f"{source}_LOG_FILE = {literal(status.file)}, {source}_LOG_POS = {status.position}"
    )
    start = (f"START {replica}{channel};",) if status.is_running else ()
    return (f"STOP {replica}{channel}", f"RESET {replica} ALL{channel}"), (f"{change}{channel};", *start)
