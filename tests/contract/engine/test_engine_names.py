"""The names that a server bears: in its certificate, and the instance that it says it is."""

from __future__ import annotations

import ssl

import pytest
from pg8000.exceptions import InterfaceError

from local_aurora.access import ServerAddress
from local_aurora.engine import ServerFace
from local_aurora.engines.postgresql.admin import connection
from local_aurora.engines.process import find_free_port

from .conftest import MASTER, Cluster

NAME = "orders.cluster-c1234567890a.us-west-2.rds.localhost"
OTHER = "orders-old.cluster-c1234567890a.us-west-2.rds.localhost"
WHO = "SELECT aurora_db_instance_identifier()"


def restarted(cluster: Cluster, face: ServerFace) -> Cluster:
    cluster.engine.stop_cluster(cluster.cluster_id)
    endpoint = cluster.engine.start_cluster(cluster.cluster_id, cluster.endpoint.port, face)
    return Cluster(cluster.engine, cluster.cluster_id, endpoint)


def test_a_server_is_verified_under_the_names_that_it_was_started_with_and_no_other(
    own_cluster: Cluster,
) -> None:
    cluster = restarted(own_cluster, ServerFace((NAME,), "orders-1"))
    bundle, port = cluster.engine.ca_bundle_path, cluster.endpoint.port

    with connection(ServerAddress(NAME, port), MASTER, "shop", bundle) as session:
        assert session.run(WHO) == [["orders-1"]]
    with (
        pytest.raises((ssl.SSLCertVerificationError, InterfaceError)) as refused,
        connection(ServerAddress(OTHER, port), MASTER, "shop", bundle),
    ):
        raise AssertionError("it was let in")

    assert "ostname mismatch" in f"{refused.value} {refused.value.__cause__} {refused.value.__context__}"


@pytest.mark.parametrize("database", ["postgres", "template1", "shop"])
def test_every_database_tells_the_instance_as_auroras_do(own_cluster: Cluster, database: str) -> None:
    cluster = restarted(own_cluster, ServerFace((NAME,), "orders-2"))

    with cluster.session(database=database) as session:
        assert session.run(WHO) == [["orders-2"]]


def move(cluster: Cluster, face: ServerFace) -> int:
    """To another port, whose number it gives."""
    moved = cluster.engine.start_cluster(cluster.cluster_id, find_free_port(), face)
    assert moved.port != cluster.endpoint.port
    return moved.port


def test_another_port_ends_all_sessions_and_shuts_the_former_one(own_cluster: Cluster) -> None:
    face = ServerFace((NAME,), "orders-1")
    cluster = restarted(own_cluster, face)
    with pytest.raises(InterfaceError), cluster.session() as open_session:
        open_session.run(f"SELECT {move(cluster, face)}")

    with pytest.raises(ConnectionRefusedError), cluster.session():
        raise AssertionError("it was let in")
