"""The parts of a bundle, as AWS has them; what of them may leave the account is decided by `domain.diagnosing`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.attribute_values import from_item
from aurora_restore.aws.deployed import AwsDeployed
from aurora_restore.aws.failures import Translating
from aurora_restore.aws.rds_codes import SNAPSHOT_NOT_FOUND_CODES
from aurora_restore.aws.rds_parsing import type_by_name
from aurora_restore.domain.diagnosing import (
    Window,
    cleans_up,
    history_entry,
    is_of_operation,
    without_passwords,
)
from aurora_restore.domain.naming import CLEANUP_STATE_MACHINE

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

# Step Functions keeps no more events of one execution. Cleanups are few, with those of other operations between them.
HISTORY_EVENTS_MOST, CLEANUPS_LOOKED_AT_MOST, CLEANUPS_MOST = 25_000, 300, 20
HISTORY_PAGE_EVENTS = 1000
STACK_RESOURCES_MOST = 500


class AwsBundleSources:
    """Reads what a bundle holds.

    Raises, in every method: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed.
    """

    def __init__(self, clients: Clients, account_id: str) -> None:
        self._clients = clients
        self._stem = f"arn:{clients.partition}:states:{clients.region}:{account_id}"

    def execution(self, execution_arn: str) -> dict[str, Any] | None:
        """An execution with its history, both without what it was given; None where Step Functions forgot it."""
        states = self._clients.stepfunctions()
        pages = states.get_paginator("get_execution_history").paginate(
            executionArn=execution_arn,
            includeExecutionData=True,
            PaginationConfig={"PageSize": HISTORY_PAGE_EVENTS, "MaxItems": HISTORY_EVENTS_MOST},
        )
        with Translating("states", ignoring={"ExecutionDoesNotExist"}):
            seen: Mapping[str, Any] = states.describe_execution(executionArn=execution_arn)
            names = (
                "executionArn",
                "name",
                "status",
                "startDate",
                "stopDate",
                "error",
                "cause",
                "redriveCount",
            )
            return {
                **{name: seen[name] for name in names if name in seen},
                "events": [history_entry(event) for page in pages for event in page["events"]],
            }
        return None

    def cleanup_arns(self, operation_id: str, window: Window) -> Sequence[str]:
        """The executions of the cleanup machine for an operation, newest first, at most `CLEANUPS_MOST`."""
        states = self._clients.stepfunctions()
        found: list[str] = []
        # An event gives its execution a name of its own: only the input says whose cleanup it is.
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=f"{self._stem}:stateMachine:{CLEANUP_STATE_MACHINE}",
            PaginationConfig={"MaxItems": CLEANUPS_LOOKED_AT_MOST},
        )
        with Translating("states"):
            for item in (item for page in pages for item in page["executions"]):
                # The list has the newest first.
                if item["startDate"] < window.begin or len(found) >= CLEANUPS_MOST:
                    break
                if item["startDate"] <= window.end:
                    given = states.describe_execution(executionArn=item["executionArn"]).get("input")
                    if cleans_up(given, operation_id):
                        found.append(item["executionArn"])
        return found

    def clusters(self, region: str, names: Iterable[str], operation_id: str) -> Sequence[dict[str, Any]]:
        """Clusters of a Region that have one of the names, or a tag of the operation, every page."""
        wanted = frozenset(names)
        return self._rds(
            region, "describe_db_clusters", "DBClusters",
            lambda item: is_of_operation(item, "DBClusterIdentifier", wanted, operation_id),
        )  # fmt: skip

    def instances(self, region: str, clusters: Iterable[str], operation_id: str) -> Sequence[dict[str, Any]]:
        """Instances of these clusters, or with a tag of the operation, every page."""
        wanted = frozenset(clusters)
        return self._rds(
            region, "describe_db_instances", "DBInstances",
            lambda item: is_of_operation(item, "DBClusterIdentifier", wanted, operation_id),
        )  # fmt: skip

    def snapshots(self, region: str, names: Iterable[str], operation_id: str) -> Sequence[dict[str, Any]]:
        """Cluster snapshots of a Region that have one of the names, or a tag of the operation, every page."""
        wanted = frozenset(names)
        return self._rds(
            region, "describe_db_cluster_snapshots", "DBClusterSnapshots",
            lambda item: is_of_operation(item, "DBClusterSnapshotIdentifier", wanted, operation_id),
        )  # fmt: skip

    def named_snapshot(self, region: str, name: str) -> dict[str, Any] | None:
        """A cluster snapshot by its name, of whichever type; None where there is none."""
        asked: dict[str, Any] = {"DBClusterSnapshotIdentifier": name}
        # Of one that RDS or AWS Backup made, the type is required as well.
        if kind := type_by_name(name):
            asked["SnapshotType"] = kind
        with Translating("rds", ignoring=SNAPSHOT_NOT_FOUND_CODES):
            found = self._clients.rds(region).describe_db_cluster_snapshots(**asked)["DBClusterSnapshots"]
            return without_passwords(found[0]) if found else None
        return None

    def describe_stack(self, stack_name: str) -> Mapping[str, Any] | None:
        """The stack as CloudFormation describes it; None where there is none."""
        return AwsDeployed(self._clients).describe_stack(stack_name)

    def events(
        self, region: str, sources: Iterable[tuple[str, str]], window: Window
    ) -> Sequence[dict[str, Any]]:
        """What RDS says of these things (source type and identifier), oldest first."""
        paginator = self._clients.rds(region).get_paginator("describe_events")
        found: list[dict[str, Any]] = []
        for source_type, identifier in sources:
            asked: Any = {"SourceType": source_type, "SourceIdentifier": identifier}
            with Translating("rds"):
                pages = paginator.paginate(StartTime=window.begin, EndTime=window.end, **asked)
                found += [dict(event) for page in pages for event in page["Events"]]
        return sorted(found, key=itemgetter("Date"))

    def stack_resources(self, stack_name: str) -> Sequence[dict[str, Any]]:
        """The resources of the stack, with their statuses."""
        pages = self._clients.cloudformation().get_paginator("list_stack_resources").paginate(
            StackName=stack_name, PaginationConfig={"MaxItems": STACK_RESOURCES_MOST}
        )  # fmt: skip
        with Translating("cloudformation"):
            found = list(pages)
        return [dict(resource) for page in found for resource in page["StackResourceSummaries"]]

    def locks(self, table_name: str) -> Sequence[dict[str, Any]]:
        """All locks; the table has only those of operations under way."""
        paginator = self._clients.dynamodb().get_paginator("scan")
        with Translating("dynamodb"):
            pages = list(paginator.paginate(TableName=table_name, ConsistentRead=True))
        return [from_item(item) for page in pages for item in page["Items"]]

    def _rds(self, region: str, operation: Any, key: str, is_wanted: Any) -> Sequence[dict[str, Any]]:
        paginator: Any = self._clients.rds(region).get_paginator(operation)
        with Translating("rds"):
            pages = list(paginator.paginate())
        return [without_passwords(item) for page in pages for item in page[key] if is_wanted(item)]
