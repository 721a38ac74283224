"""What the port promises, on a real server of each engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.contract.engine.conftest import passing_directory
from tests.support.paths import paths_below
from tests.support.waiting import wait_until

from local_aurora.access import PasswordLogin, ServerAddress
from local_aurora.engine import ServerFace
from local_aurora.engines.errors import EngineBusy, EngineError, PortTaken, StorageMissing, WrongContent
from local_aurora.engines.on_disk import EngineOnDisk
from local_aurora.engines.process import find_free_port

from .conftest import (
    MASTER,
    ROWS_AT_THE_SNAPSHOT,
    SNAPSHOT,
    Cluster,
    Subject,
    restored_cluster,
)

COUNT = "SELECT count(*) FROM orders"


@pytest.fixture
def home(subject: Subject, roomy_directory: Path) -> Iterator[Path]:
    """For an engine of the test's own."""
    with passing_directory(roomy_directory / f"home of {subject.name}") as home:
        yield home


def test_a_restored_cluster_has_the_rows_of_the_snapshot_and_its_logins(
    production: Cluster, own_cluster: Cluster
) -> None:
    with production.session() as sql:
        assert sql(COUNT) == [(ROWS_AT_THE_SNAPSHOT + 1,)]
    with own_cluster.session() as sql:
        assert sql(COUNT) == [(ROWS_AT_THE_SNAPSHOT,)]
        assert sql("SELECT customer FROM orders WHERE n = 3") == [("Zoë",)]


def test_a_snapshot_taken_while_rows_are_written_is_whole(subject: Subject, own_cluster: Cluster) -> None:
    engine, begun, enough = own_cluster.engine, threading.Event(), threading.Event()

    def write() -> None:
        with own_cluster.session() as sql:
            sql("CREATE TABLE pairs (n integer, half varchar(5))")
            for n in range(100_000):
                sql(f"INSERT INTO pairs VALUES ({n}, 'left'), ({n}, 'right')")  # noqa: S608 - a number
                begun.set()
                if enough.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        engine.take_snapshot(own_cluster.cluster_id, "while-writing")
    finally:
        enough.set()
        writer.join()
    copy = restored_cluster(subject, engine, "while-writing", "cluster-while-writing")
    with copy.session() as sql, own_cluster.session() as original:
        [(rows, numbers, last)] = sql("SELECT count(*), count(DISTINCT n), max(n) FROM pairs")
        assert rows == 2 * numbers == 2 * (last + 1)
        [(last_written,)] = original("SELECT max(n) FROM pairs")
        assert last_written >= last
    engine.delete_cluster(copy.cluster_id)


def test_a_stopped_cluster_can_be_snapshotted(subject: Subject, own_cluster: Cluster) -> None:
    engine = own_cluster.engine
    engine.stop_cluster(own_cluster.cluster_id)
    engine.take_snapshot(own_cluster.cluster_id, "of-a-stopped-one")
    copy = restored_cluster(subject, engine, "of-a-stopped-one", "cluster-of-a-stopped-one")
    with copy.session() as sql:
        assert sql(COUNT) == [(ROWS_AT_THE_SNAPSHOT,)]
    engine.delete_cluster(copy.cluster_id)


def test_a_copied_snapshot_outlives_its_source_and_no_cluster_writes_into_it(
    subject: Subject, engine: EngineOnDisk, production: Cluster
) -> None:
    engine.copy_snapshot(SNAPSHOT, "copy-1")
    engine.copy_snapshot("copy-1", "copy-2")
    engine.delete_snapshot("copy-1")
    cluster = restored_cluster(subject, engine, "copy-2", "cluster-of-copy-2")
    with cluster.session() as sql:
        sql("DELETE FROM orders")
    engine.delete_cluster(cluster.cluster_id)
    again = restored_cluster(subject, engine, "copy-2", "cluster-of-copy-2")
    with again.session() as sql:
        assert sql(COUNT) == [(ROWS_AT_THE_SNAPSHOT,)]
    engine.delete_cluster(again.cluster_id)


def test_the_same_call_twice_is_one(engine: EngineOnDisk, production: Cluster) -> None:
    before = engine.cluster_ids(), engine.snapshot_ids()
    engine.create_cluster(production.cluster_id, MASTER, "shop")
    engine.take_snapshot(production.cluster_id, SNAPSHOT)
    engine.copy_snapshot(SNAPSHOT, SNAPSHOT)
    engine.delete_snapshot("never-there")
    engine.delete_cluster("never-there")
    engine.stop_cluster("never-there")
    assert engine.start_cluster(production.cluster_id, None) == production.endpoint
    assert (engine.cluster_ids(), engine.snapshot_ids()) == before


def test_what_is_not_there_is_said_by_name(engine: EngineOnDisk) -> None:
    with pytest.raises(StorageMissing, match="snapshot never-taken"):
        engine.restore_snapshot("never-taken", "cluster-x")
    with pytest.raises(StorageMissing, match="cluster never-made"):
        engine.start_cluster("never-made", None)
    assert "cluster-x" not in engine.cluster_ids()


def test_data_that_was_taken_as_another_snapshot_is_refused(own_cluster: Cluster) -> None:
    engine = own_cluster.engine
    engine.take_snapshot(own_cluster.cluster_id, "snapshot-ONE")
    engine.copy_snapshot("snapshot-ONE", "snapshot-COPY")
    with pytest.raises(WrongContent, match="taken as snapshot-ONE, not as snapshot-TWO"):
        engine.restore_snapshot("snapshot-COPY", "cluster-NEVER", "snapshot-TWO")
    assert "cluster-NEVER" not in engine.cluster_ids()
    engine.restore_snapshot("snapshot-COPY", "cluster-GOOD", "snapshot-ONE")
    engine.delete_cluster("cluster-GOOD")
    for snapshot in ("snapshot-ONE", "snapshot-COPY"):
        engine.delete_snapshot(snapshot)


def test_a_new_master_password_replaces_the_old_at_once(own_cluster: Cluster) -> None:
    new = PasswordLogin(MASTER.username, "An0ther 'one' \\ entirely")
    own_cluster.engine.set_master_password(own_cluster.cluster_id, new)
    assert is_refused(own_cluster, MASTER)
    with own_cluster.session(new) as sql:
        assert sql(COUNT) == [(ROWS_AT_THE_SNAPSHOT,)]


def test_the_master_password_of_a_stopped_cluster_can_be_set(own_cluster: Cluster) -> None:
    new = PasswordLogin(MASTER.username, "Set-while-stopped")
    engine, cluster_id = own_cluster.engine, own_cluster.cluster_id
    engine.stop_cluster(cluster_id)
    engine.set_master_password(cluster_id, new)
    assert engine.process_id(cluster_id) is None
    assert engine.start_cluster(cluster_id, None) == own_cluster.endpoint
    with own_cluster.session(new):
        pass


def test_the_master_user_cannot_be_another(production: Cluster) -> None:
    with pytest.raises(EngineError, match="is master_user, not admin"):
        production.engine.set_master_password(production.cluster_id, PasswordLogin("admin", "whatever-else"))


def test_the_master_user_makes_users_and_databases(own_cluster: Cluster) -> None:
    with own_cluster.session() as sql:
        sql("CREATE DATABASE books")
        sql("DROP DATABASE books")


def test_the_password_of_amazons_user_is_no_clients(production: Cluster) -> None:
    assert is_refused(production, PasswordLogin("rdsadmin", MASTER.password))


def is_refused(cluster: Cluster, login: PasswordLogin) -> bool:
    try:
        with cluster.session(login):
            return False
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        return login.username in str(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "production.rds.localhost"])
def test_the_certificate_carries_the_names_that_the_server_was_started_with(
    subject: Subject, production: Cluster, host: str
) -> None:
    endpoint = ServerAddress(host, production.endpoint.port)
    with subject.session(endpoint, MASTER, production.engine.ca_bundle_path) as sql:
        assert sql("SELECT 1") == [(1,)]


def test_a_client_that_trusts_another_authority_or_asks_for_another_name_refuses_the_server(
    subject: Subject, production: Cluster, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with (
        pytest.raises(Exception, match="certificate verify failed"),
        subject.session(production.endpoint, MASTER, tmp_path / "other.pem"),
    ):
        pass
    other_name = ServerAddress("other.rds.localhost", production.endpoint.port)
    with (
        pytest.raises(Exception, match=r"(?i)hostname mismatch"),
        subject.session(other_name, MASTER, production.engine.ca_bundle_path),
    ):
        pass


def test_a_given_port_is_used_and_a_taken_one_is_refused(own_cluster: Cluster) -> None:
    engine, cluster_id = own_cluster.engine, own_cluster.cluster_id
    port = find_free_port()
    assert engine.start_cluster(cluster_id, port) == ServerAddress("127.0.0.1", port)
    assert engine.start_cluster(cluster_id, None).port == port
    engine.stop_cluster(cluster_id)
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(PortTaken, match=str(port)):
            engine.start_cluster(cluster_id, port)
        assert engine.start_cluster(cluster_id, None).port != port


def test_the_server_listens_on_loopback_alone(production: Cluster) -> None:
    server = production.engine.process_id(production.cluster_id)
    assert server is not None
    assert listening_addresses(server) == {("127.0.0.1", production.endpoint.port)}


def listening_addresses(pid: int) -> set[tuple[str, int]]:
    """The TCP addresses on which a process listens, as the kernel tells them."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    inodes = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                number = bytes.fromhex(address)[::-1]
                found.add((socket.inet_ntoa(number) if len(number) == 4 else address, int(port, 16)))
    return found


def test_a_killed_server_is_seen_and_starts_again(own_cluster: Cluster) -> None:
    engine, cluster_id = own_cluster.engine, own_cluster.cluster_id
    with own_cluster.session() as sql:
        sql("INSERT INTO orders VALUES (5, 'before the end')")
    server = engine.process_id(cluster_id)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: engine.process_id(cluster_id) is None)
    assert engine.start_cluster(cluster_id, None) == own_cluster.endpoint
    with own_cluster.session() as sql:
        assert sql(COUNT) == [(ROWS_AT_THE_SNAPSHOT + 1,)]


_STACK = """
import sys
from pathlib import Path
from local_aurora.engines.mysql.engine import MysqlEngine
from local_aurora.engines.postgresql.engine import PostgresEngine
engine = {"aurora-mysql": MysqlEngine, "aurora-postgresql": PostgresEngine}[sys.argv[1]](Path(sys.argv[2]))
engine.start_cluster("idle", None)
print(engine.process_id("idle"), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's death signal")
def test_a_server_ends_with_its_stack_even_when_that_is_killed(
    subject: Subject, production: Cluster, home: Path
) -> None:
    engine = subject.new_engine(home)
    engine.create_cluster("idle", MASTER, "shop")
    engine.close()
    command = [sys.executable, "-c", _STACK, subject.name, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stack:
        assert stack.stdout is not None
        server = int(stack.stdout.readline())
        assert is_alive(server)
        stack.kill()
        stack.wait()
        wait_until(lambda: not is_alive(server), timeout_seconds=60)
    following = subject.new_engine(home)
    try:
        endpoint = following.start_cluster("idle", None)
        with subject.session(endpoint, MASTER, following.ca_bundle_path) as sql:
            assert sql("SELECT 1") == [(1,)]
    finally:
        following.close()


def is_alive(pid: int) -> bool:
    """A zombie is dead: it only waits for a parent to read its end, which a container may not have."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_closing_ends_every_server_and_the_next_engine_finds_the_data(
    subject: Subject, production: Cluster, home: Path
) -> None:
    engine = subject.new_engine(home)
    engine.create_cluster("idle", MASTER, "shop")
    endpoint = engine.start_cluster("idle", None, ServerFace())
    server, authority = engine.process_id("idle"), engine.ca_bundle_path.read_bytes()
    engine.take_snapshot("idle", "snapshot")
    with pytest.raises(EngineBusy, match="Another local stack"):
        subject.new_engine(home)
    engine.close()
    engine.close()
    assert server is not None
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    with pytest.raises(EngineError, match="closed"):
        engine.start_cluster("idle", None)

    following = subject.new_engine(home)
    try:
        assert (following.cluster_ids(), following.snapshot_ids()) == (("idle",), ("snapshot",))
        assert following.ca_bundle_path.read_bytes() == authority
        assert following.start_cluster("idle", None) == endpoint
        with subject.session(endpoint, MASTER, following.ca_bundle_path) as sql:
            assert sql("SELECT 1") == [(1,)]
        # Only what no server works on can be removed.
        following.stop_cluster("idle")
        assert following.forget_all_but((), ("snapshot",)) == ("idle",)
    finally:
        following.close()


def test_deleting_removes_the_storage(subject: Subject, engine: EngineOnDisk, production: Cluster) -> None:
    cluster = restored_cluster(subject, engine, SNAPSHOT, "cluster-to-go")
    engine.take_snapshot(cluster.cluster_id, "snapshot-to-go")
    server = engine.process_id(cluster.cluster_id)
    home = engine.ca_bundle_path.parent.parent
    engine.delete_cluster(cluster.cluster_id)
    engine.delete_snapshot("snapshot-to-go")
    assert server is not None
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    assert not [path for path in paths_below(home) if "to-go" in path.name]
    assert list((home / "work").iterdir()) == []


def test_no_password_is_written_to_the_log_or_beside_the_data(production: Cluster) -> None:
    production.engine.set_master_password(production.cluster_id, MASTER)
    with production.session() as sql, pytest.raises(Exception, match=r"nobody_of_that_name|SQL syntax"):
        sql("ALTER USER nobody_of_that_name PASSWORD 'Pr0duction'")  # the syntax of one of the engines
    home = production.engine.ca_bundle_path.parent.parent
    files = [path for pattern in ("*/*/*.log", "*/*/*.json") for path in home.glob(pattern)]
    assert len(files) >= 2
    assert not [path for path in files if b"Pr0duction" in path.read_bytes()]
