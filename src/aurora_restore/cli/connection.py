"""From a Region to the pipeline that stands there. The one room of the command line that makes a session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aurora_restore.cli.errors import RegionMissing, RegionUnknown, WrongUse
from aurora_restore.cli.pipeline import Execution, Pipeline

if TYPE_CHECKING:
    import boto3

    from aurora_restore.aws.clients import Clients
    from aurora_restore.aws.executions import AwsExecutions

STATE_TABLE_NAME = "AuroraRestoreState"


def resolve_region(option: str | None, request: Mapping[str, Any] | None = None) -> str:
    """The Region that is meant: --region, else the request's target_region, else the environment's or profile's.

    Raises:
        RegionMissing: none of them says it.
    """
    asked = option or (request or {}).get("target_region")
    # boto3 itself reads AWS_DEFAULT_REGION only; the other AWS tools read AWS_REGION first.
    region = asked or os.environ.get("AWS_REGION") or make_session().region_name
    if not region:
        raise RegionMissing("It is not said which AWS Region is meant.")
    return str(region)


def known_region(region: str) -> str:
    """The Region itself, where its name can be one: in a partition that the AWS SDK knows. Nothing is called.

    Raises:
        RegionUnknown: no partition has Regions of such names.
    """
    from botocore.exceptions import UnknownRegionError  # noqa: PLC0415 - boto3 costs what `--help` need not pay

    try:
        make_session().get_partition_for_region(region)
    except UnknownRegionError as error:
        raise RegionUnknown(f"`{region}` is no AWS Region.") from error
    return region


def commercial_region(region: str) -> str:
    """The Region itself, where the pipeline can be deployed in it. Nothing is called.

    Raises:
        WrongUse: it is in another partition, whose Step Functions refuses the definitions' `arn:aws:states:::…`.
    """
    partition = make_session().get_partition_for_region(region)
    if partition != "aws":
        raise WrongUse(
            f"{region} is in the partition {partition}, in which the pipeline cannot run: its state machines name "
            "resources of the partition aws.",
            "Deploy into a commercial Region.",
        )
    return region


def connect(region: str, session: boto3.Session | None = None) -> Pipeline:
    """The pipeline of a Region. Nothing is called yet."""
    from aurora_restore.aws.clients import Clients  # noqa: PLC0415 - boto3 costs what `--help` need not pay
    from aurora_restore.aws.records import AwsRecords  # noqa: PLC0415

    session = session or make_session()
    clients = Clients(session, region)
    return Pipeline(region, AwsRecords(clients, STATE_TABLE_NAME), RegionExecutions(session, clients))


class RegionExecutions:
    """Implements `Executions`. The account is asked for at the first need: `list` never needs it."""

    def __init__(self, session: boto3.Session, clients: Clients) -> None:
        self._session = session
        self._clients = clients

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        return self._executions.start(operation_id, request)

    def find(self, operation_id: str) -> Execution | None:
        from aurora_restore.aws.executions import ExecutionNotFound  # noqa: PLC0415

        try:
            return self._executions.describe(operation_id)
        except ExecutionNotFound:
            return None

    def stop(self, operation_id: str, cause: str) -> bool:
        from aurora_restore.aws.executions import ExecutionNotFound  # noqa: PLC0415

        try:
            self._executions.stop(operation_id, cause)
        except ExecutionNotFound:
            return False
        return True

    @cached_property
    def _executions(self) -> AwsExecutions:
        from aurora_restore.aws.executions import AwsExecutions  # noqa: PLC0415

        return AwsExecutions(self._clients, account_id(self._session, self._clients.region))


def make_session() -> boto3.Session:
    """A session from the environment, as every AWS tool makes it."""
    import boto3  # noqa: PLC0415

    return boto3.Session()


def account_id(session: boto3.Session, region: str) -> str:
    """The account of the credentials, as STS knows it."""
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
    return session.client("sts", region_name=region, config=config).get_caller_identity()["Account"]
