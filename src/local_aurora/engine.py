"""The port behind the local Aurora's model: what a database engine does for a cluster or a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from local_aurora.access import Login, ServerAddress
from local_aurora.catalogue import POSTGRESQL


@dataclass(frozen=True)
class ServerFace:
    """What a server is started as: the names in its certificate, the instance that it says it is, its parameters.

    `parameters`: the server's own settings and their values; what is not named is the server's default.
    """

    certificate_names: tuple[str, ...] = ()
    instance_identifier: str = ""
    parameters: tuple[tuple[str, str], ...] = ()


class Engine(Protocol):
    """Storage and servers, by opaque ids (`DbClusterResourceId`, snapshot ARN), so that a rename moves nothing.

    Every call blocks until it is done and may be called from any thread; the model runs them in the
    background. Calls are idempotent: made twice they leave what one call leaves.
    """

    def create_cluster(
        self,
        cluster_id: str,
        master: Login,
        database_name: str | None,
        major: int | None = None,
        engine_name: str = POSTGRESQL,
    ) -> None:
        """Make empty storage with Aurora's roles: `master` is not a superuser.

        `major` is the major version of the database that is requested; another one is taken where it is not at hand.
        `engine_name`: as RDS names it, aurora-postgresql or aurora-mysql.
        """

    def start_cluster(
        self, cluster_id: str, port: int | None, face: ServerFace | None = None
    ) -> ServerAddress:
        """Start the server (port None: the one it had before if free, else a free one)."""

    def stop_cluster(self, cluster_id: str) -> None: ...

    def delete_cluster(self, cluster_id: str) -> None:
        """Stop the server and remove its storage."""

    def set_master_password(self, cluster_id: str, master: Login) -> None: ...

    def set_iam_authentication(self, cluster_id: str, enabled: bool) -> None: ...

    def take_snapshot(self, cluster_id: str, snapshot_id: str) -> None:
        """A consistent copy of the storage as it is now; the server goes on serving."""

    def copy_snapshot(self, source_snapshot_id: str, target_snapshot_id: str) -> None: ...

    def restore_snapshot(self, snapshot_id: str, cluster_id: str, content_id: str = "") -> None:
        """Make a cluster's storage from a snapshot; roles and passwords come along. Does not start it.

        `content_id` is the id of the snapshot as which the data was once taken, before any copy. Data that says
        another one of itself is refused; without a `content_id` nothing is compared.
        """

    def delete_snapshot(self, snapshot_id: str) -> None: ...

    def close(self) -> None:
        """Stop every server, keep the storage."""
