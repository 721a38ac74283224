"""What changes clusters with the name, or is made anew: the master secret that RDS manages, and custom endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import facts, heading
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.record_fields import map_of, maps_of, text_of

Rows = list[tuple[str, str | Text | None]]
_BY_HAND = "the warning below has the command"


def render_handed_over(view: OperationView) -> RenderableType | None:
    """What has come along, what has not yet, and what is left to a person; None where there is nothing of the kind."""
    rows = [*_master_secret(view), *_endpoints(view), *_scaling(view)]
    return Group(heading("Handed over"), facts(rows)) if rows else None


def _master_secret(view: OperationView) -> Rows:
    secret = view.section("master_secret")
    is_planned = map_of(view.section("plan"), "cluster").get("managed_master_secret") is True
    if view.dry_run or not (secret or (is_planned and view.switched)):
        return []
    if arn := text_of(secret, "arn"):
        return [("master secret", f"managed by RDS, and a new one: give clients its ARN\n{arn}")]
    if reason := text_of(secret, "left"):
        return [
            ("master secret", _left(f"not managed by RDS: {reason}. The admin secret holds the password"))
        ]
    return [] if view.goes_back else [("master secret", "not managed by RDS yet; the retirement asks for it")]


def _endpoints(view: OperationView) -> Rows:
    """In a cleanup that goes back they return to the old cluster, and only that way is told."""
    back = view.section("endpoints_back")
    if view.goes_back:
        owed = maps_of(view.section("replaced"), "endpoints") if back else []
        return _each(view, back, [text_of(item, "identifier") for item in owed])
    planned = maps_of(view.section("plan"), "custom_endpoints") if view.switched else []
    return _each(view, view.section("endpoints"), [text_of(item, "identifier") for item in planned])


def _scaling(view: OperationView) -> Rows:
    scaling = view.section("scaling")
    before = map_of(scaling, "before")
    if not before:
        return []
    name, readers = (
        view.target_cluster_id,
        f"{before.get('min_capacity')} to {before.get('max_capacity')} readers",
    )
    state = view.section("scaling_back") if view.goes_back else scaling
    if state.get("registered_again"):
        return [("auto scaling", _left(f"registered again ({readers}), without its policies"))]
    if state.get("state") == "left":
        return [("auto scaling", _left(f"of {name} is not as it was before: {readers}"))]
    match scaling.get("state"):
        case "kept":
            return [("auto scaling", f"of {name} stays suspended, as its operator left it: {readers}")]
        case "active":
            return [("auto scaling", f"of {name} went on during the switch: {readers}")]
    if state.get("state") == "resumed":
        return [("auto scaling", f"of {name} as it was before: {readers}")]
    until = "the old cluster serves again" if view.goes_back else "the new cluster is proved"
    return [("auto scaling", f"suspended until {until}: {readers}")]


def _each(view: OperationView, states: Mapping[str, object], planned: list[str]) -> Rows:
    names = dict.fromkeys([*filter(None, planned), *states])
    return [("custom endpoint", _endpoint(view, name, map_of(states, name))) for name in names]


def _endpoint(view: OperationView, name: str, item: Mapping[str, object]) -> str | Text:
    owner = text_of(item, "db_cluster_identifier") or view.target_cluster_id
    match item.get("state"):
        case "moved":
            return f"{name}: serves {owner}"
        case "left":
            return _left(f"{name}: not on {owner} in time")
    verb = "was not moved" if view.is_closed else "has no address, or its former one, until it is moved"
    return f"{name}: {verb} to {owner}"


def _left(what: str) -> Text:
    return Text.assemble((f"LEFT TO YOU: {what}; {_BY_HAND}", "bold yellow"))
