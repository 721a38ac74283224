"""What a plan says of auto scaling: an observation that never refuses a run."""

from __future__ import annotations

from aurora_restore.domain.errors import RequestRefused, StepFailed, TransientError
from aurora_restore.domain.scaling import ScalingBefore, scaling_note, unknown_note
from aurora_restore.steps.ports import Ports

# An error of Application Auto Scaling ends no run: it becomes a note or a warning.
REFUSALS = (TransientError, RequestRefused, StepFailed)


def note_scaling(ports: Ports, name: str) -> str | None:
    """What a plan says of the readers of the cluster that has this name; None where they are not scaled."""
    try:
        before = find_scaling(ports, name)
    except REFUSALS as refused:
        return unknown_note(name, refused.message)
    return scaling_note(before) if before else None


def find_scaling(ports: Ports, name: str) -> ScalingBefore | None:
    """How the readers of the cluster that has this name are scaled; None where they are not.

    Policies are asked for to name them in a warning: where that is refused, the target can be suspended all the same.
    """
    target = ports.scaling.find_target(name)
    if target is None:
        return None
    try:
        policies = tuple(ports.scaling.policy_names(name))
    except (RequestRefused, StepFailed):
        policies = ()
    return ScalingBefore(target, policies)
