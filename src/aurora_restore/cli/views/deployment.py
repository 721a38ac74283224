"""A deployment on the screen: the change set as a table, events as lines, the outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import clock_time, facts, plain_table
from aurora_restore.domain.wording import duration_words

if TYPE_CHECKING:
    from aurora_restore.deployment.deployer import (
        ChangePlan,
        DeploymentOutcome,
        ResourceChange,
        ResourceEvent,
    )

_ACTION_STYLES = {"Add": "green", "Modify": "yellow", "Remove": "red"}
_REPLACED = {"True": "replaced", "Conditional": "perhaps replaced"}


def render_changes(changes: Sequence[ResourceChange]) -> RenderableType:
    """The change set: what is removed or replaced first, for that is what people should see."""
    table = plain_table("", "resource", "type", "what changes")
    for change in sorted(changes, key=_severity):
        what = Text()
        # The properties say something only of a resource that stays.
        if change.action == "Modify":
            what.append(", ".join(change.properties))
            if change.replacement in _REPLACED:
                what.append(f" ({_REPLACED[change.replacement]})", style="bold red")
        table.add_row(
            Text(change.action.lower(), style=_ACTION_STYLES.get(change.action, "")),
            change.logical_id,
            change.resource_type.removeprefix("AWS::"),
            what,
        )
    return table


def _severity(change: ResourceChange) -> tuple[int, str]:
    # An action that is not known here comes first, since it may destroy something.
    order = {"Remove": 0, "Modify": 2, "Add": 3, "Import": 3}
    replaced = change.action == "Modify" and change.replacement in _REPLACED
    return (1 if replaced else order.get(change.action, 0)), change.logical_id


def summary_of_changes(changes: Sequence[ResourceChange]) -> str:
    """`3 to add, 1 to modify`. What is imported was kept when an earlier stack was deleted."""
    actions = [change.action for change in changes]
    named = (
        ("to add", "Add"),
        ("to take back", "Import"),
        ("to modify", "Modify"),
        ("to remove", "Remove"),
    )
    parts = [f"{actions.count(action)} {words}" for words, action in named if action in actions]
    return ", ".join(parts) or "nothing to change"


def event_line(event: ResourceEvent, finished: int, total: int) -> str:
    """The end of one resource's change as a line, with how many there are; the stack itself comes last."""
    reason = f": {event.reason}" if event.reason else ""
    count = f"{min(finished, total):>{len(str(total))}}/{total}"
    return f"{clock_time(event.time, event.time)}  {count}  {event.status}  {event.logical_id}{reason}"


def render_deployed(outcome: DeploymentOutcome, region: str) -> RenderableType:
    """What is deployed now, and what to do next."""
    title = Text.assemble(
        (f"{outcome.stack_name} is {outcome.stack_status}", "bold green"),
        f" in {region}, after {duration_words(outcome.seconds)}.",
    )
    return Group(title, facts(sorted(outcome.outputs.items())))


def deployment_item(plan: ChangePlan, outcome: DeploymentOutcome | None, region: str) -> Mapping[str, Any]:
    """The same for programs; without an outcome, what would be changed."""
    item: dict[str, Any] = {
        "region": region,
        "kind": plan.kind.name,
        "changes": [
            {
                "action": change.action,
                "logical_id": change.logical_id,
                "resource_type": change.resource_type,
                "replacement": change.replacement,
                "properties": list(change.properties),
            }
            for change in plan.changes
        ],
    }
    if outcome is not None:
        item |= {"stack_name": outcome.stack_name, "stack_status": outcome.stack_status,
                 "outputs": dict(outcome.outputs), "seconds": round(outcome.seconds, 3)}  # fmt: skip
    return item
