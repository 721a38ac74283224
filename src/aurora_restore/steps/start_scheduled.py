"""A schedule is due: the operation that it asks for is started, once, however often Scheduler delivers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_restore.domain.schedules import due
from aurora_restore.steps.ports import Ports


def start_scheduled(ports: Ports, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Start it under the name that follows from the schedule and its time.

    Raises:
        ScheduleMalformed: the input of the schedule was not written by the pipeline.
    """
    scheduled = due(event)
    is_new = ports.executions.start_restore(scheduled.operation_id, scheduled.request)
    how = "was started" if is_new else "had been started before: the schedule was delivered again"
    return {
        "status": "DONE",
        "operation_id": scheduled.operation_id,
        "message": f"{scheduled.operation_id} {how}",
    }
