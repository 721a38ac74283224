"""Making new data, and running a server on it."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from local_aurora.access import PasswordLogin, ServerAddress
from local_aurora.engines.account import Account, choose_account
from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.install import Installation, Kind, PlacedServer, placed
from local_aurora.engines.mysql.settings import (
    LOCK_FILE,
    bootstrap_options,
    initializing_options,
    server_options,
)
from local_aurora.engines.mysql.statements import administrator_statements
from local_aurora.engines.process import (
    HOST,
    Server,
    ServerKind,
    ServerPool,
    find_free_port,
    run_tool,
)
from local_aurora.engines.tls import issue_certificate, make_tls_files

# What MariaDB's own script for new data runs, in its order.
_MARIADB_SCRIPTS = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
)


def _is_ready(server: Server) -> bool:
    """The server writes the file once it listens."""
    return bool(server.lock_lines())


KIND = ServerKind(
    name="MySQL",
    lock_file=LOCK_FILE,
    is_ready=_is_ready,
    stop_signals=(signal.SIGTERM, signal.SIGKILL),
    words_of_a_taken_port=("Address already in use",),
)


def initialize(server: PlacedServer, data: Path, account: Account, statements: Iterable[str]) -> None:
    """Make new data in the empty directory `data` of the server's home, and run the statements in it as `root`.

    `account` must be able to pass through the directory above.
    """
    seen = server.seen(data)
    if server.installation.kind is Kind.MARIADB:
        script = _mariadb_script(server.installation, statements)
        run_tool(replace(server.command(bootstrap_options(seen)), said=script), data, account)
        return
    file = data.parent / "init.sql"
    file.touch(mode=0o600)
    file.write_text("".join(f"{statement};\n" for statement in statements))
    account.own(file)
    try:
        run_tool(server.command(initializing_options(seen, server.seen(file))), data, account)
    finally:
        file.unlink()


def _mariadb_script(installation: Installation, statements: Iterable[str]) -> bytes:
    if installation.root is None:
        raise EngineError("MariaDB is used only where it was unpacked here.")
    [share] = installation.root.glob("usr/share/mysql")
    parts = ["CREATE DATABASE mysql;\nUSE mysql;\n"]
    parts += [(share / name).read_text() for name in _MARIADB_SCRIPTS]
    parts += ["FLUSH PRIVILEGES;\n", *(f"{statement};\n" for statement in statements)]
    return "".join(parts).encode()


@dataclass(frozen=True)
class RunningServer:
    """A server with new data, and how to reach it: `administrator` may do everything, `ca_bundle` is to be trusted."""

    installation: Installation
    address: ServerAddress
    administrator: PasswordLogin
    ca_bundle: Path
    log: Path


@contextmanager
def running_server(
    installation: Installation,
    directory: Path,
    settings: Mapping[str, str | None] | None = None,
    names: Iterable[str] = (),
) -> Iterator[RunningServer]:
    """A server for the time of the block, in an empty directory, on a free port of 127.0.0.1.

        with running_server(find_or_fetch(Kind.MYSQL), tmp_path) as server: ...

    `settings` are options of the server, as {"require-secure-transport": "ON"}. The certificate bears `names` beside
    `localhost` and `127.0.0.1`.

    Raises:
        EngineError: it does not start; with the end of its log.
    """
    account = choose_account()
    home = directory.resolve() / "server"
    data = home / "data"
    home.mkdir()
    home.chmod(account.directory_mode)
    data.mkdir(mode=0o700)
    account.own(data)
    tls = make_tls_files(home / "tls", account)
    issue_certificate(tls, tuple(names), home, account)
    server = placed(installation, home, account)
    administrator = PasswordLogin("administrator", secrets.token_urlsafe(16))
    initialize(server, data, account, administrator_statements(installation.kind, administrator))
    port, log = find_free_port(), home / "server.log"
    options = {
        "port": str(port),
        "ssl-ca": server.seen(tls.ca_bundle),
        "ssl-cert": server.seen(home / "server.pem"),
        "ssl-key": server.seen(home / "server.key"),
        **(settings or {}),
    }
    program = server.command(server_options(installation.kind, server.seen(data), options))
    pool = ServerPool(account, KIND)
    try:
        pool.start("server", program, data, log, port)
        yield RunningServer(installation, ServerAddress(HOST, port), administrator, tls.ca_bundle, log)
    finally:
        pool.close()


def refuse_one_that_does_not_start(installation: Installation, directory: Path) -> None:
    """Raises EngineError, where a server with new data does not come up in the empty `directory`."""
    with running_server(installation, directory):
        pass
