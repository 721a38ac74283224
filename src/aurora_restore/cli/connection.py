"""From a Region to the pipeline that is deployed there. The one room of the command line that makes a session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import UnknownRegionError

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.clients import Clients
from aurora_restore.aws.executions import AwsExecutions, ExecutionNotFound
from aurora_restore.aws.logs import AwsLogs
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.schedules import AwsSchedules
from aurora_restore.cli.errors import RegionMissing, RegionUnknown, UsageProblem
from aurora_restore.cli.pipeline import Execution, Pipeline

STATE_TABLE_NAME = "AuroraRestoreState"
AUDIT_TABLE_NAME = "AuroraRestoreAudit"


def resolve_region(option: str | None, request: Mapping[str, Any] | None = None) -> str:
    """The Region to use: --region, else the request's target_region, else the environment's or profile's.

    Raises:
        RegionMissing: none of them names one.
    """
    asked = option or (request or {}).get("target_region")
    # The session is made last, since it reads files.
    # boto3 itself reads AWS_DEFAULT_REGION only; the other AWS tools read AWS_REGION first.
    region = asked or os.environ.get("AWS_REGION") or make_session().region_name
    if not region:
        raise RegionMissing("No AWS Region is configured.")
    return str(region)


def known_region(region: str) -> str:
    """The Region itself, where its name can be one: in a partition that the AWS SDK knows. Nothing is called.

    Raises:
        RegionUnknown: no partition has Regions of such names.
    """
    try:
        make_session().get_partition_for_region(region)
    except UnknownRegionError as error:
        raise RegionUnknown(f"`{region}` is not an AWS Region.") from error
    return region


def commercial_region(region: str) -> str:
    """The Region itself, where the pipeline can be deployed in it. Nothing is called.

    Raises:
        UsageProblem: it is in another partition, whose Step Functions refuses the definitions' `arn:aws:states:::…`.
    """
    partition = make_session().get_partition_for_region(region)
    if partition != "aws":
        raise UsageProblem(
            f"{region} is in the partition {partition}, in which the pipeline cannot run: its state machines name "
            "resources of the partition aws.",
            "Deploy into a commercial Region.",
        )
    return region


def connect(region: str, session: boto3.Session | None = None) -> Pipeline:
    """The pipeline of a Region. Nothing is called yet."""
    session = session or make_session()
    clients = Clients(session, region)
    return Pipeline(
        region,
        records=AwsRecords(clients, STATE_TABLE_NAME),
        executions=RegionExecutions(session, clients),
        audit=AwsAudit(clients, AUDIT_TABLE_NAME),
        logs=AwsLogs(clients),
    )


def connect_schedules(region: str) -> AwsSchedules:
    """The schedules of a Region. Only the account is asked for yet."""
    session = make_session()
    return AwsSchedules(Clients(session, region), account_id(session, region))


class RegionExecutions:
    """Implements `Executions`. The account is asked for at the first need: `list` never needs it."""

    def __init__(self, session: boto3.Session, clients: Clients) -> None:
        self._session = session
        self._clients = clients

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        return self._executions.start(operation_id, request)

    def find(self, operation_id: str) -> Execution | None:
        try:
            return self._executions.describe(operation_id)
        except ExecutionNotFound:
            return None

    def stop(self, operation_id: str, cause: str) -> bool:
        # Step Functions forgets an execution 90 days after its end.
        try:
            self._executions.stop(operation_id, cause)
        except ExecutionNotFound:
            return False
        return True

    @cached_property
    def _executions(self) -> AwsExecutions:
        return AwsExecutions(self._clients, account_id(self._session, self._clients.region))


def make_session() -> boto3.Session:
    """A session from the environment, as every AWS tool makes it."""
    return boto3.Session()


def account_id(session: boto3.Session, region: str) -> str:
    """The account of the credentials, as STS knows it."""
    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
    return session.client("sts", region_name=region, config=config).get_caller_identity()["Account"]
