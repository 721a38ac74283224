"""All engines of one directory behind one port: each cluster and each snapshot belongs to the one that made it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path

from local_aurora.access import Login, ServerAddress
from local_aurora.catalogue import MYSQL, POSTGRESQL
from local_aurora.engine import ServerFace
from local_aurora.engines.mysql.engine import HOME as MYSQL_HOME
from local_aurora.engines.mysql.engine import MysqlEngine
from local_aurora.engines.mysql.fetch import find_or_fetch
from local_aurora.engines.mysql.install import Installation
from local_aurora.engines.on_disk import EngineOnDisk
from local_aurora.engines.postgresql.engine import PostgresEngine


class EnginesSideBySide:
    """An `Engine`. MySQL's part is made at its first cluster: without one nothing of it is looked for.

    All certificates come from one authority.

    Raises:
        EngineBusy: another process uses the directory.
        EngineError: PostgreSQL cannot be run here.
    """

    def __init__(self, directory: Path, find_mysql: Callable[[], Installation] = find_or_fetch) -> None:
        self.postgresql = PostgresEngine(directory)
        self._directory = directory
        self._find_mysql = find_mysql
        self._made: MysqlEngine | None = None
        self._making = threading.Lock()
        if (directory / MYSQL_HOME).is_dir():
            try:
                self._made = self._new_mysql()
            except BaseException:
                # No caller gets an object that could be closed.
                self.postgresql.close()
                raise

    def _new_mysql(self) -> MysqlEngine:
        return MysqlEngine(self._directory, self.postgresql.authority, self._find_mysql)

    @property
    def mysql(self) -> MysqlEngine:
        with self._making:
            if self._made is None:
                self._made = self._new_mysql()
            return self._made

    @property
    def ca_bundle_path(self) -> Path:
        """The authority (PEM) that clients check the servers with; it stays the same for the directory."""
        return self.postgresql.ca_bundle_path

    def prepare(self) -> None:
        """Make what a new PostgreSQL cluster begins as; MySQL's is made with its first cluster."""
        self.postgresql.prepare()

    def forget_all_but(self, cluster_ids: Collection[str], snapshot_ids: Collection[str]) -> tuple[str, ...]:
        """Remove the data of everything else, before anything is begun; the ids of what went are returned."""
        removed = self.postgresql.forget_all_but(cluster_ids, snapshot_ids)
        return removed + (self._made.forget_all_but(cluster_ids, snapshot_ids) if self._made else ())

    def in_use(self, name: str) -> PostgresEngine | MysqlEngine | None:
        """The engine of that name; None where MySQL was never asked for."""
        return self._made if name == MYSQL else self.postgresql

    def _engine_named(self, name: str) -> EngineOnDisk:
        return self.mysql if name == MYSQL else self.postgresql

    def _of_cluster(self, cluster_id: str) -> EngineOnDisk:
        """The one that has it; where none has it, PostgreSQL's, which answers with StorageMissing."""
        return self._made if self._made and self._made.has_cluster(cluster_id) else self.postgresql

    def _of_snapshot(self, snapshot_id: str) -> EngineOnDisk:
        return self._made if self._made and self._made.has_snapshot(snapshot_id) else self.postgresql

    # The port

    def create_cluster(
        self,
        cluster_id: str,
        master: Login,
        database_name: str | None,
        major: int | None = None,
        engine_name: str = POSTGRESQL,
    ) -> None:
        self._engine_named(engine_name).create_cluster(cluster_id, master, database_name, major, engine_name)

    def start_cluster(
        self, cluster_id: str, port: int | None, face: ServerFace | None = None
    ) -> ServerAddress:
        return self._of_cluster(cluster_id).start_cluster(cluster_id, port, face)

    def stop_cluster(self, cluster_id: str) -> None:
        self._of_cluster(cluster_id).stop_cluster(cluster_id)

    def delete_cluster(self, cluster_id: str) -> None:
        self._of_cluster(cluster_id).delete_cluster(cluster_id)

    def set_master_password(self, cluster_id: str, master: Login) -> None:
        self._of_cluster(cluster_id).set_master_password(cluster_id, master)

    def set_iam_authentication(self, cluster_id: str, enabled: bool) -> None:
        self._of_cluster(cluster_id).set_iam_authentication(cluster_id, enabled)

    def take_snapshot(self, cluster_id: str, snapshot_id: str) -> None:
        self._of_cluster(cluster_id).take_snapshot(cluster_id, snapshot_id)

    def copy_snapshot(self, source_snapshot_id: str, target_snapshot_id: str) -> None:
        self._of_snapshot(source_snapshot_id).copy_snapshot(source_snapshot_id, target_snapshot_id)

    def restore_snapshot(self, snapshot_id: str, cluster_id: str, content_id: str = "") -> None:
        self._of_snapshot(snapshot_id).restore_snapshot(snapshot_id, cluster_id, content_id)

    def delete_snapshot(self, snapshot_id: str) -> None:
        self._of_snapshot(snapshot_id).delete_snapshot(snapshot_id)

    def close(self) -> None:
        """Stop every server, keep the storage."""
        try:
            if self._made:
                self._made.close()
        finally:
            self.postgresql.close()
