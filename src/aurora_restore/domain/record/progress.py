"""What a record has of the phases of a run and of its waits, and of what was asked of AWS."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aurora_restore.domain.record.parts import NOTHING, Changes, Part, optional, plain, renamed
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import PhaseStatus


class ReportedPercent(Part):
    """What RDS said of a wait: the first percentage and the highest, each with the seconds that had passed by then."""

    first_percent: int = 0
    first_seconds: float = 0
    percent: int = 0
    seconds: float = 0


class WaitState(Part):
    """One wait: of a phase or of a cleanup. `until` is there once it has ended."""

    since: datetime | None = None
    until: datetime | None = optional()
    seconds: float | None = None
    looks: int = 0
    wait_seconds: int | None = optional()
    expected_end: datetime | None = optional()
    why: str = optional("")
    reported: ReportedPercent | None = renamed("told")
    added_seconds_most: float | None = optional()

    @property
    def has_ended(self) -> bool:
        return self.until is not None


class TransientErrorState(Part):
    """The transient error that a phase met last: since when it occurs, and until when it is tried again."""

    code: str = ""
    message: str = ""
    hint: str = ""
    since: datetime | None = None
    time: datetime | None = None
    until: datetime | None = None


class PhaseState(Part):
    """How far a phase has come.

    Attributes:
        waiting_for: what exactly it waits for; `waiting_since`: since when it has been just that.
        wait_seconds: how long the state machine waits before it calls the step again.
    """

    status: PhaseStatus | None = None
    start_time: datetime | None = None
    end_time: datetime | None = optional()
    last_updated_time: datetime | None = optional()
    progress_percent: int = 0
    message: str = ""
    calls: int = 0
    wait_seconds: int = 0
    waiting_for: str = optional("")
    waiting_since: datetime | None = optional()
    waits: Mapping[str, WaitState] = optional(NOTHING)
    last_transient_error: TransientErrorState | None = renamed("last_fault")

    @property
    def has_ended_well(self) -> bool:
        return self.status in (PhaseStatus.DONE, PhaseStatus.SKIPPED)


class EarlierWait(Part):
    """How long a wait took in an earlier operation."""

    seconds: float | None = None
    operation_id: str = ""


class ActState(Part):
    """One kind of request to AWS, e.g. `rename_new_in`: it is written down before it is made.

    Attributes:
        name: what it is about, e.g. the cluster's name.
        first_time, last_time: when it was asked for the first and the last time.
        answered: whether AWS accepted the last one; refused: whether it said that it does not do it.
        given_up: whether it is not asked for any more, because the run can do without it.
    """

    name: str = ""
    tries: int = 0
    first_time: datetime | None = None
    last_time: datetime | None = None
    answered: bool = False
    refused: bool = optional(False)
    given_up: bool = optional(False)


def phase_changed(phase: Phase, state: PhaseState) -> Changes:
    """The change that puts the state of a phase in the place of what the record has of it."""
    return {f"phases.{phase.value}": plain(state)}


def phase_ended(name: str, status: PhaseStatus, time: datetime) -> Changes:
    """The change that says that a phase has ended with its operation; what else is known of it stays."""
    fields = {"status": status, "end_time": time, "last_updated_time": time}
    return {f"phases.{name}.{field}": plain(value) for field, value in fields.items()}


def phase_met(phase: Phase, transient: TransientErrorState) -> Changes:
    """The change that notes a transient error of a phase, and nothing else of it."""
    return {f"phases.{phase.value}.last_transient_error": plain(transient)}


def act_changed(kind: str, state: ActState) -> Changes:
    """The change that says what was asked of AWS by the run."""
    return {f"acts.{kind}": plain(state)}


def act_given_up(kind: str) -> Changes:
    """The change that says that the run does not ask for it any more."""
    return {f"acts.{kind}.given_up": True}


def made_changed(kind: str, name: str) -> Changes:
    """The change that says what the run is about to make: its cleanup, or a person, looks for it."""
    return {f"made.{kind}": name}


def cleanup_act_changed(kind: str, state: ActState) -> Changes:
    """The change that says what was asked of AWS by the cleanup."""
    return {f"cleanup.asked.{kind}": plain(state)}


def cleanup_act_given_up(kind: str) -> Changes:
    """The change that says that the cleanup does not ask for it any more."""
    return {f"cleanup.asked.{kind}.given_up": True}
