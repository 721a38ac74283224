"""The plan of a run: what will be made, under which names, from which snapshot and why; what it replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import account_words, facts, heading, words
from aurora_restore.cli.views.plan_replacement import planned_differences, replacement_rows
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.record_fields import map_of, maps_of, sentences_of, text_of
from aurora_restore.cli.views.replacement import render_differences, render_way_past, unasked
from aurora_restore.domain.engines import engine_of

Rows = list[tuple[str, str | Text | None]]

_CLUSTER_FIELDS = (
    ("subnet group", "db_subnet_group_name"),
    ("security groups", "vpc_security_group_ids"),
    ("until the switch", "quarantine_security_group_ids"),
    ("parameter group", "db_cluster_parameter_group_name"),
    ("key", "kms_key_id"),
    ("port", "port"),
    ("storage", "storage_type"),
    ("backup days", "backup_retention_days"),
    ("serverless v2", "serverless_v2"),
    ("logs exported", "cloudwatch_logs_exports"),
    ("lifecycle support", "engine_lifecycle_support"),
)


def render_plan(view: OperationView) -> RenderableType:
    """The plan as the record holds it; the request says what the plan takes for granted."""
    plan, parameters = view.section("plan"), view.section("parameters")
    differences = planned_differences(view)
    table = render_differences(
        differences, "Will differ from the cluster that is replaced", ("is now", "will be")
    )
    makes = [
        *_source_rows(map_of(plan, "source")),
        *_copy_rows(plan),
        *_cluster_rows(plan, parameters),
        *_user_rows(plan),
        *_coming_rows(view),
    ]
    rows = facts(
        [
            *(() if view.undoes else makes),
            *replacement_rows(view),
            *(("will be lost", loss) for loss in sentences_of(plan, "will_be_lost")),
            *(("note", note) for note in sentences_of(plan, "notes")),
        ]
    )
    parts = [heading("Plan"), rows]
    if table:
        parts += [Text(), table]
    if fields := unasked(differences):
        parts += [Text(), render_way_past(fields)]
    return Group(*parts)


def _source_rows(source: Mapping[str, Any]) -> Rows:
    if not source:
        return []
    engine = " ".join(str(source[key]) for key in ("engine", "engine_version") if source.get(key))
    return [
        ("snapshot", Text(text_of(source, "cluster_snapshot_identifier"), style="bold")),
        ("  of", f"{source.get('db_cluster_identifier', '')} in {source.get('region', '')}, {engine}"),
        ("  made", source.get("snapshot_create_time")),
        ("  chosen", source.get("reason")),
    ]


def _copy_rows(plan: Mapping[str, Any]) -> Rows:
    copy = map_of(plan, "copy")
    if not copy and not plan.get("copy_reason"):
        return []
    return [
        ("copy", text_of(copy, "cluster_snapshot_identifier") or "none"),
        ("  why", plan.get("copy_reason")),
        ("  key", copy.get("kms_key_id")),
    ]


def _cluster_rows(plan: Mapping[str, Any], parameters: Mapping[str, Any]) -> Rows:
    cluster = map_of(plan, "cluster")
    if not cluster:
        return []
    at_first, target = text_of(cluster, "db_cluster_identifier"), text_of(plan, "target_cluster_id")
    region = f" in {parameters['target_region']}" if parameters.get("target_region") else ""
    protection = [name for name in ("deletion_protection", "iam_authentication") if cluster.get(name)]
    return [
        ("cluster", Text.assemble((target or at_first, "bold"), region)),
        ("  at first", at_first if target and target != at_first else None),
        *((f"  {label}", _given(cluster.get(field))) for label, field in _CLUSTER_FIELDS),
        ("  with", ", ".join(item.replace("_", " ") for item in protection) or None),
        *_instance_rows(plan),
    ]


def _instance_rows(plan: Mapping[str, Any]) -> Rows:
    return [
        ("instance", f"{item.get('db_instance_identifier')} ({item.get('db_instance_class')})")
        for item in maps_of(plan, "instances")
    ]


def _user_rows(plan: Mapping[str, Any]) -> Rows:
    rows: Rows = [("master login", plan.get("admin_secret_id"))]
    for user in maps_of(plan, "db_users"):
        login = "IAM" if user.get("iam") else f"secret {user.get('secret_id')}"
        where = words(user.get("databases")) if user.get("databases") else "all databases"
        rows.append(("user", f"{account_words(user)} ({user.get('access')}) in {where}, {login}"))
    engine = map_of(plan, "source").get("engine")
    if plan.get("quiet_start"):
        rows.append(("quiet start", f"{engine_of(engine).quieted} are put to rest"))
        rows.append(
            ("first start", "quiet, with a parameter group of its own until the restart before the switch")
        )
    return rows


def _coming_rows(view: OperationView) -> Rows:
    """What is known beforehand of what comes along; once it was looked for, the list of what was found says more."""
    if view.section("came_along"):
        return []
    return [
        (text_of(each, "about"), text_of(each, "words"))
        for each in maps_of(view.section("plan"), "coming_along")
    ]


def _given(value: Any) -> str | None:
    return None if value in (None, [], {}) else words(value)
