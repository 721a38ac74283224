"""What a replaced cluster has besides its data and its name, and the new one is to have as well."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.worlds import TARGET_REGION, PipelineRun

from aurora_restore.domain.configuration import ClusterConfiguration, configuration_of
from aurora_restore.domain.errors import (
    DifferenceNotAccepted,
    EngineVersionNotOffered,
    MasterLoginByIam,
    RestoreError,
    TooManyTags,
)
from aurora_restore.domain.observed import LoginAttempt, LoginOutcome
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


def existing(run: PipelineRun) -> ClusterConfiguration:
    cluster = run.ports.target_rds.find_cluster(TARGET)
    assert cluster is not None
    return configuration_of(cluster, run.ports.target_rds.list_cluster_instances(TARGET))


def refusal(run: PipelineRun, **fields: Any) -> RestoreError:
    with pytest.raises(RestoreError) as refused:
        run.check(OPERATION, **fields)
    return refused.value


def test_monitoring_insights_certificate_and_window_of_an_instance_come_along(run: PipelineRun) -> None:
    run.put_target(members_with=WATCHED)
    (before,) = existing(run).members
    record = run.run(OPERATION, delete_cluster_if_exists=True)
    (after,) = existing(run).members
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
    after = existing(run)
    assert after.http_endpoint
    assert after.database_insights_mode == "advanced"
    assert {"cluster.data_api_changed", "cluster.insights_changed"} <= set(run.events(OPERATION))


def test_a_dual_stack_cluster_is_replaced_by_a_dual_stack_cluster(run: PipelineRun) -> None:
    run.put_target(NetworkType="DUAL")
    record = run.run(OPERATION, delete_cluster_if_exists=True)
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert existing(run).network_type == "DUAL"
    assert record["restore_details"]["differences"] == []


def test_a_dual_stack_cluster_that_was_deleted_first_is_restored_as_one(run: PipelineRun) -> None:
    run.put_target(NetworkType="DUAL")
    run.run(OPERATION, Phase.CLEAR_TARGET, delete_cluster_if_exists=True, replace_strategy="delete_first")
    run.fail(OPERATION, "ClusterFailed")
    run.clean_up(OPERATION)
    assert existing(run).network_type == "DUAL"


def test_a_cluster_that_is_made_again_has_them_again(run: PipelineRun) -> None:
    run.put_target(EnableHttpEndpoint=True, members_with=WATCHED)
    before = existing(run)
    run.run(OPERATION, Phase.CLEAR_TARGET, delete_cluster_if_exists=True, replace_strategy="delete_first")
    run.fail(OPERATION, "ClusterFailed")
    run.clean_up(OPERATION)
    after = existing(run)
    assert after.db_cluster_resource_id != before.db_cluster_resource_id
    assert (after.http_endpoint, after.members) == (True, before.members)


def test_a_cluster_that_has_none_of_it_is_given_none(run: PipelineRun) -> None:
    run.put_target()
    run.run(OPERATION, delete_cluster_if_exists=True)
    assert run.count("EnableHttpEndpoint") == 0
    assert existing(run).members[0].monitoring_interval_seconds == 0


def test_a_record_of_an_earlier_version_can_still_be_read(run: PipelineRun) -> None:
    run.put_target()
    item = existing(run).to_item()
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
    source = run.ports.rds("us-east-1").find_cluster("production")
    assert source is not None
    major, _, minor = source.engine_version.partition(".")
    newer = f"{major}.{int(minor) + 1}"
    record = run.run(OPERATION, engine_version=newer)
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert existing(run).engine_version == newer


def test_a_snapshot_of_another_account_than_the_executions_own_is_refused(run: PipelineRun) -> None:
    shared = "arn:aws:rds:us-east-1:999988887777:cluster-snapshot:theirs"
    assert refusal(run, source_snapshot_identifier=shared, source_snapshot_date=...).code == "SHARED_SNAPSHOT"


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
    assert existing(run).tags == {"team": "shop"}


SHOWN: dict[str, dict[str, Any]] = {
    "kerberos_domains": {"DomainMemberships": [{"Domain": "d-1234567890", "Status": "kerberos-enabled"}]},
    "activity_stream_mode": {"ActivityStreamStatus": "started", "ActivityStreamMode": "async"},
    "local_write_forwarding": {"LocalWriteForwardingStatus": "enabled"},
    "custom_endpoints": {"CustomEndpoints": ["reports.cluster-custom-abc.us-west-2.rds.amazonaws.com"]},
}


def show(run: PipelineRun, *names: str) -> None:
    """Let DescribeDBClusters show what no restore can be given."""
    with run.aurora.locked() as world:
        settings = world.regions[TARGET_REGION].clusters[TARGET].settings
        for name in names:
            settings |= SHOWN[name]


def test_what_cannot_come_along_stops_the_run_and_each_is_named(run: PipelineRun) -> None:
    run.put_target()
    show(run, *SHOWN)
    fault = refusal(run, delete_cluster_if_exists=True)
    assert isinstance(fault, DifferenceNotAccepted)
    assert [name for name in SHOWN if name not in fault.message] == []
    assert run.count("RestoreDBClusterFromSnapshot") == 0


@pytest.mark.parametrize("name", SHOWN)
def test_what_cannot_come_along_may_be_accepted_by_its_name(run: PipelineRun, name: str) -> None:
    run.put_target()
    show(run, name)
    record = run.run(OPERATION, delete_cluster_if_exists=True, accept_differences=[name])
    (difference,) = record["restore_details"]["differences"]
    assert (difference["field"], difference["accepted"]) == (name, True)


def test_what_hangs_on_the_old_identity_is_reported_with_the_new_resource_id(run: PipelineRun) -> None:
    old = run.put_target(EnableIAMDatabaseAuthentication=True)
    record = run.run(OPERATION, delete_cluster_if_exists=True)
    new = record["restore_details"]["db_cluster_resource_id"]
    (message,) = run.aws.published
    assert any(old in loss for loss in record["plan"]["will_be_lost"])
    assert all(loss in message.message for loss in record["plan"]["will_be_lost"])
    assert f"resource id is {new}" in message.message
    assert any("MASTER_LOGIN_BY_IAM" in note for note in record["plan"]["notes"])


def test_where_nothing_is_replaced_nothing_is_called_lost(run: PipelineRun) -> None:
    record = run.run(OPERATION)
    assert record["plan"]["will_be_lost"] == []


def test_a_dry_run_says_what_will_be_looked_for_and_names_the_ways_out_that_aws_shows(
    run: PipelineRun,
) -> None:
    run.put_target()
    role = "arn:aws:iam::123456789012:role/loader"
    run.ports.target_rds.add_role(TARGET, role, "s3Import")
    run.clock.advance(60)

    run.check(OPERATION, delete_cluster_if_exists=True, dry_run=True, outward_connections="cut")

    reported = [
        f"{each['about'].strip()}: {each['words']}" for each in run.record(OPERATION)["plan"]["coming_along"]
    ]
    assert [each.partition(":")[0] for each in reported] == [
        "comes along", "quiet until", "other logins", "stored logins", "role",
    ]  # fmt: skip
    assert "outward_connections: cut" in reported[3]
    assert role in reported[4]


def test_an_undo_says_nothing_of_what_comes_along(run: PipelineRun) -> None:
    run.put_target()
    run.run(OPERATION, delete_cluster_if_exists=True, keep_replaced_hours=24)
    run.check("undo-1", **dict.fromkeys(run.request(), ...), undo_operation_id=OPERATION)

    assert run.record("undo-1")["plan"]["coming_along"] == []


def test_readers_of_auto_scaling_are_not_planned_and_go_with_the_old_cluster(run: PipelineRun) -> None:
    run.put_target({f"{TARGET}-a": "db.r5.large", "application-autoscaling-1a2b": "db.r5.large"})
    record = run.run(OPERATION, delete_cluster_if_exists=True)
    assert record["status"] == "SUCCEEDED"
    assert len(record["plan"]["instances"]) == 1
    assert run.ports.target_rds.find_instance("application-autoscaling-1a2b") is None


def test_a_reader_of_auto_scaling_that_is_being_made_does_not_keep_a_cluster_from_being_replaced(
    run: PipelineRun,
) -> None:
    run.put_target()
    added = {"DBInstanceIdentifier": "application-autoscaling-1a2b", "DBClusterIdentifier": TARGET}
    kind = {"DBInstanceClass": "db.r5.large", "Engine": "aurora-postgresql"}
    run.aurora.call("CreateDBInstance", TARGET_REGION, {**added, **kind})
    reader = run.ports.target_rds.find_instance("application-autoscaling-1a2b")
    assert reader is not None
    assert reader.status == "creating"
    record = run.run(OPERATION, delete_cluster_if_exists=True)
    assert record["status"] == "SUCCEEDED"
    assert run.ports.target_rds.find_instance("application-autoscaling-1a2b") is None


def test_a_reader_that_auto_scaling_adds_to_the_new_cluster_is_not_a_difference(run: PipelineRun) -> None:
    run.put_target()
    run.run(OPERATION, Phase.SETUP_DB_USERS, delete_cluster_if_exists=True, replace_strategy="delete_first")
    run.aurora.seed.put_instance(TARGET_REGION, TARGET, "application-autoscaling-1a2b", "db.r5.large")
    run.run_phase(Phase.APPLY_PARAMETER_GROUP, OPERATION)
    run.run_phase(Phase.VERIFY_RESTORE, OPERATION)
    checks = run.record(OPERATION)["restore_details"]["verification"]
    assert all(check["matches"] for check in checks)


def refuse_logins(run: PipelineRun, reason: str, sqlstate: str) -> None:
    run.databases.every_login = LoginAttempt(LoginOutcome.REFUSED, reason, sqlstate)


def test_a_master_user_that_logs_in_by_iam_ends_the_run_at_its_first_login(run: PipelineRun) -> None:
    refuse_logins(run, "PAM authentication failed", "28000")
    began = run.clock.now()
    with pytest.raises(RestoreError) as failed:
        run.run(OPERATION, Phase.RESTORE_CLUSTER)
    assert isinstance(failed.value, MasterLoginByIam)
    assert run.record(OPERATION).get("master_password_changes") is None
    assert run.clock.now() > began


def test_a_master_user_whose_password_is_wrong_gets_the_new_one(run: PipelineRun) -> None:
    refuse_logins(run, "password authentication failed", "28P01")
    run.run(OPERATION, Phase.CLEAR_TARGET)
    for _ in range(30):
        run.clock.advance(run.phase(Phase.RESTORE_CLUSTER, OPERATION).wait_seconds)
        if run.record(OPERATION).get("master_password_changes"):
            return
    raise AssertionError("the password was not changed")


def test_a_maintenance_window_around_the_present_becomes_a_warning_and_ends_no_run(run: PipelineRun) -> None:
    now = run.clock.now()
    start, end = now - timedelta(hours=1), now + timedelta(hours=8)
    window = f"{start:%a:%H:%M}-{end:%a:%H:%M}".lower()
    run.put_target(PreferredMaintenanceWindow=window)
    record = run.run(OPERATION, delete_cluster_if_exists=True)
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert any("preferred-maintenance-window" in warning for warning in record["warnings"])
    assert existing(run).preferred_maintenance_window != window


def test_a_value_that_stays_pending_and_is_not_in_force_becomes_a_warning_and_ends_no_run(
    run: PipelineRun,
) -> None:
    run.put_target(EnableIAMDatabaseAuthentication=True)
    run.run(OPERATION, Phase.APPLY_PARAMETER_GROUP, delete_cluster_if_exists=True)
    name = run.record(OPERATION)["plan"]["cluster"]["db_cluster_identifier"]
    cluster = run.aurora.world.regions[TARGET_REGION].clusters[name]
    cluster.settings["IAMDatabaseAuthenticationEnabled"] = False
    cluster.pending["IAMDatabaseAuthenticationEnabled"] = True
    run.run_phase(Phase.VERIFY_RESTORE, OPERATION)
    record = run.record(OPERATION)
    assert record["phases"]["VerifyRestore"]["status"] == "DONE"
    assert any("iam_authentication" in warning for warning in record["warnings"])
