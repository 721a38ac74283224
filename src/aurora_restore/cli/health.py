"""The checks of `check`: each observation through the ports, given to its decision in the domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from aurora_restore.deployment.functions import PREFIX
from aurora_restore.deployment.model import ADMIN_SECRET_ID, STACK_NAME
from aurora_restore.deployment.packaging import PackagingFailed
from aurora_restore.domain.checks import stuck, surroundings, versions, watching
from aurora_restore.domain.checks.finding import Finding, not_looked_at
from aurora_restore.domain.checks.surroundings import StackSeen, Subscription, TableSeen
from aurora_restore.domain.checks.versions import FunctionSeen, SourceVersions
from aurora_restore.domain.checks.watching import SWEEP_WINDOW, AlarmSeen, RuleSeen, RunsSeen, ScheduleSeen
from aurora_restore.domain.errors import RestoreError, SecretMalformed, SecretNotAccessible, SecretNotFound
from aurora_restore.domain.naming import (
    ABNORMAL_END_RULE,
    AUDIT_TABLE,
    LOCK_TABLE,
    SCHEDULE_GROUP,
    STATE_TABLE,
    SWEEP_RULE,
)
from aurora_restore.domain.observed import ClusterSnapshot, Credentials
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.settings import read_phase_hours
from aurora_restore.domain.states import OPEN, OperationStatus
from aurora_restore.steps.ports import Executions, Notifications

# The template's own defaults, for a stack that cannot be described.
DEFAULTS: Mapping[str, str] = {
    "AdminSecretId": ADMIN_SECRET_ID,
    "SecretPrefix": "aurora-restore/",
    "DefaultSourceRegion": "us-east-1",
    "PhaseTimeoutHours": "{}",
}
# As far back as the sweep looks; the most records of each status, and the most secrets that are read.
LOOKS_BACK = timedelta(days=30)
RECORDS_MOST, SECRETS_MOST = 200, 50


class Deployed(Protocol):
    """What is deployed."""

    def stack(self, name: str) -> StackSeen | None: ...
    def template(self, name: str) -> str | None: ...
    def table(self, name: str) -> TableSeen | None: ...
    def function(self, name: str) -> FunctionSeen | None: ...
    def definition(self, state_machine_arn: str) -> Any: ...
    def package_sha256(self, bucket: str, key: str, account_id: str) -> str | None: ...
    def secret_names(self, prefix: str) -> Sequence[str]: ...


class Schedules(Protocol):
    """The schedules of restores."""

    def schedules(self, group: str) -> Sequence[ScheduleSeen]: ...


class Watched(Schedules, Protocol):
    """What watches the pipeline."""

    def subscriptions(self, topic_arn: str) -> Sequence[Subscription] | None: ...
    def alarms(self, prefix: str) -> Sequence[AlarmSeen]: ...
    def rule(self, name: str) -> RuleSeen | None: ...
    def runs(self, function_name: str, since: datetime, until: datetime) -> RunsSeen: ...


class Records(Protocol):
    def load(self, operation_id: str) -> dict[str, Any] | None: ...
    def list_by_status(self, status: str, since: datetime | None, limit: int) -> Sequence[dict[str, Any]]: ...


class Locks(Protocol):
    def list_owners(self) -> Mapping[str, str]: ...


class Secrets(Protocol):
    def read_credentials(self, secret_id: str) -> Credentials: ...


class Snapshots(Protocol):
    def list_cluster_snapshots(
        self, db_cluster_identifier: str | None = None, *, with_backups: bool = False
    ) -> Sequence[ClusterSnapshot]: ...


@dataclass(frozen=True)
class Surroundings:
    """One deployed pipeline, as it can be asked about.

    `caller_arn`: whose the credentials are. `rds`: by Region. `source`: what the source tree would deploy, and
    `files`: where its definitions are, by state machine; both may raise PackagingFailed.
    """

    region: str
    account_id: str
    caller_arn: str
    partition: str
    topic_arn: str
    deployed: Deployed
    watched: Watched
    records: Records
    locks: Locks
    executions: Executions
    secrets: Secrets
    notifications: Notifications
    rds: Callable[[str], Snapshots]
    source: Callable[[], SourceVersions]
    files: Callable[[], Mapping[str, str]]
    default_bucket: str
    stack_name: str = STACK_NAME

    def machine_arn(self, name: str) -> str:
        return f"arn:{self.partition}:states:{self.region}:{self.account_id}:stateMachine:{name}"


Check = tuple[str, Callable[[], Finding | Iterable[Finding]]]


@dataclass
class HealthCheck:
    """All checks of one pipeline at one time. Single-threaded: what one check has seen, the next one uses."""

    pipeline: Surroundings
    now: datetime
    _stack: StackSeen | None = None
    _stack_unseen: RestoreError | None = None
    _recent: list[Operation] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        """One finding after the other, as they are made. A check that cannot be made is one that is not known."""
        for name, look in self._checks():
            try:
                found = look()
                yield from [found] if isinstance(found, Finding) else found
            except RestoreError as error:
                yield not_looked_at(name, error)

    def _checks(self) -> Iterator[Check]:
        yield "stack", self._check_stack
        for table in (STATE_TABLE, AUDIT_TABLE, LOCK_TABLE):
            yield (
                f"table {table}",
                lambda table=table: surroundings.check_table(  # type: ignore[misc]
                    table, self.pipeline.deployed.table(table), self.pipeline.region
                ),
            )
        yield "topic", self._check_topic
        yield "admin secret", self._check_admin_secret
        yield "secrets of users", self._check_user_secrets
        yield "operations", self._check_operations
        yield "locks", self._check_locks
        yield "snapshots", self._check_snapshots
        yield "alarms", self._check_alarms
        yield "sweep", self._check_sweep
        yield "abnormal ends", self._check_abnormal_end
        yield "schedules", self._check_schedules
        yield from self._checks_of_versions()

    def _check_stack(self) -> Finding:
        try:
            self._stack = self.pipeline.deployed.stack(self.pipeline.stack_name)
        except RestoreError as error:
            self._stack_unseen = error
            raise
        return surroundings.check_stack(self.pipeline.stack_name, self._stack, self.pipeline.region)

    def _check_topic(self) -> Finding:
        arn = self.pipeline.topic_arn
        return surroundings.check_topic(arn, self.pipeline.watched.subscriptions(arn), self.pipeline.region)

    def _check_admin_secret(self) -> Finding:
        secret_id = self._parameter("AdminSecretId")
        return surroundings.check_secret(secret_id, self._secret_problem(secret_id), self.pipeline.region)

    def _check_user_secrets(self) -> Finding:
        prefix, admin = self._parameter("SecretPrefix"), self._parameter("AdminSecretId")
        names = [name for name in self.pipeline.deployed.secret_names(prefix) if name != admin]
        read = names[:SECRETS_MOST]
        problems: dict[str, RestoreError | None] = {}
        for name in read:
            try:
                problems[name] = self._secret_problem(name)
            except SecretNotAccessible as problem:
                # One that may not be read keeps no other from being looked at.
                problems[name] = problem
        return surroundings.check_user_secrets(prefix, problems, len(names) - len(read), self.pipeline.region)

    def _secret_problem(self, secret_id: str) -> RestoreError | None:
        try:
            return surroundings.unusable(secret_id, self.pipeline.secrets.read_credentials(secret_id))
        except (SecretNotFound, SecretMalformed) as problem:
            return problem

    def _check_operations(self) -> Finding:
        listed = {}
        for status in OperationStatus:
            # What is under way may have begun long ago.
            since = None if status in OPEN else self.now - LOOKS_BACK
            items = self.pipeline.records.list_by_status(status.value, since, RECORDS_MOST)
            listed[status] = [Operation(item) for item in items]
        underway = []
        for operation in (each for status in sorted(OPEN) for each in listed[status]):
            # While it is cleaned up, its execution has ended.
            arn = operation.execution_arn if operation.status == OperationStatus.RUNNING else ""
            execution = self.pipeline.executions.describe_arn(arn) if arn else None
            underway.append(stuck.Underway(operation, execution))
        ended = [
            operation for status in OperationStatus if status not in OPEN for operation in listed[status]
        ]
        everything = [*(each.operation for each in underway), *ended]
        # Newest first, so that the clusters that were restored last are looked at.
        self._recent = sorted(everything, key=lambda each: each.record.start_text, reverse=True)
        # A text that the functions do not take either keeps them from starting, which other checks show.
        try:
            hours = read_phase_hours(self._parameter("PhaseTimeoutHours"))
        except ValueError:
            hours = {}
        return stuck.check_operations(underway, ended, hours, self.now, self.pipeline.region)

    def _check_locks(self) -> Finding:
        owners = self.pipeline.locks.list_owners()
        items = {owner: self.pipeline.records.load(owner) for owner in set(owners.values())}
        operations = {owner: Operation(item) if item else None for owner, item in items.items()}
        return stuck.check_locks(owners, operations, self.now, self.pipeline.region)

    def _check_snapshots(self) -> Iterator[Finding]:
        anywhere: tuple[tuple[str, str | None], ...] = ((self._parameter("DefaultSourceRegion"), None),)
        sources = surroundings.sources_of(self._recent) or anywhere
        regions = tuple(dict.fromkeys(region for region, _ in sources))
        for region in regions:
            snapshots = self.pipeline.rds(region).list_cluster_snapshots(with_backups=True)
            for cluster in (cluster for in_region, cluster in sources if in_region == region):
                # Two clusters of one name can be in two Regions.
                where = f" in {region}" if len(regions) > 1 else ""
                name = f"snapshots of {cluster}{where}" if cluster else "snapshots"
                yield surroundings.check_snapshots(name, region, cluster, snapshots, self.now)

    def _check_alarms(self) -> Finding:
        return watching.check_alarms(PREFIX, self.pipeline.watched.alarms(PREFIX), self.pipeline.region)

    def _check_sweep(self) -> Finding:
        rule = self.pipeline.watched.rule(SWEEP_RULE)
        is_enabled = rule is not None and rule.is_enabled
        runs = (
            self.pipeline.watched.runs(SWEEP_RULE, self.now - SWEEP_WINDOW, self.now) if is_enabled else None
        )
        changed = self._stack.changed_time if self._stack else None
        return watching.check_sweep(SWEEP_RULE, rule, runs, changed, self.now, self.pipeline.region)

    def _check_abnormal_end(self) -> Finding:
        rule = self.pipeline.watched.rule(ABNORMAL_END_RULE)
        return watching.check_abnormal_end(ABNORMAL_END_RULE, rule, self.pipeline.region)

    def _check_schedules(self) -> Finding:
        schedules = self.pipeline.watched.schedules(SCHEDULE_GROUP)
        return watching.check_schedules(schedules, self.pipeline.region)

    def _checks_of_versions(self) -> Iterator[Check]:
        names = ("template", "functions", "state machines")
        try:
            source, files = self.pipeline.source(), self.pipeline.files()
        except PackagingFailed as error:
            failed = error

            def cannot() -> Finding:
                raise failed

            yield from ((name, cannot) for name in names)
            return
        region, deployed = self.pipeline.region, self.pipeline.deployed
        yield (
            names[0],
            lambda: versions.check_template(source, deployed.template(self.pipeline.stack_name), region),
        )
        yield names[1], lambda: self._check_functions(source)
        arns = {name: self.pipeline.machine_arn(name) for name in source.definitions}
        yield (
            names[2],
            lambda: versions.check_definitions(
                source, {name: deployed.definition(arn) for name, arn in arns.items()}, files, arns, region
            ),
        )

    def _check_functions(self, source: SourceVersions) -> Finding:
        deployed = {name: self.pipeline.deployed.function(name) for name in source.functions}
        package = None
        # The zip in the bucket is looked at only where it can make a difference.
        if any(function and function.code_sha256 != source.code_sha256 for function in deployed.values()):
            bucket = self._parameter("ArtifactsBucket") or self.pipeline.default_bucket
            package = self.pipeline.deployed.package_sha256(
                bucket, source.package_key, self.pipeline.account_id
            )
        return versions.check_functions(source, deployed, package, self.pipeline.region)

    def _parameter(self, name: str) -> str:
        """A parameter of the stack; its default where there is no stack.

        Raises the error for which the stack could not be described: another value would be a guess.
        """
        if self._stack_unseen:
            raise self._stack_unseen
        given = self._stack.parameters if self._stack else {}
        return given.get(name) or DEFAULTS.get(name, "")
