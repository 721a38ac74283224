"""How long the waits of a run took before: what the last good operation of the same kind tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.states import OperationStatus
from aurora_restore.steps.ports import Ports

LOOKS_BACK = timedelta(days=60)
OPERATIONS_MOST = 20


def earlier_durations(ports: Ports, operation_id: str, plan: RestorePlan) -> dict[str, Any]:
    """The duration of each wait in the newest good operation on the same source: `{wait: {seconds, operation_id}}`.

    It only sharpens the waiting: where it cannot be read, the run goes on without.
    """
    since = ports.clock.now() - LOOKS_BACK
    try:
        items = ports.records.list_by_status(OperationStatus.SUCCEEDED.value, since, OPERATIONS_MOST)
    except RestoreError:
        return {}
    found: dict[str, Any] = {}
    for item in items:
        if item.get("operation_id") != operation_id and _is_alike(item, plan):
            for name, seconds in _waits(item).items():
                found.setdefault(name, {"seconds": seconds, "operation_id": item["operation_id"]})
    return found


def _is_alike(item: Mapping[str, Any], plan: RestorePlan) -> bool:
    """Data of the same cluster takes the same time, whatever becomes of it."""
    source = (item.get("plan") or {}).get("source") or {}
    return bool(source.get("db_cluster_identifier") == plan.source.db_cluster_identifier)


def _waits(item: Mapping[str, Any]) -> dict[str, float]:
    phases = item.get("phases") or {}
    return {
        name: float(wait["seconds"])
        for phase in phases.values()
        for name, wait in (phase.get("waits") or {}).items()
        if "until" in wait
    }
