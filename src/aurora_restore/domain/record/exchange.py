"""What a record has of a replacement: the old cluster's end, the switch, and what changes clusters with the name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from aurora_restore.domain.record.parts import NOTHING, Changes, Part, optional, read_by, renamed
from aurora_restore.domain.states import RetirementState


def _read_retirement_state(item: Mapping[str, Any]) -> RetirementState | None:
    """A state that cannot be read follows from what is written beside it, so that a begun deletion stays known."""
    state = item.get("state")
    try:
        return RetirementState(state) if state else None
    except ValueError:
        # The later a state, the earlier it is looked for: what was retired was begun and kept before.
        signs = {
            "undone_by": RetirementState.UNDONE,
            "retired_time": RetirementState.RETIRED,
            "begun_time": RetirementState.BEGUN,
            "keep_until": RetirementState.KEPT,
        }
        return next((sign for name, sign in signs.items() if item.get(name)), None)


class Retirement(Part, path="retirement"):
    """What has become of the replaced cluster.

    Attributes:
        begun_time: when its deletion began; `deletion_has_begun` is true for a time that cannot be read, too.
        db_cluster_identifier: the name under which it is kept.
        undone_by: the operation that put it back.
        made_again: whether a rollback restored it from its final snapshot.
        restored_by_hand: whether a person restored it, and the rollback went on with that cluster.
        put_off_code: the code of the error for which its deletion was put off last.
    """

    state: RetirementState | None = read_by(_read_retirement_state)
    begun_time: datetime | None = None
    retired_time: datetime | None = None
    keep_until: datetime | None = None
    db_cluster_identifier: str | None = None
    final_snapshot_identifier: str | None = None
    final_snapshot_retain_until: datetime | None = None
    final_snapshot_removed_time: datetime | None = None
    undone_by: str | None = None
    made_again: bool = False
    restored_by_hand: bool = False
    put_off_code: str | None = None

    @property
    def deletion_has_begun(self) -> bool:
        return bool(self.item.get("begun_time"))


class SwitchOver(Part, path="switch_over"):
    """The two renames. `retired_identifier`: the name that the old cluster got."""

    name_gone_time: datetime | None = None
    retired_identifier: str | None = renamed("aside_identifier")
    switched_time: datetime | None = None
    seconds_without_name: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether the switch was seen; a time that cannot be read says so, too."""
        return bool(self.item.get("switched_time"))


class Proof(Part, path="proof"):
    """Whether the target's name leads clients to the new cluster, and what was done about its certificate."""

    seen_rebooting: bool = False
    proved_time: datetime | None = None
    answered_by: str | None = None
    certificate_renewed_by: str | None = None
    seconds_unreachable_for_clients: float | None = None
    started_by_cleanup: bool = False


class Fence(Part, path="fence"):
    """When the fence around the old cluster was lifted by a rollback."""

    lifted_time: datetime | None = None

    @property
    def is_lifted(self) -> bool:
        return bool(self.item.get("lifted_time"))


class QuietGroup(Part, path="quiet_group"):
    """The parameter group of the first start.

    Attributes:
        wanted: the parameter group that the cluster is to have in the end.
        kept_for: the default group that does not exist, in place of which this one is kept.
        seen_pending: the instances that have shown that they wait for a reboot.
    """

    name: str | None = optional()
    wanted: str | None = optional()
    kept_for: str | None = optional()
    seen_pending: Mapping[str, bool] = optional(NOTHING)


def seen_pending_changed(db_instance_identifier: str) -> Changes:
    """The change that says that an instance has shown that it waits for a reboot."""
    return {f"quiet_group.seen_pending.{db_instance_identifier}": True}


class ScalingState(StrEnum):
    """ASKED: it may be suspended. SUSPENDED: it is. ACTIVE: it could not be. KEPT: its operator had suspended it.

    RESUMED: it is as it was before. LEFT: it could not be made so.
    """

    ASKED = "asked"
    SUSPENDED = "suspended"
    ACTIVE = "active"
    KEPT = "kept"
    RESUMED = "resumed"
    LEFT = "left"


class ScalingOfRun(Part, path="scaling"):
    """Auto scaling of the readers, as the run, or a cleanup that rolls forward, has changed it.

    Attributes:
        before: how it was before the switch.
        suspend_since, resume_since: since when it is tried.
        registered_again: whether the scalable target was lost, and registered anew.
        settled_time: when nothing was left to do about it.
    """

    state: ScalingState | None = None
    before: Mapping[str, Any] = optional(NOTHING)
    suspend_since: datetime | None = optional()
    resume_since: datetime | None = optional()
    registered_again: bool = optional(False)
    settled_time: datetime | None = optional()

    @property
    def is_settled(self) -> bool:
        return bool(self.item.get("settled_time"))


class ScalingOfRollback(ScalingOfRun, path="scaling_back"):
    """The same of a cleanup that rolls back, for the old cluster."""


class EndpointState(StrEnum):
    """MOVED: the cluster that is to have the custom endpoint has it. LEFT: a person has to move it."""

    MOVED = "moved"
    LEFT = "left"


class MovedEndpoint(Part):
    """What became of a custom endpoint, and on which cluster it is to be."""

    state: EndpointState | None = None
    db_cluster_identifier: str | None = None


class MasterSecret(Part, path="master_secret"):
    """The secret of the master user that RDS manages; `left`: why it does not."""

    arn: str | None = None
    left: str | None = optional()


class MasterPasswordChanges(Part, path="master_password_changes"):
    """How often the master password was changed, and when."""

    count: int = optional(0)
    first_time: datetime | None = optional()
    last_time: datetime | None = optional()
