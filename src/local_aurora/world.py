"""The state that every operation works on: Regions, what lives in them, and what is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from local_aurora import errors
from local_aurora.catalogue import family_of
from local_aurora.identifiers import IdSource, bare_identifier, parse_arn
from local_aurora.objects import (
    Cluster,
    CustomEndpoint,
    Event,
    GlobalCluster,
    Instance,
    Snapshot,
    SubnetGroup,
)
from local_aurora.parameter_objects import DEFAULT_PREFIX, ParameterGroup
from local_aurora.scaling_objects import ScalableTarget, ScalingPolicy
from local_aurora.timing import Durations, Habits, Kind, Transition
from local_aurora.work import EngineWork

MAX_EVENTS = 5000


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""


@dataclass
class Quotas:
    """The account's quotas in each Region; the defaults are Aurora's."""

    clusters: int = 40
    instances: int = 40
    manual_snapshots: int = 100
    cluster_parameter_groups: int = 50
    parameter_groups: int = 50
    subnet_groups: int = 50
    copies_in_flight: int = 5

    def changed(self, changes: Mapping[str, Any]) -> Quotas:
        """A copy with some quotas replaced.

        Raises:
            ValueError: an unknown name, or a number below 0.
        """
        known = {entry.name for entry in fields(self)}
        if unknown := sorted(set(changes) - known):
            raise ValueError(f"Unknown quotas {', '.join(unknown)}; known: {', '.join(sorted(known))}.")
        numbers = {name: int(value) for name, value in changes.items()}
        if any(value < 0 for value in numbers.values()):
            raise ValueError("No quota is below 0.")
        return replace(self, **numbers)


@dataclass(frozen=True)
class Subnet:
    subnet_id: str
    availability_zone: str
    vpc_id: str


SubnetLookup = Callable[[str, str, int], Subnet | None]
"""(Region, subnet id, its place in the request) → the subnet, or None where there is none."""


def any_subnet(region: str, subnet_id: str, place: int) -> Subnet | None:
    """Where nothing knows the network: every subnet exists, in one VPC, the zones in turn."""
    return Subnet(subnet_id, f"{region}{'abc'[place % 3]}", f"vpc-default-{region}")


@dataclass
class Region:
    """What the account has in one Region, by identifier."""

    name: str
    clusters: dict[str, Cluster] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    custom_endpoints: dict[str, CustomEndpoint] = field(default_factory=dict)
    subnet_groups: dict[str, SubnetGroup] = field(default_factory=dict)
    cluster_parameter_groups: dict[str, ParameterGroup] = field(default_factory=dict)
    parameter_groups: dict[str, ParameterGroup] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    unusable_kms_keys: set[str] = field(default_factory=set)
    security_group_vpcs: dict[str, str] = field(default_factory=dict)
    released_names: dict[str, datetime] = field(default_factory=dict)
    """Cluster names that were given up, and until when they stay taken."""
    released_groups: dict[str, datetime] = field(default_factory=dict)
    """Cluster parameter groups that a cluster has given up, and until when RDS still counts it as a member."""
    retained_backups: dict[str, str] = field(default_factory=dict)
    log_groups: set[str] = field(default_factory=set)
    """CloudWatch's groups that RDS made for exported logs. It removes none of them."""
    scalable_targets: dict[str, ScalableTarget] = field(default_factory=dict)
    scaling_policies: dict[str, ScalingPolicy] = field(default_factory=dict)
    """Of Application Auto Scaling, which knows clusters by their names."""

    @property
    def default_security_group(self) -> str:
        return f"sg-default-{self.name}"

    def open_log_groups(self, cluster: Cluster) -> None:
        """RDS publishes to `/aws/rds/cluster/NAME/TYPE`, by the cluster's name of the moment.

        AuroraUserGuide, "Publishing Aurora PostgreSQL logs to Amazon CloudWatch Logs". That a renamed cluster goes on
        under its new name is assumed: it is not verified.
        """
        types = cluster.settings.get("EnabledCloudwatchLogsExports") or []
        self.log_groups |= {f"/aws/rds/cluster/{cluster.identifier}/{kind}" for kind in types}

    def cluster(self, identifier: str) -> Cluster:
        found = self.clusters.get(bare_identifier(identifier, "cluster"))
        if found is None:
            raise errors.cluster_not_found(identifier)
        return found

    def cluster_by_resource_id(self, resource_id: str) -> Cluster | None:
        return next((entry for entry in self.clusters.values() if entry.resource_id == resource_id), None)

    def instance(self, identifier: str) -> Instance:
        found = self.instances.get(bare_identifier(identifier, "db"))
        if found is None:
            raise errors.instance_not_found(identifier)
        return found

    def instance_by_resource_id(self, resource_id: str) -> Instance | None:
        return next((entry for entry in self.instances.values() if entry.resource_id == resource_id), None)

    def snapshot(self, identifier: str) -> Snapshot:
        found = self.snapshots.get(bare_identifier(identifier, "cluster-snapshot"))
        if found is None:
            raise errors.snapshot_not_found(identifier)
        return found

    def snapshot_by_arn(self, arn: str) -> Snapshot | None:
        return next((entry for entry in self.snapshots.values() if entry.arn == arn), None)

    def members(self, cluster: Cluster) -> list[Instance]:
        """The cluster's instances, writer first, then in the order of their making."""
        found = [
            entry for entry in self.instances.values() if entry.cluster_resource_id == cluster.resource_id
        ]
        return sorted(found, key=lambda entry: (not entry.is_writer, entry.created_at, entry.identifier))

    def subnet_group(self, name: str) -> SubnetGroup:
        found = self.subnet_groups.get(name.lower())
        if found is None:
            raise errors.subnet_group_not_found(name)
        return found

    def cluster_parameter_group(self, name: str) -> ParameterGroup:
        found = self.cluster_parameter_groups.get(name.lower())
        if found is None:
            raise errors.cluster_parameter_group_not_found(name)
        return found

    def parameter_group(self, name: str) -> ParameterGroup:
        found = self.parameter_groups.get(name.lower())
        if found is None:
            raise errors.parameter_group_not_found(name)
        return found

    def manual_snapshots(self) -> int:
        return sum(entry.snapshot_type == "manual" for entry in self.snapshots.values())


class World:
    """Everything the account has, and what is under way. Not thread-safe: `LocalAurora` guards it."""

    def __init__(self, account_id: str, regions: Iterable[str], durations: Durations, seed: str) -> None:
        self.account_id = account_id
        self.durations = durations
        self.ids = IdSource(seed)
        self.quotas = Quotas()
        self.habits = Habits()
        self.regions = {name: Region(name) for name in regions}
        self.global_clusters: dict[str, GlobalCluster] = {}
        self.transitions: list[Transition] = []
        self.begun = 0
        self.earlier: list[tuple[datetime, dict[str, Region]]] = []
        self.work: EngineWork | None = None
        self.subnet_lookup: SubnetLookup = any_subnet
        for region in self.regions.values():
            subnets = {f"subnet-default-{zone}": f"{region.name}{zone}" for zone in "abc"}
            vpc_id = f"vpc-default-{region.name}"
            group = SubnetGroup(region.name, self.account_id, "default", vpc_id, subnets, "default")
            region.subnet_groups[group.name] = group

    def region_of_arn(self, arn: str) -> Region | None:
        # What belongs to another account cannot be seen here.
        parsed = parse_arn(arn)
        return self.regions.get(parsed.region) if parsed and parsed.account == self.account_id else None

    def begin(
        self,
        kind: Kind,
        region: Region,
        subject: str,
        now: datetime,
        seconds: float,
        not_before: datetime | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Transition:
        """Put an object on its way. With `not_before`, its time begins only then."""
        # Numbered, so that those that end at the same time do so in the order of their beginnings.
        self.begun += 1
        ends_at = max(now, not_before or now) + timedelta(seconds=seconds)
        transition = Transition(self.begun, kind, region.name, subject, now, ends_at, dict(arguments or {}))
        self.transitions.append(transition)
        return transition

    def begin_change(
        self,
        kind: Kind,
        region: Region,
        subject: str,
        now: datetime,
        seconds: float,
        arguments: Mapping[str, str] | None = None,
    ) -> Transition:
        """Put an object on its way whose status shows it only after the status lag."""
        # Its time begins only when it shows, so that a client can see it happen.
        shows_at = now + timedelta(seconds=self.durations.status_lag)
        transition = self.begin(kind, region, subject, now, seconds, shows_at, arguments)
        transition.shows_at = shows_at
        return transition

    def transition_of(self, subject: str, *kinds: Kind) -> Transition | None:
        """What the object is going through; of these kinds, where any are given."""
        return next(
            (t for t in self.transitions if t.subject == subject and (not kinds or t.kind in kinds)), None
        )

    def cancel_transitions(self, subject: str) -> None:
        # Work that the engine has begun goes on; nothing looks at its result any more.
        self.transitions = [entry for entry in self.transitions if entry.subject != subject]

    def release_name(self, region: Region, name: str, when: datetime) -> None:
        """A cluster's name was given up; it can be taken again only after a while."""
        region.released_names[name] = when + timedelta(seconds=self.durations.name_release)

    def release_group(self, region: Region, name: str, when: datetime) -> None:
        """A cluster has given its parameter group up; the group can be deleted only after a while."""
        region.released_groups[name] = when + timedelta(seconds=self.durations.parameter_group_pending)

    def global_cluster_of(self, cluster: Cluster) -> GlobalCluster | None:
        return next(
            (entry for entry in self.global_clusters.values() if cluster.arn in entry.member_arns), None
        )

    def default_parameter_group(self, region: Region, kind: str, engine: str, version: str) -> ParameterGroup:
        """`default.<family>`, which is there from the first time that it is needed."""
        return self.default_group_of_family(region, kind, family_of(engine, version))

    def default_group_of_family(self, region: Region, kind: str, family: str) -> ParameterGroup:
        groups = region.cluster_parameter_groups if kind == "cluster-pg" else region.parameter_groups
        name = f"{DEFAULT_PREFIX}{family}"
        # Complete and settled from the start: no client makes it, and none waits for it.
        made = ParameterGroup(region.name, self.account_id, name, kind, family, f"Default group for {family}")
        return groups.setdefault(name, made)

    def report(
        self,
        region: Region,
        subject: Cluster | Instance | Snapshot,
        now: datetime,
        message: str,
        *categories: str,
    ) -> None:
        """Add an entry to what DescribeEvents shows."""
        source_type = {Cluster: "db-cluster", Instance: "db-instance", Snapshot: "db-cluster-snapshot"}[
            type(subject)
        ]
        # RDS drops events after 14 days; here their number is bounded.
        region.events.append(Event(now, source_type, subject.identifier, subject.arn, message, categories))
        del region.events[:-MAX_EVENTS]


@dataclass(frozen=True)
class Call:
    """One call of an operation: where, when and with which parameters (named as in the API reference)."""

    world: World
    region: Region
    now: datetime
    params: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        value = self.params.get(name)
        return None if value is None else str(value)


Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True)
class Operation:
    """An operation of RDS: its handler, and the parameters that it honours. Any other one is refused by name."""

    handler: Handler
    honours: frozenset[str]


def operation(handler: Handler, honours: str) -> Operation:
    """`honours`: the names, separated by blanks."""
    return Operation(handler, frozenset(honours.split()))
