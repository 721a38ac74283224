"""The deployed functions by their names: what each does with the world and the payload of its state machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import Phase
from aurora_restore.steps.archive_snapshot import archive_snapshot
from aurora_restore.steps.cleanup import cleanup
from aurora_restore.steps.copy_snapshot import copy_snapshot
from aurora_restore.steps.notify import notify
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.probe_network import probe_network
from aurora_restore.steps.prove_endpoint import prove_endpoint
from aurora_restore.steps.record_failure import record_failure
from aurora_restore.steps.restore_cluster import restore_cluster
from aurora_restore.steps.retire_replaced import clear_target, retire_replaced
from aurora_restore.steps.runner import Step, run_step
from aurora_restore.steps.setup_db_users import setup_db_users
from aurora_restore.steps.snapshot_check import snapshot_check
from aurora_restore.steps.sweep import sweep
from aurora_restore.steps.switch_over import switch_over
from aurora_restore.steps.verify_restore import verify_restore
from aurora_restore.steps.world import World

Event = Mapping[str, Any]
Answer = Mapping[str, Any]
Work = Callable[[World, Event], Answer]

RETIRING: Mapping[Phase, Step] = {
    Phase.CLEAR_TARGET: clear_target,
    Phase.RETIRE_REPLACED: retire_replaced,
}


def _defuse(operation: Operation, world: World) -> StepOutcome:
    # Of the functions one needs this: the others do not compile it at their cold start.
    from aurora_restore.steps.defuse import defuse  # noqa: PLC0415

    return defuse(operation, world)


IN_DATABASES: Mapping[Phase, Step] = {Phase.DEFUSE: _defuse, Phase.SETUP_DB_USERS: setup_db_users}


def _phase(phase: Phase, step: Step) -> Work:
    def work(world: World, event: Event) -> Answer:
        operation_id = str(event["operation_id"])
        return run_step(phase, step, world, operation_id).to_payload(operation_id)

    return work


def _snapshot_check(world: World, event: Event) -> Answer:
    operation_id = str(event["operation_id"])
    result = snapshot_check(world, operation_id, event.get("execution_arn"), event.get("request"))
    return result.to_payload(operation_id)


def _setup_db_users(world: World, event: Event) -> Answer:
    """One function for all that is done as the master in databases; the probe is of the network that it lies in."""
    if event.get("probe"):
        operation_id = str(event["operation_id"])
        return probe_network(world, operation_id).to_payload(operation_id)
    phase = Phase(event.get("phase", Phase.SETUP_DB_USERS))
    return _phase(phase, IN_DATABASES[phase])(world, event)


def _retire_replaced(world: World, event: Event) -> Answer:
    """One function for both phases: what may delete clusters on the way forward is one role."""
    phase = Phase(event["phase"])
    return _phase(phase, RETIRING[phase])(world, event)


def _notify(world: World, event: Event) -> Answer:
    operation_id = str(event["operation_id"])
    return notify(world, operation_id).to_payload(operation_id)


def _record_failure(world: World, event: Event) -> Answer:
    return record_failure(
        world,
        str(event["operation_id"]),
        event.get("execution_arn"),
        event.get("request"),
        str(event.get("error", "")),
        str(event.get("cause", "")),
    )


def _cleanup(world: World, event: Event) -> Answer:
    operation_id = str(event["operation_id"])
    return cleanup(world, operation_id, event.get("execution_arn")).to_payload(operation_id)


def _sweep(world: World, _event: Event) -> Answer:
    return sweep(world)


FUNCTIONS: Mapping[str, Work] = {
    "aurora-restore-snapshot-check": _snapshot_check,
    "aurora-restore-copy-snapshot": _phase(Phase.COPY_SNAPSHOT, copy_snapshot),
    "aurora-restore-restore-cluster": _phase(Phase.RESTORE_CLUSTER, restore_cluster),
    "aurora-restore-setup-db-users": _setup_db_users,
    "aurora-restore-verify-restore": _phase(Phase.VERIFY_RESTORE, verify_restore),
    "aurora-restore-switch-over": _phase(Phase.SWITCH_OVER, switch_over),
    "aurora-restore-prove-endpoint": _phase(Phase.PROVE_ENDPOINT, prove_endpoint),
    "aurora-restore-retire-replaced": _retire_replaced,
    "aurora-restore-archive-snapshot": _phase(Phase.ARCHIVE_SNAPSHOT, archive_snapshot),
    "aurora-restore-notify": _notify,
    "aurora-restore-record-failure": _record_failure,
    "aurora-restore-cleanup": _cleanup,
    "aurora-restore-sweep": _sweep,
}
