"""What changes clusters with the name, or is made anew: the master secret that RDS manages, and custom endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import facts, heading
from aurora_restore.cli.views.record import OperationView
from aurora_restore.domain.record import EndpointItem, EndpointState, MovedEndpoint, ScalingState

Rows = list[tuple[str, str | Text | None]]
_BY_HAND = "the warning below has the command"


def render_handed_over(view: OperationView) -> RenderableType | None:
    """What has come along, what has not yet, and what is left to a person; None where there is nothing of the kind."""
    rows = [*_master_secret(view), *_endpoints(view), *_scaling(view)]
    return Group(heading("Handed over"), facts(rows)) if rows else None


def _master_secret(view: OperationView) -> Rows:
    secret, is_planned = view.record.master_secret, view.record.plan.cluster.managed_master_secret
    if view.dry_run or not (secret or (is_planned and view.switched)):
        return []
    if secret.arn:
        return [("master secret", f"managed by RDS, and a new one: give clients its ARN\n{secret.arn}")]
    if secret.left:
        left = f"not managed by RDS: {secret.left}. The admin secret holds the password"
        return [("master secret", _left(left))]
    return [] if view.goes_back else [("master secret", "not managed by RDS yet; the retirement asks for it")]


def _endpoints(view: OperationView) -> Rows:
    """In a cleanup that goes back they return to the old cluster, and only that way is told."""
    record = view.record
    if view.goes_back:
        return _each(view, record.endpoints_back, record.replaced.endpoints if record.endpoints_back else ())
    return _each(view, record.endpoints, record.plan.custom_endpoints if view.switched else ())


def _scaling(view: OperationView) -> Rows:
    scaling = view.record.scaling
    if not scaling.before:
        return []
    name = view.target_cluster_id
    readers = f"{scaling.before.get('min_capacity')} to {scaling.before.get('max_capacity')} readers"
    state = view.record.scaling_back if view.goes_back else scaling
    if state.registered_again:
        return [("auto scaling", _left(f"registered again ({readers}), without its policies"))]
    if state.state is ScalingState.LEFT:
        return [("auto scaling", _left(f"of {name} is not as it was before: {readers}"))]
    match scaling.state:
        case ScalingState.KEPT:
            return [("auto scaling", f"of {name} stays suspended, as its operator left it: {readers}")]
        case ScalingState.ACTIVE:
            return [("auto scaling", f"of {name} went on during the switch: {readers}")]
    if state.state is ScalingState.RESUMED:
        return [("auto scaling", f"of {name} as it was before: {readers}")]
    until = "the old cluster serves again" if view.goes_back else "the new cluster is proved"
    return [("auto scaling", f"suspended until {until}: {readers}")]


def _each(view: OperationView, states: Mapping[str, MovedEndpoint], planned: Sequence[EndpointItem]) -> Rows:
    names = dict.fromkeys([*(each.identifier for each in planned if each.identifier), *states])
    return [("custom endpoint", _endpoint(view, name, states.get(name))) for name in names]


def _endpoint(view: OperationView, name: str, moved: MovedEndpoint | None) -> str | Text:
    owner = (moved.db_cluster_identifier if moved else None) or view.target_cluster_id
    match moved.state if moved else None:
        case EndpointState.MOVED:
            return f"{name}: serves {owner}"
        case EndpointState.LEFT:
            return _left(f"{name}: not on {owner} in time")
    verb = "was not moved" if view.is_closed else "has no address, or its former one, until it is moved"
    return f"{name}: {verb} to {owner}"


def _left(what: str) -> Text:
    return Text.assemble((f"LEFT TO YOU: {what}; {_BY_HAND}", "bold yellow"))
