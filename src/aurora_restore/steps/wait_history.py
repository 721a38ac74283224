"""How long the waits of a run took before: what the last good operation of the same kind shows."""

from __future__ import annotations

from datetime import timedelta

from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import EarlierWait, Record
from aurora_restore.domain.states import OperationStatus
from aurora_restore.steps.ports import Ports

LOOKS_BACK = timedelta(days=60)
OPERATIONS_MOST = 20


def earlier_durations(ports: Ports, operation_id: str, plan: RestorePlan) -> dict[str, EarlierWait]:
    """The duration of each wait in the newest good operation on the same source, by the name of the wait.

    It only sharpens the waiting: where it cannot be read, the run goes on without.
    """
    since = ports.clock.now() - LOOKS_BACK
    try:
        items = ports.records.list_by_status(OperationStatus.SUCCEEDED.value, since, OPERATIONS_MOST)
    except RestoreError:
        return {}
    found: dict[str, EarlierWait] = {}
    for record in map(Record.read, items):
        # Data of the same cluster takes the same time, whatever becomes of it.
        is_alike = record.plan.source.db_cluster_identifier == plan.source.db_cluster_identifier
        if record.operation_id != operation_id and is_alike:
            waits = {
                name: wait.seconds
                for phase in record.phases.values()
                for name, wait in phase.waits.items()
                if wait.has_ended and wait.seconds is not None
            }
            for name, seconds in waits.items():
                found.setdefault(name, EarlierWait(seconds=seconds, operation_id=record.operation_id))
    return found
