"""Replacing an existing cluster by a new one: what is planned for the old cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aurora_restore.domain.cluster_settings import CLUSTER_SETTINGS, INSTANCE_SETTINGS
from aurora_restore.domain.configuration import ClusterConfiguration
from aurora_restore.domain.naming import final_snapshot_identifier, retired_identifier, staging_identifier
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.states import Strategy


@dataclass(frozen=True)
class Replacement:
    """The cluster that is replaced, known by its resource id whatever its name is, and what becomes of it.

    `final_snapshot_identifier` None: the request wants none. `keep_hours` 0: it goes at once. `incoming_resource_id`:
    for an undo, the kept cluster that comes back; a restored cluster is known by its tag instead.
    """

    strategy: Strategy
    replaced_resource_id: str
    retired_identifier: str
    final_snapshot_identifier: str | None
    keep_hours: float = 0
    accept_differences: tuple[str, ...] = ()
    asked_for: tuple[str, ...] = ()
    incoming_resource_id: str | None = None
    undoes: str | None = None
    final_snapshot_retention_days: int | None = None
    """None: it is kept until an operator deletes it."""

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Replacement:
        """Read back what `asdict` wrote."""
        values = {**item, "strategy": Strategy(item["strategy"])}
        # A record of an earlier version has it under another name.
        if "aside_identifier" in values:
            values.setdefault("retired_identifier", values.pop("aside_identifier"))
        for name in ("accept_differences", "asked_for"):
            values[name] = tuple(values[name])
        return cls(**values)


def build_replacement(
    operation_id: str, request: RestoreRequest, replaced: ClusterConfiguration
) -> Replacement:
    """What a restore plans for the cluster that has its target's name."""
    return Replacement(
        strategy=Strategy(request.replace_strategy),
        replaced_resource_id=replaced.db_cluster_resource_id,
        retired_identifier=retired_identifier(replaced.db_cluster_identifier, operation_id),
        final_snapshot_identifier=final_snapshot_identifier(operation_id) if request.final_snapshot else None,
        keep_hours=request.keep_replaced_hours,
        accept_differences=request.accept_differences,
        asked_for=tuple(sorted(request.asked_for)),
        final_snapshot_retention_days=request.final_snapshot_retention_days or None,
    )


def name_at_first(operation_id: str, request: RestoreRequest, replaced: ClusterConfiguration | None) -> str:
    """The name under which the new cluster is restored: a staging name, where another cluster has the target's."""
    target = request.target_cluster_id.lower()
    if replaced is None or Strategy(request.replace_strategy) is Strategy.DELETE_FIRST:
        return target
    return staging_identifier(target, operation_id)


def with_defaults_of(
    request: RestoreRequest, replaced: ClusterConfiguration | None, *, keeps_port: bool
) -> RestoreRequest:
    """The request, with what it does not name taken from the cluster that is replaced.

    Never `engine_lifecycle_support`: leaving the field out does not enrol a cluster in a paid support.
    """
    if replaced is None:
        return request
    defaults: dict[str, Any] = {
        "db_instance_class": replaced.members[0].db_instance_class if replaced.members else None,
        "instance_count": len(replaced.members) or 1,
        "tags": replaced.tags,
        **{name: getattr(replaced, name) for name, row in CLUSTER_SETTINGS.items() if row.is_inherited},
    }
    for name, row in INSTANCE_SETTINGS.items():
        if row.asked:
            # A request has one value for all instances; where they differ each new one inherits its own.
            values = {getattr(member, name) for member in replaced.members}
            defaults[name] = values.pop() if len(values) == 1 else row.default
    # On one address two clusters cannot have the same port, and the old one still has it.
    if not keeps_port:
        defaults["port"] = None
    return replace(
        request, **{name: value for name, value in defaults.items() if name not in request.asked_for}
    )
