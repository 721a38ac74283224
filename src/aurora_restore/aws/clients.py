"""The AWS clients of the functions and of the command line: their time limits, retries and user agent.

A deployment, which uploads and waits for longer (`deployment/deployer`), and what fills the local stack
(`demo/seed_aws`) make others.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from botocore.config import Config

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 20
MAX_ATTEMPTS = 3
USER_AGENT_EXTRA = "aurora-restore"


class ScalingClient(Protocol):
    """What we use of boto3's client of Application Auto Scaling."""

    def register_scalable_target(self, **parameters: Any) -> Any: ...

    def get_paginator(self, operation_name: str) -> Any: ...


class SchedulerClient(Protocol):
    """What we use of boto3's client of EventBridge Scheduler."""

    def create_schedule(self, **parameters: Any) -> Any: ...

    def get_schedule(self, **parameters: Any) -> Any: ...

    def update_schedule(self, **parameters: Any) -> Any: ...

    def delete_schedule(self, **parameters: Any) -> Any: ...

    def get_paginator(self, operation_name: str) -> Any: ...


class Clients:
    """Clients by service and Region, each made when it is first asked for.

    Args:
        session: where credentials come from.
        region: the home Region, used where none is given.
        max_attempts: tries of one request, the first included; 1 turns repetition off. The waits between them
            are botocore's `standard` mode: jittered, at most 20 seconds.
    """

    def __init__(
        self, session: boto3.Session, region: str | None = None, max_attempts: int = MAX_ATTEMPTS
    ) -> None:
        home = region or session.region_name
        if not home:
            raise ValueError("a Region is needed: the session names none")
        self.region: str = home
        self._session = session
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = Lock()
        self._config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": max_attempts},
            user_agent_extra=USER_AGENT_EXTRA,
        )

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`, …: the partition of the home Region."""
        return self._session.get_partition_for_region(self.region)

    def application_autoscaling(self, region: str | None = None) -> ScalingClient:
        client: ScalingClient = self._client("application-autoscaling", region)
        return client

    def cloudformation(self, region: str | None = None) -> CloudFormationClient:
        client: CloudFormationClient = self._client("cloudformation", region)
        return client

    def cloudwatch(self, region: str | None = None) -> CloudWatchClient:
        client: CloudWatchClient = self._client("cloudwatch", region)
        return client

    def dynamodb(self, region: str | None = None) -> DynamoDBClient:
        client: DynamoDBClient = self._client("dynamodb", region)
        return client

    def ec2(self, region: str | None = None) -> EC2Client:
        client: EC2Client = self._client("ec2", region)
        return client

    def events(self, region: str | None = None) -> EventBridgeClient:
        client: EventBridgeClient = self._client("events", region)
        return client

    def kms(self, region: str | None = None) -> KMSClient:
        client: KMSClient = self._client("kms", region)
        return client

    def lambda_(self, region: str | None = None) -> LambdaClient:
        client: LambdaClient = self._client("lambda", region)
        return client

    def logs(self, region: str | None = None) -> CloudWatchLogsClient:
        client: CloudWatchLogsClient = self._client("logs", region)
        return client

    def rds(self, region: str | None = None) -> RDSClient:
        client: RDSClient = self._client("rds", region)
        return client

    def s3(self, region: str | None = None) -> S3Client:
        client: S3Client = self._client("s3", region)
        return client

    def scheduler(self, region: str | None = None) -> SchedulerClient:
        client: SchedulerClient = self._client("scheduler", region)
        return client

    def secretsmanager(self, region: str | None = None) -> SecretsManagerClient:
        client: SecretsManagerClient = self._client("secretsmanager", region)
        return client

    def sns(self, region: str | None = None) -> SNSClient:
        client: SNSClient = self._client("sns", region)
        return client

    def stepfunctions(self, region: str | None = None) -> SFNClient:
        client: SFNClient = self._client("stepfunctions", region)
        return client

    def sts(self, region: str | None = None) -> STSClient:
        client: STSClient = self._client("sts", region)
        return client

    def _client(self, service: str, region: str | None) -> Any:
        key = (service, region or self.region)
        # Making a client from a shared session is not thread-safe; using one is.
        with self._lock:
            if key not in self._clients:
                make: Any = self._session.client
                self._clients[key] = make(service, region_name=key[1], config=self._config)
            return self._clients[key]
