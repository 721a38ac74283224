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

LambdaEvent = Mapping[str, Any]
Answer = Mapping[str, Any]
Work = Callable[["Ports", LambdaEvent], Answer]


FUNCTIONS = (
    "aurora-restore-snapshot-check",
    "aurora-restore-copy-snapshot",
    "aurora-restore-restore-cluster",
    "aurora-restore-setup-db-users",
    "aurora-restore-verify-restore",
    "aurora-restore-switch-over",
    "aurora-restore-prove-endpoint",
    "aurora-restore-retire-replaced",
    "aurora-restore-archive-snapshot",
    "aurora-restore-notify",
    "aurora-restore-record-failure",
    "aurora-restore-cleanup",
    "aurora-restore-sweep",
    "aurora-restore-start-scheduled",
)


@functools.cache
def work_of(function_name: str) -> Work:
    """What a deployed function does. Raises KeyError for a name that no function has."""
    match function_name:
        case "aurora-restore-snapshot-check":
            from aurora_restore.steps.snapshot_check import snapshot_check

            # The request itself, since it is this function that writes it into a record.
            return lambda ports, event: snapshot_check(
                ports, _id(event), event.get("execution_arn"), event.get("request")
            ).to_payload(_id(event))
        case "aurora-restore-notify":
            from aurora_restore.steps.notify import notify

            return lambda ports, event: notify(ports, _id(event)).to_payload(_id(event))
        case "aurora-restore-record-failure":
            from aurora_restore.steps.record_failure import record_failure

            # With the request, too: an execution may fail before its first step has written a record.
            return lambda ports, event: record_failure(
                ports,
                _id(event),
                event.get("execution_arn"),
                event.get("request"),
                str(event.get("error", "")),
                str(event.get("cause", "")),
            )
        case "aurora-restore-cleanup":
            from aurora_restore.steps.cleanup import cleanup

            return lambda ports, event: cleanup(ports, _id(event), event.get("execution_arn")).to_payload(
                _id(event)
            )
        case "aurora-restore-sweep":
            from aurora_restore.steps.sweep import sweep

            return lambda ports, _event: sweep(ports)
        case "aurora-restore-start-scheduled":
            from aurora_restore.steps.start_scheduled import start_scheduled

            return start_scheduled
        case _:
            return _phase_work(function_name)


def _phase_work(function_name: str) -> Work:
    """The work of a function that runs one phase. Raises KeyError for a name that no function has."""
    match function_name:
        case "aurora-restore-copy-snapshot":
            from aurora_restore.steps.copy_snapshot import copy_snapshot

            return _phase(Phase.COPY_SNAPSHOT, copy_snapshot)
        case "aurora-restore-verify-restore":
            from aurora_restore.steps.verify_restore import verify_restore

            return _phase(Phase.VERIFY_RESTORE, verify_restore)
        case "aurora-restore-switch-over":
            from aurora_restore.steps.switch_over import switch_over

            return _phase(Phase.SWITCH_OVER, switch_over)
        case "aurora-restore-prove-endpoint":
            from aurora_restore.steps.prove_endpoint import prove_endpoint

            return _phase(Phase.PROVE_ENDPOINT, prove_endpoint)
        case "aurora-restore-archive-snapshot":
            from aurora_restore.steps.archive_snapshot import archive_snapshot

            return _phase(Phase.ARCHIVE_SNAPSHOT, archive_snapshot)
        case _:
            return _work_of_phases(function_name)


def _work_of_phases(function_name: str) -> Work:
    """The work of a function that runs several phases. Raises KeyError for a name that no function has."""
    match function_name:
        case "aurora-restore-restore-cluster":
            from aurora_restore.steps.apply_parameter_group import apply_parameter_group
            from aurora_restore.steps.restore_cluster import restore_cluster

            # One function for both phases: what may restore clusters and change what was restored is one role.
            steps = {
                Phase.RESTORE_CLUSTER: restore_cluster,
                Phase.APPLY_PARAMETER_GROUP: apply_parameter_group,
            }
            return _phase_of_payload(steps, Phase.RESTORE_CLUSTER)
        case "aurora-restore-setup-db-users":
            from aurora_restore.steps.defuse import defuse
            from aurora_restore.steps.probe_network import probe_network
            from aurora_restore.steps.setup_db_users import setup_db_users

            # One function for all that is done as the master in databases; the probe is of the network that
            # it lies in.
            steps = {Phase.SETUP_DB_USERS: setup_db_users, Phase.DEFUSE: defuse}
            work = _phase_of_payload(steps, Phase.SETUP_DB_USERS)
            return lambda ports, event: (
                probe_network(ports, _id(event)).to_payload(_id(event))
                if event.get("probe")
                else work(ports, event)
            )
        case "aurora-restore-retire-replaced":
            from aurora_restore.steps.end_rehearsal import end_rehearsal
            from aurora_restore.steps.retire_replaced import clear_target, retire_replaced

            # One function for all three: the role that may delete clusters in a normal run exists once. None is
            # the default one: no cluster is deleted for a payload that does not say which of them is meant.
            steps = {
                Phase.CLEAR_TARGET: clear_target,
                Phase.RETIRE_REPLACED: retire_replaced,
                Phase.END_REHEARSAL: end_rehearsal,
            }
            return _phase_of_payload(steps)
    raise KeyError(function_name)


def _id(event: LambdaEvent) -> str:
    return str(event["operation_id"])


def _phase(phase: Phase, step: Step) -> Work:
    from aurora_restore.steps.runner import run_step

    return lambda ports, event: run_step(phase, step, ports, _id(event)).to_payload(_id(event))


def _phase_of_payload(steps: Mapping[Phase, Step], default: Phase | None = None) -> Work:
    """The phase that the payload names; the default one where it names none."""
    works = {phase: _phase(phase, step) for phase, step in steps.items()}
    return lambda ports, event: works[Phase(event.get("phase", default) if default else event["phase"])](
        ports, event
    )
