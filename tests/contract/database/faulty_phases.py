"""A phase that works on a real server, called as the state machine calls it, with one fault in it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tests.contract.database.faults import FaultyDatabases, Plan
from tests.contract.database.servers import MASTER, RestoredCluster
from tests.fakes.records import FakeRecords
from tests.fakes.services import FakeSecrets
from tests.fakes.tables import FakeAudit
from tests.states_language.interpreter import ProcessDied
from tests.support.worlds import ADMIN_SECRET, PipelineRun

from aurora_restore.domain.errors import RestoreError, TransientError
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.steps.runner import Step, run_step

OPERATION = "restore-20261126-120000"
CALLS_AT_MOST = 30
# What a step reads of its own work.
_OF_THE_STEP = ("restore_details", "defused", "came_along", "warnings")


@dataclass(frozen=True)
class Call:
    """What came of a call: the record as it is then, and the error if there is one. `is_done`: the phase is."""

    plan: Plan
    record: Mapping[str, Any]
    is_done: bool = False
    error: RestoreError | None = None

    @property
    def is_final(self) -> bool:
        return self.is_done or self.error is not None

    @property
    def memory(self) -> str:
        """All that the next call learns from the record, times aside."""
        return json.dumps(
            _without_times({name: self.record.get(name) for name in _OF_THE_STEP}), sort_keys=True
        )

    @property
    def said(self) -> str:
        """All that people are reported."""
        return (
            f"{self.error} {self.error.hint}" if self.error else json.dumps(self.record, ensure_ascii=False)
        )


def _without_times(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_times(inner) for name, inner in value.items() if name != "time"}
    return value


class PassingTime:
    """A clock on which time passes as it does outside."""

    def __init__(self, begin: datetime) -> None:
        self._begin, self._start = begin, time.monotonic()

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=time.monotonic() - self._start)


class PhaseOnServer:
    """A phase of a run whose cluster is a real server. `has_passing_time`: else each call takes no time."""

    def __init__(
        self,
        cluster: RestoredCluster,
        phase: Phase,
        step: Step,
        secrets: Mapping[str, Credentials] | None = None,
        *,
        has_passing_time: bool = False,
        **request: Any,
    ) -> None:
        self.audit = FakeAudit()
        self._cluster = cluster
        self._phase = phase
        self._step = step
        run = PipelineRun()
        for name, value in (secrets or {}).items():
            run.aws.create_secret(name, vars(value))
        self._beginning = run.run(OPERATION, until=Phase.RESTORE_CLUSTER, **request)
        values = {ADMIN_SECRET: MASTER, **(secrets or {})}
        secrets_of_world = FakeSecrets({name: vars(value) for name, value in values.items()})
        clock = PassingTime(run.clock.now()) if has_passing_time else run.clock
        self._ports = replace(run.ports, secrets=secrets_of_world, audit=self.audit, clock=clock)

    def call(self, plan: Plan, before: Call | None = None) -> Call:
        """One call, with the record as it was after the call `before`, or as it is when the phase begins."""
        records = FakeRecords()
        records.create(before.record if before else self._beginning)
        databases = FaultyDatabases(self._cluster.engine.ca_bundle_path, self._cluster.endpoint, plan)
        ports = replace(self._ports, records=records, databases=databases)
        is_done, error = False, None
        try:
            is_done = run_step(self._phase, self._step, ports, OPERATION).status is StepStatus.DONE
        except (ProcessDied, TransientError):
            pass  # the state machine calls again
        except RestoreError as raised:
            error = raised
        return Call(plan, records.items[OPERATION], is_done, error)

    def until_fault(self, plan: Plan) -> Call:
        """Call the phase from its beginning until the fault has happened, or until it ends without."""
        call = self.call(plan)
        while not plan.happened and not call.is_final:
            call = self.call(plan, call)
        return call

    def end(self, before: Call | None = None) -> Call:
        """Call the phase until it ends; the places of the last call's plan are those of all of them."""
        plan, call = Plan(), before
        for _ in range(CALLS_AT_MOST):
            call = self.call(plan, call)
            if call.is_final:
                return call
        raise AssertionError(f"{self._phase} was not done after {CALLS_AT_MOST} calls.")
