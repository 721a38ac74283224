"""A real PostgreSQL behind every cluster of the local Aurora."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from local_aurora.access import Login, PasswordLogin, ServerAddress
from local_aurora.engine import ServerFace
from local_aurora.engines.account import choose_account
from local_aurora.engines.errors import EngineError, PortTaken, StorageMissing, WrongContent
from local_aurora.engines.postgresql import roles
from local_aurora.engines.postgresql.admin import connection, run_statements
from local_aurora.engines.postgresql.install import program
from local_aurora.engines.postgresql.settings import initdb_options, server_settings
from local_aurora.engines.postgresql.versions import Installation, Versions, at_hand, major_of
from local_aurora.engines.process import (
    HOST,
    Server,
    ServerKind,
    ServerPool,
    await_former_server,
    data_argument,
    find_free_port,
    is_free,
    run_tool,
)
from local_aurora.engines.storage import About, Storage, directory_name
from local_aurora.engines.tls import issue_certificate, make_tls_files

_START_ATTEMPTS = 5
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


class PostgresEngine:
    """An `Engine` that keeps everything under `directory` (see `storage`) and serves on 127.0.0.1.

    The next engine on the same directory finds all clusters and snapshots again. Safe for threads: calls for the
    same cluster or snapshot wait for each other, others do not. `installations` are the PostgreSQLs that it can
    use, at first the one for what no other fits; None means all that are at hand.

    Raises:
        EngineBusy: another process uses the directory.
        EngineError: PostgreSQL cannot be run here.
    """

    def __init__(self, directory: Path, installations: Sequence[Installation] | None = None) -> None:
        self._account = choose_account()
        self._versions = Versions(at_hand() if installations is None else installations, self._account)
        self._storage = Storage(directory.resolve() / "postgres", self._account)
        self._tls = make_tls_files(self._storage.home / "tls", self._account)
        self._admin = PasswordLogin(roles.ADMIN, self._admin_password())
        self._pool = ServerPool(self._account, KIND)
        self._locks: dict[str, threading.RLock] = {}
        self._locks_lock = threading.Lock()
        self._is_closed = False
        for cluster in self._storage.clusters.iterdir():
            await_former_server(cluster / "data", KIND)

    def forget_all_but(self, cluster_ids: Collection[str], snapshot_ids: Collection[str]) -> tuple[str, ...]:
        """Remove the data of everything else, before anything is begun; the ids of what went are returned.

        A stack that is killed can leave data for something that no client ever learned of.
        """
        return self._storage.keep_only(self._storage.clusters, cluster_ids) + self._storage.keep_only(
            self._storage.snapshots, snapshot_ids
        )

    @property
    def ca_bundle_path(self) -> Path:
        """The authority (PEM) that clients check the servers with; it stays the same for the directory."""
        return self._tls.ca_bundle

    def cluster_ids(self) -> tuple[str, ...]:
        return self._storage.ids(self._storage.clusters)

    def snapshot_ids(self) -> tuple[str, ...]:
        return self._storage.ids(self._storage.snapshots)

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

    def process_id(self, cluster_id: str) -> int | None:
        """The server's process, None while it is stopped."""
        server = self._pool.find(directory_name(cluster_id))
        return server.process.pid if server else None

    # Clusters

    def prepare(self) -> None:
        """Make what a new cluster begins as, so that the first one need not wait for it."""
        self._template(self._versions.for_new(None))

    def create_cluster(
        self, cluster_id: str, master: Login, database_name: str | None, major: int | None = None
    ) -> None:
        with self._held(cluster_id):
            if self._storage.has(self._storage.clusters, cluster_id):
                return
            installation = self._versions.for_new(major)
            if major not in (None, installation.major):
                said = "PostgreSQL %s is not at hand: the cluster %s gets %s"
                _log.warning(said, major, cluster_id, installation.version)
            template = self._template(installation)
            with self._storage.making(self._storage.clusters, cluster_id) as work:
                self._storage.copy_data(template, work)
                about = About(cluster_id, master.username)
                self._storage.write_about(work, about)
                self._run_once(work, roles.master_statements(master, database_name, installation.major))

    def start_cluster(
        self, cluster_id: str, port: int | None, face: ServerFace | None = None
    ) -> ServerAddress:
        """As the protocol says. A running cluster is started anew only where another port is asked for.

        Raises:
            PortTaken: the port that was asked for is in use.
            StorageMissing, EngineError.
        """
        with self._held(cluster_id):
            directory = self._storage.cluster(cluster_id)
            running = self._pool.find(directory.name)
            if running and port in (None, running.port):
                return ServerAddress(HOST, running.port)
            self._pool.stop(directory.name)
            used = self._serve(directory, directory.name, port, face)
            about = self._storage.read_about(directory)
            self._storage.write_about(directory, replace(about, port=used))
            return ServerAddress(HOST, used)

    def stop_cluster(self, cluster_id: str) -> None:
        with self._held(cluster_id):
            self._pool.stop(directory_name(cluster_id))

    def delete_cluster(self, cluster_id: str) -> None:
        with self._held(cluster_id):
            self._pool.stop(directory_name(cluster_id))
            if self._storage.has(self._storage.clusters, cluster_id):
                self._storage.remove(self._storage.cluster(cluster_id))

    def set_master_password(self, cluster_id: str, master: Login) -> None:
        """Takes effect at once; sessions that are open go on. A stopped cluster is started for it, and stopped.

        Raises:
            EngineError: `master` is not the cluster's master user, whose name cannot change.
        """
        with self._held(cluster_id):
            directory = self._storage.cluster(cluster_id)
            named = self._storage.read_about(directory).master_username
            if named != master.username:
                raise EngineError(f"The master user of {cluster_id} is {named}, not {master.username}.")
            statements = roles.master_password_statements(master, major_of(directory / "data"))
            running = self._pool.find(directory.name)
            if running:
                self._administer(running.port, statements)
            else:
                self._run_once(directory, statements)

    def set_iam_authentication(self, cluster_id: str, enabled: bool) -> None:
        """Kept with the cluster. It changes no login: see `roles.access_rules`."""
        with self._held(cluster_id):
            directory = self._storage.cluster(cluster_id)
            about = self._storage.read_about(directory)
            self._storage.write_about(directory, replace(about, iam_authentication=enabled))

    # Snapshots

    def take_snapshot(self, cluster_id: str, snapshot_id: str) -> None:
        """As the protocol says; the state is that of the copy's end."""
        with self._held(cluster_id), self._held(snapshot_id):
            source = self._storage.cluster(cluster_id)
            if self._storage.has(self._storage.snapshots, snapshot_id):
                return
            with self._storage.making(self._storage.snapshots, snapshot_id) as work:
                running = self._pool.find(source.name)
                self._storage.write_content_id(source, snapshot_id)
                if running:
                    self._back_up(source, running.port, work)
                else:
                    self._storage.pack_data(source, work)
                about = self._storage.read_about(source)
                self._storage.write_about(work, About(snapshot_id, about.master_username))

    def copy_snapshot(self, source_snapshot_id: str, target_snapshot_id: str) -> None:
        first, second = sorted((source_snapshot_id, target_snapshot_id))
        with self._held(first), self._held(second):
            source = self._storage.snapshot(source_snapshot_id)
            if self._storage.has(self._storage.snapshots, target_snapshot_id):
                return
            with self._storage.making(self._storage.snapshots, target_snapshot_id) as work:
                self._storage.link_data(source, work)
                about = self._storage.read_about(source)
                self._storage.write_about(work, replace(about, id=target_snapshot_id))

    def restore_snapshot(self, snapshot_id: str, cluster_id: str, content_id: str = "") -> None:
        """As the protocol says. Raises WrongContent: the data is not what the snapshot is known to hold."""
        with self._held(cluster_id), self._held(snapshot_id):
            if self._storage.has(self._storage.clusters, cluster_id):
                return
            source = self._storage.snapshot(snapshot_id)
            with self._storage.making(self._storage.clusters, cluster_id) as work:
                self._storage.unpack_data(source, work)
                found = self._storage.read_content_id(work)
                if content_id and found != content_id:
                    raise WrongContent(
                        f"The data kept for the snapshot {snapshot_id} says that it was taken as "
                        f"{found or 'no snapshot at all'}, not as {content_id}; no cluster is made of it."
                    )
                about = self._storage.read_about(source)
                self._storage.write_about(work, replace(about, id=cluster_id))

    def delete_snapshot(self, snapshot_id: str) -> None:
        with self._held(snapshot_id):
            if self._storage.has(self._storage.snapshots, snapshot_id):
                self._storage.remove(self._storage.snapshot(snapshot_id))

    def close(self) -> None:
        """Stop every server, keep the storage. Calls made afterwards raise EngineError; twice is once."""
        self._is_closed = True
        self._pool.close()
        self._storage.close()

    # How

    @contextlib.contextmanager
    def _held(self, any_id: str) -> Iterator[None]:
        if self._is_closed:
            raise EngineError("The local database engine is closed.")
        with self._locks_lock:
            lock = self._locks.setdefault(any_id, threading.RLock())
        with lock:
            yield

    def _admin_password(self) -> str:
        file = self._storage.home / "rdsadmin_password"
        if not file.exists():
            # A template without its password is of no use.
            for template in self._storage.templates():
                shutil.rmtree(template, ignore_errors=True)
            unfinished = file.with_suffix(".new")
            unfinished.touch(mode=0o600)
            unfinished.write_text(secrets.token_urlsafe(24))
            unfinished.replace(file)
        return file.read_text()

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

    def _run_once(self, directory: Path, statements: Iterator[str], database: str = "postgres") -> None:
        """Start the server of `directory` for a moment, as `rdsadmin`."""
        key = f"once.{directory.name}"
        port = self._serve(directory, key, None)
        try:
            self._administer(port, statements, database)
        finally:
            self._pool.stop(key)

    def _serve(
        self, directory: Path, key: str, wanted_port: int | None, face: ServerFace | None = None
    ) -> int:
        """Start the server of `directory` on the requested port, else its last one, else a free one."""
        about = self._storage.read_about(directory)
        # Only written over, never made anew: the file belongs to the server's user.
        (directory / "data" / "pg_hba.conf").write_text(roles.access_rules(about.master_username))
        if face is not None:
            issue_certificate(self._tls, face.certificate_names, directory, self._account)
        if wanted_port is not None:
            if not is_free(wanted_port):
                raise PortTaken(f"Port {wanted_port} of {HOST} is in use.")
            self._start(directory, key, wanted_port, face)
            return wanted_port
        for attempt in range(_START_ATTEMPTS):
            port = about.port if attempt == 0 and about.port and is_free(about.port) else find_free_port()
            # Between the look and the start another program can take the port.
            with contextlib.suppress(PortTaken):
                self._start(directory, key, port, face)
                return port
        raise PortTaken(
            f"{_START_ATTEMPTS} ports that were free were taken before the server could use them."
        )

    def _start(self, directory: Path, key: str, port: int, face: ServerFace | None) -> None:
        data = directory / "data"
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

    def _administer(self, port: int, statements: Iterator[str], database: str = "postgres") -> None:
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
