"""The part of a plan that says what is replaced, how, and what is destroyed when.

Names that follow from the operation id are derived where the plan does not hold them.
"""

from __future__ import annotations

from rich.text import Text

from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.replacement import members_in_words, replaced_name, undo_command
from aurora_restore.domain.naming import final_snapshot_identifier, retired_identifier, staging_identifier
from aurora_restore.domain.states import Strategy

Rows = list[tuple[str, str | Text | None]]


def replacement_rows(view: OperationView) -> Rows:
    """What is replaced, how, what is destroyed and when; nothing for a target that does not exist yet."""
    if view.undoes:
        # The same exchange of names, the other way round.
        target = view.target_cluster_id
        kept = view.record.plan.cluster.db_cluster_identifier or "the kept cluster"
        return [
            ("undoes", Text(view.undoes, style="bold")),
            ("  puts back", f"{kept}, which becomes {target} again"),
            ("  destroyed", f"the cluster that is {target} until then, as soon as the old one has the name"),
            ("  final snapshot", _final_snapshot(view)),
        ]
    replaced = view.record.replaced
    if not replaced:
        return []
    name = replaced_name(view)
    engine = " ".join(filter(None, (replaced.engine, replaced.engine_version)))
    about_it = ", ".join(filter(None, (members_in_words(replaced), engine)))
    destroyed = "its instances and the cluster, as soon as the new one has the name"
    if deletes_first(view):
        destroyed = "its instances and the cluster, before the restore begins"
    elif hours := keep_hours(view):
        destroyed = (
            f"its instances and the cluster, {hours:g} h after the switch; it is kept stopped until then"
        )
    return [
        ("replaces", Text.assemble((name, "bold"), f": {about_it}")),
        ("  how", _how(view, name)),
        ("  destroyed", destroyed),
        ("  final snapshot", _final_snapshot(view)),
        ("  undo", _undo(view)),
    ]


def deletes_first(view: OperationView) -> bool:
    """Whether the old cluster is deleted before the new one is made."""
    record = view.record
    return (record.plan.replacement.strategy or record.parameters.replace_strategy) == Strategy.DELETE_FIRST


def keep_hours(view: OperationView) -> float:
    """For how long the old cluster is kept after the switch."""
    record = view.record
    return record.plan.replacement.keep_hours or record.parameters.keep_replaced_hours or 0.0


def final_snapshot(view: OperationView) -> str | None:
    """The name of the final snapshot of the old cluster; None where none was requested."""
    record = view.record
    if not record.parameters.final_snapshot:
        return None
    made = record.retirement.final_snapshot_identifier
    planned = record.plan.replacement.final_snapshot_identifier
    return made or planned or final_snapshot_identifier(view.operation_id)


def _how(view: OperationView, name: str) -> str:
    if deletes_first(view):
        return (
            f"delete_first: {name} is removed BEFORE the restore begins; no cluster has the name until the new one is "
            "ready"
        )
    # The record of an operation that failed early has no plan; the names follow from the operation's id.
    plan = view.record.plan
    retired = plan.replacement.retired_identifier or retired_identifier(name, view.operation_id)
    staging = staging_identifier(name, view.operation_id)
    at_first = plan.cluster.db_cluster_identifier or name
    return (
        f"swap: the new one is made under the staging name {at_first if at_first != name else staging} and "
        f"verified; then {name} becomes {retired}, and the new one becomes {name}"
    )


def _final_snapshot(view: OperationView) -> str | Text:
    name = final_snapshot(view)
    if name is None:
        return Text("NONE (final_snapshot is false): what only it holds is lost", style="bold yellow")
    return f"{name}, made and proved available before anything is deleted"


def _undo(view: OperationView) -> str:
    kept = keep_hours(view)
    if kept and not deletes_first(view):
        command = "aurora-restore undo OPERATION" if view.dry_run else undo_command(view)
        return f"{command}, for {kept:g} h after the switch"
    could = "" if deletes_first(view) else "; keep_replaced_hours would keep the cluster itself for a while"
    if final_snapshot(view) is None:
        return f"none after the switch{could}"
    return f"a restore of its final snapshot{could}"
