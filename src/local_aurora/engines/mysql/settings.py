"""How the servers and their data are set up, and where that differs between MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Mapping

from local_aurora.engines.mysql.install import Kind
from local_aurora.engines.process import HOST

LOCK_FILE = "mysqld.pid"
# Small in memory and on disk; a power cut is the only thing that the last two and nosync do not survive. `loose-` is
# before what not every version has.
_COMMON = {
    "bind-address": HOST,
    # Relative to the data, because the path of a socket has a limit.
    "socket": "mysqld.sock",
    "pid-file": LOCK_FILE,
    "skip-log-bin": None,
    "performance-schema": "OFF",
    "max-connections": "60",
    "table-open-cache": "400",
    "innodb-buffer-pool-size": "16M",
    "innodb-buffer-pool-dump-at-shutdown": "OFF",
    "innodb-buffer-pool-load-at-startup": "OFF",
    "character-set-server": "utf8mb4",
    # As Aurora's parameter groups have it; MySQL itself has it on since 8.0.
    "event-scheduler": "OFF",
    "innodb-doublewrite": "OFF",
    "innodb-flush-log-at-trx-commit": "2",
}
_MYSQL = {
    "mysqlx": "OFF",
    # A quarter of the time that new data takes.
    "innodb-flush-method": "nosync",
    "secure-file-priv": "NULL",
    "loose-innodb-redo-log-capacity": "32M",
    "loose-innodb-dedicated-server": "OFF",
    # Off by default in 8.4, on before, removed in 9.0.
    "loose-mysql-native-password": "ON",
    # Warnings as well; no statement ever.
    "log-error-verbosity": "2",
}
_MARIADB = {
    "innodb-log-file-size": "16M",
    "log-warnings": "1",
}


def server_options(kind: Kind, data: str, settings: Mapping[str, str | None]) -> tuple[str, ...]:
    """What each server is started with; `data` is the path by which the server finds its data directory."""
    of_kind: dict[str, str | None] = {**(_MYSQL if kind is Kind.MYSQL else _MARIADB)}
    return _options({"datadir": data, "tmpdir": data, **_COMMON, **of_kind, **settings})


def initializing_options(data: str, init_file: str) -> tuple[str, ...]:
    """What makes new data of MySQL; `init_file` is run at the end."""
    kept = ("innodb-buffer-pool-size", "innodb-doublewrite", "innodb-flush-log-at-trx-commit")
    settings: dict[str, str | None] = {name: _COMMON[name] for name in kept}
    settings |= {
        name: _MYSQL[name]
        for name in (
            "innodb-flush-method",
            "loose-innodb-redo-log-capacity",
            "secure-file-priv",
            "log-error-verbosity",
        )
    }
    settings |= {"innodb-buffer-pool-dump-at-shutdown": "OFF", "init-file": init_file}
    # Our own certificates are used.
    settings |= {"loose-auto-generate-certs": "OFF"}
    return ("--initialize-insecure", *_options({"datadir": data, "tmpdir": data, **settings}))


def bootstrap_options(data: str) -> tuple[str, ...]:
    """What makes new data of MariaDB, from a script that the server reads."""
    settings: dict[str, str | None] = {
        "datadir": data,
        "tmpdir": data,
        "innodb-log-file-size": _MARIADB["innodb-log-file-size"],
        "innodb-buffer-pool-size": _COMMON["innodb-buffer-pool-size"],
        "innodb-flush-log-at-trx-commit": _COMMON["innodb-flush-log-at-trx-commit"],
        "max-allowed-packet": "8M",
    }
    return ("--bootstrap", *_options(settings))


def _options(settings: dict[str, str | None]) -> tuple[str, ...]:
    return tuple(f"--{name}" if value is None else f"--{name}={value}" for name, value in settings.items())
