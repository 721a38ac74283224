"""A schedule is due: the operation that it asks for is started, once, however often Scheduler delivers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_restore.domain.errors import ScheduledNameTaken
from aurora_restore.domain.schedules import due
from aurora_restore.steps.ports import Ports


def start_scheduled(ports: Ports, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Start it under the name that follows from the schedule and its time.

    Raises:
        ScheduleMalformed: the input of the schedule was not written by the pipeline.
        ScheduledNameTaken: an operation with another request has the name.
    """
    scheduled = due(event)
    earlier = ports.executions.start_restore(scheduled.operation_id, scheduled.request)
    # A second delivery has the same request; with another one, what is due now was never started.
    if earlier is not None and earlier != scheduled.request:
        raise ScheduledNameTaken(
            f"{scheduled.operation_id} was not started: another operation with this name was started before, "
            "with another request."
        )
    how = "was started" if earlier is None else "had been started before: the schedule was delivered again"
    return {
        "status": "DONE",
        "operation_id": scheduled.operation_id,
        "message": f"{scheduled.operation_id} {how}",
    }
