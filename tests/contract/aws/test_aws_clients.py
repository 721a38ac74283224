"""How the clients are made: time limits, repetition, names."""

from __future__ import annotations

import boto3
import pytest
from tests.support.faults import Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.clients import Clients


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


def test_every_client_has_time_limits_and_says_who_asks(aws: InProcessAws) -> None:
    clients = Clients(aws.session())
    for client in (clients.rds(), clients.dynamodb(), clients.ec2(), clients.kms(), clients.stepfunctions()):
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (5, 20)  # type: ignore[attr-defined]
        assert "aurora-restore" in config.user_agent_extra  # type: ignore[attr-defined]


def test_a_client_is_made_once_for_each_service_and_region(aws: InProcessAws) -> None:
    clients = aws.clients()
    assert clients.rds() is clients.rds("us-west-2")
    assert clients.rds("us-east-1") is not clients.rds()
    assert clients.rds("us-east-1").meta.region_name == "us-east-1"


def test_a_passing_fault_is_repeated_by_the_client(aws: InProcessAws) -> None:
    clients = Clients(aws.session(), max_attempts=2)
    aws.before(is_operation("ListTables"), Refusal("InternalServerError", "x", 500))
    clients.dynamodb().list_tables()
    assert len(aws.calls) == 2


def test_a_refusal_is_not_repeated(aws: InProcessAws) -> None:
    clients = Clients(aws.session())
    with pytest.raises(clients.kms().exceptions.NotFoundException):
        clients.kms().describe_key(KeyId="alias/none")
    assert len(aws.calls) == 1


def test_the_partition_is_that_of_the_region(aws: InProcessAws) -> None:
    assert aws.clients().partition == "aws"
    assert Clients(aws.session(), region="cn-north-1").partition == "aws-cn"


def test_a_session_with_no_region_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(ValueError, match="Region"):
        Clients(boto3.Session())
