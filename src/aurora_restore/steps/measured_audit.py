"""The audit trail, whose failed writes are measured: a trail with gaps is found before it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aurora_restore.domain.errors import RestoreError

if TYPE_CHECKING:
    from aurora_restore.steps.ports import Audit, Clock, Metrics


class MeasuredAudit:
    """Implements the port `Audit` with another one."""

    def __init__(self, audit: Audit, metrics: Metrics, clock: Clock) -> None:
        self._audit = audit
        self._metrics = metrics
        self._clock = clock

    def append(self, item: Mapping[str, Any]) -> None:
        """As the port says. The error goes on: a call that is repeated writes what this one could not."""
        try:
            self._audit.append(item)
        except RestoreError as error:
            # Here, so that no other function compiles it at its cold start.
            from aurora_restore.domain.measures import audit_failure  # noqa: PLC0415

            self._metrics.put(audit_failure(str(item.get("event", "")), error, self._clock.now()))
            raise

    def trail(self, operation_id: str) -> Sequence[dict[str, Any]]:
        return self._audit.trail(operation_id)
