"""Deciding about the fence around an old cluster: its sessions end and no new ones begin, before its final snapshot.

A rename ends no session: pools stay where they are and go on writing to the old cluster, and what they write after its
final snapshot would be nowhere. The fence is a change of the cluster's port. "An outage occurs during this change. All
of the DB instances in the DB cluster are rebooted immediately" (AuroraUserGuide, "Modifying an Amazon Aurora DB
cluster"): one request ends every session, and a client that comes back finds no server under the known port. It needs
no security group, no right in EC2 and no login, and the same request with the former port lifts it. See
docs/decisions/0012-the-fence-is-another-port.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from aurora_restore.domain.acts import ChangePort, Wait
from aurora_restore.domain.asking import STILL_ARRIVES
from aurora_restore.domain.observed import DbCluster, DbInstance, not_serving
from aurora_restore.domain.rds_statuses import FAILED_INSTANCE_STATUSES
from aurora_restore.domain.record import ActState, Fence, changed

FENCE_ACT = "fence"
# RDS takes ports from 1150 to 65535.
_FIRST_PORT, _PORTS, _STEP = 1150, 65535 - 1150 + 1, 7919
# RDS accepts a request and shows it later: until then it is under way.
FENCE_UNSEEN = timedelta(minutes=10)


def port_behind_fence(open_port: int) -> int:
    """Another port than the one that is known: always the same one, so that a request can be made again."""
    return _FIRST_PORT + (open_port - _FIRST_PORT + _STEP) % _PORTS


def may_still_come(acts: Mapping[str, ActState], now: datetime) -> bool:
    """Whether the fence was asked for so recently that it can still take effect."""
    return _age(acts, now) < STILL_ARRIVES


def is_under_way(acts: Mapping[str, ActState], now: datetime) -> bool:
    """Whether RDS has accepted the request, and it does not show yet; what was not answered is asked for again."""
    fence = acts.get(FENCE_ACT)
    return fence is not None and fence.answered and _age(acts, now) < FENCE_UNSEEN


def _age(acts: Mapping[str, ActState], now: datetime) -> timedelta:
    fence = acts.get(FENCE_ACT)
    return now - fence.last_time if fence and fence.last_time else timedelta.max


def decide_fence(
    cluster: DbCluster, instances: Sequence[DbInstance], open_port: int, *, under_way: bool
) -> ChangePort | Wait | None:
    """The next thing to do so that no client writes to the cluster any more; None where none can.

    A cluster without instances has no sessions.
    """
    name = cluster.db_cluster_identifier
    if not instances:
        return None
    if busy := _busy(cluster, instances):
        return Wait("fence", busy)
    if cluster.port == open_port:
        if under_way:
            return Wait("fence", f"{name} is about to be fenced: it does not show yet")
        reason = f"sessions of {name} end, so that nothing is written after its final snapshot"
        port = port_behind_fence(open_port)
        return ChangePort(name, port, is_fence=True, kind=FENCE_ACT, reason=reason)
    # The cluster may show its new port first: an instance that listens on the known one still takes writes.
    late = [item.db_instance_identifier for item in instances if item.port == open_port]
    if late:
        return Wait("fence", f"{', '.join(late)} still listens on port {open_port}")
    return None


def decide_lifting(
    cluster: DbCluster, instances: Sequence[DbInstance], open_port: int, now: datetime, *, under_way: bool
) -> ChangePort | Wait | None:
    """The next thing to do so that clients reach it again under the port that they know; None where they do."""
    name = cluster.db_cluster_identifier
    if busy := _busy(cluster, instances):
        return Wait("fence", busy)
    if cluster.port != open_port:
        reason, lifted = f"{name} gets its port {open_port} back", changed(Fence, lifted_time=now)
        return ChangePort(name, open_port, is_fence=False, reason=reason, also=lifted)
    late = [item.db_instance_identifier for item in instances if item.port not in (None, open_port)]
    if late:
        return Wait("fence", f"{', '.join(late)} does not listen on port {open_port} yet")
    # A request for the fence that is still to take effect would close the port again after it was opened.
    if under_way:
        return Wait("fence", f"{name} was about to be fenced: that may still come")
    return None


def _busy(cluster: DbCluster, instances: Sequence[DbInstance]) -> str:
    """What is in the middle of something; an instance that has failed for good is not waited for."""
    lasting = [item for item in instances if item.status not in FAILED_INSTANCE_STATUSES]
    return ", ".join(not_serving(cluster, lasting))
