"""The custom endpoints change clusters: with the name to the new one, and in a rollback to the old one again.

They are taken only from a cluster that is proved to be the other one, and shows them. The new cluster serves without
them, so that what RDS refuses for long is left, and reported with the command that makes up for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from aurora_restore.domain.acts import DropEndpoint, MakeEndpoint
from aurora_restore.domain.asking import ASK_AGAIN, Asked
from aurora_restore.domain.custom_endpoints import (
    DROP_ACT,
    MAKE_ACT,
    CustomEndpoint,
    decide_endpoint,
    moving_words,
    was_any_dropped,
)
from aurora_restore.domain.errors import RequestRefused, ResourceBusy, StepFailed
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import EndpointState, EndpointWay, MovedEndpoint, with_warnings
from aurora_restore.domain.results import StepResult, in_progress
from aurora_restore.domain.switching import Parties, parties_of
from aurora_restore.steps.cleanup_context import CleanupContext, persisted
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import Guard, asked_for
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard

WAIT = "custom_endpoints"
LIMIT = timedelta(minutes=30)


@dataclass(frozen=True)
class Move:
    """One call: the endpoints that `owner` is to have, and the cluster that may still have them.

    `asked` is what this run, or this cleanup, has asked for; `given` what either may have given to the owner; `taken`
    what the run may have taken from a cluster that is the owner again.
    """

    operation: Operation
    ports: Ports
    guard: Guard
    asked: dict[str, Asked]
    given: dict[str, Asked]
    way: EndpointWay
    expected: Sequence[CustomEndpoint]
    owner: DbCluster
    other: DbCluster | None
    taken: Mapping[str, Asked] = field(default_factory=dict)

    def advance(self) -> StepOutcome | None:
        """At most one act; None where every endpoint is where it belongs, or is left."""
        seen = self.way.states_in(self.operation.record)
        endpoint = next((each for each in self.expected if each.identifier not in seen), None)
        if endpoint is None:
            return None
        next_act = decide_endpoint(endpoint, self.owner, self.other)
        if next_act is None:
            # The owner shows it, which it may do while the endpoint
            # is being made, and while it is on its way out.
            statuses = self.ports.target_rds.custom_endpoint_statuses(self.owner)
            times = [each.last for each in self._asked_for(endpoint, self.asked, self.taken)]
            # Where neither the run nor its cleanup has changed it, its status is not for them to wait for.
            if statuses.get(endpoint.identifier) == "available" or not times:
                return self._settled(endpoint, EndpointState.MOVED)
            if self.ports.clock.now() - max(times) > LIMIT:
                return self._left(endpoint)
            return StepOutcome(self._moving(endpoint, "it is not `available` there yet"))
        now = self.ports.clock.now()
        if any(each.is_overdue(now, LIMIT) for each in self._asked_for(endpoint, self.asked)):
            return self._left(endpoint)
        return self._carry_out(endpoint, next_act)

    def _asked_for(self, endpoint: CustomEndpoint, *of: Mapping[str, Asked]) -> list[Asked]:
        kinds = [f"{kind}-{endpoint.identifier}" for kind in (DROP_ACT, MAKE_ACT)]
        return [asked[kind] for asked in of for kind in kinds if kind in asked]

    def _moving(self, endpoint: CustomEndpoint, reason: str = "") -> StepResult:
        message = moving_words(endpoint, self.owner)
        return in_progress(f"{message}: {reason}" if reason else message, 15, WAIT)

    def _carry_out(self, endpoint: CustomEndpoint, act: DropEndpoint | MakeEndpoint) -> StepOutcome:
        given = self.given.get(f"{MAKE_ACT}-{endpoint.identifier}")
        if isinstance(act, DropEndpoint) and given and given.may_arrive(self.ports.clock.now()):
            # The other cluster shows what it had before: a deletion would meet the endpoint on its new cluster.
            return StepOutcome(self._moving(endpoint))
        before = self.asked.get(act.kind)
        # RDS lists endpoints late: a request that was accepted is given time to show before it is made again.
        if before and not before.refused and self.ports.clock.now() - before.last < ASK_AGAIN:
            return StepOutcome(self._moving(endpoint))
        try:
            changes = self.guard.ask(act)
        except (ResourceBusy, StepFailed, RequestRefused) as refused:
            if refused.is_of_record:
                raise
            return StepOutcome(self._moving(endpoint, refused.message))
        details = {"identifier": act.name, "db_cluster_identifier": act.cluster, "done": act.describe()}
        return asked_for(act, changes, Event(f"endpoint.{act.event}", details))

    def _settled(self, endpoint: CustomEndpoint, state: EndpointState, *warnings: str) -> StepOutcome:
        owner, record = self.owner.db_cluster_identifier, self.operation.record
        moved = MovedEndpoint(state=state, db_cluster_identifier=owner)
        changes = self.way.changed(record, endpoint.identifier, moved)
        message = f"the custom endpoint {endpoint.identifier} is {state.value}"
        details = {"identifier": endpoint.identifier, "state": state.value, "db_cluster_identifier": owner}
        event = Event(f"endpoint.{state.value}", details)
        return StepOutcome(
            in_progress(message, 15, WAIT), {**changes, **with_warnings(record, *warnings)}, (event,)
        )

    def _left(self, endpoint: CustomEndpoint) -> StepOutcome:
        owner = self.owner.db_cluster_identifier
        name, what = endpoint.identifier, advice(endpoint, owner)
        warning = f"The custom endpoint {name} could not be moved to {owner} in time. {what}"
        return self._settled(endpoint, EndpointState.LEFT, warning)


def advice(endpoint: CustomEndpoint, owner: str) -> str:
    """How a person makes the endpoint."""
    members = "".join(
        f" --{option} {' '.join(names)}"
        for option, names in (
            ("static-members", endpoint.static_members),
            ("excluded-members", endpoint.excluded_members),
        )
        if names
    )
    return (
        "Where it does not exist, make it with `aws rds create-db-cluster-endpoint --db-cluster-identifier "
        f"{owner} --db-cluster-endpoint-identifier {endpoint.identifier} "
        f"--endpoint-type {endpoint.endpoint_type}{members}`."
    )


def move_endpoints(operation: Operation, ports: Ports) -> StepOutcome | None:
    """In a run, after the switch: to the new cluster; None where nothing is left to do."""
    parties = parties_of(operation.operation_id, operation.plan)
    if parties is None:
        return None
    asked = operation.all_asked()
    return _forward(operation, ports, parties, RunGuard(ports, operation), asked, asked)


def tidy_endpoints(context: CleanupContext) -> StepOutcome | None:
    """The same in a cleanup that goes forward."""
    parties = parties_of(context.operation_id, context.plan) if context.plan else None
    if parties is None:
        return None
    asked = context.operation.asked_by_cleanup()
    given = {**context.operation.all_asked(), **asked}
    return persisted(
        context, _forward(context.operation, context.ports, parties, context.guard, asked, given)
    )


def give_endpoints_back(context: CleanupContext) -> StepOutcome | None:
    """In a cleanup that goes back, once the old cluster has its name: it has the endpoints that it had."""
    parties = parties_of(context.operation_id, context.plan) if context.plan else None
    # A run that has dropped none has left each on the old cluster.
    if parties is None or not was_any_dropped(context.operation.record.acts):
        return None
    owner = context.find(parties.plan.target_cluster_id)
    other = context.find(parties.plan.cluster.db_cluster_identifier)
    # Only to the cluster that is proved to be the old one,
    # and only from the one that is proved to be the new one.
    if owner is None or not parties.is_old(owner):
        return None
    expected = [CustomEndpoint.from_item(each.item) for each in context.operation.record.replaced.endpoints]
    asked = context.operation.asked_by_cleanup()
    new = other if parties.is_new(other) else None
    taken = context.operation.all_asked()
    way, guard = EndpointWay.BACK, context.guard
    move = Move(context.operation, context.ports, guard, asked, asked, way, expected, owner, new, taken)
    return persisted(context, move.advance())


def _forward(
    operation: Operation,
    ports: Ports,
    parties: Parties,
    guard: Guard,
    asked: dict[str, Asked],
    given: dict[str, Asked],
) -> StepOutcome | None:
    if not parties.plan.custom_endpoints:
        return None
    owner = ports.target_rds.find_cluster(parties.plan.target_cluster_id)
    other = ports.target_rds.find_cluster(parties.replacement.retired_identifier)
    # The old cluster may still have the name, or have it again: then the endpoints stay where they are.
    if owner is None or not parties.is_new(owner):
        return None
    old = other if parties.is_old(other) else None
    expected = parties.plan.custom_endpoints
    return Move(operation, ports, guard, asked, given, EndpointWay.FORWARD, expected, owner, old).advance()
