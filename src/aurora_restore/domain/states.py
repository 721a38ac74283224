"""The states of an operation, of its execution and of the cluster that it replaced, which may follow which, and how a
target comes to its name. Defined here alone.

docs/architecture.md shows both tables as diagrams, which a test compares with `diagram`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class OperationStatus(StrEnum):
    """The `status` of a record.

    RUNNING: its execution runs. CLEANING_UP: it ended abnormally and is being cleaned up; the error is in the record,
    and the lock is still held. The others are final once the record is closed (`Record.is_closed`).
    """

    RUNNING = "RUNNING"
    CLEANING_UP = "CLEANING_UP"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Ending(StrEnum):
    """How an operation that ended abnormally is to end, decided once: the `ending` of a record's `cleanup`.

    FAILED and CANCELLED: rollback to what existed before. SUCCEEDED: the restore had succeeded, so roll forward.
    """

    FAILED = OperationStatus.FAILED.value
    CANCELLED = OperationStatus.CANCELLED.value
    SUCCEEDED = OperationStatus.SUCCEEDED.value

    @property
    def goes_back(self) -> bool:
        return self is not Ending.SUCCEEDED


class PhaseStatus(StrEnum):
    """The `status` of a phase in the record. FAILED and CANCELLED: the operation ended so while it was under way."""

    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ExecutionStatus(StrEnum):
    """The `status` of an execution, as Step Functions has it. ABORTED: someone stopped it."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


class RehearsalVerdict(StrEnum):
    """What a rehearsal has shown: the `verdict` of a record's `rehearsal`.

    PASSED: the restore succeeded within the objectives. OBJECTIVE_MISSED: it succeeded, and took longer, or its data
    was older, than the request allows. FAILED: it did not succeed. NOT_MEASURED: it was cancelled before it could be.
    """

    PASSED = "PASSED"
    OBJECTIVE_MISSED = "OBJECTIVE_MISSED"
    FAILED = "FAILED"
    NOT_MEASURED = "NOT_MEASURED"


class RetirementState(StrEnum):
    """What has become of a replaced cluster: the `state` of a record's `retirement`.

    KEPT: it is renamed and stopped. BEGUN: its deletion is under way. RETIRED: it is deleted. UNDONE: an undo put it
    back. PUT_BACK: the run was rolled back, and the old cluster has its name again, restored if it had to be.
    """

    KEPT = "KEPT"
    BEGUN = "BEGUN"
    RETIRED = "RETIRED"
    UNDONE = "UNDONE"
    PUT_BACK = "PUT_BACK"


class Strategy(StrEnum):
    """How the target comes to its name.

    NEW: no cluster has the name. SWAP: the new one is proved under a staging name, then they change names.
    DELETE_FIRST: the old one goes first. UNDO: a swap with the cluster that an earlier operation kept.
    """

    NEW = "new"
    SWAP = "swap"
    DELETE_FIRST = "delete_first"
    UNDO = "undo"

    @property
    def uses_staging_name(self) -> bool:
        """Whether two clusters exist at once and change names."""
        return self in (Strategy.SWAP, Strategy.UNDO)


# The statuses of a record that is not closed, but for one that an operator marked by hand.
OPEN = frozenset({OperationStatus.RUNNING, OperationStatus.CLEANING_UP})

# What a program may change a status into. An operator may write a final status over an open one at any time;
# such a record has no `end_time`, keeps the status while it is cleaned up, and is then closed with the one
# that the cleanup decided on.
MAY_BECOME: Mapping[OperationStatus, frozenset[OperationStatus]] = {
    OperationStatus.RUNNING: frozenset(
        {OperationStatus.SUCCEEDED, OperationStatus.FAILED, OperationStatus.CLEANING_UP}
    ),
    OperationStatus.CLEANING_UP: frozenset(
        {OperationStatus.SUCCEEDED, OperationStatus.FAILED, OperationStatus.CANCELLED}
    ),
    OperationStatus.SUCCEEDED: frozenset(),
    OperationStatus.FAILED: frozenset(),
    OperationStatus.CANCELLED: frozenset(),
}

# None: nothing was replaced, or the old cluster still has its name. RETIRED without BEGUN before it: an
# operator deleted the old cluster by hand. PUT_BACK after RETIRED: with `delete_first` the old cluster is
# deleted first, and restored from its final snapshot where the run fails.
RETIREMENT_MAY_BECOME: Mapping[RetirementState | None, frozenset[RetirementState]] = {
    None: frozenset(
        {RetirementState.KEPT, RetirementState.BEGUN, RetirementState.RETIRED, RetirementState.PUT_BACK}
    ),
    RetirementState.KEPT: frozenset({RetirementState.BEGUN, RetirementState.RETIRED, RetirementState.UNDONE}),
    RetirementState.BEGUN: frozenset(
        {RetirementState.KEPT, RetirementState.RETIRED, RetirementState.PUT_BACK}
    ),
    RetirementState.RETIRED: frozenset({RetirementState.PUT_BACK}),
    RetirementState.UNDONE: frozenset(),
    RetirementState.PUT_BACK: frozenset(),
}


def diagram(table: Mapping[Any, frozenset[Any]], begins: Any) -> str:
    """A table as a state diagram of Mermaid. `begins` is the first state; None means that it has none yet."""
    lines = ["stateDiagram-v2"]
    if begins is not None:
        lines.append(f"    [*] --> {begins.value}")
    for before, after in table.items():
        name = "[*]" if before is None else before.value
        lines += [f"    {name} --> {state.value}" for state in sorted(after)]
        if not after:
            lines.append(f"    {name} --> [*]")
    return "\n".join(lines)
