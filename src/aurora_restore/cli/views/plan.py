"""The plan of a run: what will be made, under which names, from which snapshot and why; what it replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import account_words, facts, heading, words
from aurora_restore.cli.views.plan_replacement import planned_differences, replacement_rows
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.replacement import render_differences, render_way_past, unasked
from aurora_restore.domain.cluster_settings import CLUSTER_SETTINGS, INSTANCE_SETTINGS
from aurora_restore.domain.engines import engine_of
from aurora_restore.domain.record import PlanItem, PlannedInstanceItem, PlannedSource

Rows = list[tuple[str, str | Text | None]]


def render_plan(view: OperationView) -> RenderableType:
    """The plan as the record holds it; the request says what the plan takes for granted."""
    plan = view.record.plan
    differences = planned_differences(view)
    table = render_differences(
        differences, "Will differ from the cluster that is replaced", ("is now", "will be")
    )
    makes = [
        *_source_rows(plan.source),
        *_copy_rows(plan),
        *_cluster_rows(plan, view.record.parameters.target_region),
        *_user_rows(plan),
        *_coming_rows(view),
    ]
    rows = facts(
        [
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


def _source_rows(source: PlannedSource) -> Rows:
    if not source:
        return []
    engine = " ".join(filter(None, (source.engine, source.engine_version)))
    return [
        ("snapshot", Text(source.cluster_snapshot_identifier or "", style="bold")),
        ("  of", f"{source.db_cluster_identifier or ''} in {source.region or ''}, {engine}"),
        ("  made", source.snapshot_create_time),
        ("  chosen", source.reason),
    ]


def _copy_rows(plan: PlanItem) -> Rows:
    copy = plan.copy
    if not copy and not plan.copy_reason:
        return []
    return [
        ("copy", copy.cluster_snapshot_identifier or "none"),
        ("  why", plan.copy_reason),
        ("  key", copy.kms_key_id),
    ]


def _cluster_rows(plan: PlanItem, target_region: str | None) -> Rows:
    cluster = plan.cluster
    if not cluster:
        return []
    at_first, target = cluster.db_cluster_identifier or "", plan.target_cluster_id or ""
    region = f" in {target_region}" if target_region else ""
    protection = [
        name.replace("_", " ")
        for name, row in CLUSTER_SETTINGS.items()
        if row.asked and isinstance(row.default, bool) and cluster.item.get(name)
    ]
    return [
        ("cluster", Text.assemble((target or at_first, "bold"), region)),
        ("  at first", at_first if target and target != at_first else None),
        *_setting_rows(cluster.item),
        ("  with", ", ".join(protection) or None),
        *_instance_rows(plan),
    ]


def _setting_rows(cluster: Mapping[str, Any]) -> Rows:
    rows: Rows = []
    for name, row in CLUSTER_SETTINGS.items():
        if row.label:
            rows.append((f"  {row.label}", _given(cluster.get(name))))
        if name == "vpc_security_group_ids":
            rows.append(("  until the switch", _given(cluster.get("quarantine_security_group_ids"))))
    return rows


def _instance_rows(plan: PlanItem) -> Rows:
    return [("instance", _instance(item)) for item in plan.instances]


def _instance(planned: PlannedInstanceItem) -> str:
    shown = [
        f"{row.label} {words(planned.item[name])}"
        for name, row in INSTANCE_SETTINGS.items()
        if row.label and _given(planned.item.get(name))
    ]
    return f"{planned.db_instance_identifier} ({', '.join([planned.db_instance_class, *shown])})"


def _user_rows(plan: PlanItem) -> Rows:
    rows: Rows = [("master login", plan.admin_secret_id)]
    for user in plan.db_users:
        login = "IAM" if user.iam else f"secret {user.secret_id}"
        where = words(user.databases) if user.databases else "all databases"
        rows.append(("user", f"{account_words(user)} ({user.access}) in {where}, {login}"))
    if plan.quiet_start:
        rows.append(("quiet start", f"{engine_of(plan.source.engine).quieted} are put to rest"))
        rows.append(
            ("first start", "quiet, with a parameter group of its own until the restart before the switch")
        )
    return rows


def _coming_rows(view: OperationView) -> Rows:
    """What is known beforehand of what comes along; once it was looked for, the list of what was found says more."""
    if view.record.came_along:
        return []
    return [(each.about, each.words) for each in view.record.plan.coming_along]


def _given(value: Any) -> str | None:
    return None if value in (None, [], {}) else words(value)
