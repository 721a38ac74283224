"""Custom endpoints: planned for the new cluster as they were, and moved to it once it has the name.

An endpoint's name is taken in the whole Region until the endpoint is deleted, so that the two clusters cannot have it
at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_restore.domain.acts import DropEndpoint, MakeEndpoint
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.record import ActState

DROP_ACT, MAKE_ACT = "drop_endpoint", "make_endpoint"


@dataclass(frozen=True)
class CustomEndpoint:
    """As it is, or is planned. No members at all: every instance that its type admits."""

    identifier: str
    endpoint_type: str
    static_members: tuple[str, ...] = ()
    excluded_members: tuple[str, ...] = ()

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> CustomEndpoint:
        """Read back what `asdict` wrote."""
        static, excluded = item.get("static_members", ()), item.get("excluded_members", ())
        return cls(item["identifier"], item["endpoint_type"], tuple(static), tuple(excluded))


def endpoint_names(hosts: Collection[str]) -> frozenset[str]:
    """The identifiers of the custom endpoints whose host names a cluster shows: each is the first label."""
    return frozenset(host.partition(".")[0] for host in hosts)


def decide_endpoint(
    expected: CustomEndpoint, owner: DbCluster, other: DbCluster | None
) -> DropEndpoint | MakeEndpoint | None:
    """What is next for an endpoint that the owner is to have; None where it shows it.

    By what the clusters themselves show: only from the other one, which may still have it, is an endpoint ever dropped.
    """
    name, to = expected.identifier, owner.db_cluster_identifier
    if name in endpoint_names(owner.custom_endpoints):
        return None
    reason = moving_words(expected, owner)
    if other and name in endpoint_names(other.custom_endpoints):
        return DropEndpoint(name, to, kind=f"{DROP_ACT}-{name}", reason=reason, percent=15)
    return MakeEndpoint(name, to, expected, kind=f"{MAKE_ACT}-{name}", reason=reason, percent=15)


def moving_words(endpoint: CustomEndpoint, owner: DbCluster) -> str:
    """What goes on until the owner has the endpoint."""
    return f"the custom endpoint {endpoint.identifier} is being moved to {owner.db_cluster_identifier}"


def was_any_dropped(acts: Mapping[str, ActState]) -> bool:
    """Whether it was asked for that a cluster loses an endpoint."""
    return any(kind.startswith(DROP_ACT) for kind in acts)


def planned_endpoints(
    found: Sequence[CustomEndpoint], hosts: Collection[str], before: Sequence[str], after: Sequence[str]
) -> tuple[CustomEndpoint, ...]:
    """The endpoints of the new cluster: member for member by their order. Nothing where not all of them are known."""
    if not after or endpoint_names(hosts) != {each.identifier for each in found}:
        return ()
    # One more than there will be means the last one, as with the instances themselves.
    place = {name: after[min(number, len(after) - 1)] for number, name in enumerate(before)}
    # An excluded member without a counterpart is dropped: the last instance may belong to the endpoint.
    kept = set(before[: len(after)])
    return tuple(
        CustomEndpoint(
            each.identifier,
            each.endpoint_type,
            _unique(place[name] for name in each.static_members if name in place),
            _unique(place[name] for name in each.excluded_members if name in kept),
        )
        for each in found
    )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
