"""What is deployed, through the wire."""

from __future__ import annotations

import json

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.deployed import AwsDeployed
from aurora_restore.domain.checks.surroundings import TableSeen
from aurora_restore.domain.errors import AccessDenied, AwsUnavailable

TABLE = "AuroraRestoreState"
DEFINITION = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def deployed(aws: InProcessAws) -> AwsDeployed:
    return AwsDeployed(aws.clients())


def test_what_is_not_there_is_an_answer(aws: InProcessAws, deployed: AwsDeployed) -> None:
    arn = f"arn:aws:states:us-west-2:{aws.account_id}:stateMachine:none"
    assert deployed.stack("none") is None
    assert deployed.template("none") is None
    assert deployed.table("none") is None
    assert deployed.function("none") is None
    assert deployed.definition(arn) is None


def test_a_table_is_seen_with_its_recovery_and_its_protection(
    aws: InProcessAws, deployed: AwsDeployed
) -> None:
    aws.create_tables()
    assert deployed.table(TABLE) == TableSeen(TABLE, "ACTIVE", False, False)
    client = aws.session().client("dynamodb")
    client.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    client.update_table(TableName=TABLE, DeletionProtectionEnabled=True)
    assert deployed.table(TABLE) == TableSeen(TABLE, "ACTIVE", True, True)


def test_a_definition_is_read_as_what_it_means(aws: InProcessAws, deployed: AwsDeployed) -> None:
    assert deployed.definition(aws.create_state_machine("machine", DEFINITION)) == DEFINITION


def test_secrets_below_a_prefix_are_named_but_for_those_that_are_to_be_deleted(
    aws: InProcessAws, deployed: AwsDeployed
) -> None:
    for name in ("aurora-restore/b", "aurora-restore/a", "aurora-restore/gone", "other/x"):
        aws.create_secret(name, json.dumps({"username": "u", "password": "p"}))
    aws.session().client("secretsmanager").delete_secret(SecretId="aurora-restore/gone")
    assert deployed.secret_names("aurora-restore/") == ["aurora-restore/a", "aurora-restore/b"]


def test_a_refusal_names_the_permission(aws: InProcessAws, deployed: AwsDeployed) -> None:
    aws.before(is_operation("DescribeStacks"), FaultKind.DENIED)
    with pytest.raises(AccessDenied) as denied:
        deployed.stack("aurora-restore-pipeline")
    assert denied.value.action == "cloudformation:DescribeStacks"


def test_what_passes_by_itself_is_not_taken_for_missing(aws: InProcessAws, deployed: AwsDeployed) -> None:
    aws.before(lambda _: True, FaultKind.UNAVAILABLE, times=100)
    for look in (deployed.stack, deployed.template, deployed.table, deployed.function, deployed.secret_names):
        with pytest.raises(AwsUnavailable):
            look("x")
