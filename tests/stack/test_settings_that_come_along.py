"""A watched cluster with Data API and an auto-scaled reader is replaced and keeps each; what cannot come is named."""

from __future__ import annotations

from typing import Any

import pg8000.exceptions
import pytest
from tests.stack.conftest import Clients
from tests.stack.polling import poll_until
from tests.stack.serving_targets import NEW_DATA, Place, old_data_of, request

from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 6)

WATCHED, BOUND, MANAGED = "aurora-restored-watched", "aurora-restored-bound", "aurora-restored-managed"
MONITORING_ROLE = "arn:aws:iam::000000000000:role/rds-monitoring"
AUTO_SCALED = "application-autoscaling-1a2b3c4d"
WAIT_SECONDS = 120.0
SCALED = {
    "ServiceNamespace": "rds",
    "ResourceId": f"cluster:{WATCHED}",
    "ScalableDimension": "rds:cluster:ReadReplicaCount",
}


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Place:
    stack.control.change_durations(rename=0.2, snapshot=0.2)
    place, rds = Place(stack, boto), boto("rds")
    place.make_target(WATCHED, AUTO_SCALED)
    place.make_targets([BOUND, MANAGED])
    rds.enable_http_endpoint(ResourceArn=place.cluster(WATCHED)["DBClusterArn"])
    rds.modify_db_cluster(DBClusterIdentifier=MANAGED, ManageMasterUserPassword=True, ApplyImmediately=True)
    rds.modify_db_instance(
        DBInstanceIdentifier=f"{WATCHED}-a",
        MonitoringInterval=15,
        MonitoringRoleArn=MONITORING_ROLE,
        CACertificateIdentifier="rds-ca-ecc384-g1",
        ApplyImmediately=True,
    )
    # A replacement that begins while the change is under way is refused.
    poll_until(lambda: is_watched(place), f"{WATCHED} to be available with what was asked for", WAIT_SECONDS)
    poll_until(lambda: is_managed(place), f"{MANAGED} to be available with its secret", WAIT_SECONDS)
    scale_readers(boto("application-autoscaling"))
    rds.modify_db_cluster(
        DBClusterIdentifier=BOUND,
        Domain="d-1234567890",
        DomainIAMRoleName="rds-directory",
        EnableLocalWriteForwarding=True,
    )
    return place


def is_watched(place: Place) -> bool:
    found = place.boto("rds").describe_db_instances(DBInstanceIdentifier=f"{WATCHED}-a")["DBInstances"][0]
    statuses = {found["DBInstanceStatus"], place.cluster(WATCHED)["Status"]}
    return statuses == {"available"} and found.get("MonitoringInterval") == 15


def is_managed(place: Place) -> bool:
    cluster = place.cluster(MANAGED)
    secret = cluster.get("MasterUserSecret", {})
    return bool(cluster["Status"] == "available" and secret.get("SecretStatus") == "active")


def scale_readers(scaling: Any) -> None:
    """One to three of them by their load; the schedule rests, as the operator wants it."""
    state = {"ScheduledScalingSuspended": True}
    scaling.register_scalable_target(**SCALED, MinCapacity=1, MaxCapacity=3, SuspendedState=state)
    metric = {"PredefinedMetricType": "RDSReaderAverageCPUUtilization"}
    scaling.put_scaling_policy(
        **SCALED,
        PolicyName="by-load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": metric,
        },
    )


@pytest.fixture(scope="module")
def record(place: Place) -> dict[str, Any]:
    return place.closed(place.start(request(WATCHED)))


def test_monitoring_certificate_authority_and_data_api_come_along(
    place: Place, record: dict[str, Any]
) -> None:
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert place.data_of(WATCHED) == NEW_DATA
    cluster = place.cluster(WATCHED)
    (member,) = cluster["DBClusterMembers"]
    instance = place.boto("rds").describe_db_instances(DBInstanceIdentifier=member["DBInstanceIdentifier"])
    shown = instance["DBInstances"][0]
    assert cluster["HttpEndpointEnabled"] is True
    assert (shown["MonitoringInterval"], shown["MonitoringRoleArn"]) == (15, MONITORING_ROLE)
    assert shown["CACertificateIdentifier"] == "rds-ca-ecc384-g1"


def test_rds_manages_the_master_password_of_the_new_cluster_and_the_admin_secret_opens_it_no_more(
    place: Place,
) -> None:
    record = place.closed(place.start(request(MANAGED)))
    assert record["status"] == "SUCCEEDED", record.get("error")
    secret = place.cluster(MANAGED)["MasterUserSecret"]
    assert secret["SecretStatus"] == "active"
    assert record["master_secret"] == {"arn": secret["SecretArn"]}
    assert secret["SecretArn"] != record["replaced"]["managed_master_secret"]
    with pytest.raises(pg8000.exceptions.DatabaseError, match="28P01"):
        place.data_of(MANAGED)


def test_the_reader_of_auto_scaling_goes_with_the_old_cluster(place: Place, record: dict[str, Any]) -> None:
    assert record["status"] == "SUCCEEDED", record.get("error")
    existing = {
        item["DBInstanceIdentifier"] for item in place.boto("rds").describe_db_instances()["DBInstances"]
    }
    assert AUTO_SCALED not in existing
    assert len(record["plan"]["instances"]) == 1


def test_the_readers_of_the_new_cluster_are_scaled_as_those_of_the_old_one_were(
    place: Place, record: dict[str, Any]
) -> None:
    scaling = place.boto("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="rds")["ScalableTargets"]
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="rds")["ScalingPolicies"]
    assert (target["ResourceId"], policy["ResourceId"]) == (SCALED["ResourceId"], SCALED["ResourceId"])
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": True,
    }
    assert record["acts"]["suspend_scaling"]["answered"] is True
    assert record["scaling"]["state"] == "resumed"
    assert any("by-load" in note for note in record["plan"]["notes"])


def test_a_cluster_with_what_cannot_come_along_is_refused_and_each_is_named(place: Place) -> None:
    refused = place.closed(place.start(request(BOUND)))
    assert refused["error"]["code"] == "DIFFERENCE_NOT_ACCEPTED"
    assert "kerberos_domains" in refused["error"]["message"]
    assert "local_write_forwarding" in refused["error"]["message"]
    assert place.data_of(BOUND) == old_data_of(BOUND)
