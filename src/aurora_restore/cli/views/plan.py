"""The plan of a run: what will be made, under which names, from which snapshot and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import facts, heading, words

_CLUSTER_FIELDS = (
    ("subnet group", "db_subnet_group_name"),
    ("security groups", "vpc_security_group_ids"),
    ("parameter group", "db_cluster_parameter_group_name"),
    ("key", "kms_key_id"),
    ("port", "port"),
    ("storage", "storage_type"),
    ("backup days", "backup_retention_days"),
    ("serverless v2", "serverless_v2"),
    ("logs exported", "cloudwatch_logs_exports"),
    ("lifecycle support", "engine_lifecycle_support"),
)


def render_plan(plan: Mapping[str, Any], parameters: Mapping[str, Any]) -> RenderableType:
    """The plan as the record holds it; `parameters` is the request, for what the plan takes for granted."""
    return Group(
        heading("Plan"),
        facts(
            [
                *_source_rows(plan.get("source") or {}),
                *_copy_rows(plan),
                *_cluster_rows(plan, parameters),
                *_user_rows(plan),
                *(("note", str(note)) for note in plan.get("notes") or ()),
            ]
        ),
    )


def _source_rows(source: Mapping[str, Any]) -> list[tuple[str, str | Text | None]]:
    engine = " ".join(str(source[key]) for key in ("engine", "engine_version") if source.get(key))
    return [
        ("snapshot", Text(str(source.get("cluster_snapshot_identifier") or ""), style="bold")),
        ("  of", f"{source.get('db_cluster_identifier', '')} in {source.get('region', '')}, {engine}"),
        ("  made", source.get("snapshot_create_time")),
        ("  chosen", source.get("reason")),
    ]


def _copy_rows(plan: Mapping[str, Any]) -> list[tuple[str, str | Text | None]]:
    copy = plan.get("copy")
    rows: list[tuple[str, str | Text | None]] = [
        ("copy", str(copy.get("cluster_snapshot_identifier")) if copy else "none"),
        ("  why", plan.get("copy_reason")),
    ]
    if copy:
        rows.append(("  key", copy.get("kms_key_id")))
    return rows


def _cluster_rows(
    plan: Mapping[str, Any], parameters: Mapping[str, Any]
) -> list[tuple[str, str | Text | None]]:
    cluster = plan.get("cluster") or {}
    region = f" in {parameters['target_region']}" if parameters.get("target_region") else ""
    protection = [name for name in ("deletion_protection", "iam_authentication") if cluster.get(name)]
    name = Text.assemble((str(cluster.get("db_cluster_identifier", "")), "bold"), region)
    return [
        ("cluster", name),
        *((f"  {label}", _given(cluster.get(field))) for label, field in _CLUSTER_FIELDS),
        ("  with", ", ".join(item.replace("_", " ") for item in protection) or None),
        *_instance_rows(plan),
    ]


def _instance_rows(plan: Mapping[str, Any]) -> list[tuple[str, str | Text | None]]:
    return [
        ("instance", f"{item.get('db_instance_identifier')} ({item.get('db_instance_class')})")
        for item in plan.get("instances") or ()
    ]


def _user_rows(plan: Mapping[str, Any]) -> list[tuple[str, str | Text | None]]:
    rows: list[tuple[str, str | Text | None]] = [("master login", plan.get("admin_secret_id"))]
    for user in plan.get("db_users") or ():
        login = "IAM" if user.get("iam") else f"secret {user.get('secret_id')}"
        where = words(user.get("databases")) if user.get("databases") else "all databases"
        rows.append(("user", f"{user.get('username')} ({user.get('access')}) in {where}, {login}"))
    if plan.get("lock_other_logins"):
        rows.append(("other logins", "locked"))
    return rows


def _given(value: Any) -> str | None:
    return None if value in (None, [], {}) else words(value)
