"""What is Aurora MySQL's own: versions, families, parameters, logs, passwords, the port."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from mypy_boto3_rds import RDSClient
from tests.states_language.scheduler import VirtualClock

from local_aurora.access import PasswordLogin
from local_aurora.model import LocalAurora
from local_aurora.parameter_catalogue import server_settings

from .conftest import DURATIONS

Refused = Callable[..., str]
MASTER = PasswordLogin("admin", "first-password")
OLD = "5.7.mysql_aurora.2.12.5"
BARRACUDA = {"ParameterName": "innodb_file_format", "ParameterValue": "Barracuda", "ApplyMethod": "immediate"}


@pytest.fixture
def here(aurora: LocalAurora, clock: VirtualClock, client: Callable[[str], RDSClient]) -> RDSClient:
    """us-west-2, where a copy of a snapshot of a cluster of Aurora MySQL 2 lies."""
    aurora.seed.put_cluster(
        "us-east-1", "production", MASTER, engine="aurora-mysql", EngineVersion=OLD,
        instances={"production-1": "db.r5.large"}, EnableCloudwatchLogsExports=["audit", "slowquery"],
    )  # fmt: skip
    snapshot = aurora.seed.put_snapshot("us-east-1", "production", clock.now() - timedelta(days=1))
    rds = client("us-west-2")
    rds.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=snapshot.arn, TargetDBClusterSnapshotIdentifier="copy"
    )
    clock.advance(DURATIONS.copy)
    return rds


def restore(rds: RDSClient, **parameters: Any) -> dict[str, Any]:
    expected = {
        "DBClusterIdentifier": "restored",
        "SnapshotIdentifier": "copy",
        "Engine": "aurora-mysql",
        "EngineVersion": OLD,
        **parameters,
    }
    return dict(rds.restore_db_cluster_from_snapshot(**expected)["DBCluster"])


def make_the_guides_group(rds: RDSClient) -> None:
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="aurora-restore-params",
        DBParameterGroupFamily="aurora-mysql5.7",
        Description="Parameter group for restored Aurora clusters",
    )
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName="aurora-restore-params",
        Parameters=[BARRACUDA],  # type: ignore[list-item]
    )


def test_the_guides_parameter_group_is_made_and_a_restore_uses_it(here: RDSClient) -> None:
    make_the_guides_group(here)
    shown = restore(here, DBClusterParameterGroupName="aurora-restore-params")
    assert shown["DBClusterParameterGroup"] == "aurora-restore-params"
    found = here.describe_db_cluster_parameters(
        DBClusterParameterGroupName="aurora-restore-params", Source="user"
    )
    assert [(p["ParameterName"], p["ParameterValue"]) for p in found["Parameters"]] == [
        ("innodb_file_format", "Barracuda")
    ]


def test_a_restore_is_of_aurora_mysql_with_its_own_defaults(here: RDSClient, clock: VirtualClock) -> None:
    restore(here)
    clock.advance(DURATIONS.restore)
    [shown] = here.describe_db_clusters(DBClusterIdentifier="restored")["DBClusters"]
    assert (shown["Engine"], shown["EngineVersion"], shown["Port"]) == ("aurora-mysql", OLD, 3306)
    assert (shown["DBClusterParameterGroup"], shown["MasterUsername"]) == ("default.aurora-mysql5.7", "admin")


@pytest.mark.parametrize("version", ["8.0.mysql_aurora.3.08.2", "8.4.mysql_aurora.8.4.7"])
def test_a_snapshot_of_an_older_version_can_be_restored_as_a_newer_one(here: RDSClient, version: str) -> None:
    family = f"aurora-mysql{version[:3]}"
    assert restore(here, EngineVersion=version)["DBClusterParameterGroup"] == f"default.{family}"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Engine": "aurora-postgresql", "EngineVersion": "17.4"}, "InvalidParameterCombination"),
        ({"DBClusterParameterGroupName": "newer"}, "InvalidParameterCombination"),
        ({"DBClusterParameterGroupName": "of-postgresql"}, "InvalidParameterCombination"),
        ({"EngineVersion": "5.7.mysql_aurora.2.11.4"}, "InvalidParameterCombination"),
        ({"EngineVersion": "8.0.mysql_aurora.9.9.9"}, "InvalidParameterCombination"),
        ({"EnableCloudwatchLogsExports": ["postgresql"]}, "InvalidParameterCombination"),
        ({"Port": 80}, "InvalidParameterValue"),
    ],
)
def test_what_aurora_refuses_is_refused_and_nothing_is_made(
    here: RDSClient, aurora: LocalAurora, refused: Refused, parameters: dict[str, Any], code: str
) -> None:
    aurora.seed.put_parameter_group("us-west-2", "newer", "aurora-mysql8.0", cluster=True)
    aurora.seed.put_parameter_group("us-west-2", "of-postgresql", "aurora-postgresql17", cluster=True)
    assert refused(restore, rds=here, **parameters).startswith(f"{code}: ")
    assert here.describe_db_clusters()["DBClusters"] == []


@pytest.mark.parametrize(("engine", "longest"), [("aurora-mysql", 41), ("aurora-postgresql", 99)])
def test_a_master_password_is_as_long_as_its_engine_takes(
    here: RDSClient, refused: Refused, engine: str, longest: int
) -> None:
    def create(length: int) -> None:
        here.create_db_cluster(
            DBClusterIdentifier=f"with-{length}", Engine=engine, MasterUsername="admin",
            MasterUserPassword="p" * length,
        )  # fmt: skip

    create(longest)
    for length in (7, longest + 1):
        assert refused(create, length=length).startswith("InvalidParameterValue: ")


@pytest.mark.parametrize("engine", ["aurora-mysql", "aurora-postgresql"])
def test_amazons_own_user_name_is_refused(here: RDSClient, refused: Refused, engine: str) -> None:
    assert refused(
        here.create_db_cluster, DBClusterIdentifier="new", Engine=engine, MasterUsername="rdsadmin",
        MasterUserPassword="a-long-password",
    ).startswith("InvalidParameterValue: ")  # fmt: skip


def test_the_engine_versions_say_their_family_and_their_logs(here: RDSClient) -> None:
    found = here.describe_db_engine_versions(Engine="aurora-mysql")["DBEngineVersions"]
    families = {version["DBParameterGroupFamily"] for version in found}
    assert families == {"aurora-mysql5.7", "aurora-mysql8.0", "aurora-mysql8.4"}
    assert all(
        {"audit", "error", "general", "slowquery"} <= set(version["ExportableLogTypes"]) for version in found
    )
    assert all("postgresql" not in version["ExportableLogTypes"] for version in found)


@pytest.mark.parametrize(
    ("family", "asks_for_tls", "has_file_format"),
    [("aurora-mysql5.7", "OFF", True), ("aurora-mysql8.0", "OFF", False), ("aurora-mysql8.4", "ON", False)],
)
def test_a_family_has_its_own_parameters_and_defaults(
    here: RDSClient, family: str, asks_for_tls: str, has_file_format: bool
) -> None:
    here.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="ours", DBParameterGroupFamily=family, Description="ours"
    )
    shown = here.describe_db_cluster_parameters(DBClusterParameterGroupName="ours")["Parameters"]
    values = {each["ParameterName"]: each.get("ParameterValue") for each in shown}
    assert values["require_secure_transport"] == asks_for_tls
    assert ("innodb_file_format" in values) is has_file_format


def test_a_server_is_given_what_it_knows_and_the_familys_defaults() -> None:
    settings = server_settings("aurora-mysql8.4", {"wait_timeout": "60", "aurora_parallel_query": "1"})
    assert settings["wait_timeout"] == "60"
    assert (settings["require_secure_transport"], settings["event_scheduler"]) == ("ON", "OFF")
    assert not settings.keys() & {
        "aurora_parallel_query",
        "datadir",
        "max_connections",
        "lower_case_table_names",
    }
    assert "innodb_file_format" not in server_settings("aurora-mysql5.7", {"innodb_file_format": "Barracuda"})
