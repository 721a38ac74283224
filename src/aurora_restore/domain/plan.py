"""The plan: what a run will make, under which names, from which snapshot, and why. It is part of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from aurora_restore.domain.cluster_settings import (
    INSTANCE_SETTINGS,
    ClusterSettings,
    InstanceSettings,
    cluster_settings_of,
    instance_settings_of,
    settings_from_item,
    turned_on_by,
)
from aurora_restore.domain.coming_along import Coming, coming_along
from aurora_restore.domain.configuration import ClusterConfiguration, users_tags
from aurora_restore.domain.custom_endpoints import CustomEndpoint, planned_endpoints
from aurora_restore.domain.engines import engine_of
from aurora_restore.domain.losses import will_be_lost
from aurora_restore.domain.naming import (
    OPERATION_TAG,
    SOURCE_SNAPSHOT_TAG,
    copy_identifier,
    instance_identifier,
)
from aurora_restore.domain.notes import plan_notes
from aurora_restore.domain.observed import ClusterSnapshot
from aurora_restore.domain.outward import ForeignTables, OutwardConnections
from aurora_restore.domain.replacement import Replacement, build_replacement, name_at_first
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.selection import SelectedSnapshot
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.times import format_time
from aurora_restore.domain.users import DbUser


@dataclass(frozen=True)
class SourceSnapshot:
    """The chosen snapshot and why it was chosen."""

    cluster_snapshot_identifier: str
    cluster_snapshot_arn: str
    region: str
    db_cluster_identifier: str
    snapshot_create_time: str
    engine: str
    engine_version: str
    master_username: str
    kms_key_id: str | None
    reason: str
    is_copy: bool = False
    """Whether it is a copy of another snapshot: its time is that of the copying, and not that of the data."""


@dataclass(frozen=True)
class SnapshotCopy:
    """The copy that has to be made (or found) in the target Region."""

    cluster_snapshot_identifier: str
    kms_key_id: str | None


@dataclass(frozen=True)
class PlannedCluster(ClusterSettings):
    """The cluster to restore; None means: RDS's own default."""

    db_cluster_identifier: str
    tags: Mapping[str, str]
    engine_version: str | None = None
    quarantine_security_group_ids: tuple[str, ...] = ()
    """The security groups that the cluster has until it gets its own; empty: it has its own from the beginning."""

    managed_master_secret: bool = False
    """Whether RDS is to manage the master user's password, once the pipeline has logged in for the last time."""

    master_secret_kms_key_id: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> PlannedCluster:
        """Read back what `asdict` wrote, now or in an earlier version, which knew fewer fields."""
        quarantine = tuple(item.get("quarantine_security_group_ids", ()))
        return cls(**{**item, "quarantine_security_group_ids": quarantine, **settings_from_item(item)})


@dataclass(frozen=True)
class PlannedInstance(InstanceSettings):
    db_instance_identifier: str
    db_instance_class: str
    promotion_tier: int


@dataclass(frozen=True)
class RestorePlan:
    """Everything that the phases after SnapshotCheck need to know."""

    source: SourceSnapshot
    copy: SnapshotCopy | None
    copy_reason: str
    cluster: PlannedCluster
    instances: tuple[PlannedInstance, ...]
    db_users: tuple[DbUser, ...] = ()
    lock_other_logins: bool = False
    admin_secret_id: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
    target_cluster_id: str = ""
    replacement: Replacement | None = None
    certificate_renewal: str = "auto"
    custom_endpoints: tuple[CustomEndpoint, ...] = ()
    quiet_start: bool = True
    outward_connections: OutwardConnections = OutwardConnections.REPORT
    parameter_group_family: str | None = None
    will_be_lost: tuple[str, ...] = ()
    """In words: what depends on the identity of the replaced cluster."""

    coming_along: tuple[Coming, ...] = ()

    @property
    def strategy(self) -> Strategy:
        return self.replacement.strategy if self.replacement else Strategy.NEW

    @property
    def kms_key_id(self) -> str | None:
        """The key that the new cluster will have; None: no key of the account's."""
        if self.cluster.kms_key_id:
            return self.cluster.kms_key_id
        return self.copy.kms_key_id if self.copy else self.source.kms_key_id

    @property
    def engine_version(self) -> str:
        """The version that the new cluster will have: the snapshot's, unless a newer one is asked for."""
        return self.cluster.engine_version or self.source.engine_version

    @property
    def starts_with_quiet_group(self) -> bool:
        """Whether the first start is with the pipeline's own group.

        An earlier release planned no family, and had no phase that puts the requested group in its place.
        """
        return self.quiet_start and self.parameter_group_family is not None

    @property
    def gets_its_own_later(self) -> bool:
        """Whether the cluster starts with a parameter group or security groups that are not those it is to have."""
        return self.starts_with_quiet_group or bool(self.cluster.quarantine_security_group_ids)

    @property
    def given_later(self) -> frozenset[str]:
        """What the new cluster is given only once it has the name: until then it differs by that."""
        given = {
            "managed_master_secret": self.cluster.managed_master_secret,
            "custom_endpoints": self.custom_endpoints,
        }
        return frozenset(name for name, value in given.items() if value)

    @property
    def users_tags(self) -> dict[str, str]:
        """The tags of the new cluster that are not the pipeline's own."""
        return users_tags(self.cluster.tags)

    def to_item(self) -> dict[str, Any]:
        """The plan in its form in the record."""
        return asdict(self)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> RestorePlan:
        """Read back what `to_item` wrote."""
        copy = item["copy"]
        replacement = item.get("replacement")
        return cls(
            source=SourceSnapshot(**item["source"]),
            copy=SnapshotCopy(**copy) if copy else None,
            copy_reason=item["copy_reason"],
            cluster=PlannedCluster.from_item(item["cluster"]),
            instances=tuple(PlannedInstance(**instance) for instance in item["instances"]),
            db_users=tuple(map(DbUser.from_item, item["db_users"])),
            lock_other_logins=item["lock_other_logins"],
            admin_secret_id=item["admin_secret_id"],
            notes=tuple(item["notes"]),
            # An earlier version restored under the target's own name.
            target_cluster_id=item.get("target_cluster_id") or item["cluster"]["db_cluster_identifier"],
            replacement=Replacement.from_item(replacement) if replacement else None,
            will_be_lost=tuple(item.get("will_be_lost", ())),
            coming_along=tuple(Coming(**each) for each in item.get("coming_along", ())),
            certificate_renewal=item.get("certificate_renewal", "auto"),
            custom_endpoints=tuple(map(CustomEndpoint.from_item, item.get("custom_endpoints", ()))),
            # A run that was begun by an earlier release goes on as it was planned.
            quiet_start=item.get("quiet_start", False),
            outward_connections=OutwardConnections(item.get("outward_connections", "report")),
            parameter_group_family=item.get("parameter_group_family"),
        )


def build_plan(
    operation_id: str,
    request: RestoreRequest,
    selected: SelectedSnapshot,
    kms_key_arn: str | None,
    settings: PipelineSettings,
    replaced: ClusterConfiguration | None = None,
) -> RestorePlan:
    """Turn a request and the chosen snapshot into a plan.

    `kms_key_arn` is the requested key, resolved; `replaced` the cluster that has the target's name. The
    request has the defaults that come from it already.
    """
    snapshot = selected.snapshot
    copy_needed, copy_reason = copy_decision(request, snapshot, kms_key_arn)
    # RDS refuses a key for the copy of an unencrypted snapshot: that one is encrypted at the restore.
    copy_key = kms_key_arn if is_encrypted_with_key(snapshot) else None
    instances = _instances(operation_id, request, settings, replaced)
    endpoints: tuple[CustomEndpoint, ...] = ()
    # With delete_first they would go before anything of the new cluster is proved.
    uses_staging_name = Strategy(request.replace_strategy).uses_staging_name
    if replaced and uses_staging_name and _is_given("custom_endpoints", request):
        before = [member.db_instance_identifier for member in replaced.members]
        after = [instance.db_instance_identifier for instance in instances]
        endpoints = planned_endpoints(replaced.endpoints, replaced.custom_endpoints, before, after)
    return RestorePlan(
        source=_source(request, selected),
        copy=SnapshotCopy(copy_identifier(operation_id), copy_key) if copy_needed else None,
        copy_reason=copy_reason,
        cluster=_cluster(operation_id, request, snapshot, kms_key_arn, replaced),
        instances=instances,
        db_users=tuple(
            replace(user, foreign_tables=ForeignTables(request.foreign_tables)) for user in request.db_users
        ),
        lock_other_logins=request.lock_other_logins,
        admin_secret_id=request.admin_secret_id or settings.admin_secret_id,
        notes=plan_notes(request, snapshot, settings, replaced),
        target_cluster_id=request.target_cluster_id.lower(),
        replacement=build_replacement(operation_id, request, replaced) if replaced else None,
        will_be_lost=will_be_lost(replaced, is_secret_given=_is_given("managed_master_secret", request)),
        coming_along=coming_along(request, replaced, engine_of(snapshot.engine)),
        certificate_renewal=request.certificate_renewal,
        custom_endpoints=endpoints,
        quiet_start=request.quiet_start,
        outward_connections=OutwardConnections(request.outward_connections),
    )


def copy_decision(
    request: RestoreRequest, snapshot: ClusterSnapshot, kms_key_arn: str | None
) -> tuple[bool, str]:
    """Whether a copy is needed, and why."""
    if request.source_region != request.target_region:
        reason = f"the snapshot is in {request.source_region}, the target Region is {request.target_region}"
        return True, reason
    if is_encrypted_with_key(snapshot) and kms_key_arn and kms_key_arn != snapshot.kms_key_id:
        return True, "the snapshot is to be re-encrypted with another key, which needs a copy"
    return False, f"the snapshot is in {request.target_region} already, and no other key is asked for"


def is_encrypted_with_key(snapshot: ClusterSnapshot) -> bool:
    """Whether a KMS key of the account encrypts it; encryption with RDS's own key shows no key and needs none."""
    return bool(snapshot.kms_key_id)


def _source(request: RestoreRequest, selected: SelectedSnapshot) -> SourceSnapshot:
    snapshot = selected.snapshot
    created = snapshot.snapshot_create_time
    return SourceSnapshot(
        cluster_snapshot_identifier=snapshot.db_cluster_snapshot_identifier,
        cluster_snapshot_arn=snapshot.db_cluster_snapshot_arn,
        region=request.source_region,
        db_cluster_identifier=snapshot.db_cluster_identifier,
        snapshot_create_time=format_time(created) if created else "",
        engine=snapshot.engine,
        engine_version=snapshot.engine_version,
        master_username=snapshot.master_username,
        kms_key_id=snapshot.kms_key_id,
        reason=selected.reason,
        is_copy=snapshot.source_db_cluster_snapshot_arn is not None,
    )


def _cluster(
    operation_id: str,
    request: RestoreRequest,
    snapshot: ClusterSnapshot,
    kms_key_arn: str | None,
    replaced: ClusterConfiguration | None,
) -> PlannedCluster:
    has_secret = replaced is not None and replaced.managed_master_secret is not None
    # A user that logs in by IAM needs it, and a request that names such a user asks for it without saying so.
    wants_iam = "iam_authentication" not in request.asked_for and any(user.iam for user in request.db_users)
    by_rule = {
        "db_subnet_group_name": request.db_subnet_group_name or "",
        # A copy of an encrypted snapshot has its key already, and any other snapshot gets it at the restore.
        "kms_key_id": None if is_encrypted_with_key(snapshot) else kms_key_arn,
        "iam_authentication": request.iam_authentication or wants_iam,
    }
    return PlannedCluster(
        db_cluster_identifier=name_at_first(operation_id, request, replaced),
        tags=dict(request.tags)
        | {OPERATION_TAG: operation_id, SOURCE_SNAPSHOT_TAG: snapshot.db_cluster_snapshot_arn},
        engine_version=request.engine_version,
        quarantine_security_group_ids=request.quarantine_security_group_ids,
        managed_master_secret=has_secret and _is_given("managed_master_secret", request),
        master_secret_kms_key_id=replaced.managed_master_secret_kms_key_id if replaced else None,
        # All other settings are as the request, with what it inherits, has them.
        **cluster_settings_of(request) | by_rule,
    )


def _is_given(name: str, request: RestoreRequest) -> bool:
    """Whether the new cluster is to have what the replaced one has: a difference that is accepted is not undone."""
    return name not in request.accept_differences


def _instances(
    operation_id: str,
    request: RestoreRequest,
    settings: PipelineSettings,
    replaced: ClusterConfiguration | None,
) -> tuple[PlannedInstance, ...]:
    cluster = request.target_cluster_id.lower()
    members = replaced.members if replaced else ()
    # What the request names, and what has to be on for it, comes before what is inherited.
    asked = {name: getattr(request, name) for name in INSTANCE_SETTINGS if name in request.asked_for}
    turned_on = dict.fromkeys(turned_on_by(request.asked_for) & INSTANCE_SETTINGS.keys(), True)
    planned = []
    for number in range(1, request.instance_count + 1):
        # Each is as the replaced one in its place; one more than there were is as the last one was.
        member = members[min(number, len(members)) - 1] if members else None
        instance_class = request.db_instance_class or settings.default_db_instance_class
        if member and "db_instance_class" not in request.asked_for:
            instance_class = member.db_instance_class
        # Tier 0 fails over first; RDS knows tiers 0 to 15.
        tier = member.promotion_tier if member else None
        planned.append(
            PlannedInstance(
                db_instance_identifier=instance_identifier(cluster, operation_id, number),
                db_instance_class=instance_class,
                promotion_tier=min(number - 1, 15) if tier is None else tier,
                **{**instance_settings_of(member or request), **turned_on, **asked},
            )
        )
    return tuple(planned)
