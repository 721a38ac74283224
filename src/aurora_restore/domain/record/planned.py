"""What a record has of the request and of the plan, as people are shown it.

The steps work with the plan itself (`RestorePlan.from_item`); this reading of it is lenient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_restore.domain.record.parts import Part, renamed


class RehearsalAsked(Part):
    """What the request asks of a rehearsal."""

    rto_minutes: float | None = None
    rpo_hours: float | None = None
    hold_hours: float = 0


class Parameters(Part, path="parameters"):
    """The request, as it was given."""

    dry_run: bool = False
    undo_operation_id: str | None = None
    target_cluster_id: str | None = None
    target_region: str | None = None
    source_region: str | None = None
    source_cluster_id: str | None = None
    source_snapshot_date: str | None = None
    source_snapshot_identifier: str | None = None
    replace_strategy: str | None = None
    keep_replaced_hours: float | None = None
    final_snapshot: bool = True
    rehearsal: RehearsalAsked | None = None

    @property
    def is_undo(self) -> bool:
        return "undo_operation_id" in self.item


class PlannedSource(Part):
    """The snapshot, and why it was chosen."""

    cluster_snapshot_identifier: str | None = None
    db_cluster_identifier: str | None = None
    region: str | None = None
    snapshot_create_time: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    master_username: str | None = None
    reason: str | None = None
    is_copy: bool = False


class PlannedCopy(Part):
    """The copy in the target Region, under a key of that Region."""

    cluster_snapshot_identifier: str | None = None
    kms_key_id: str | None = None


class PlannedClusterItem(Part):
    """The new cluster."""

    db_cluster_identifier: str | None = None
    deletion_protection: bool = False
    iam_authentication: bool = False
    managed_master_secret: bool = False
    quarantine_security_group_ids: tuple[str, ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        """Among all that the plan has of it, by the names that a request has for them."""
        return self.item


class PlannedInstanceItem(Part):
    """An instance of the new cluster."""

    db_instance_identifier: str = ""
    db_instance_class: str = ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Among all that the plan has of it, by the names that a request has for them."""
        return self.item


class PlannedUser(Part):
    """A database user that is to be set up. `host`: from where it logs in, where the engine's accounts have hosts."""

    username: str = ""
    host: str = ""
    access: str = ""
    secret_id: str | None = None
    iam: bool = False
    databases: tuple[str, ...] = ()


class PlannedReplacement(Part):
    """What is planned for the old cluster."""

    strategy: str | None = None
    retired_identifier: str | None = renamed("aside_identifier")
    final_snapshot_identifier: str | None = None
    keep_hours: float | None = None


class EndpointItem(Part):
    """A custom endpoint."""

    identifier: str = ""


class ComingItem(Part):
    """One sentence about what comes along, and what it is about."""

    about: str = ""
    words: str = ""


class PlanItem(Part, path="plan"):
    """The plan."""

    target_cluster_id: str | None = None
    source: PlannedSource = PlannedSource()
    copy: PlannedCopy = PlannedCopy()
    copy_reason: str | None = None
    cluster: PlannedClusterItem = PlannedClusterItem()
    instances: tuple[PlannedInstanceItem, ...] = ()
    db_users: tuple[PlannedUser, ...] = ()
    admin_secret_id: str | None = None
    quiet_start: bool = False
    replacement: PlannedReplacement = PlannedReplacement()
    custom_endpoints: tuple[EndpointItem, ...] = ()
    coming_along: tuple[ComingItem, ...] = ()
    will_be_lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class MemberItem(Part):
    """An instance of the replaced cluster."""

    db_instance_identifier: str = ""
    db_instance_class: str = ""
    promotion_tier: int | None = None
    db_parameter_group_name: str | None = None


class ReplacedCluster(Part, path="replaced"):
    """The old cluster, as it was set up."""

    db_cluster_identifier: str | None = None
    db_cluster_resource_id: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    port: int | None = None
    db_cluster_parameter_group_name: str | None = None
    managed_master_secret: str | None = None
    managed_master_secret_kms_key_id: str | None = None
    members: tuple[MemberItem, ...] = ()
    endpoints: tuple[EndpointItem, ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        """Among all that the record has of it, by the names that a request has for them."""
        return self.item
