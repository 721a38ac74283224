"""Whole runs of the real steps for a snapshot of Aurora MySQL, in one process: what the engine makes different."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.worlds import DAY, SOURCE_REGION, TARGET_REGION, PipelineRun

from aurora_restore.domain.engines import MYSQL
from aurora_restore.domain.errors import PreflightFailed, RestoreError
from aurora_restore.domain.observed import Credentials

FIRST = "restore-20261122-120000"
SHOP, SECRET, PASSWORD = "shop-mysql", "aurora-restore/mysql-admin", "the-new-password"
ON_PRODUCTION = Credentials("admin", "the-password-of-production")


@pytest.fixture(params=["5.7.mysql_aurora.2.12.5", "8.0.mysql_aurora.3.08.2", "8.4.mysql_aurora.8.4.7"])
def run(request: pytest.FixtureRequest) -> PipelineRun:
    """Beside production there is a cluster of Aurora MySQL, whose master user has another name."""
    run = PipelineRun()
    run.aurora.seed.put_cluster(
        SOURCE_REGION,
        SHOP,
        ON_PRODUCTION,
        engine=MYSQL,
        EngineVersion=request.param,
        instances={"shop-mysql-1": "db.r5.large"},
    )
    run.aurora.seed.put_snapshot(SOURCE_REGION, SHOP, DAY)
    run.aws.create_secret(SECRET, {"username": "admin", "password": PASSWORD})
    return run


def restore(run: PipelineRun, **changes: Any) -> dict[str, Any]:
    return run.run(FIRST, source_cluster_id=SHOP, admin_secret_id=SECRET, **changes)


def test_a_snapshot_of_each_version_becomes_a_cluster_of_its_engine_on_its_port(run: PipelineRun) -> None:
    details = restore(run, cloudwatch_logs_exports=["slowquery"])["restore_details"]
    cluster = run.ports.target_rds.find_cluster("aurora-restored-cluster")
    assert cluster is not None
    assert (cluster.engine, cluster.port) == (MYSQL, 3306)
    assert cluster.cloudwatch_logs_exports == ("slowquery",)
    assert (details["engine"], details["port"]) == (MYSQL, 3306)
    assert all(check["matches"] for check in details["verification"])


def test_the_master_gets_the_password_of_the_secret_that_the_request_names(run: PipelineRun) -> None:
    details = restore(run)["restore_details"]
    place = (details["endpoint"], details["port"])
    assert run.aurora.log_in(*place, "admin", PASSWORD).outcome == "ACCEPTED"
    assert run.aurora.log_in(*place, "admin", ON_PRODUCTION.password).outcome == "REFUSED"


def test_it_starts_with_the_event_scheduler_off_and_ends_with_the_default_group(run: PipelineRun) -> None:
    restore(run)
    made = [asked for _, name, asked in run.aws.parameters if name == "CreateDBClusterParameterGroup"]
    assert [asked["DBParameterGroupFamily"].startswith("aurora-mysql") for asked in made] == [True]
    cluster = run.ports.target_rds.find_cluster("aurora-restored-cluster")
    assert cluster is not None
    assert cluster.db_cluster_parameter_group_name == f"default.{made[0]['DBParameterGroupFamily']}"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cloudwatch_logs_exports": ["postgresql"]}, "INVALID_REQUEST"),
        ({"port": 80}, "INVALID_REQUEST"),
        ({"db_cluster_parameter_group_name": "of-postgresql"}, "PARAMETER_GROUP_FAMILY_MISMATCH"),
        ({"db_cluster_parameter_group_name": "of-5.6"}, "PARAMETER_GROUP_NOT_FOUND"),
        ({"db_users": [{"username": "rdsadmin", "iam": True}]}, "INVALID_REQUEST"),
        ({"db_users": [{"username": "admin", "secret_id": SECRET}]}, "SECRET_WRONG_USER"),
        ({"engine_version": "8.5.mysql_aurora.8.5.0"}, "ENGINE_VERSION_NOT_OFFERED"),
        ({"admin_secret_id": "aurora-restore/admin-credentials"}, "SECRET_WRONG_USER"),
        ({"admin_secret_id": "aurora-restore/missing"}, "ADMIN_SECRET_NOT_FOUND"),
        ({"admin_secret_id": "aurora-restore/long"}, "PASSWORD_NOT_ACCEPTABLE"),
    ],
)
def test_what_the_engine_cannot_have_is_refused_before_anything_is_made(
    run: PipelineRun, changes: dict[str, Any], code: str
) -> None:
    run.aurora.seed.put_parameter_group(TARGET_REGION, "of-postgresql", "aurora-postgresql17", cluster=True)
    run.aws.create_secret("aurora-restore/long", {"username": "admin", "password": "x" * 42})
    asked = {"source_cluster_id": SHOP, "admin_secret_id": SECRET, **changes}
    with pytest.raises(RestoreError) as refused:
        run.check(FIRST, **asked)
    problems = refused.value.problems if isinstance(refused.value, PreflightFailed) else [refused.value]
    assert [problem.code for problem in problems] == [code]
    made = {"CopyDBClusterSnapshot", "CreateDBClusterParameterGroup", "RestoreDBClusterFromSnapshot"}
    assert not made & {call.operation for call in run.aws.calls}
