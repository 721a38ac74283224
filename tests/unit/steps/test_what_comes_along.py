"""What a replaced cluster has besides its data and its name, and the new one is to have as well."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.worlds import TARGET_REGION, PipelineRun

from aurora_restore.domain.configuration import ClusterConfiguration, configuration_of
from aurora_restore.domain.errors import EngineVersionNotOffered, RestoreError, TooManyTags
from aurora_restore.domain.results import Phase

OPERATION, TARGET = "restore-20261122-120000", "aurora-restored-cluster"
MONITORING_ROLE = "arn:aws:iam::123456789012:role/rds-monitoring"
WATCHED: dict[str, Any] = {
    "MonitoringInterval": 15,
    "MonitoringRoleArn": MONITORING_ROLE,
    "EnablePerformanceInsights": True,
    "PerformanceInsightsRetentionPeriod": 465,
    "CACertificateIdentifier": "rds-ca-ecc384-g1",
    "PreferredMaintenanceWindow": "wed:02:00-wed:02:30",
}
INSIGHTS: dict[str, Any] = {
    "DatabaseInsightsMode": "advanced",
    "EnablePerformanceInsights": True,
    "PerformanceInsightsRetentionPeriod": 465,
}


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def standing(run: PipelineRun) -> ClusterConfiguration:
    cluster = run.world.target_rds.find_cluster(TARGET)
    assert cluster is not None
    return configuration_of(cluster, run.world.target_rds.list_cluster_instances(TARGET))


def refusal(run: PipelineRun, **fields: Any) -> RestoreError:
    with pytest.raises(RestoreError) as refused:
        run.check(OPERATION, **fields)
    return refused.value


def test_monitoring_insights_certificate_and_window_of_an_instance_come_along(run: PipelineRun) -> None:
    run.put_target(members_with=WATCHED)
    (before,) = standing(run).members
    record = run.run(OPERATION, delete_cluster_if_exists=True)
    (after,) = standing(run).members
    assert after.db_instance_identifier != before.db_instance_identifier
    assert after.monitoring_interval_seconds == 15
    assert after.monitoring_role_arn == MONITORING_ROLE
    assert after.performance_insights_retention_days == 465
    assert after.performance_insights_kms_key_id == before.performance_insights_kms_key_id
    assert after.ca_certificate_identifier == "rds-ca-ecc384-g1"
    assert after.instance_maintenance_window == "wed:02:00-wed:02:30"
    assert record["restore_details"]["differences"] == []


def test_data_api_and_the_mode_of_database_insights_come_along(run: PipelineRun) -> None:
    run.put_target(EnableHttpEndpoint=True, **INSIGHTS)
    run.run(OPERATION, delete_cluster_if_exists=True)
    after = standing(run)
    assert after.http_endpoint
    assert after.database_insights_mode == "advanced"
    assert {"cluster.data_api_changed", "cluster.insights_changed"} <= set(run.events(OPERATION))


def test_a_cluster_that_is_made_again_has_them_again(run: PipelineRun) -> None:
    run.put_target(EnableHttpEndpoint=True, members_with=WATCHED)
    before = standing(run)
    run.run(OPERATION, Phase.CLEAR_TARGET, delete_cluster_if_exists=True, replace_strategy="delete_first")
    run.fail(OPERATION, "ClusterFailed")
    run.clean_up(OPERATION)
    after = standing(run)
    assert after.db_cluster_resource_id != before.db_cluster_resource_id
    assert (after.http_endpoint, after.members) == (True, before.members)


def test_a_cluster_that_has_none_of_it_is_given_none(run: PipelineRun) -> None:
    run.put_target()
    run.run(OPERATION, delete_cluster_if_exists=True)
    assert run.count("EnableHttpEndpoint") == 0
    assert standing(run).members[0].monitoring_interval_seconds == 0


def test_a_record_of_an_earlier_version_can_still_be_read(run: PipelineRun) -> None:
    run.put_target()
    item = standing(run).to_item()
    new = {"network_type", "database_insights_mode"}
    members = [
        {name: value for name, value in member.items() if name != "ca_certificate_identifier"}
        for member in item["members"]
    ]
    read = ClusterConfiguration.from_item(
        {**{name: value for name, value in item.items() if name not in new}, "members": members}
    )
    assert (read.network_type, read.members[0].ca_certificate_identifier) == (None, None)


def test_a_newer_minor_version_can_be_asked_for(run: PipelineRun) -> None:
    source = run.world.rds("us-east-1").find_cluster("production")
    assert source is not None
    run.run(OPERATION, engine_version=source.engine_version)
    assert standing(run).engine_version == source.engine_version


@pytest.mark.parametrize("version", ["11.1", "17.0", "99.1"])
def test_an_older_or_another_major_version_is_refused_before_anything_begins(
    run: PipelineRun, version: str
) -> None:
    assert isinstance(refusal(run, engine_version=version), EngineVersionNotOffered)
    assert run.count("RestoreDBClusterFromSnapshot") == 0


def test_a_replaced_cluster_with_too_many_tags_is_refused_before_anything_begins(run: PipelineRun) -> None:
    run.put_target(Tags=[{"Key": f"tag-{number}", "Value": "x"} for number in range(46)])
    fault = refusal(run, delete_cluster_if_exists=True, tags={})
    assert isinstance(fault, TooManyTags)


def test_tags_that_aws_reserves_are_not_taken_over(run: PipelineRun) -> None:
    run.put_target()
    run.aurora.seed.put_tags(
        TARGET_REGION, "cluster", TARGET, {"rds:secret": "x", "aws:stack": "x", "team": "shop"}
    )
    run.run(OPERATION, delete_cluster_if_exists=True)
    assert standing(run).tags == {"team": "shop"}
