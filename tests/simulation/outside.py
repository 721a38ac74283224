"""Around a simulation: the events that tell of its ends, and the eye that sees when it is stuck."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.seeding import ACCOUNT, TARGET_REGION
from tests.states_language.interpreter import Execution

from aurora_restore.domain.times import format_time

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

STUCK_AFTER = timedelta(hours=12)
LOOKS_BETWEEN = 32
ONLY_ASKING = "#cleanup.requested"


class Watch:
    """Whether anything still comes of what happens: RDS is at work, the trail grows, records are closed."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._seen: tuple[int, ...] = ()
        self._since = sim.clock.now()
        self._looks = 0

    def is_stuck(self) -> bool:
        self._looks += 1
        if self._looks % LOOKS_BETWEEN:
            return False
        sim = self._sim
        seen = (
            sum(not key.endswith(ONLY_ASKING) for trail in sim.audit.entries.values() for key in trail),
            sum("end_time" in item for item in sim.records.items.values()),
            len(sim.notifications.published),
            sim.aurora.world.begun,
        )
        if seen != self._seen or sim.aurora.world.transitions:
            self._seen, self._since = seen, sim.clock.now()
        return sim.clock.now() - self._since > STUCK_AFTER


def status_event(execution: Execution, number: int) -> dict[str, Any]:
    """As EventBridge brings it: "Step Functions Execution Status Change"."""
    time = format_time(execution.stop_time or execution.start_time)
    return {
        "version": "0",
        "id": f"00000000-0000-0000-0000-{number:012d}",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": ACCOUNT,
        "time": time,
        "region": TARGET_REGION,
        "resources": [execution.execution_arn],
        "detail": {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.machine_arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": int(execution.start_time.timestamp() * 1000),
            "stopDate": int((execution.stop_time or execution.start_time).timestamp() * 1000),
            "input": "(left out)",
            "output": None,
            "error": execution.error,
            "cause": execution.cause,
        },
    }
