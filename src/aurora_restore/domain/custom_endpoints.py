"""Custom endpoints: planned for the new cluster as they were, and moved to it once it has the name.

An endpoint's name is taken in the whole Region until the endpoint is deleted, so that the two clusters cannot have it
at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


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


class EndpointAction(Enum):
    NONE = auto()
    DROP = auto()
    MAKE = auto()


def endpoint_names(hosts: Collection[str]) -> frozenset[str]:
    """The identifiers of the custom endpoints whose host names a cluster shows: each is the first label."""
    return frozenset(host.partition(".")[0] for host in hosts)


def decide_endpoint(
    expected: CustomEndpoint, owner: Collection[str], other: Collection[str]
) -> EndpointAction:
    """What is next for an endpoint that the owner is to have; `other` is the cluster that may still have it.

    Both are the host names that the clusters themselves show: only from the other one is an endpoint ever dropped.
    """
    if expected.identifier in endpoint_names(owner):
        return EndpointAction.NONE
    return EndpointAction.DROP if expected.identifier in endpoint_names(other) else EndpointAction.MAKE


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
