"""The in-process AWS itself: accounts apart, calls seen, and faults where a test injects them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import SOURCE_REGION, InProcessAws, is_operation, shared_aws

from aurora_restore.aws.locks import AwsLocks

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def aws() -> InProcessAws:
    aws = shared_aws()
    aws.create_tables()
    return aws


@pytest.fixture
def locks(aws: InProcessAws) -> AwsLocks:
    return AwsLocks(aws.clients(), "AuroraRestoreLocks")


def test_each_request_is_seen_and_the_set_up_is_not(aws: InProcessAws, locks: AwsLocks) -> None:
    aws.create_topic()
    locks.acquire("t", "restore-1", NOW)
    aws.clients().ec2(SOURCE_REGION).describe_vpcs()
    seen = [(call.index, call.service, call.operation, call.region) for call in aws.calls]
    assert seen == [(0, "dynamodb", "PutItem", "us-west-2"), (1, "ec2", "DescribeVpcs", SOURCE_REGION)]


def test_a_fault_before_a_call_leaves_nothing_done(aws: InProcessAws, locks: AwsLocks) -> None:
    aws.before(0, FaultKind.DIES_BEFORE)
    with pytest.raises(ProcessDied):
        locks.acquire("t", "restore-1", NOW)
    assert locks.owner("t") is None


def test_a_fault_after_a_call_leaves_it_done(aws: InProcessAws, locks: AwsLocks) -> None:
    aws.after(0, FaultKind.DIES_AFTER)
    with pytest.raises(ProcessDied):
        locks.acquire("t", "restore-1", NOW)
    assert locks.owner("t") == "restore-1"


def test_a_lost_reply_is_a_closed_connection(aws: InProcessAws) -> None:
    aws.after(is_operation("ListTables"), FaultKind.REPLY_LOST)
    with pytest.raises(ConnectionClosedError):
        aws.clients().dynamodb().list_tables()


def test_a_fault_happens_as_often_as_it_is_reported(aws: InProcessAws) -> None:
    aws.before(is_operation("ListTables"), FaultKind.THROTTLED, times=2)
    dynamodb = aws.clients().dynamodb()
    for _ in range(2):
        with pytest.raises(ClientError, match="Rate exceeded"):
            dynamodb.list_tables()
    dynamodb.list_tables()


@pytest.mark.parametrize(
    "service", ["dynamodb", "ec2", "kms", "rds", "secretsmanager", "sns", "stepfunctions"]
)
def test_a_refusal_is_understood_in_the_format_of_every_service(aws: InProcessAws, service: str) -> None:
    requests: dict[str, Callable[[], object]] = {
        "dynamodb": lambda: aws.clients().dynamodb().list_tables(),
        "ec2": lambda: aws.clients().ec2().describe_vpcs(),
        "kms": lambda: aws.clients().kms().list_keys(),
        "rds": lambda: aws.clients().rds().describe_db_clusters(),
        "secretsmanager": lambda: aws.clients().secretsmanager().list_secrets(),
        "sns": lambda: aws.clients().sns().list_topics(),
        "stepfunctions": lambda: aws.clients().stepfunctions().list_activities(),
    }
    aws.before(lambda _: True, Refusal("SomeCode", "some <reason> & more", 418))
    with pytest.raises(ClientError) as caught:
        requests[service]()
    assert caught.value.response["Error"]["Code"] == "SomeCode"
    assert caught.value.response["Error"]["Message"] == "some <reason> & more"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 418


def test_accounts_do_not_see_each_other(aws: InProcessAws) -> None:
    aws.create_secret("s", "mine")
    other = InProcessAws()
    assert other.clients().secretsmanager().list_secrets()["SecretList"] == []
    assert len(aws.clients().secretsmanager().list_secrets()["SecretList"]) == 1


def test_a_reset_forgets_everything(aws: InProcessAws) -> None:
    aws.create_secret("s", "mine")
    aws.before(lambda _: True, FaultKind.THROTTLED)
    aws.reset()
    assert aws.clients().secretsmanager().list_secrets()["SecretList"] == []
    assert aws.clients().dynamodb().list_tables()["TableNames"] == []


def test_a_reset_account_has_its_default_network_again(aws: InProcessAws) -> None:
    for _ in range(2):
        assert aws.clients().ec2().describe_vpcs()["Vpcs"]
        aws.reset()
