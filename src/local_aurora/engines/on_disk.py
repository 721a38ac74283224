"""What the engines share: clusters and snapshots on disk, one server a cluster, one call at a time for each of them."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from local_aurora.access import Login, PasswordLogin, ServerAddress
from local_aurora.catalogue import POSTGRESQL
from local_aurora.engine import ServerFace
from local_aurora.engines.account import Account
from local_aurora.engines.errors import EngineError, PortTaken, WrongContent
from local_aurora.engines.process import (
    HOST,
    ServerKind,
    ServerPool,
    await_former_server,
    find_free_port,
    is_free,
)
from local_aurora.engines.storage import About, Storage, directory_name
from local_aurora.engines.tls import TlsFiles, issue_certificate, make_tls_files

ADMIN = "rdsadmin"
_START_ATTEMPTS = 5


class EngineOnDisk(ABC):
    """An `Engine` that keeps everything under `home` (see `storage`) and serves on 127.0.0.1.

    The next engine on the same directory finds all clusters and snapshots again. Safe for threads: calls for the
    same cluster or snapshot wait for each other, others do not. With the `authority` of another engine the servers'
    certificates come from that one.

    Raises:
        EngineBusy: another process uses the directory.
    """

    def __init__(
        self, home: Path, kind: ServerKind, account: Account, authority: TlsFiles | None = None
    ) -> None:
        self._account = account
        self._storage = Storage(home, account)
        self._tls = make_tls_files(self._storage.home / "tls", account, authority)
        self._admin = PasswordLogin(ADMIN, self._admin_password())
        self._pool = ServerPool(account, kind)
        self._locks: dict[str, threading.RLock] = {}
        self._locks_lock = threading.Lock()
        self._is_closed = False
        for cluster in self._storage.clusters.iterdir():
            await_former_server(cluster / "data", kind)

    # What differs from engine to engine

    @abstractmethod
    def _make_data(
        self, work: Path, cluster_id: str, master: Login, database_name: str | None, major: int | None
    ) -> None:
        """Fill the empty `data` of `work`, and make the master user in it."""

    @abstractmethod
    def _start(self, directory: Path, key: str, port: int, face: ServerFace | None) -> None:
        """Start the server of `directory`; without a face for a moment, to administer it. Raises PortTaken."""

    @abstractmethod
    def _back_up(self, source: Path, port: int, work: Path) -> None:
        """Make a snapshot in the empty `data` of `work`, from the server of `source`, which goes on serving."""

    @abstractmethod
    def _administer(self, port: int, statements: Iterable[str]) -> None:
        """Run the statements as `rdsadmin`."""

    @abstractmethod
    def server_versions(self) -> dict[str, str]:
        """The version of the database behind each cluster, by the cluster's id."""

    @abstractmethod
    def _master_password_statements(self, directory: Path, master: Login) -> Iterable[str]: ...

    # What is there

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

    @property
    def authority(self) -> TlsFiles:
        """What another engine's certificates can come from too."""
        return self._tls

    def cluster_ids(self) -> tuple[str, ...]:
        return self._storage.ids(self._storage.clusters)

    def snapshot_ids(self) -> tuple[str, ...]:
        return self._storage.ids(self._storage.snapshots)

    def has_cluster(self, cluster_id: str) -> bool:
        return self._storage.has(self._storage.clusters, cluster_id)

    def has_snapshot(self, snapshot_id: str) -> bool:
        return self._storage.has(self._storage.snapshots, snapshot_id)

    def process_id(self, cluster_id: str) -> int | None:
        """The server's process, None while it is stopped."""
        server = self._pool.find(directory_name(cluster_id))
        return server.process.pid if server else None

    # Clusters

    def create_cluster(
        self,
        cluster_id: str,
        master: Login,
        database_name: str | None,
        major: int | None = None,
        engine_name: str = POSTGRESQL,  # noqa: ARG002 - the caller chose this engine by its name
    ) -> None:
        with self._held(cluster_id):
            if self.has_cluster(cluster_id):
                return
            with self._storage.making(self._storage.clusters, cluster_id) as work:
                self._storage.write_about(work, About(cluster_id, master.username))
                self._make_data(work, cluster_id, master, database_name, major)

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
            statements = self._master_password_statements(directory, master)
            running = self._pool.find(directory.name)
            if running:
                self._administer(running.port, statements)
            else:
                self._run_once(directory, statements)

    def set_iam_authentication(self, cluster_id: str, enabled: bool) -> None:
        """Kept with the cluster. It changes no login: a token of IAM cannot be checked here."""
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

    def _run_once(self, directory: Path, statements: Iterable[str]) -> None:
        with self._served_once(directory) as port:
            self._administer(port, statements)

    @contextlib.contextmanager
    def _served_once(self, directory: Path) -> Iterator[int]:
        """The server of `directory` on a free port, for a moment."""
        key = f"once.{directory.name}"
        port = self._serve(directory, key, None)
        try:
            yield port
        finally:
            self._pool.stop(key)

    def _serve(
        self, directory: Path, key: str, wanted_port: int | None, face: ServerFace | None = None
    ) -> int:
        """Start the server of `directory` on the requested port, else its last one, else a free one."""
        about = self._storage.read_about(directory)
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
