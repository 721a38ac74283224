"""Application Auto Scaling of Aurora readers, as far as the pipeline and its users need it.

Application Auto Scaling API reference, RegisterScalableTarget: a new scalable target needs both capacities; what an
update does not name stays as it is; "Application Auto Scaling retrieves the current capacity of the resource", so that
a cluster that does not exist is refused here. PutScalingPolicy: the target has to be registered. Deregistering deletes
the policies. Whether AWS keeps a target while no cluster has its name is a habit. The local Aurora adds no readers of
its own: a test creates an instance with the name that Application Auto Scaling would give it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from local_aurora.errors import AwsError
from local_aurora.scaling_objects import (
    DIMENSION,
    NAMESPACE,
    SUSPENSIONS,
    ScalableTarget,
    ScalingPolicy,
    policy_key,
)
from local_aurora.world import Call, World, operation

_MOST_ON_A_PAGE = 50
_POLICY_TYPES = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}
_Shown = TypeVar("_Shown")


def register_scalable_target(call: Call) -> dict[str, Any]:
    resource_id = _resource_id(call)
    found = call.region.scalable_targets.get(resource_id)
    # The cluster must exist at the registration alone: a target goes on without it.
    if resource_id.partition(":")[2] not in call.region.clusters:
        raise _invalid(f"The Aurora DB cluster of {resource_id} does not exist.")
    # What an update does not name stays as it is.
    smallest, largest = (
        call.params.get(name, getattr(found, field, None))
        for name, field in (("MinCapacity", "min_capacity"), ("MaxCapacity", "max_capacity"))
    )
    if smallest is None or largest is None:
        raise _invalid("MinCapacity and MaxCapacity are required when registering a new scalable target.")
    if not 0 <= smallest <= largest:
        raise _invalid(f"MinCapacity {smallest} is below 0, or above MaxCapacity {largest}.")
    target = found or ScalableTarget(
        call.region.name, call.world.account_id, resource_id, smallest, largest, call.now
    )
    target.min_capacity, target.max_capacity = int(smallest), int(largest)
    asked: Mapping[str, bool] = call.params.get("SuspendedState") or {}
    target.suspended = {name: asked.get(name, target.suspended[name]) for name in SUSPENSIONS}
    call.region.scalable_targets[resource_id] = target
    return {"ScalableTargetARN": target.arn}


def describe_scalable_targets(call: Call) -> dict[str, Any]:
    expected = call.params.get("ResourceIds")
    found = [
        target
        for name, target in sorted(call.region.scalable_targets.items())
        if _is_asked_for(call) and (not expected or name in expected)
    ]
    shown, further = _page(call, found)
    targets = [
        {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": target.resource_id,
            "ScalableDimension": DIMENSION,
            "MinCapacity": target.min_capacity,
            "MaxCapacity": target.max_capacity,
            "CreationTime": target.created_at,
            "SuspendedState": dict(target.suspended),
            "ScalableTargetARN": target.arn,
        }
        for target in shown
    ]
    return {"ScalableTargets": targets, **further}


def deregister_scalable_target(call: Call) -> dict[str, Any]:
    resource_id = _resource_id(call)
    _refuse_unregistered(call, resource_id)
    _forget(call.region.scalable_targets, call.region.scaling_policies, resource_id)
    return {}


def put_scaling_policy(call: Call) -> dict[str, Any]:
    resource_id, name = _resource_id(call), str(call.params["PolicyName"])
    policy_type = str(call.params.get("PolicyType") or "StepScaling")
    kind = _POLICY_TYPES.get(policy_type)
    if kind is None or kind not in call.params:
        known = ", ".join(_POLICY_TYPES)
        raise _invalid(f"A policy of the type {policy_type} ({known}) needs its configuration.")
    _refuse_unregistered(call, resource_id)
    # A policy of the same name is replaced.
    key = policy_key(resource_id, name)
    before = call.region.scaling_policies.get(key)
    # A policy that is put again keeps the time of its making.
    policy = ScalingPolicy(
        call.region.name,
        call.world.account_id,
        name,
        resource_id,
        policy_type,
        before.created_at if before else call.now,
        {kind: dict(call.params[kind])},
    )
    call.region.scaling_policies[key] = policy
    return {"PolicyARN": policy.arn, "Alarms": []}


def describe_scaling_policies(call: Call) -> dict[str, Any]:
    resource_id, names = call.text("ResourceId"), call.params.get("PolicyNames")
    found = [
        policy
        for _, policy in sorted(call.region.scaling_policies.items())
        if _is_asked_for(call)
        and resource_id in (None, policy.resource_id)
        and (not names or policy.name in names)
    ]
    shown, further = _page(call, found)
    policies = [
        {
            "PolicyARN": policy.arn,
            "PolicyName": policy.name,
            "ServiceNamespace": NAMESPACE,
            "ResourceId": policy.resource_id,
            "ScalableDimension": DIMENSION,
            "PolicyType": policy.policy_type,
            "CreationTime": policy.created_at,
            **policy.configuration,
        }
        for policy in shown
    ]
    return {"ScalingPolicies": policies, **further}


def forget_targets_without_cluster(world: World) -> None:
    """Where that is the habit, a target goes with the last cluster that had its name, and its policies with it."""
    if not world.habits.scalable_target_lost_without_cluster:
        return
    for region in world.regions.values():
        for resource_id, target in list(region.scalable_targets.items()):
            if target.cluster_name not in region.clusters:
                _forget(region.scalable_targets, region.scaling_policies, resource_id)


def _forget(targets: dict[str, ScalableTarget], policies: dict[str, ScalingPolicy], resource_id: str) -> None:
    del targets[resource_id]
    for key in [key for key, policy in policies.items() if policy.resource_id == resource_id]:
        del policies[key]


def _resource_id(call: Call) -> str:
    if not _is_asked_for(call):
        raise _invalid(f"The local Aurora scales {DIMENSION} of the namespace {NAMESPACE} alone.")
    resource_id = str(call.params["ResourceId"])
    kind, _, name = resource_id.partition(":")
    if kind != "cluster" or not name:
        raise _invalid(f"Unsupported resource id {resource_id}: an Aurora DB cluster is `cluster:NAME`.")
    return resource_id


def _is_asked_for(call: Call) -> bool:
    return call.params["ServiceNamespace"] == NAMESPACE and call.text("ScalableDimension") in (
        None,
        DIMENSION,
    )


def _refuse_unregistered(call: Call, resource_id: str) -> None:
    if resource_id not in call.region.scalable_targets:
        raise AwsError(
            "ObjectNotFoundException",
            f"No scalable target found for service namespace: {NAMESPACE}, resource ID: {resource_id}, scalable "
            f"dimension: {DIMENSION}",
        )


def _page(call: Call, found: Sequence[_Shown]) -> tuple[Sequence[_Shown], dict[str, Any]]:
    token, most = call.text("NextToken") or "0", int(call.params.get("MaxResults") or _MOST_ON_A_PAGE)
    if not token.isdecimal():
        raise AwsError("InvalidNextTokenException", f"The next token {token} is invalid.")
    if not 1 <= most <= _MOST_ON_A_PAGE:
        raise _invalid(f"MaxResults is between 1 and {_MOST_ON_A_PAGE}.")
    begin, end = int(token), int(token) + most
    return found[begin:end], {"NextToken": str(end)} if end < len(found) else {}


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


_TARGET = "ServiceNamespace ResourceId ScalableDimension"
OPERATIONS = {
    "RegisterScalableTarget": operation(
        register_scalable_target, f"{_TARGET} MinCapacity MaxCapacity SuspendedState"
    ),
    "DescribeScalableTargets": operation(
        describe_scalable_targets, "ServiceNamespace ResourceIds ScalableDimension MaxResults NextToken"
    ),
    "DeregisterScalableTarget": operation(deregister_scalable_target, _TARGET),
    "PutScalingPolicy": operation(
        put_scaling_policy, f"{_TARGET} PolicyName PolicyType {' '.join(_POLICY_TYPES.values())}"
    ),
    "DescribeScalingPolicies": operation(
        describe_scaling_policies, f"{_TARGET} PolicyNames MaxResults NextToken"
    ),
}
