"""The deployed functions by their names: what each does with the world and the payload of its state machine.

A step is imported where its function is asked for, so that a new Lambda worker compiles no step but its own.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aurora_restore.domain.results import Phase

if TYPE_CHECKING:
    from aurora_restore.steps.ports import Ports
    from aurora_restore.steps.runner import Step

Event = Mapping[str, Any]
Answer = Mapping[str, Any]
Work = Callable[["Ports", Event], Answer]


@functools.cache
def work_of(function_name: str) -> Work:
    """What a deployed function does. Raises KeyError for a name that no function has."""
    return FUNCTIONS[function_name]()


def _phase(phase: Phase, step: Step) -> Work:
    from aurora_restore.steps.runner import run_step

    def work(ports: Ports, event: Event) -> Answer:
        operation_id = str(event["operation_id"])
        return run_step(phase, step, ports, operation_id).to_payload(operation_id)

    return work


def _snapshot_check() -> Work:
    from aurora_restore.steps.snapshot_check import snapshot_check

    def work(ports: Ports, event: Event) -> Answer:
        operation_id = str(event["operation_id"])
        result = snapshot_check(ports, operation_id, event.get("execution_arn"), event.get("request"))
        return result.to_payload(operation_id)

    return work


def _copy_snapshot() -> Work:
    from aurora_restore.steps.copy_snapshot import copy_snapshot

    return _phase(Phase.COPY_SNAPSHOT, copy_snapshot)


def _restore_cluster() -> Work:
    """One function for both phases: what may restore clusters and change what was restored is one role."""
    from aurora_restore.steps.apply_parameter_group import apply_parameter_group
    from aurora_restore.steps.restore_cluster import restore_cluster

    works = {
        Phase.RESTORE_CLUSTER: _phase(Phase.RESTORE_CLUSTER, restore_cluster),
        Phase.APPLY_PARAMETER_GROUP: _phase(Phase.APPLY_PARAMETER_GROUP, apply_parameter_group),
    }
    return lambda ports, event: works[Phase(event.get("phase", Phase.RESTORE_CLUSTER))](ports, event)


def _setup_db_users() -> Work:
    """One function for all that is done as the master in databases; the probe is of the network that it lies in."""
    from aurora_restore.steps.defuse import defuse
    from aurora_restore.steps.probe_network import probe_network
    from aurora_restore.steps.setup_db_users import setup_db_users

    works = {
        Phase.DEFUSE: _phase(Phase.DEFUSE, defuse),
        Phase.SETUP_DB_USERS: _phase(Phase.SETUP_DB_USERS, setup_db_users),
    }

    def work(ports: Ports, event: Event) -> Answer:
        if event.get("probe"):
            operation_id = str(event["operation_id"])
            return probe_network(ports, operation_id).to_payload(operation_id)
        return works[Phase(event.get("phase", Phase.SETUP_DB_USERS))](ports, event)

    return work


def _verify_restore() -> Work:
    from aurora_restore.steps.verify_restore import verify_restore

    return _phase(Phase.VERIFY_RESTORE, verify_restore)


def _switch_over() -> Work:
    from aurora_restore.steps.switch_over import switch_over

    return _phase(Phase.SWITCH_OVER, switch_over)


def _prove_endpoint() -> Work:
    from aurora_restore.steps.prove_endpoint import prove_endpoint

    return _phase(Phase.PROVE_ENDPOINT, prove_endpoint)


def _retire_replaced() -> Work:
    """One function for both phases: the role that may delete clusters in a normal run exists once."""
    from aurora_restore.steps.retire_replaced import clear_target, retire_replaced

    works = {
        Phase.CLEAR_TARGET: _phase(Phase.CLEAR_TARGET, clear_target),
        Phase.RETIRE_REPLACED: _phase(Phase.RETIRE_REPLACED, retire_replaced),
    }
    return lambda ports, event: works[Phase(event["phase"])](ports, event)


def _archive_snapshot() -> Work:
    from aurora_restore.steps.archive_snapshot import archive_snapshot

    return _phase(Phase.ARCHIVE_SNAPSHOT, archive_snapshot)


def _notify() -> Work:
    from aurora_restore.steps.notify import notify

    def work(ports: Ports, event: Event) -> Answer:
        operation_id = str(event["operation_id"])
        return notify(ports, operation_id).to_payload(operation_id)

    return work


def _record_failure() -> Work:
    from aurora_restore.steps.record_failure import record_failure

    def work(ports: Ports, event: Event) -> Answer:
        return record_failure(
            ports,
            str(event["operation_id"]),
            event.get("execution_arn"),
            event.get("request"),
            str(event.get("error", "")),
            str(event.get("cause", "")),
        )

    return work


def _cleanup() -> Work:
    from aurora_restore.steps.cleanup import cleanup

    def work(ports: Ports, event: Event) -> Answer:
        operation_id = str(event["operation_id"])
        return cleanup(ports, operation_id, event.get("execution_arn")).to_payload(operation_id)

    return work


def _sweep() -> Work:
    from aurora_restore.steps.sweep import sweep

    return lambda ports, _event: sweep(ports)


FUNCTIONS: Mapping[str, Callable[[], Work]] = {
    "aurora-restore-snapshot-check": _snapshot_check,
    "aurora-restore-copy-snapshot": _copy_snapshot,
    "aurora-restore-restore-cluster": _restore_cluster,
    "aurora-restore-setup-db-users": _setup_db_users,
    "aurora-restore-verify-restore": _verify_restore,
    "aurora-restore-switch-over": _switch_over,
    "aurora-restore-prove-endpoint": _prove_endpoint,
    "aurora-restore-retire-replaced": _retire_replaced,
    "aurora-restore-archive-snapshot": _archive_snapshot,
    "aurora-restore-notify": _notify,
    "aurora-restore-record-failure": _record_failure,
    "aurora-restore-cleanup": _cleanup,
    "aurora-restore-sweep": _sweep,
}
