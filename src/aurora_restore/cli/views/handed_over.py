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
    record = view.record
    rows: Rows = []
    secret, is_planned = record.master_secret, record.plan.cluster.managed_master_secret
    # Before the switch nothing of it has changed for clients.
    if not view.dry_run and (secret or (is_planned and view.switched)):
        if secret.arn:
            managed = f"managed by RDS, and a new one: give clients its ARN\n{secret.arn}"
            rows.append(("master secret", managed))
        elif secret.left:
            left = f"not managed by RDS: {secret.left}. The admin secret holds the password"
            rows.append(("master secret", _left(left)))
        elif not view.goes_back:
            rows.append(("master secret", "not managed by RDS yet; the retirement asks for it"))
    if view.goes_back:
        # The endpoints return to the old cluster, and only that way is shown.
        planned = record.replaced.endpoints if record.endpoints_back else ()
        endpoints = _endpoints(view, record.endpoints_back, planned)
    else:
        # Before the switch the old cluster has them.
        planned = record.plan.custom_endpoints if view.switched else ()
        endpoints = _endpoints(view, record.endpoints, planned)
    rows += [*endpoints, *_scaling(view)]
    return Group(heading("Handed over"), facts(rows)) if rows else None


def _scaling(view: OperationView) -> Rows:
    scaling = view.record.scaling
    if not scaling.before:
        return []
    name = view.target_cluster_id
    readers = f"{scaling.before.get('min_capacity')} to {scaling.before.get('max_capacity')} readers"
    state = view.record.scaling_back if view.goes_back else scaling
    # First what is left to a person, whatever was found before the switch.
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


def _endpoints(
    view: OperationView, states: Mapping[str, MovedEndpoint], planned: Sequence[EndpointItem]
) -> Rows:
    rows: Rows = []
    waiting = "was not moved" if view.is_closed else "has no address, or its former one, until it is moved"
    for name in dict.fromkeys([*(each.identifier for each in planned if each.identifier), *states]):
        moved = states.get(name)
        owner = (moved.db_cluster_identifier if moved else None) or view.target_cluster_id
        match moved.state if moved else None:
            case EndpointState.MOVED:
                rows.append(("custom endpoint", f"{name}: serves {owner}"))
            case EndpointState.LEFT:
                rows.append(("custom endpoint", _left(f"{name}: not on {owner} in time")))
            case _:
                rows.append(("custom endpoint", f"{name}: {waiting} to {owner}"))
    return rows


def _left(what: str) -> Text:
    return Text.assemble((f"LEFT TO YOU: {what}; {_BY_HAND}", "bold yellow"))
