"""Auto scaling of readers: suspended while clusters change names, and afterwards exactly as it was before.

Application Auto Scaling knows a cluster by its name (`cluster:NAME`), so that its scalable target belongs to whichever
cluster has the name. Source: Application Auto Scaling API reference, RegisterScalableTarget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aurora_restore.domain.acts import RegisterScaling, SuspendScaling
from aurora_restore.domain.record import ScalingOfRun, changed

SUSPEND_ACT, RESUME_ACT = "suspend_scaling", "resume_scaling"


@dataclass(frozen=True)
class Suspension:
    """What a scalable target does not do: remove readers, add readers, follow its schedule."""

    scale_in: bool = False
    scale_out: bool = False
    scheduled: bool = False

    @property
    def is_complete(self) -> bool:
        return self == EVERYTHING


EVERYTHING = Suspension(scale_in=True, scale_out=True, scheduled=True)


@dataclass(frozen=True)
class ScalableTarget:
    """The readers of the cluster that has a name: between `min_capacity` and `max_capacity`."""

    db_cluster_identifier: str
    min_capacity: int
    max_capacity: int
    suspension: Suspension = Suspension()


@dataclass(frozen=True)
class ScalingBefore:
    """How the scaling of a name was before a run suspended it; the record keeps it."""

    target: ScalableTarget
    policies: tuple[str, ...] = ()

    def to_item(self) -> dict[str, Any]:
        return {**asdict(self.target), "policies": list(self.policies)}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> ScalingBefore | None:
        """Read back what `to_item` wrote; None where that cannot be read."""
        # Without it a warning asks a person: a guess could leave a cluster without its readers.
        try:
            target = ScalableTarget(
                str(item["db_cluster_identifier"]),
                int(item["min_capacity"]),
                int(item["max_capacity"]),
                Suspension(**item["suspension"]),
            )
            return cls(target, tuple(item["policies"]))
        except (KeyError, TypeError, ValueError):
            return None


def decide_resumption(
    before: ScalingBefore, found: ScalableTarget | None, part: type[ScalingOfRun]
) -> RegisterScaling | SuspendScaling | None:
    """What makes the scaling as it was; None where it is. Its capacities are left: a person may have changed them.

    `part`: where the record says what becomes of it.
    """
    target, reason = before.target, resumption_words(before)
    name, suspension = target.db_cluster_identifier, target.suspension
    if found is None:
        # The target is gone, and its policies with it: once it is registered again, only the record shows that.
        lost = changed(part, registered_again=True)
        return RegisterScaling(name, target, kind=RESUME_ACT, reason=reason, percent=10, also=lost)
    if found.suspension == suspension:
        return None
    return SuspendScaling(name, suspension, kind=RESUME_ACT, reason=reason, percent=10)


def resumption_words(before: ScalingBefore) -> str:
    """What goes on while it is made as it was."""
    return f"auto scaling of {before.target.db_cluster_identifier} is set back to what it was"


def range_words(target: ScalableTarget) -> str:
    """`1 to 5 readers`."""
    return f"{target.min_capacity} to {target.max_capacity} readers"


def scaling_note(before: ScalingBefore) -> str:
    """What a plan says of a name whose readers are scaled."""
    target = before.target
    by = f", by {', '.join(before.policies)}" if before.policies else ""
    after = (
        "goes on for the new cluster afterwards; it adds no reader to a cluster that has none, which Application Auto "
        "Scaling needs (Aurora user guide)"
    )
    # Its operator has suspended it, which is not the pipeline's to change.
    if target.suspension.is_complete:
        after = "stays suspended, as it is"
    return (
        f"auto scaling of {target.db_cluster_identifier} ({range_words(target)}{by}) is suspended before the old "
        f"cluster gives up the name, and {after}"
    )


def unknown_note(name: str, reason: str) -> str:
    """What a plan says where it could not be seen whether readers are scaled."""
    return (
        f"whether the readers of {name} are scaled could not be seen: {reason}. Where they are, see that the cluster "
        "that has the name afterwards is scaled as you want it"
    )


def active_warning(name: str, reason: str) -> str:
    """What a person has to know where the scaling went on during the switch."""
    return (
        f"The auto scaling of {name} could not be suspended for the switch: {reason}. See with `aws "
        "application-autoscaling describe-scalable-targets --service-namespace rds --resource-ids "
        f"cluster:{name}` that the cluster which has the name now is scaled as you want it: a scalable target can be "
        "lost while no cluster has its name."
    )


def lost_warning(before: ScalingBefore) -> str:
    """What a person has to do where Application Auto Scaling did not keep the target while no cluster had the name."""
    target = before.target
    policies = ", ".join(before.policies)
    missing = f"its policies ({policies})" if policies else "its policies, if it had any,"
    return (
        f"The scalable target of {target.db_cluster_identifier} was gone when the cluster had its name again, since no "
        f"cluster had it for a while. It was registered again ({range_words(target)}), without what went with it: put "
        f"{missing}, its scheduled actions and its tags again with `aws application-autoscaling put-scaling-policy "
        f"--service-namespace rds --scalable-dimension rds:cluster:ReadReplicaCount --resource-id "
        f"cluster:{target.db_cluster_identifier} …`."
    )


def left_warning(before: ScalingBefore, reason: str) -> str:
    """What a person has to do where the scaling could not be made as it was."""
    target, was = before.target, before.target.suspension
    state = ",".join(
        f"{name}={str(value).lower()}"
        for name, value in (
            ("DynamicScalingInSuspended", was.scale_in),
            ("DynamicScalingOutSuspended", was.scale_out),
            ("ScheduledScalingSuspended", was.scheduled),
        )
    )
    return (
        f"The auto scaling of {target.db_cluster_identifier} could not be made as it was before the switch: {reason}. "
        f"It may add and remove no readers until that is done: `aws application-autoscaling "
        f"register-scalable-target --service-namespace rds --scalable-dimension rds:cluster:ReadReplicaCount "
        f"--resource-id cluster:{target.db_cluster_identifier} --min-capacity {target.min_capacity} --max-capacity "
        f"{target.max_capacity} --suspended-state {state}`."
    )
