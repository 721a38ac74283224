"""Who gets into a server, and what they may do there."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from local_aurora.access import PasswordLogin
from local_aurora.engines.errors import EngineError
from local_aurora.engines.tls import verified_context

from .conftest import APPLICATION, MASTER, Cluster


def _connect(cluster: Cluster, context: ssl.SSLContext | bool, host: str = "127.0.0.1") -> Connection:
    return Connection(
        MASTER.username,
        host=host,
        port=cluster.endpoint.port,
        database="shop",
        password=MASTER.password,
        ssl_context=context,
        timeout=10,
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_certificate_carries_the_names_of_this_machine(production: Cluster, host: str) -> None:
    context = verified_context(production.engine.ca_bundle_path)
    session = _connect(production, context, host)
    assert session.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [[True]]
    session.close()


def test_a_client_that_trusts_another_authority_refuses_the_server(
    production: Cluster, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises((InterfaceError, ssl.SSLError), match="certificate verify failed"):
        _connect(production, verified_context(tmp_path / "other.pem"))


def test_a_connection_without_tls_is_refused(production: Cluster) -> None:
    with pytest.raises(DatabaseError, match="no encryption"):
        _connect(production, False)


def test_the_master_user_is_not_a_superuser(production: Cluster) -> None:
    with production.session() as session:
        assert session.run(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles "
            "WHERE rolname = current_user"
        ) == [[False, True, True, False, False]]
        with pytest.raises(DatabaseError, match="permission denied"):
            session.run("COPY (SELECT 1) TO PROGRAM 'true'")
        with pytest.raises(DatabaseError, match="permission denied for table pg_authid"):
            session.run("SELECT rolpassword FROM pg_authid")


def test_the_master_user_owns_the_databases_and_may_grant_auroras_roles(restored: Cluster) -> None:
    with restored.session() as session:
        owners = session.run(
            "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE NOT datistemplate ORDER BY 1"
        )
        assert owners == [["postgres", "postgres"], ["rdsadmin", "rdsadmin"], ["shop", "postgres"]]
        session.run("CREATE ROLE deputy LOGIN PASSWORD 'deputy-password'")
        for role in ("rds_superuser", "pg_monitor", "pg_read_all_data"):
            session.run(f"GRANT {role} TO deputy")
    with restored.session(PasswordLogin("deputy", "deputy-password")) as session:
        assert session.run("SELECT count(*) > 0 FROM shop.orders") == [[True]]
    with restored.session() as session:
        session.run("DROP ROLE deputy")


def test_a_member_of_rds_iam_cannot_log_in_with_a_password(restored: Cluster) -> None:
    restored.engine.set_iam_authentication(restored.cluster_id, True)
    with restored.session() as session:
        session.run(f"GRANT rds_iam TO {APPLICATION.username}")
        with (
            pytest.raises(DatabaseError, match=r"pg_hba.conf rejects connection"),
            restored.session(APPLICATION),
        ):
            pass
        session.run(f"REVOKE rds_iam FROM {APPLICATION.username}")
    with restored.session(APPLICATION):
        pass


def test_rdsadmin_and_its_database_are_shut(production: Cluster) -> None:
    with pytest.raises(DatabaseError, match="rejects"), production.session(database="rdsadmin"):
        pass
    with (
        pytest.raises(DatabaseError, match="password authentication failed"),
        production.session(PasswordLogin("rdsadmin", MASTER.password)),
    ):
        pass


def test_a_new_master_password_replaces_the_old_and_gives_lost_privileges_back(own_cluster: Cluster) -> None:
    new = PasswordLogin(MASTER.username, "An0ther 'one' \\ entirely")
    home = own_cluster.engine.ca_bundle_path.parent.parent
    rdsadmin = PasswordLogin("rdsadmin", (home / "rdsadmin_password").read_text())
    with own_cluster.session(rdsadmin) as session:
        session.run("ALTER ROLE postgres NOCREATEDB")
        session.run("REVOKE rds_superuser FROM postgres")
    own_cluster.engine.set_master_password(own_cluster.cluster_id, new)
    with pytest.raises(DatabaseError, match="password authentication failed"), own_cluster.session():
        pass
    with own_cluster.session(new) as session:
        assert session.run(
            "SELECT rolcreatedb, pg_has_role('rds_superuser', 'MEMBER WITH ADMIN OPTION') FROM pg_roles "
            "WHERE rolname = current_user"
        ) == [[True, True]]


def test_the_master_password_of_a_stopped_cluster_can_be_set(own_cluster: Cluster) -> None:
    new = PasswordLogin(MASTER.username, "Set-while-stopped")
    own_cluster.engine.stop_cluster(own_cluster.cluster_id)
    own_cluster.engine.set_master_password(own_cluster.cluster_id, new)
    assert own_cluster.engine.process_id(own_cluster.cluster_id) is None
    assert own_cluster.engine.start_cluster(own_cluster.cluster_id, None) == own_cluster.endpoint
    with own_cluster.session(new):
        pass


def test_the_master_user_cannot_be_another(production: Cluster) -> None:
    with pytest.raises(EngineError, match="is postgres, not admin"):
        production.engine.set_master_password(production.cluster_id, PasswordLogin("admin", "whatever-else"))


def test_no_password_is_written_to_the_log_or_beside_the_data(production: Cluster) -> None:
    production.engine.set_master_password(production.cluster_id, MASTER)
    with production.session() as session, pytest.raises(DatabaseError):
        session.run("ALTER ROLE nobody_of_that_name PASSWORD 'Pr0duction''master'")
    home = production.engine.ca_bundle_path.parent.parent
    files = [path for pattern in ("*/*/*.log", "*/*/*.json") for path in home.glob(pattern)]
    assert len(files) >= 2
    assert not [path for path in files if b"Pr0duction" in path.read_bytes()]
