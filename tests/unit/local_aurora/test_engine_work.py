"""With an engine: a status is final when the time is over and the work is done, and the work is really asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from local_aurora.access import Login, ServerAddress
from local_aurora.catalogue import POSTGRESQL
from local_aurora.engine import ServerFace
from local_aurora.model import LocalAurora
from local_aurora.timing import Durations

from .conftest import MASTER

BOUND_SECONDS = 10.0
NO_TIME = Durations(**dict.fromkeys(Durations.__dataclass_fields__, 0.0))


class MemoryEngine:
    """Storage as dictionaries; `gate` can keep copies from ending, `broken` calls fail."""

    def __init__(self) -> None:
        self.clusters: dict[str, str] = {}
        self.snapshots: dict[str, str] = {}
        self.running: dict[str, int] = {}
        self.faces: dict[str, ServerFace] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.broken: set[str] = set()
        self._ports = iter(range(50_000, 60_000))

    def create_cluster(
        self,
        cluster_id: str,
        master: Login,
        database_name: str | None,
        major: int | None = None,
        engine_name: str = POSTGRESQL,
    ) -> None:
        self.clusters[cluster_id] = master.password

    def start_cluster(
        self, cluster_id: str, port: int | None, face: ServerFace | None = None
    ) -> ServerAddress:
        self.faces[cluster_id] = face or ServerFace()
        self.running[cluster_id] = port or self.running.get(cluster_id) or next(self._ports)
        return ServerAddress("127.0.0.1", self.running[cluster_id])

    def stop_cluster(self, cluster_id: str) -> None:
        self.running.pop(cluster_id, None)

    def delete_cluster(self, cluster_id: str) -> None:
        self.running.pop(cluster_id, None)
        self.clusters.pop(cluster_id, None)

    def set_master_password(self, cluster_id: str, master: Login) -> None:
        self._refuse("set_master_password")
        self.clusters[cluster_id] = master.password

    def set_iam_authentication(self, cluster_id: str, enabled: bool) -> None:
        assert cluster_id in self.clusters

    def take_snapshot(self, cluster_id: str, snapshot_id: str) -> None:
        self.snapshots[snapshot_id] = self.clusters[cluster_id]

    def copy_snapshot(self, source_snapshot_id: str, target_snapshot_id: str) -> None:
        self._refuse("copy_snapshot")
        assert self.gate.wait(BOUND_SECONDS)
        self.snapshots[target_snapshot_id] = self.snapshots[source_snapshot_id]

    def restore_snapshot(self, snapshot_id: str, cluster_id: str, content_id: str = "") -> None:
        self._refuse("restore_snapshot")
        self.clusters[cluster_id] = self.snapshots[snapshot_id]

    def delete_snapshot(self, snapshot_id: str) -> None:
        self.snapshots.pop(snapshot_id, None)

    def close(self) -> None:
        self.running.clear()

    def _refuse(self, name: str) -> None:
        if name in self.broken:
            raise OSError(f"no space left for {name}")


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def aurora(engine: MemoryEngine) -> Iterator[LocalAurora]:
    made = LocalAurora(engine=engine, durations=NO_TIME)
    made.seed.put_cluster("us-east-1", "production", MASTER, instances={"production-1": "db.r5.large"})
    made.seed.put_snapshot("us-east-1", "production", datetime(2023, 6, 15, 3, tzinfo=UTC))
    yield made
    engine.gate.set()
    made.close()


def copy(aurora: LocalAurora) -> None:
    source = "arn:aws:rds:us-east-1:000000000000:cluster-snapshot:rds:production-2023-06-15-03-00"
    names = {"SourceDBClusterSnapshotIdentifier": source, "TargetDBClusterSnapshotIdentifier": "copy-1"}
    aurora.call("CopyDBClusterSnapshot", "us-west-2", names)


def restore(aurora: LocalAurora, with_instance: bool = True) -> None:
    names = {"DBClusterIdentifier": "staging", "SnapshotIdentifier": "copy-1", "Engine": "aurora-postgresql"}
    aurora.call("RestoreDBClusterFromSnapshot", "us-west-2", names)
    if with_instance:
        instance = {"DBInstanceIdentifier": "staging-1", "DBInstanceClass": "db.r5.large", **names}
        del instance["SnapshotIdentifier"]
        aurora.call("CreateDBInstance", "us-west-2", instance)


def eventually(read: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + BOUND_SECONDS
    while read() != expected and time.monotonic() < deadline:
        time.sleep(0.005)
    assert read() == expected


def snapshot_status(aurora: LocalAurora) -> Callable[[], object]:
    return lambda: aurora.call("DescribeDBClusterSnapshots", "us-west-2", {})["DBClusterSnapshots"][0][
        "Status"
    ]


def cluster(aurora: LocalAurora) -> dict[str, object]:
    shown: dict[str, object] = aurora.call("DescribeDBClusters", "us-west-2", {})["DBClusters"][0]
    return shown


def instance_status(aurora: LocalAurora) -> Callable[[], object]:
    return lambda: aurora.call("DescribeDBInstances", "us-west-2", {})["DBInstances"][0]["DBInstanceStatus"]


def test_a_copy_is_available_only_when_its_data_is_there(aurora: LocalAurora, engine: MemoryEngine) -> None:
    engine.gate.clear()
    copy(aurora)
    assert snapshot_status(aurora)() == "copying"
    engine.gate.set()
    eventually(snapshot_status(aurora), "available")
    assert len(engine.snapshots) == 2


def test_a_cluster_listens_from_its_first_instance_to_its_last(
    aurora: LocalAurora, engine: MemoryEngine
) -> None:
    copy(aurora)
    eventually(snapshot_status(aurora), "available")
    restore(aurora, with_instance=False)
    eventually(lambda: cluster(aurora)["Status"], "available")
    storage = str(cluster(aurora)["DbClusterResourceId"])
    assert storage in engine.clusters
    assert storage not in engine.running
    aurora.seed.put_instance("us-west-2", "staging", "staging-1", "db.r5.large")
    assert cluster(aurora)["Port"] == engine.running[storage]
    host = str(cluster(aurora)["Endpoint"])
    assert host.startswith("staging.cluster-")
    assert host.endswith(".us-west-2.rds.localhost")
    assert host in engine.faces[storage].certificate_names
    assert engine.faces[storage].instance_identifier == "staging-1"
    aurora.at_once("DeleteDBInstance", "us-west-2", {"DBInstanceIdentifier": "staging-1"})
    assert storage not in engine.running
    expected = {"DBClusterIdentifier": "staging", "SkipFinalSnapshot": True}
    aurora.at_once("DeleteDBCluster", "us-west-2", expected)
    assert storage not in engine.clusters


def test_a_server_starts_without_a_request_for_it(aurora: LocalAurora, engine: MemoryEngine) -> None:
    copy(aurora)
    eventually(snapshot_status(aurora), "available")
    restore(aurora)
    eventually(lambda: len(engine.running), 2)


def test_a_new_password_reaches_the_engine(aurora: LocalAurora, engine: MemoryEngine) -> None:
    expected = {"DBClusterIdentifier": "production", "MasterUserPassword": "second-password"}
    aurora.at_once("ModifyDBCluster", "us-east-1", expected)
    assert list(engine.clusters.values()) == ["second-password"]


def test_work_that_fails_ends_in_a_terminal_status_with_its_reason(
    aurora: LocalAurora, engine: MemoryEngine
) -> None:
    engine.broken = {"restore_snapshot"}
    copy(aurora)
    eventually(snapshot_status(aurora), "available")
    restore(aurora)
    eventually(lambda: cluster(aurora)["Status"], "migration-failed")
    eventually(instance_status(aurora), "incompatible-restore")
    failures = aurora.call("DescribeEvents", "us-west-2", {"EventCategories": ["failure"]})["Events"]
    assert "no space left for restore_snapshot" in failures[0]["Message"]


def test_a_failed_copy_is_failed(aurora: LocalAurora, engine: MemoryEngine) -> None:
    engine.broken = {"copy_snapshot"}
    copy(aurora)
    eventually(snapshot_status(aurora), "failed")


def test_shared_storage_stays_until_its_final_snapshot_goes(
    aurora: LocalAurora, engine: MemoryEngine
) -> None:
    for number in (1, 2):
        aurora.seed.put_snapshot(
            "us-east-1", "production", datetime(2023, 6, 16, tzinfo=UTC), identifier=f"by-hand-{number}",
            snapshot_type="manual", shares_storage_with="by-hand-1" if number > 1 else None,
        )  # fmt: skip
    for left, name in ((2, "by-hand-1"), (1, "by-hand-2")):
        aurora.at_once("DeleteDBClusterSnapshot", "us-east-1", {"DBClusterSnapshotIdentifier": name})
        assert len(engine.snapshots) == left


def test_servers_run_again_after_a_restart(aurora: LocalAurora, engine: MemoryEngine) -> None:
    ports = dict(engine.running)
    saved = aurora.to_json()
    engine.close()
    again = LocalAurora(engine=engine, state_json=saved)
    assert engine.running == ports
    again.close()
