"""What a deployment is made of: the request, the change set as data, events, the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aurora_restore.domain.errors import RestoreError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

STACK_NAME = "aurora-restore-pipeline"
ADMIN_SECRET_ID = "aurora-restore/admin-credentials"  # noqa: S105 - the name of a secret, and the template's default


class DeploymentFailed(RestoreError):
    """The stack is not what was asked for."""

    code = "DEPLOYMENT_FAILED"
    default_hint = "Look at the events of the stack in the CloudFormation console."


class PlanKind(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    NOTHING = "NOTHING"


@dataclass(frozen=True)
class DeploymentLimits:
    """How long to wait for a change set and for a stack, and the longest pause between two looks."""

    change_set_seconds: float = 300
    stack_seconds: float = 3600
    pause_seconds: float = 3


@dataclass(frozen=True)
class DeploymentClients:
    """An account and a Region, and the clients that a deployment needs."""

    account_id: str
    region: str
    cloudformation: CloudFormationClient
    s3: S3Client
    secretsmanager: SecretsManagerClient


@dataclass(frozen=True)
class DeploymentRequest:
    """What the stack is to be. A parameter that an update does not name keeps its value."""

    template_body: str
    stack_name: str = STACK_NAME
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ResourceChange:
    """One line of a change set: `action` is Add, Modify, Remove or Import; `replacement` True, False or Conditional."""

    action: str
    logical_id: str
    resource_type: str
    physical_id: str | None = None
    replacement: str | None = None
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangePlan:
    """A change set that was made and not executed; without `change_set_id` there is nothing to do."""

    kind: PlanKind
    stack_name: str
    changes: tuple[ResourceChange, ...] = ()
    stack_id: str | None = None
    change_set_id: str | None = None


@dataclass(frozen=True)
class ResourceEvent:
    """Something that happened to a resource, or to the stack itself."""

    time: datetime
    logical_id: str
    resource_type: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class DeploymentOutcome:
    kind: PlanKind
    stack_name: str
    stack_status: str
    outputs: Mapping[str, str]
    seconds: float


def resource_change(change: Mapping[str, Any]) -> ResourceChange:
    """Read a `ResourceChange` of DescribeChangeSet."""
    targets = [detail.get("Target", {}) for detail in change.get("Details", [])]
    names = {str(target.get("Name") or target.get("Attribute") or "") for target in targets}
    return ResourceChange(
        action=change["Action"],
        logical_id=change["LogicalResourceId"],
        resource_type=change["ResourceType"],
        physical_id=change.get("PhysicalResourceId"),
        replacement=change.get("Replacement"),
        properties=tuple(sorted(names - {""})),
    )


def is_automatic(change: Mapping[str, Any]) -> bool:
    """Whether a `ResourceChange` is a nested stack in which nothing was changed.

    CloudFormation lists each nested stack in every change set of an update, since its template might have changed
    behind its URL (`ChangeSource: Automatic`). Ours is named by its content, so that it cannot.
    """
    details = change.get("Details", [])
    return bool(details) and all(detail.get("ChangeSource") == "Automatic" for detail in details)


def resource_event(event: Mapping[str, Any]) -> ResourceEvent:
    """Read a `StackEvent` of DescribeStackEvents."""
    return ResourceEvent(
        time=event["Timestamp"],
        logical_id=event.get("LogicalResourceId", ""),
        resource_type=event.get("ResourceType", ""),
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", ""),
    )


def is_failure(event: ResourceEvent) -> bool:
    """Whether an event names a cause: what CloudFormation cancels after a failure only follows from it."""
    return event.status.endswith("_FAILED") and "cancelled" not in event.reason.lower()


def is_end_of_stack(event: ResourceEvent, stack_name: str) -> bool:
    """Whether an event says that the stack has come to rest."""
    is_stack = event.resource_type == "AWS::CloudFormation::Stack" and event.logical_id == stack_name
    # A failed update or creation goes on to its rollback; with rollback switched off it ends there.
    return is_stack and event.status.endswith(("_COMPLETE", "_FAILED"))
