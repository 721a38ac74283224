"""The plan of a run: what will be made, under which names, from which snapshot and why; what it replaces."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import account_words, facts, heading
from aurora_restore.cli.views.plan_replacement import replacement_rows
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.replacement import render_differences, render_way_past, unasked
from aurora_restore.domain.cluster_settings import CLUSTER_SETTINGS, INSTANCE_SETTINGS
from aurora_restore.domain.engines import engine_of
from aurora_restore.domain.record import PlanItem
from aurora_restore.domain.times import minute_if_readable
from aurora_restore.domain.wording import value_words

Rows = list[tuple[str, str | Text | None]]


def render_plan(view: OperationView) -> RenderableType:
    """The plan as the record holds it; the request says what the plan takes for granted."""
    plan = view.record.plan
    # Of a run that is not a dry run they are those that were found, and have their place in its status.
    differences = view.record.restore_details.differences if view.dry_run else ()
    table = render_differences(
        differences, "Will differ from the cluster that is replaced", ("is now", "will be")
    )
    makes = [
        *_snapshot_rows(plan),
        *_cluster_rows(plan, view.record.parameters.target_region),
        *_user_rows(plan),
    ]
    # What is known beforehand of what comes along; once it was looked for, the list of what was found says more.
    if not view.record.came_along:
        makes += [(each.about, each.words) for each in plan.coming_along]
    rows = facts(
        [
            # An undo makes nothing: it exchanges two names.
            *(() if view.undoes else makes),
            *replacement_rows(view),
            *(("will be lost", loss) for loss in plan.will_be_lost),
            *(("note", note) for note in plan.notes),
        ]
    )
    parts = [heading("Plan"), rows]
    if table:
        parts += [Text(), table]
    if fields := unasked(differences):
        parts += [Text(), render_way_past(fields)]
    return Group(*parts)


def _snapshot_rows(plan: PlanItem) -> Rows:
    """The snapshot that is restored, and the copy of it that is made before."""
    source, copy = plan.source, plan.copy
    rows: Rows = []
    if source:
        engine = " ".join(filter(None, (source.engine, source.engine_version)))
        rows += [
            ("snapshot", Text(source.cluster_snapshot_identifier or "", style="bold")),
            ("  of", f"{source.db_cluster_identifier or ''} in {source.region or ''}, {engine}"),
            ("  made", minute_if_readable(source.snapshot_create_time)),
            ("  chosen", source.reason),
        ]
    # That none is made has its reason, too.
    if copy or plan.copy_reason:
        rows += [
            ("copy", copy.cluster_snapshot_identifier or "none"),
            ("  why", plan.copy_reason),
            ("  key", copy.kms_key_id),
        ]
    return rows


def _cluster_rows(plan: PlanItem, target_region: str | None) -> Rows:
    cluster = plan.cluster
    if not cluster:
        return []
    at_first, target = cluster.db_cluster_identifier or "", plan.target_cluster_id or ""
    region = f" in {target_region}" if target_region else ""
    rows: Rows = [
        ("cluster", Text.assemble((target or at_first, "bold"), region)),
        ("  at first", at_first if target and target != at_first else None),
    ]
    for name, row in CLUSTER_SETTINGS.items():
        if row.label:
            rows.append((f"  {row.label}", _given(cluster.settings.get(name))))
        # Below the groups that it will have in the end: those that it has at first.
        if name == "vpc_security_group_ids":
            rows.append(("  until the switch", _given(cluster.quarantine_security_group_ids)))
    # Settings that are on or off are named in one row, where they are on.
    switched_on = [
        name.replace("_", " ")
        for name, row in CLUSTER_SETTINGS.items()
        if row.asked and isinstance(row.default, bool) and cluster.settings.get(name)
    ]
    rows.append(("  with", ", ".join(switched_on) or None))
    for planned in plan.instances:
        shown = [
            f"{row.label} {value_words(planned.settings[name])}"
            for name, row in INSTANCE_SETTINGS.items()
            if row.label and _given(planned.settings.get(name))
        ]
        details = ", ".join([planned.db_instance_class, *shown])
        rows.append(("instance", f"{planned.db_instance_identifier} ({details})"))
    return rows


def _user_rows(plan: PlanItem) -> Rows:
    rows: Rows = [("master login", plan.admin_secret_id)]
    for user in plan.db_users:
        login = "IAM" if user.iam else f"secret {user.secret_id}"
        where = value_words(user.databases) if user.databases else "all databases"
        rows.append(("user", f"{account_words(user)} ({user.access}) in {where}, {login}"))
    if plan.quiet_start:
        rows.append(("quiet start", f"{engine_of(plan.source.engine).quieted} are put to rest"))
        rows.append(
            ("first start", "quiet, with a parameter group of its own until the restart before the switch")
        )
    return rows


def _given(value: Any) -> str | None:
    return None if value in (None, [], (), {}) else value_words(value)
