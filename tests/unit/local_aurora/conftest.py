"""A local Aurora on a clock that only the test moves, and boto3 clients that reach it without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import boto3
import botocore.loaders
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_rds import RDSClient
from tests.states_language.scheduler import VirtualClock

from local_aurora.access import PasswordLogin
from local_aurora.in_process import connect
from local_aurora.model import LocalAurora
from local_aurora.timing import Durations

MASTER = PasswordLogin("app_admin", "first-password")
DURATIONS = Durations(
    copy=1000, restore=600, create=100, instance=300, password_change=30, modify=20, rename=60, delete=90,
    snapshot_delete=0, stop=50, start=70, snapshot=200,
)  # fmt: skip


_LOADER = botocore.loaders.create_loader()


def _botocore_session() -> botocore.session.Session:
    """Sessions of all tests share what they read from the disk: a client then costs a tenth."""
    session = botocore.session.Session()
    session.register_component("data_loader", _LOADER)
    return session


@dataclass
class Place:
    """One local Aurora with `production` in us-east-1, seen from us-west-2 (`here`) and us-east-1 (`there`)."""

    aurora: LocalAurora
    clock: VirtualClock
    here: RDSClient
    there: RDSClient
    snapshot_arn: str

    def copy(self, name: str, source: str | None = None) -> None:
        self.here.copy_db_cluster_snapshot(
            SourceDBClusterSnapshotIdentifier=source or self.snapshot_arn,
            TargetDBClusterSnapshotIdentifier=name,
        )

    def restored(self, name: str, instances: int = 1) -> None:
        """A cluster in us-west-2, restored from a copy and available with its instances."""
        if name not in self.aurora.world.regions["us-west-2"].snapshots:
            self.copy(f"copy-for-{name}")
            self.clock.advance(DURATIONS.copy)
        self.here.restore_db_cluster_from_snapshot(
            DBClusterIdentifier=name, SnapshotIdentifier=f"copy-for-{name}", Engine="aurora-postgresql"
        )
        for number in range(1, instances + 1):
            self.instance(name, f"{name}-{number}")
        self.clock.advance(DURATIONS.restore + DURATIONS.instance)

    def instance(self, cluster: str, name: str) -> None:
        self.here.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier=cluster,
            DBInstanceClass="db.r5.large",
            Engine="aurora-postgresql",
        )

    def cluster_status(self, name: str) -> str:
        return self.here.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"]

    def instance_status(self, name: str) -> str:
        found = self.here.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return found[0]["DBInstanceStatus"]

    def snapshot_status(self, name: str) -> str:
        found = self.here.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
        return found["DBClusterSnapshots"][0]["Status"]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aurora(clock: VirtualClock) -> Iterator[LocalAurora]:
    made = LocalAurora(clock, durations=DURATIONS)
    yield made
    made.close()


@pytest.fixture
def client(aurora: LocalAurora) -> Callable[[str], RDSClient]:
    session = boto3.Session("a-key", "a-secret", botocore_session=_botocore_session())
    connect(session, aurora)
    config = Config(retries={"total_max_attempts": 1})

    def make(region: str) -> RDSClient:
        return session.client("rds", region_name=region, config=config)

    return make


@pytest.fixture
def place(aurora: LocalAurora, clock: VirtualClock, client: Callable[[str], RDSClient]) -> Place:
    aurora.seed.put_cluster(
        "us-east-1", "production", MASTER, instances={"production-1": "db.r5.large"}, contents="monday"
    )
    snapshot = aurora.seed.put_snapshot("us-east-1", "production", clock.now() - timedelta(days=1))
    return Place(aurora, clock, client("us-west-2"), client("us-east-1"), snapshot.arn)


@pytest.fixture
def refused() -> Callable[..., str]:
    """Calls, expects RDS to refuse, and gives the code and message."""

    def call(operation: Callable[..., object], **parameters: object) -> str:
        with pytest.raises(ClientError) as caught:
            operation(**parameters)
        error = caught.value.response["Error"]
        return f"{error['Code']}: {error['Message']}"

    return call
