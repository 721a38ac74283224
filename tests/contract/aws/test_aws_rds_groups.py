"""Parameter groups through the wire: found, made once, changed, removed, and whose they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.states_language.scheduler import VirtualClock
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.rds import AwsRds
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsRequestFailed,
    AwsThrottled,
    ParameterGroupNotFound,
    QuotaExceeded,
    ResourceBusy,
)
from aurora_restore.domain.observed import Credentials

HOME, FAMILY, OURS = "us-west-2", "aurora-postgresql17", "aurora-restore-1-quiet-1a2b3c4d"
TAGS = {"aurora-restore:operation-id": "restore-1"}
MASTER = Credentials("postgres", "a-master-password")
Change = Callable[[AwsRds], object]

CHANGES: dict[str, Change] = {
    "CreateDBClusterParameterGroup": lambda rds: rds.create_cluster_parameter_group(
        OURS, FAMILY, "ours", TAGS
    ),
    "CopyDBClusterParameterGroup": lambda rds: rds.copy_cluster_parameter_group("tuned", OURS, "ours", TAGS),
    "ModifyDBClusterParameterGroup": lambda rds: rds.set_cluster_parameters(
        "tuned", {"statement_timeout": "1"}
    ),
    "ResetDBClusterParameterGroup": lambda rds: rds.reset_cluster_parameters("tuned", ["statement_timeout"]),
    "DeleteDBClusterParameterGroup": lambda rds: rds.delete_cluster_parameter_group("tuned"),
    "DescribeDBClusterParameters": lambda rds: rds.cluster_parameters("tuned"),
    "DescribeDBClusterParameterGroups": lambda rds: rds.list_cluster_parameter_groups(),
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aws(clock: VirtualClock) -> InProcessAws:
    aws = shared_aws(clock)
    aws.aurora.seed.put_parameter_group(HOME, "tuned", FAMILY, cluster=True)
    return aws


@pytest.fixture
def rds(aws: InProcessAws) -> AwsRds:
    return AwsRds(aws.clients())


@pytest.mark.parametrize("operation", CHANGES)
def test_what_passes_by_itself_can_be_asked_again(aws: InProcessAws, rds: AwsRds, operation: str) -> None:
    aws.before(is_operation(operation), FaultKind.THROTTLED)
    with pytest.raises(AwsThrottled):
        CHANGES[operation](rds)


@pytest.mark.parametrize("operation", CHANGES)
def test_a_refusal_names_the_right_that_is_missing(aws: InProcessAws, rds: AwsRds, operation: str) -> None:
    aws.before(is_operation(operation), FaultKind.DENIED)
    with pytest.raises(AccessDenied, match=f"rds:{operation}"):
        CHANGES[operation](rds)


@pytest.mark.parametrize("operation", ["CreateDBClusterParameterGroup", "CopyDBClusterParameterGroup"])
def test_a_group_is_made_once_and_bears_our_tags(rds: AwsRds, operation: str) -> None:
    for _ in range(2):
        CHANGES[operation](rds)
    group = rds.find_cluster_parameter_group(OURS)
    assert group is not None
    assert (group.name, group.family, dict(rds.group_tags(group))) == (OURS, FAMILY, TAGS)
    assert [each.name for each in rds.list_cluster_parameter_groups()] == [OURS, "tuned"]


def test_a_copy_is_made_of_what_exists_and_is_not_a_default(rds: AwsRds) -> None:
    with pytest.raises(ParameterGroupNotFound):
        rds.copy_cluster_parameter_group("nothing", OURS, "ours", TAGS)
    with pytest.raises(AwsRequestFailed):
        rds.copy_cluster_parameter_group(f"default.{FAMILY}", OURS, "ours", TAGS)
    assert rds.find_cluster_parameter_group(OURS) is None


def test_no_room_for_a_group_is_a_quota(aws: InProcessAws, rds: AwsRds) -> None:
    aws.aurora.set_quotas({"cluster_parameter_groups": 1})
    for operation in ("CreateDBClusterParameterGroup", "CopyDBClusterParameterGroup"):
        with pytest.raises(QuotaExceeded):
            CHANGES[operation](rds)


def test_the_parameters_that_can_be_changed_show_their_values(rds: AwsRds) -> None:
    rds.set_cluster_parameters("tuned", {"max_logical_replication_workers": "0"})
    found = rds.cluster_parameters("tuned")
    assert found["max_logical_replication_workers"] == "0"
    assert found["statement_timeout"] is None
    assert found["max_replication_slots"] == "20"
    assert "data_directory" not in found
    assert rds.cluster_parameters("nothing") == {}


def test_parameters_are_given_the_defaults_of_their_family_back(rds: AwsRds) -> None:
    rds.set_cluster_parameters("tuned", {"max_logical_replication_workers": "0", "statement_timeout": "1"})
    rds.reset_cluster_parameters("tuned", ["max_logical_replication_workers"])
    found = rds.cluster_parameters("tuned")
    assert found["max_logical_replication_workers"] != "0"
    assert found["statement_timeout"] == "1"


def test_a_group_with_pending_changes_is_waited_for(
    aws: InProcessAws, rds: AwsRds, clock: VirtualClock
) -> None:
    aws.aurora.set_durations({"parameter_group_pending": 60})
    rds.set_cluster_parameters("tuned", {"statement_timeout": "1"})
    for operation in (
        "ModifyDBClusterParameterGroup",
        "ResetDBClusterParameterGroup",
        "DeleteDBClusterParameterGroup",
    ):
        with pytest.raises(ResourceBusy, match="tuned"):
            CHANGES[operation](rds)


def test_a_group_that_a_cluster_has_is_not_deleted(aws: InProcessAws, rds: AwsRds) -> None:
    members = {"staging-1": "db.r5.large"}
    aws.aurora.seed.put_cluster(
        HOME, "staging", MASTER, instances=members, DBClusterParameterGroupName="tuned"
    )
    with pytest.raises(ResourceBusy, match="still members"):
        rds.delete_cluster_parameter_group("tuned")
    cluster = rds.find_cluster("staging")
    assert cluster is not None
    assert cluster.parameter_group_statuses == {"staging-1": "in-sync"}
    rds.modify_cluster("staging", {"db_cluster_parameter_group_name": f"default.{FAMILY}"})
    rds.delete_cluster_parameter_group("tuned")
    rds.delete_cluster_parameter_group("tuned")
    assert rds.find_cluster_parameter_group("tuned") is None
    cluster = rds.find_cluster("staging")
    assert cluster is not None
    assert cluster.parameter_group_statuses == {"staging-1": "pending-reboot"}
