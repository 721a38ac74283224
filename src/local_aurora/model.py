"""The local Aurora: one account's Aurora in several Regions, behind the operations of the RDS API."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from local_aurora import (
    account,
    automated_backups,
    cluster_changes,
    clusters,
    custom_endpoints,
    groups,
    instances,
    jobs,
    lagging,
    parameter_groups,
    scaling,
    snapshots,
    state,
    watching,
)
from local_aurora.access import AnswerKind, LoginAnswer, LoginEnd, ServerAnswer
from local_aurora.endpoints import ROLES, cluster_of_host
from local_aurora.engine import Engine
from local_aurora.errors import AwsError, invalid_combination
from local_aurora.faults import FaultRule, FaultRules, mark, refuse_before, spoil_reply
from local_aurora.keeping import WorldKeeper
from local_aurora.objects import Cluster
from local_aurora.seeding import Seeder
from local_aurora.settling import next_end, settle
from local_aurora.timing import Durations, Habits, Transition
from local_aurora.work import WORK_TIMEOUT_SECONDS, EngineWork
from local_aurora.world import Call, Clock, Operation, Quotas, World

OPERATIONS: dict[str, Operation] = {
    **snapshots.OPERATIONS,
    **clusters.OPERATIONS,
    **cluster_changes.OPERATIONS,
    **custom_endpoints.OPERATIONS,
    **instances.OPERATIONS,
    **groups.OPERATIONS,
    **parameter_groups.OPERATIONS,
    **account.OPERATIONS,
    **automated_backups.OPERATIONS,
    **watching.OPERATIONS,
}
_AT_ONCE = Durations(**dict.fromkeys(Durations.__dataclass_fields__, 0.0))
_IDLE_SECONDS = 60.0
_SHORTEST_TICK_SECONDS = 0.01
_SEEDING_TICK_SECONDS = 0.1


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class LocalAurora:
    """One model, safe to call from any thread.

    Without an engine everything is lazy on the clock and deterministic. With one, its work is done in the
    background, and a status is final only when both the time is over and the work is done; the clock must
    then be the real one. `close` ends the background work and stops the servers.

    `state_json` is what an earlier `to_json` or a keeper gave; servers that ran then are started again. With a
    `keeper` every change is on disk before the call that made it is answered.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of its own
        self,
        clock: Clock | None = None,
        *,
        durations: Durations | None = None,
        engine: Engine | None = None,
        account_id: str = "000000000000",
        regions: Iterable[str] = ("us-east-1", "us-west-2"),
        seed: str = "aurora",
        state_json: Mapping[str, Any] | None = None,
        keeper: WorldKeeper | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.faults = FaultRules()
        self.world = World(account_id, regions, durations or Durations(), seed)
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        self._keeper = keeper
        self.seed = Seeder(self)
        self._ticker: threading.Thread | None = None
        if state_json is not None:
            state.load(self.world, state_json)
        # From here on the state on disk is that of this world, also where nothing was there.
        self._keep()
        if engine is not None:
            self._attach(engine)

    def _attach(self, engine: Engine) -> None:
        def wake() -> None:
            with self._changed:
                self._changed.notify_all()

        self.world.work = work = EngineWork(engine, wake)
        for transition in self.world.transitions:
            jobs.start_at_once(self.world, transition)
        # The servers that ran when the state was saved run again before the first call is answered.
        regions = self.world.regions
        serving = [c for r in regions.values() for c in r.clusters.values() if self.accepts_connections(c)]
        starting = [
            (cluster, jobs.submit_start(regions[cluster.region], cluster, work)) for cluster in serving
        ]
        for cluster, future in starting:
            cluster.port = future.result(timeout=WORK_TIMEOUT_SECONDS).port
        self._ticker = threading.Thread(target=self._tick, name="aurora-ticker", daemon=True)
        self._ticker.start()

    def _keep(self) -> None:
        if self._keeper is not None:
            self._keeper.keep(self.world)

    def _tick(self) -> None:
        """Finish what is over though no client calls: a server must start when its instance becomes available."""
        with self._changed:
            while not self._closed:
                now = self.clock.now()
                settle(self.world, now)
                self._keep()
                end = next_end(self.world, now)
                # The least keeps it from running without a pause, the most from sleeping over a changed clock.
                seconds = (end - now) / timedelta(seconds=1) if end else _IDLE_SECONDS
                self._changed.wait(min(max(seconds, _SHORTEST_TICK_SECONDS), _IDLE_SECONDS))

    @contextlib.contextmanager
    def locked(self) -> Iterator[World]:
        """The world as it is now, for reading or changing it; nothing else moves meanwhile."""
        with self._changed:
            settle(self.world, self.clock.now())
            try:
                yield self.world
            finally:
                # A call that is refused, too, has brought the world up to its time.
                self._keep()
            self._changed.notify_all()

    def call(self, action: str, region: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One call of the RDS API, parameters and answer as in botocore's model.

        Raises:
            AwsError: what RDS answers instead.
            ReplyLostError: the call acted, and a fault rule lost its reply.
        """
        return self._call(self._operation(action, region), action, region, params)

    def scale(self, action: str, region: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One call of Application Auto Scaling; fault rules hit it as they hit those of RDS.

        Raises:
            AwsError: what Application Auto Scaling answers instead.
            ReplyLostError: the call acted, and a fault rule lost its reply.
        """
        self._refuse_unknown_region(region)
        if action not in scaling.OPERATIONS:
            known = ", ".join(scaling.OPERATIONS)
            raise AwsError("UnknownOperationException", f"The local Aurora has no {action}, only {known}.")
        return self._call(scaling.OPERATIONS[action], action, region, params)

    def _call(
        self, operation: Operation, action: str, region: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self.locked():
            rules = self.faults.hitting(action, region, params)
            refuse_before(rules)
            answer, _ = self._perform(operation, action, region, params, rules)
            spoil_reply(rules)
            return answer

    def at_once(self, action: str, region: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """A call whose consequences are complete when it returns: no durations, no fault rules. For seeding.

        Raises:
            AwsError: what RDS answers instead.
            TimeoutError: the engine did not finish its work, or something else has to end first.
        """
        with self.locked() as world:
            # For this call alone: what is under way keeps the time that it has.
            durations, world.durations = world.durations, _AT_ONCE
            try:
                answer, begun = self._perform(self._operation(action, region), action, region, params, [])
            finally:
                world.durations = durations
        deadline = time.monotonic() + WORK_TIMEOUT_SECONDS
        # The engine's work takes its time; without an engine time alone finishes things, and no time passes here.
        with self.locked() as world:
            while left := [transition for transition in begun if transition in world.transitions]:
                if world.work is None or time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{left[0].kind} of {left[0].subject} waits for something that is under way."
                    )
                self._changed.wait(_SEEDING_TICK_SECONDS)
                settle(world, self.clock.now())
                self._keep()
        return answer

    def _refuse_unknown_region(self, region: str) -> None:
        if region not in self.world.regions:
            known = ", ".join(self.world.regions)
            raise AwsError(
                "InvalidClientTokenId", f"The local Aurora has no Region {region}; it has {known}.", 403
            )

    def _operation(self, action: str, region: str) -> Operation:
        self._refuse_unknown_region(region)
        if action not in OPERATIONS:
            raise AwsError(
                "InvalidAction", f"The local Aurora does not implement the action {action} of RDS."
            )
        return OPERATIONS[action]

    def _perform(
        self,
        operation: Operation,
        action: str,
        region: str,
        params: Mapping[str, Any],
        rules: list[FaultRule],
    ) -> tuple[dict[str, Any], list[Transition]]:
        # To ignore a parameter would be kinder than AWS: a program would seem to work.
        unknown = sorted(set(params) - operation.honours)
        if unknown:
            raise invalid_combination(f"The local Aurora does not act on {', '.join(unknown)} of {action}.")
        world, before, now = self.world, self.world.begun, self.clock.now()
        if action in lagging.LAGGING_ACTIONS:
            shown = lagging.as_described(world, now)
            return operation.handler(Call(shown, shown.regions[region], now, params)), []
        # Remembered before the call acts: for a while the Describe calls go on showing this.
        earlier = None if action.startswith("Describe") else lagging.remember(world)
        answer = operation.handler(Call(world, world.regions[region], now, params))
        lagging.lag_behind(world, earlier, now)
        begun = [transition for transition in world.transitions if transition.number > before]
        mark(rules, begun)
        for transition in begun:
            jobs.start_at_once(world, transition)
        return answer, begun

    def set_durations(self, changes: Mapping[str, Any]) -> Durations:
        """Change some durations for all work begun from now on. Raises ValueError."""
        with self.locked() as world:
            world.durations = world.durations.changed(dict(changes))
            return world.durations

    def set_quotas(self, changes: Mapping[str, Any]) -> Quotas:
        """Change some of the account's quotas. Raises ValueError."""
        with self.locked() as world:
            world.quotas = world.quotas.changed(changes)
            return world.quotas

    def set_habits(self, changes: Mapping[str, Any]) -> Habits:
        """Decide what is not verified about RDS. Raises ValueError."""
        with self.locked() as world:
            world.habits = world.habits.changed(dict(changes))
            return world.habits

    def knows_host(self, host: str) -> bool:
        """Whether DNS leads to the cluster that has the name of this endpoint now."""
        with self.locked() as world:
            cluster = cluster_of_host(world, host, self.clock.now())
            return cluster is not None and host in map(cluster.host_name, ROLES)

    def release(self, rule_name: str) -> int:
        """Let go what a HOLD rule holds; how many transitions that were. Their time is over now at the earliest.

        The rule holds nothing that begins later.
        """
        with self.locked() as world:
            self.faults.end(rule_name)
            held = [transition for transition in world.transitions if transition.held_by == rule_name]
            for transition in held:
                transition.held_by = None
                transition.ends_at = max(transition.ends_at, self.clock.now())
        return len(held)

    def next_end(self) -> datetime | None:
        """When the next status changes by the passing of time alone: where a virtual clock can jump to."""
        with self.locked() as world:
            return next_end(world, self.clock.now())

    def accepts_connections(self, cluster: Cluster) -> bool:
        """An Aurora cluster is reached through its instances: without an available one nothing listens."""
        members = self.world.regions[cluster.region].members(cluster)
        return any(member.status == "available" for member in members)

    def log_in(self, host: str, port: int, username: str, password: str) -> LoginAnswer:
        """How a login as a cluster's master user would end, where no engine is there to be asked."""
        with self.locked() as world:
            cluster = cluster_of_host(world, host, self.clock.now())
            if cluster is None or cluster.port != port or not self.accepts_connections(cluster):
                return LoginAnswer(LoginEnd.UNREACHABLE, f"nothing listens on {host}:{port}")
            if host not in cluster.certificate_names:
                return LoginAnswer(LoginEnd.UNREACHABLE, f"the certificate does not name {host}")
            if (cluster.master_username, cluster.master_password) != (username, password):
                return LoginAnswer(LoginEnd.REFUSED, f"password authentication failed for user {username}")
            return LoginAnswer(LoginEnd.ACCEPTED, f"logged in as {username}")

    def who_answers(self, host: str, port: int, username: str, password: str) -> ServerAnswer:
        """What a client finds at an endpoint, where no engine is there to be asked."""
        with self.locked() as world:
            cluster = cluster_of_host(world, host, self.clock.now())
            if cluster is None:
                return ServerAnswer(AnswerKind.UNKNOWN_NAME, f"DNS does not know {host}")
            if cluster.port != port or not self.accepts_connections(cluster):
                return ServerAnswer(AnswerKind.NO_ANSWER, f"nothing listens on {host}:{port}")
            names = tuple(cluster.certificate_names)
            if host not in names:
                reason = f"the certificate does not name {host}"
                return ServerAnswer(AnswerKind.OTHER_CERTIFICATE, reason, None, names)
            if (cluster.master_username, cluster.master_password) != (username, password):
                reason = f"the server refused {username}"
                return ServerAnswer(AnswerKind.LOGIN_REFUSED, reason, None, names)
            # One server serves all instances of a cluster, as the writer.
            writer = world.regions[cluster.region].members(cluster)[0].identifier
            return ServerAnswer(AnswerKind.LOGGED_IN, f"{writer} answers", writer, names)

    def to_json(self) -> dict[str, Any]:
        """Everything but passwords, for `state_json`; with an engine the passwords lie in its storage."""
        with self.locked() as world:
            return state.save(world)

    def close(self) -> None:
        """End the background work and stop the servers; what is under way goes on after `state_json`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # First the ticker, which would give more work to a pool that closes.
        if self._ticker is not None:
            self._ticker.join(timeout=_IDLE_SECONDS)
        if self.world.work is not None:
            self.world.work.close()
