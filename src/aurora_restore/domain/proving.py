"""Deciding whether the target's name leads clients to the new cluster, and what to do about its certificate.

"If you're using SSL endpoints and change the DB cluster identifier, stop and restart the DB cluster to update the SSL
endpoints", says the AuroraUserGuide: after a rename every client that verifies the host name is refused until the
certificate is renewed. The ways to renew it are tried in the order of what they cost: a reboot of the instances (a
minute; it is not verified that it helps), then the documented stop and start (many minutes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from aurora_restore.domain.acts import RebootInstance, StartCluster, StopCluster
from aurora_restore.domain.errors import EndpointNotProved
from aurora_restore.domain.observed import (
    DbCluster,
    DbInstance,
    EndpointAnswer,
    EndpointAnswerKind,
    is_auto_scaled,
    not_serving,
)
from aurora_restore.domain.record import ActState

AUTO, NEVER = "auto", "never"
STOP_ACT, START_ACT, REBOOT_ACT = "stop_for_certificate", "start_for_certificate", "reboot_for_certificate"
REBOOTING = "rebooting"
# DNS and a restart take minutes; so long after the last request nothing more can be expected.
PROOF_LIMIT = timedelta(minutes=45)
# RDS accepts a request and shows it later; a reboot that was not seen for so long has been, or never comes.
REBOOT_UNSEEN = timedelta(seconds=60)
STOP_UNSEEN = timedelta(minutes=10)


class ProveAction(Enum):
    DONE = "done"
    LEAVE_CERTIFICATE = "leave certificate"
    REBOOT = "reboot"
    STOP = "stop"
    START = "start"
    WAIT = "wait"


@dataclass(frozen=True)
class ProveDecision:
    """`subject`: the instance to reboot; `waiting_for` names the wait."""

    action: ProveAction
    reason: str
    waiting_for: str = "endpoint"
    subject: str = ""


@dataclass(frozen=True)
class Proving:
    """What is known of the endpoint, from a fresh look.

    `former_identifier`: the name under which the new cluster was started; its certificate may still bear it.
    `acts`, `seen_rebooting`: what was done about the certificate. `is_undo`: the cluster has a password of its own.
    """

    cluster: DbCluster
    instances: Sequence[DbInstance]
    answer: EndpointAnswer
    former_identifier: str
    renewal: str
    is_undo: bool
    acts: Mapping[str, ActState]
    seen_rebooting: bool
    started: datetime
    now: datetime

    @property
    def members(self) -> tuple[str, ...]:
        return self.cluster.member_identifiers

    def age_of(self, act: str) -> timedelta | None:
        """How long ago it was asked for; None where it was not."""
        state = self.acts.get(act)
        return self.now - state.last_time if state and state.last_time else None


def reboot_act(instance_identifier: str) -> str:
    return f"{REBOOT_ACT}-{instance_identifier}"


def decide_proof(seen: Proving) -> ProveDecision:
    """The next thing to do so that clients reach the new cluster by the target's name.

    Raises:
        EndpointNotProved: nothing helped for longer than the limit.
    """
    name, answer = seen.cluster.db_cluster_identifier, seen.answer
    busy = not_serving(seen.cluster, seen.instances)
    if (
        not busy
        and answer.kind is EndpointAnswerKind.LOGGED_IN
        and answer.instance_identifier in seen.members
    ):
        proof = f"{name} leads to {answer.instance_identifier} of the new cluster, over verified TLS"
        return ProveDecision(ProveAction.DONE, proof)
    if not busy and answer.kind is EndpointAnswerKind.LOGIN_REFUSED and seen.is_undo:
        # The restored cluster takes the admin secret, so what refuses it is the one that came back.
        proof = f"{name} answers over verified TLS; the cluster that came back has a password of its own"
        return ProveDecision(ProveAction.DONE, proof)
    # A stop that was begun is seen through to the start, whatever the endpoint answers meanwhile.
    if seen.age_of(STOP_ACT) is not None:
        return _restart(seen, busy)
    if busy:
        return _wait(seen, ", ".join(busy), "reboot")
    if bears_former_name(seen):
        return _renewal(seen)
    return _wait(seen, _not_proved(seen))


def refuse_endless_wait(reason: str, acts: Mapping[str, ActState], started: datetime, now: datetime) -> None:
    """Raises EndpointNotProved where nothing was done about the endpoint for longer than the limit."""
    kinds = (STOP_ACT, START_ACT, REBOOT_ACT)
    times = [state.last_time for kind, state in acts.items() if kind.startswith(kinds) and state.last_time]
    if now - max([started, *times]) > PROOF_LIMIT:
        minutes = PROOF_LIMIT.total_seconds() / 60
        raise EndpointNotProved(f"For more than {minutes:g} minutes: {reason}.")


def bears_former_name(seen: Proving) -> bool:
    """Whether the certificate is the new cluster's own, of the time before it was renamed."""
    return seen.answer.kind is EndpointAnswerKind.OTHER_CERTIFICATE and any(
        name.partition(".")[0] == seen.former_identifier for name in seen.answer.certificate_names
    )


def renewed_by(acts: Mapping[str, ActState]) -> str | None:
    """The last way by which the certificate was renewed, in words; None where none was tried."""
    if START_ACT in acts or STOP_ACT in acts:
        return "stop and start"
    return "reboot" if any(kind.startswith(REBOOT_ACT) for kind in acts) else None


def _wait(seen: Proving, reason: str, waiting_for: str = "endpoint") -> ProveDecision:
    refuse_endless_wait(reason, seen.acts, seen.started, seen.now)
    return ProveDecision(ProveAction.WAIT, reason, waiting_for)


def _not_proved(seen: Proving) -> str:
    answer = seen.answer
    if answer.kind is EndpointAnswerKind.LOGGED_IN:
        return f"{seen.cluster.db_cluster_identifier} still leads elsewhere: {answer.instance_identifier} answers"
    return f"{seen.cluster.db_cluster_identifier} does not lead to the new cluster yet: {answer.reason}"


def _renewal(seen: Proving) -> ProveDecision:
    """The cheapest way that was not tried yet: a reboot of each instance, then a stop and a start."""
    reason = f"the certificate still names {seen.former_identifier}"
    if seen.renewal == NEVER:
        return ProveDecision(ProveAction.LEAVE_CERTIFICATE, reason)
    # The pipeline may reboot only what it made, and not the readers that Application Auto Scaling added.
    untried = [
        name for name in seen.members if seen.age_of(reboot_act(name)) is None and not is_auto_scaled(name)
    ]
    if untried:
        return ProveDecision(ProveAction.REBOOT, reason, "reboot", untried[0])
    ages = [age for name in seen.members if (age := seen.age_of(reboot_act(name))) is not None]
    if not seen.seen_rebooting and ages and min(ages) < REBOOT_UNSEEN:
        return _wait(seen, "the reboot does not show yet", "reboot")
    return ProveDecision(ProveAction.STOP, f"{reason}, and the reboot did not renew it", "stop")


def _restart(seen: Proving, busy: Sequence[str]) -> ProveDecision:
    """How far the stop and start is."""
    if seen.cluster.status == "stopped":
        reason = f"{seen.cluster.db_cluster_identifier} is stopped: it is started with a new certificate"
        return ProveDecision(ProveAction.START, reason, "start")
    if busy:
        return _wait(seen, ", ".join(busy), "start")
    asked = seen.age_of(STOP_ACT)
    if seen.age_of(START_ACT) is not None:
        return _wait(seen, _not_proved(seen))
    # The cluster still serves: RDS may show the stop minutes later, or may have dropped it.
    if asked is not None and asked < STOP_UNSEEN:
        return _wait(seen, "the stop does not show yet", "stop")
    return ProveDecision(ProveAction.STOP, "the stop was asked for, and never came", "stop")


def renewal_act(name: str, decision: ProveDecision) -> RebootInstance | StopCluster | StartCluster:
    """What a decision to renew the certificate asks RDS for; `name` is that of the cluster."""
    reason, waits_for, subject = decision.reason, decision.waiting_for, decision.subject
    if decision.action is ProveAction.REBOOT:
        return RebootInstance(subject, kind=reboot_act(subject), reason=reason, waits_for=waits_for)
    if decision.action is ProveAction.STOP:
        return StopCluster(name, kind=STOP_ACT, reason=reason, waits_for=waits_for)
    return StartCluster(name, kind=START_ACT, reason=reason, waits_for=waits_for)
