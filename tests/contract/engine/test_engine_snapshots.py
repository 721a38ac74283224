"""A snapshot is the data of its time; a restore brings it back elsewhere."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aurora_restore.demo import seed_data
from aurora_restore.demo.facts import PRODUCTS
from local_aurora.engines.errors import StorageMissing, WrongContent
from local_aurora.engines.postgresql.engine import PostgresEngine

from .conftest import APPLICATION, MASTER, SNAPSHOT_ID, Cluster, restored_cluster


def test_a_restored_cluster_has_the_rows_of_the_day_and_not_the_later_ones(
    production: Cluster, restored: Cluster
) -> None:
    with production.session() as session:
        now = seed_data.facts(session)
    with restored.session() as session:
        then = seed_data.facts(session)
    assert now.orders == then.orders + 40
    assert now.newest_order_time is not None
    assert now.newest_order_time > datetime(2023, 6, 16, tzinfo=UTC)
    assert then.newest_order_time is not None
    assert then.newest_order_time < datetime(2023, 6, 16, tzinfo=UTC)
    assert then.orders == 15 * seed_data.PRODUCTION_ORDERS_PER_DAY


def test_roles_and_passwords_come_along(restored: Cluster) -> None:
    with restored.session(APPLICATION) as session:
        assert session.run("SELECT current_user, count(*) FROM shop.products GROUP BY 1") == [
            [APPLICATION.username, PRODUCTS]
        ]


def test_a_snapshot_taken_while_rows_are_written_is_whole(own_cluster: Cluster) -> None:
    engine, begun, enough = own_cluster.engine, threading.Event(), threading.Event()

    def write() -> None:
        with own_cluster.session() as session:
            session.run("CREATE TABLE shop.pairs (n integer, half text)")
            for n in range(100_000):
                session.run("INSERT INTO shop.pairs SELECT :n, unnest(ARRAY['left', 'right'])", n=n)
                begun.set()
                if enough.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(10)
        engine.take_snapshot(own_cluster.cluster_id, "while-writing")
    finally:
        enough.set()
        writer.join()
    copy = restored_cluster(engine, "while-writing", "cluster-while-writing")
    with copy.session() as session, own_cluster.session() as original:
        (rows, numbers, last) = session.run("SELECT count(*), count(DISTINCT n), max(n) FROM shop.pairs")[0]
        assert rows == 2 * numbers == 2 * (last + 1)
        assert original.run("SELECT max(n) >= :last FROM shop.pairs", last=last) == [[True]]
    engine.stop_cluster(copy.cluster_id)


def test_a_stopped_cluster_can_be_snapshotted(own_cluster: Cluster) -> None:
    engine = own_cluster.engine
    engine.stop_cluster(own_cluster.cluster_id)
    engine.take_snapshot(own_cluster.cluster_id, "of-a-stopped-one")
    copy = restored_cluster(engine, "of-a-stopped-one", "cluster-of-a-stopped-one")
    with copy.session() as session:
        assert seed_data.facts(session).products == PRODUCTS
    engine.stop_cluster(copy.cluster_id)


def test_a_copied_snapshot_outlives_its_source(engine: PostgresEngine, production: Cluster) -> None:
    engine.copy_snapshot(SNAPSHOT_ID, "copy-1")
    engine.copy_snapshot("copy-1", "copy-2")
    engine.delete_snapshot("copy-1")
    cluster = restored_cluster(engine, "copy-2", "cluster-of-copy-2")
    with cluster.session() as session:
        session.run("DELETE FROM shop.payments")
    engine.delete_cluster(cluster.cluster_id)
    again = restored_cluster(engine, "copy-2", "cluster-of-copy-2")
    with again.session() as session:
        assert seed_data.facts(session).payments > 0, "a restored cluster wrote into its snapshot"
    engine.stop_cluster(again.cluster_id)


def test_the_same_call_twice_is_one(engine: PostgresEngine, production: Cluster, restored: Cluster) -> None:
    before = engine.cluster_ids(), engine.snapshot_ids()
    engine.create_cluster(production.cluster_id, MASTER, "shop")
    engine.take_snapshot(production.cluster_id, SNAPSHOT_ID)
    engine.copy_snapshot(SNAPSHOT_ID, SNAPSHOT_ID)
    engine.restore_snapshot(SNAPSHOT_ID, restored.cluster_id)
    engine.delete_snapshot("never-there")
    engine.delete_cluster("never-there")
    engine.stop_cluster("never-there")
    assert engine.start_cluster(production.cluster_id, None) == production.endpoint
    assert (engine.cluster_ids(), engine.snapshot_ids()) == before
    with restored.session() as session:
        assert seed_data.facts(session).orders == 15 * seed_data.PRODUCTION_ORDERS_PER_DAY


def test_what_is_not_there_is_said_by_name(engine: PostgresEngine) -> None:
    with pytest.raises(StorageMissing, match="snapshot never-taken"):
        engine.restore_snapshot("never-taken", "cluster-x")
    with pytest.raises(StorageMissing, match="cluster never-made"):
        engine.start_cluster("never-made", None)
    assert "cluster-x" not in engine.cluster_ids()


def test_what_goes_meanwhile_disturbs_no_other_run(
    engine: PostgresEngine, production: Cluster, roomy_directory: Path
) -> None:
    """A name that leads nowhere is what a listing sees of a directory that is moved away just then."""
    clusters = roomy_directory / "state of the engine" / "postgres" / "clusters"
    snapshots = clusters.parent / "snapshots"
    for parent in (clusters, snapshots):
        (parent / "gone meanwhile").symlink_to(parent / "nowhere")
    try:
        assert production.cluster_id in engine.cluster_ids()
        assert SNAPSHOT_ID in engine.snapshot_ids()
        engine.copy_snapshot(SNAPSHOT_ID, "snapshot-made-meanwhile")
        engine.restore_snapshot("snapshot-made-meanwhile", "cluster-made-meanwhile")
        engine.delete_cluster("cluster-made-meanwhile")
        engine.delete_snapshot("snapshot-made-meanwhile")
    finally:
        for parent in (clusters, snapshots):
            (parent / "gone meanwhile").unlink()


def test_data_that_was_taken_as_another_snapshot_is_refused(own_cluster: Cluster) -> None:
    engine = own_cluster.engine
    engine.take_snapshot(own_cluster.cluster_id, "snapshot-ONE")
    engine.copy_snapshot("snapshot-ONE", "snapshot-COPY")
    with pytest.raises(WrongContent, match="taken as snapshot-ONE, not as snapshot-TWO"):
        engine.restore_snapshot("snapshot-COPY", "cluster-NEVER", "snapshot-TWO")
    assert "cluster-NEVER" not in engine.cluster_ids()
    engine.restore_snapshot("snapshot-COPY", "cluster-GOOD", "snapshot-ONE")
    assert "cluster-GOOD" in engine.cluster_ids()
    engine.delete_cluster("cluster-GOOD")
    for snapshot in ("snapshot-ONE", "snapshot-COPY"):
        engine.delete_snapshot(snapshot)
