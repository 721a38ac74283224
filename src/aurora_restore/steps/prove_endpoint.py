"""ProveEndpoint: the target's name leads a client to the new cluster, over TLS that is verified with that name."""

from __future__ import annotations

from dataclasses import replace

from aurora_restore.domain.acts import Done, Leave, Wait
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.proving import (
    REBOOTING,
    Proving,
    decide_proof,
    refuse_endless_wait,
    renewed_by,
    was_rebooted,
)
from aurora_restore.domain.record import Proof, changed, with_warnings
from aurora_restore.domain.results import Phase, done, in_progress
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.times import format_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard
from aurora_restore.steps.take_over_master import endpoint_of


def prove_endpoint(operation: Operation, ports: Ports) -> StepOutcome:
    """One act at most. Raises EndpointNotProved, SecretNotFound, and what RDS refuses."""
    plan, cluster = operation.plan, ports.target_rds.find_cluster(operation.plan.target_cluster_id)
    resource_id = operation.record.restore_details.db_cluster_resource_id
    # By its resource id, which no rename changes: the name alone could be the old cluster's.
    if cluster is None or cluster.db_cluster_resource_id != resource_id:
        return _waiting(operation, ports, f"{plan.target_cluster_id} is not the new cluster")
    endpoint = endpoint_of(cluster)
    if endpoint is None:
        return _waiting(operation, ports, "the cluster does not name its endpoint yet")
    instances = ports.target_rds.list_cluster_instances(cluster.db_cluster_identifier)
    master = ports.secrets.read_credentials(plan.admin_secret_id)
    now = ports.clock.now()
    seen = Proving(
        cluster=cluster,
        instances=instances,
        answer=ports.databases.ask_who_answers(endpoint, master),
        former_identifier=plan.cluster.db_cluster_identifier,
        renewal=plan.certificate_renewal,
        is_undo=plan.strategy is Strategy.UNDO,
        acts=operation.record.acts,
        seen_rebooting=operation.record.proof.seen_rebooting,
        started=operation.phase_start(Phase.PROVE_ENDPOINT) or now,
        now=now,
    )
    next_act = decide_proof(seen)
    if isinstance(next_act, Done | Leave):
        return _proved(operation, seen, next_act)
    if isinstance(next_act, Wait):
        # Kept in the record, for a reboot may be over at the next
        # look: `available` then means after, and not before.
        is_rebooting = was_rebooted(seen.acts) and any(item.status == REBOOTING for item in instances)
        rebooting = changed(Proof, seen_rebooting=True) if is_rebooting else {}
        return replace(waiting(next_act), changes=rebooting)
    event = Event(f"certificate.{next_act.event}", {"name": next_act.name, "reason": next_act.reason})
    return carry_out(RunGuard(ports, operation), next_act, event)


def _waiting(operation: Operation, ports: Ports, reason: str) -> StepOutcome:
    now = ports.clock.now()
    started = operation.phase_start(Phase.PROVE_ENDPOINT) or now
    refuse_endless_wait(reason, operation.record.acts, started, now)
    return StepOutcome(in_progress(reason, 10, "endpoint"))


def _proved(operation: Operation, seen: Proving, end: Done | Leave) -> StepOutcome:
    leaves = isinstance(end, Leave)
    gone = operation.record.switch_over.name_gone_time
    # Where the old certificate is left, clients that verify it are still refused: no duration is claimed.
    seconds = round((seen.now - gone).total_seconds(), 1) if gone and not leaves else None
    proved_time, renewed = None if leaves else seen.now, renewed_by(seen.acts)
    changes = changed(
        Proof,
        proved_time=proved_time,
        answered_by=seen.answer.instance_identifier,
        certificate_renewed_by=renewed,
        seconds_unreachable_for_clients=seconds,
    )
    message = end.reason
    if leaves:
        message = (
            f"{end.reason}, and certificate_renewal is never: clients that verify the host name are refused"
        )
        changes |= with_warnings(operation.record, message)
    elif seconds is not None:
        message += f"; clients could not reach it for {seconds} s at most"
    details = {
        "proved_time": format_time(proved_time) if proved_time else None,
        "answered_by": seen.answer.instance_identifier,
        "certificate_renewed_by": renewed,
        "seconds_unreachable_for_clients": seconds,
        "message": message,
    }
    return StepOutcome(done(message), changes, (Event("endpoint.proved", details),))
