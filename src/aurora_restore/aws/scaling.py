"""Application Auto Scaling: the scalable target of an Aurora cluster's readers, found and set by the cluster's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import AWS_ERRORS, Translating, error_code, error_message
from aurora_restore.domain.errors import QuotaExceeded
from aurora_restore.domain.scaling import ScalableTarget, Suspension

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients, ScalingClient

SERVICE = "application-autoscaling"
NAMESPACE, DIMENSION = "rds", "rds:cluster:ReadReplicaCount"


class AwsScaling:
    """Implements the port `Scaling` for one Region."""

    def __init__(self, clients: Clients, region: str | None = None) -> None:
        self._clients = clients
        self._region = region

    def find_target(self, db_cluster_identifier: str) -> ScalableTarget | None:
        """None where the readers of the cluster of this name are not scaled."""
        pages = self._client.get_paginator("describe_scalable_targets")
        expected = _resource_id(db_cluster_identifier)
        with Translating(SERVICE):
            found = [
                target
                for page in pages.paginate(
                    ServiceNamespace=NAMESPACE, ScalableDimension=DIMENSION, ResourceIds=[expected]
                )
                for target in page["ScalableTargets"]
                if target["ResourceId"] == expected
            ]
        if not found:
            return None
        # A target that never was suspended may show no state at all.
        state = found[0].get("SuspendedState") or {}
        return ScalableTarget(
            db_cluster_identifier,
            int(found[0]["MinCapacity"]),
            int(found[0]["MaxCapacity"]),
            Suspension(
                scale_in=bool(state.get("DynamicScalingInSuspended")),
                scale_out=bool(state.get("DynamicScalingOutSuspended")),
                scheduled=bool(state.get("ScheduledScalingSuspended")),
            ),
        )

    def policy_names(self, db_cluster_identifier: str) -> Sequence[str]:
        """The names of the scaling policies of the cluster's readers; every page."""
        pages = self._client.get_paginator("describe_scaling_policies")
        with Translating(SERVICE):
            found = [
                str(policy["PolicyName"])
                for page in pages.paginate(**_named(db_cluster_identifier))
                for policy in page["ScalingPolicies"]
            ]
        return tuple(found)

    def suspend(self, db_cluster_identifier: str, suspension: Suspension) -> None:
        """Suspend or resume the scaling of a registered target."""
        # What a request does not name, as the capacities here, stays as it is.
        with Translating(SERVICE):
            self._client.register_scalable_target(
                **_named(db_cluster_identifier), SuspendedState=_suspended_state(suspension)
            )

    def register(self, target: ScalableTarget) -> None:
        """Register a target, or change one that exists. Raises QuotaExceeded."""
        with Translating(SERVICE):
            try:
                self._client.register_scalable_target(
                    **_named(target.db_cluster_identifier),
                    MinCapacity=target.min_capacity,
                    MaxCapacity=target.max_capacity,
                    SuspendedState=_suspended_state(target.suspension),
                )
            except AWS_ERRORS as error:
                # Elsewhere this code means throttling; of this service it means that a quota is used up.
                if error_code(error) == "LimitExceededException":
                    raise QuotaExceeded(
                        f"{SERVICE}:RegisterScalableTarget: {error_message(error)}"
                    ) from error
                raise

    @property
    def _client(self) -> ScalingClient:
        return self._clients.application_autoscaling(self._region)


def _resource_id(db_cluster_identifier: str) -> str:
    return f"cluster:{db_cluster_identifier}"


def _named(db_cluster_identifier: str) -> dict[str, str]:
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": _resource_id(db_cluster_identifier),
        "ScalableDimension": DIMENSION,
    }


def _suspended_state(suspension: Suspension) -> dict[str, bool]:
    return {
        "DynamicScalingInSuspended": suspension.scale_in,
        "DynamicScalingOutSuspended": suspension.scale_out,
        "ScheduledScalingSuspended": suspension.scheduled,
    }
