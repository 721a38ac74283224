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

from aurora_restore.domain.acts import Done, Leave, RebootInstance, StartCluster, StopCluster, Wait
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
Renewal = RebootInstance | StopCluster | StartCluster


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


def decide_proof(seen: Proving) -> Renewal | Wait | Done | Leave:
    """The next thing to do so that clients reach the new cluster by the target's name.

    Done: they do. Leave: its certificate still has the former name, and the request says that it is not renewed.

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
        return Done(proof)
    if not busy and answer.kind is EndpointAnswerKind.LOGIN_REFUSED and seen.is_undo:
        # The restored cluster takes the admin secret, so what refuses it is the one that came back.
        proof = f"{name} answers over verified TLS; the cluster that came back has a password of its own"
        return Done(proof)
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
    return "reboot" if was_rebooted(acts) else None


def was_rebooted(acts: Mapping[str, ActState]) -> bool:
    """Whether the reboot of an instance was asked for."""
    return any(kind.startswith(REBOOT_ACT) for kind in acts)


def _wait(seen: Proving, reason: str, waits_for: str = "endpoint") -> Wait:
    refuse_endless_wait(reason, seen.acts, seen.started, seen.now)
    return Wait(waits_for, reason)


def _not_proved(seen: Proving) -> str:
    answer = seen.answer
    if answer.kind is EndpointAnswerKind.LOGGED_IN:
        return f"{seen.cluster.db_cluster_identifier} still leads elsewhere: {answer.instance_identifier} answers"
    return f"{seen.cluster.db_cluster_identifier} does not lead to the new cluster yet: {answer.reason}"


def _renewal(seen: Proving) -> RebootInstance | StopCluster | Wait | Leave:
    """The cheapest way that was not tried yet: a reboot of each instance, then a stop and a start."""
    reason = f"the certificate still names {seen.former_identifier}"
    if seen.renewal == NEVER:
        return Leave(reason)
    # The pipeline may reboot only what it made, and not the readers that Application Auto Scaling added.
    untried = [
        name for name in seen.members if seen.age_of(reboot_act(name)) is None and not is_auto_scaled(name)
    ]
    if untried:
        return RebootInstance(untried[0], kind=reboot_act(untried[0]), reason=reason)
    ages = [age for name in seen.members if (age := seen.age_of(reboot_act(name))) is not None]
    if not seen.seen_rebooting and ages and min(ages) < REBOOT_UNSEEN:
        return _wait(seen, "the reboot does not show yet", "reboot")
    return _stop(seen, f"{reason}, and the reboot did not renew it")


def _restart(seen: Proving, busy: Sequence[str]) -> StopCluster | StartCluster | Wait:
    """How far the stop and start is."""
    if seen.cluster.status == "stopped":
        name = seen.cluster.db_cluster_identifier
        reason = f"{name} is stopped: it is started with a new certificate"
        return StartCluster(name, kind=START_ACT, reason=reason)
    if busy:
        return _wait(seen, ", ".join(busy), "start")
    asked = seen.age_of(STOP_ACT)
    if seen.age_of(START_ACT) is not None:
        return _wait(seen, _not_proved(seen))
    # The cluster still serves: RDS may show the stop minutes later, or may have dropped it.
    if asked is not None and asked < STOP_UNSEEN:
        return _wait(seen, "the stop does not show yet", "stop")
    return _stop(seen, "the stop was asked for, and never came")


def _stop(seen: Proving, reason: str) -> StopCluster:
    return StopCluster(seen.cluster.db_cluster_identifier, kind=STOP_ACT, reason=reason)
