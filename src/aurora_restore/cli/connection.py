"""From a Region to the pipeline that is deployed there. The one room of the command line that makes a session."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import UnknownRegionError

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.bundle_sources import AwsBundleSources
from aurora_restore.aws.clients import Clients
from aurora_restore.aws.deployed import AwsDeployed
from aurora_restore.aws.executions import AwsExecutions, ExecutionNotFound
from aurora_restore.aws.locks import AwsLocks
from aurora_restore.aws.logs import AwsLogs
from aurora_restore.aws.notifications import AwsNotifications
from aurora_restore.aws.pipeline_executions import AwsPipelineExecutions
from aurora_restore.aws.rds import AwsRds
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.schedules import AwsSchedules
from aurora_restore.aws.secrets import AwsSecrets
from aurora_restore.aws.stack_contents import AwsStackContents
from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.aws.table_exports import AwsTableExports
from aurora_restore.aws.table_items import AwsTableItems
from aurora_restore.aws.volume_sizes import AwsVolumeSizes
from aurora_restore.aws.watched import AwsWatched
from aurora_restore.cli import running
from aurora_restore.cli.archiving import Archive
from aurora_restore.cli.backing_up import Backing
from aurora_restore.cli.errors import RegionMissing, RegionUnknown, UsageProblem
from aurora_restore.cli.health import Surroundings
from aurora_restore.cli.looks import Looks
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.places import Place
from aurora_restore.cli.recovering import Tables
from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.deployment.packaging import Project
from aurora_restore.deployment.source_versions import definition_files, source_versions
from aurora_restore.deployment.upload import default_bucket
from aurora_restore.domain.asking_party import reason_of, request_of
from aurora_restore.domain.naming import AUDIT_TABLE, LOCK_TABLE, NOTIFICATION_TOPIC, STATE_TABLE
from aurora_restore.domain.observed import ExecutionState

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef

# What a backup and an archive hold: the locks are those of the present alone.
KEPT_TABLES = (STATE_TABLE, AUDIT_TABLE)


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
    return _pipeline(Clients(session or make_session(), region))


def connect_looks(region: str) -> Looks:
    """Where sizes and settings of the stack come from, for costs. Nothing is called yet; no request is repeated."""
    clients = Clients(make_session(), region, max_attempts=1)
    return Looks(AwsVolumeSizes(clients), AwsDeployed(clients), STACK_NAME)


def connect_surroundings(region: str, stack_name: str, session: boto3.Session | None = None) -> Surroundings:
    """A deployed pipeline with everything around it. Asks whose the credentials are, which needs no permission.

    Raises botocore's errors where there are no credentials, or nothing answers.
    """
    return _surroundings(Clients(session or make_session(), region), stack_name)


def connect_whole(region: str, stack_name: str) -> tuple[Pipeline, Surroundings, AwsBundleSources]:
    """The pipeline, what is around it, and where the parts of a bundle come from, with clients that they share.

    Raises as `connect_surroundings` does.
    """
    clients = Clients(make_session(), region)
    around = _surroundings(clients, stack_name)
    return _pipeline(clients), around, AwsBundleSources(clients, around.account_id)


def _pipeline(clients: Clients) -> Pipeline:
    return Pipeline(
        clients.region,
        records=AwsRecords(clients, STATE_TABLE),
        executions=RegionExecutions(clients),
        audit=AwsAudit(clients, AUDIT_TABLE),
        logs=AwsLogs(clients),
    )


def _surroundings(clients: Clients, stack_name: str) -> Surroundings:
    region, caller = clients.region, clients.sts().get_caller_identity()
    topic_arn = f"arn:{clients.partition}:sns:{region}:{caller['Account']}:{NOTIFICATION_TOPIC}"

    def files() -> Mapping[str, str]:
        project = Project.find()
        return {name: str(path.relative_to(project.root)) for name, path in definition_files(project).items()}

    return Surroundings(
        region=region,
        account_id=caller["Account"],
        caller_arn=caller["Arn"],
        partition=clients.partition,
        topic_arn=topic_arn,
        deployed=AwsDeployed(clients),
        watched=AwsWatched(clients),
        records=AwsRecords(clients, STATE_TABLE),
        locks=AwsLocks(clients, LOCK_TABLE),
        executions=AwsPipelineExecutions(clients, cleanup_state_machine_arn=None),
        secrets=AwsSecrets(clients),
        notifications=AwsNotifications(clients, topic_arn),
        rds=lambda in_region: AwsRds(clients, in_region),
        source=lambda: source_versions(Project.find()),
        files=files,
        default_bucket=default_bucket(caller["Account"], region),
        stack_name=stack_name,
    )


def connect_backing(
    region: str, stack_name: str, place: Place, say: Callable[[str], None]
) -> tuple[Backing, Surroundings, AwsSchedules]:
    """What a backup is made from, what is around it, and the schedules. Raises as `connect_surroundings` does."""
    clients = Clients(make_session(), region)
    around = _surroundings(clients, stack_name)
    backing = Backing(
        pipeline=_pipeline(clients),
        exports=AwsTableExports(clients, around.account_id),
        contents=AwsStackContents(clients),
        objects=AwsStoredObjects(clients, place.bucket, place.prefix),
        account_id=around.account_id,
        stack_name=stack_name,
        tables=KEPT_TABLES,
        say=say,
        sleep=running.sleep,
        now=running.utc_now,
    )
    return backing, around, AwsSchedules(clients, around.account_id)


@dataclass(frozen=True)
class Recovery:
    """Where a backup is, and the tables of the Region that it is loaded into."""

    objects: AwsStoredObjects
    table_names: tuple[str, str]
    tables: Tables


def connect_recovery(region: str, place: Place) -> Recovery:
    """Nothing is called yet."""
    clients = Clients(make_session(), region)

    tables = Tables(_pipeline(clients), AwsTableItems(clients, *KEPT_TABLES), region)
    return Recovery(AwsStoredObjects(clients, place.bucket, place.prefix), KEPT_TABLES, tables)


def connect_archive(region: str, place: Place) -> Archive:
    """The tables of a Region and a place in S3. Nothing is called yet."""
    clients = Clients(make_session(), region)
    return Archive(
        _pipeline(clients),
        AwsTableItems(clients, *KEPT_TABLES),
        AwsStoredObjects(clients, place.bucket, place.prefix),
    )


def connect_schedules(region: str) -> AwsSchedules:
    """The schedules of a Region. Only the account is asked for yet."""
    clients = Clients(make_session(), region)
    return AwsSchedules(clients, clients.sts().get_caller_identity()["Account"])


class RegionExecutions:
    """Implements `NamedExecutions`. Account and identity are asked for at the first need: `list` never needs them."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        return self._executions.start(operation_id, request_of(request, self._caller["Arn"]))

    def find(self, operation_id: str) -> ExecutionState | None:
        try:
            return self._executions.describe(operation_id)
        except ExecutionNotFound:
            return None

    def stop(self, operation_id: str, cause: str) -> bool:
        # Step Functions forgets an execution 90 days after its end.
        try:
            self._executions.stop(operation_id, reason_of(cause, self._caller["Arn"]))
        except ExecutionNotFound:
            return False
        return True

    @cached_property
    def _executions(self) -> AwsExecutions:
        return AwsExecutions(self._clients, self._caller["Account"])

    @cached_property
    def _caller(self) -> GetCallerIdentityResponseTypeDef:
        """Account and ARN of the credentials, as STS knows them: of an assumed role with the name of its session."""
        return self._clients.sts().get_caller_identity()


def make_session() -> boto3.Session:
    """A session from the environment, as every AWS tool makes it."""
    return boto3.Session()
