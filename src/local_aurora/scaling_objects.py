"""What Application Auto Scaling keeps: scalable targets, which go by a cluster's name, and their policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

NAMESPACE, DIMENSION = "rds", "rds:cluster:ReadReplicaCount"
SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


@dataclass
class ScalableTarget:
    """`resource_id` is `cluster:NAME`: it belongs to whichever cluster has the name."""

    region: str
    account: str
    resource_id: str
    min_capacity: int
    max_capacity: int
    created_at: datetime
    suspended: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(SUSPENSIONS, False))

    @property
    def cluster_name(self) -> str:
        return self.resource_id.partition(":")[2]

    @property
    def arn(self) -> str:
        return (
            f"arn:aws:application-autoscaling:{self.region}:{self.account}:scalable-target/{self.resource_id}"
        )


@dataclass
class ScalingPolicy:
    """`configuration` holds what DescribeScalingPolicies shows as it was given, under its own names."""

    region: str
    account: str
    name: str
    resource_id: str
    policy_type: str
    created_at: datetime
    configuration: dict[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        stem = f"arn:aws:autoscaling:{self.region}:{self.account}:scalingPolicy"
        return f"{stem}:resource/rds/{self.resource_id}:policyName/{self.name}"


def policy_key(resource_id: str, name: str) -> str:
    """A policy's name is unique within its scalable target."""
    return f"{resource_id}/{name}"
