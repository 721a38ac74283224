"""The record of an operation: its own fields, and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from aurora_restore.domain.record.ending import (
    AuditEntry,
    AuditHead,
    Cleanup,
    ErrorState,
    Notification,
    RehearsalState,
)
from aurora_restore.domain.record.exchange import (
    Fence,
    MasterPasswordChanges,
    MasterSecret,
    MovedEndpoint,
    Proof,
    QuietGroup,
    Retirement,
    ScalingOfRollback,
    ScalingOfRun,
    SwitchOver,
)
from aurora_restore.domain.record.parts import (
    NOTHING,
    Changes,
    Part,
    changed,
    optional,
    plain,
    read_by,
    stored_as,
)
from aurora_restore.domain.record.planned import Parameters, PlanItem, ReplacedCluster
from aurora_restore.domain.record.progress import ActState, EarlierWait, PhaseState
from aurora_restore.domain.record.restored import (
    CameAlongRecord,
    DefusedRecord,
    RestoreDetails,
    SnapshotDetails,
)
from aurora_restore.domain.states import OPEN, Ending, OperationStatus


class Record(Part, path=""):
    """One item of the state table.

    Attributes:
        status: one of `OperationStatus`, or whatever an operator wrote.
        step: the phase that it is in, or was in last.
        settled_time: when what follows from its end (audit event, lock, message) was done.
        expires_at: in epoch seconds.
        request: what the execution was started with, whatever that is; `parameters`: the same, read.
        made: what the run has begun to make: its name by kind.
        replaced_made_by: the operation that had restored the old cluster.
        error_by_hand: where an operator wrote a plain text in place of an error.
        requested_by: who asked for it, in the words of the request: a claim, not a proof.
        audit_head: where the chain of the audit events ends.
        left_behind_time: of which moment the backup was that the record came out of, where it was not at its end in it.
        last_events: the audit events of the last call; empty once they are in the audit table and nothing is to come.
    """

    operation_id: str = ""
    execution_arn: str | None = None
    status: str = ""
    step: str | None = None
    target_cluster_id: str | None = None
    requested_by: str | None = None
    start_time: datetime | None = None
    last_updated_time: datetime | None = None
    end_time: datetime | None = None
    settled_time: datetime | None = None
    left_behind_time: datetime | None = None
    expires_at: int | None = None
    # The request and the parameters are the same field: what was given may be anything.
    request: Any = stored_as("parameters")
    parameters: Parameters = Parameters()
    plan: PlanItem = PlanItem()
    snapshot_details: SnapshotDetails = SnapshotDetails()
    replaced: ReplacedCluster = ReplacedCluster()
    replaced_made_by: str | None = None
    expectations: Mapping[str, EarlierWait] = optional(NOTHING)
    phases: Mapping[str, PhaseState] = optional(NOTHING)
    acts: Mapping[str, ActState] = optional(NOTHING)
    made: Mapping[str, str] = optional(NOTHING)
    restore_details: RestoreDetails = RestoreDetails()
    quiet_group: QuietGroup = QuietGroup()
    master_password_changes: MasterPasswordChanges = MasterPasswordChanges()
    came_along: CameAlongRecord = CameAlongRecord()
    defused: DefusedRecord = DefusedRecord()
    scaling: ScalingOfRun = ScalingOfRun()
    scaling_back: ScalingOfRollback = ScalingOfRollback()
    switch_over: SwitchOver = SwitchOver()
    proof: Proof = Proof()
    master_secret: MasterSecret = MasterSecret()
    endpoints: Mapping[str, MovedEndpoint] = optional(NOTHING)
    endpoints_back: Mapping[str, MovedEndpoint] = optional(NOTHING)
    retirement: Retirement = Retirement()
    fence: Fence = Fence()
    cleanup: Cleanup = Cleanup()
    error: ErrorState | None = None
    error_by_hand: str = read_by(
        lambda item: "" if isinstance(item.get("error"), Mapping) else str(item.get("error") or ""), ""
    )
    rehearsal: RehearsalState = RehearsalState()
    notification: Notification = Notification()
    warnings: tuple[str, ...] = ()
    audit_head: AuditHead = AuditHead()
    last_events: tuple[AuditEntry, ...] = ()

    @property
    def start_text(self) -> str:
        """Its start as it is written, by which records are sorted: one that cannot be read has its place as well."""
        return str(self.item.get("start_time", ""))

    @property
    def outline(self) -> Mapping[str, Any]:
        """Status and times, as they are written; None for what is missing."""
        return {name: self.item.get(name) for name in ("status", "start_time", "end_time")}

    @property
    def is_closed(self) -> bool:
        """Whether the run is over, and what it left is removed. Only a program writes an `end_time`."""
        return bool(self.item.get("end_time"))

    @property
    def is_marked_by_hand(self) -> bool:
        """Whether an operator gave it a final status: a program writes one with the `end_time` only."""
        return self.status not in OPEN and not self.is_closed

    @property
    def is_left_behind(self) -> bool:
        """Whether it was left behind; a time that cannot be read says so, too."""
        return bool(self.item.get("left_behind_time"))

    @property
    def has_error(self) -> bool:
        """Whether it says why the operation ended, be it in a plain text."""
        return bool(self.error or self.error_by_hand)

    @property
    def is_unsettled(self) -> bool:
        """Whether what follows from its end is not done yet. Records of earlier versions do not say."""
        return self.is_closed and "settled_time" in self.item and self.item["settled_time"] is None

    @property
    def is_settled(self) -> bool:
        """Whether no call of the run or its cleanup is to come."""
        return self.is_closed and not self.is_unsettled

    @property
    def is_being_cleaned_up(self) -> bool:
        """Whether a cleanup is at work."""
        # What was marked by hand keeps its status: only the ending says that a cleanup is at work.
        begun = self.status == OperationStatus.CLEANING_UP or self.cleanup.ending is not None
        return begun and not self.is_closed

    @property
    def goes_back(self) -> bool:
        """Whether the run is or was rolled back: it ended abnormally, before it had succeeded."""
        if self.is_closed:
            return self.status != OperationStatus.SUCCEEDED
        return self.is_being_cleaned_up and self.cleanup.ending is not Ending.SUCCEEDED

    def unchanged(self) -> Mapping[str, Any]:
        """The condition on a record that it is as it was read: its last change, and the end of its chain."""
        kept = {name: self.item.get(name) for name in ("status", "last_updated_time")}
        head = self.item.get("audit_head")
        # A record of an earlier version has no chain.
        return kept if head is None else {**kept, "audit_head": head}

    def phase(self, name: str) -> PhaseState:
        """The state of a phase; an empty one before its beginning."""
        return self.phases.get(name) or PhaseState.read(None)


class EndpointWay(Enum):
    """FORWARD: custom endpoints go to the new cluster. BACK: a rollback gives them back to the old one."""

    FORWARD = "endpoints"
    BACK = "endpoints_back"

    def states_in(self, record: Record) -> Mapping[str, MovedEndpoint]:
        """What became of each, by its identifier."""
        return record.endpoints if self is EndpointWay.FORWARD else record.endpoints_back

    def changed(self, record: Record, identifier: str, moved: MovedEndpoint) -> Changes:
        """The change that says what became of one."""
        return {self.value: plain({**self.states_in(record), identifier: moved})}


def with_warnings(record: Record, *warnings: str) -> Changes:
    """The change that adds warnings; nothing where there are none."""
    return changed(Record, warnings=(*record.warnings, *warnings)) if warnings else {}


def with_new_warnings(record: Record, *warnings: str) -> Changes:
    """The same; one that the record has already is not repeated."""
    return with_warnings(record, *(each for each in warnings if each not in record.warnings))
