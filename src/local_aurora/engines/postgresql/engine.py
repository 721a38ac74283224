"""A real PostgreSQL behind every cluster of the local Aurora."""

from __future__ import annotations

import contextlib
import logging
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

from local_aurora.access import Login, ServerAddress
from local_aurora.engine import ServerFace
from local_aurora.engines.account import choose_account
from local_aurora.engines.errors import StorageMissing
from local_aurora.engines.on_disk import EngineOnDisk
from local_aurora.engines.postgresql import roles
from local_aurora.engines.postgresql.admin import connection, run_statements
from local_aurora.engines.postgresql.install import program
from local_aurora.engines.postgresql.settings import initdb_options, server_settings
from local_aurora.engines.postgresql.versions import Installation, Versions, at_hand, major_of
from local_aurora.engines.process import (
    HOST,
    Server,
    ServerKind,
    data_argument,
    run_tool,
)
from local_aurora.engines.storage import About

_log = logging.getLogger(__name__)


def _is_ready(server: Server) -> bool:
    lines = server.lock_lines()
    return len(lines) >= 8 and lines[7].startswith("ready")


KIND = ServerKind(
    name="PostgreSQL",
    lock_file="postmaster.pid",
    is_ready=_is_ready,
    stop_signals=(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL),
    words_of_a_taken_port=("could not bind",),
)


class PostgresEngine(EngineOnDisk):
    """Everything lies under `directory`/postgres. `installations` are the PostgreSQLs that it can use, at first the one
    for what no other fits; None means all that are at hand.

    Raises:
        EngineBusy: another process uses the directory.
        EngineError: PostgreSQL cannot be run here.
    """

    def __init__(self, directory: Path, installations: Sequence[Installation] | None = None) -> None:
        account = choose_account()
        self._versions = Versions(at_hand() if installations is None else installations, account)
        super().__init__(directory.resolve() / "postgres", KIND, account)

    def server_versions(self) -> dict[str, str]:
        """The version of the PostgreSQL behind each cluster, by the cluster's id."""
        found: dict[str, str] = {}
        for cluster_id in self.cluster_ids():
            with contextlib.suppress(StorageMissing, FileNotFoundError):  # removed meanwhile
                found[cluster_id] = self._versions.shown(self._storage.cluster(cluster_id) / "data")
        return found

    def versions_at_hand(self) -> tuple[str, ...]:
        """The versions of PostgreSQL that clusters can have; the first one is for what no other fits."""
        return tuple(installation.version for installation in self._versions.all)

    def prepare(self) -> None:
        """Make what a new cluster begins as, so that the first one need not wait for it."""
        self._template(self._versions.for_new(None))

    def _make_data(
        self, work: Path, cluster_id: str, master: Login, database_name: str | None, major: int | None
    ) -> None:
        installation = self._versions.for_new(major)
        if major not in (None, installation.major):
            said = "PostgreSQL %s is not at hand: the cluster %s gets %s"
            _log.warning(said, major, cluster_id, installation.version)
        self._storage.copy_data(self._template(installation), work)
        self._run_once(work, roles.master_statements(master, database_name, installation.major))

    def _master_password_statements(self, directory: Path, master: Login) -> Iterable[str]:
        return roles.master_password_statements(master, major_of(directory / "data"))

    def _template(self, installation: Installation) -> Path:
        """What new clusters of a major version are copied from, made at the first need."""
        template = self._storage.template(installation.major)
        with self._held(template.name):
            if not template.is_dir():
                with self._storage.making_at(template) as work:
                    self._initialize(work, installation)
                    self._storage.write_about(work, About("template", roles.ADMIN))
                    self._run_once(work, roles.aurora_statements(installation.major))
                    self._run_once(work, roles.instance_statements(), "template1")
        return template

    def _initialize(self, directory: Path, installation: Installation) -> None:
        password_file = directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._admin.password)
        self._account.own(password_file)
        data = directory / "data"
        seen = data_argument(data, self._account)
        command = [
            str(installation.programs / "initdb"),
            f"--pgdata={seen}",
            f"--username={roles.ADMIN}",
            f"--pwfile={seen}/../password",
            "--auth=scram-sha-256",
            *initdb_options(installation.major),
        ]
        run_tool(program(command), data, self._account)
        password_file.unlink()

    def _run_once(self, directory: Path, statements: Iterable[str], database: str = "postgres") -> None:
        with self._served_once(directory) as port:
            self._administer(port, statements, database)

    def _start(self, directory: Path, key: str, port: int, face: ServerFace | None) -> None:
        data = directory / "data"
        # Only written over, never made anew: the file belongs to the server's user.
        master_username = self._storage.read_about(directory).master_username
        (data / "pg_hba.conf").write_text(roles.access_rules(master_username))
        installation = self._versions.for_data(data)
        certificates = "../../../tls" if face is None else ".."
        # One that is started for a moment, to administer it, does nothing by itself.
        parameters = {"max_logical_replication_workers": "0"} if face is None else dict(face.parameters)
        settings = {
            **server_settings(installation.major),
            **parameters,
            "port": str(port),
            "ssl_cert_file": f"{certificates}/server.pem",
            "ssl_key_file": f"{certificates}/server.key",
            roles.INSTANCE_SETTING: face.instance_identifier if face else "",
            "cluster_name": directory.name[:60],
        }
        command = [str(installation.programs / "postgres"), "-D", data_argument(data, self._account)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        self._pool.start(key, program(command), data, directory / "postgres.log", port)

    def _administer(self, port: int, statements: Iterable[str], database: str = "postgres") -> None:
        endpoint = ServerAddress(HOST, port)
        with connection(endpoint, self._admin, database, self.ca_bundle_path) as session:
            run_statements(session, statements)

    def _back_up(self, source: Path, port: int, directory: Path) -> None:
        data = directory / "data"
        seen = data_argument(data, self._account)
        installation = self._versions.for_data(source / "data")
        command = [
            str(installation.programs / "pg_basebackup"),
            f"--pgdata={seen}",
            "--format=tar",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-manifest",
            "--no-sync",
        ]
        environment = {
            "PGHOST": HOST,
            "PGPORT": str(port),
            "PGUSER": self._admin.username,
            "PGPASSWORD": self._admin.password,
            # Before 15 a client finds no IP address in a certificate. The authority is our own.
            "PGSSLMODE": "verify-full" if installation.major >= 15 else "verify-ca",
            "PGSSLROOTCERT": f"{seen}/../../../tls/ca.pem",
            "PGCONNECT_TIMEOUT": "10",
        }
        run_tool(program(command), data, self._account, environment)
