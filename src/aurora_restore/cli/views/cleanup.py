"""After a failure or a cancellation: what is cleaned up, what was done, what is kept."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import facts, listed
from aurora_restore.cli.views.phases import expectation
from aurora_restore.cli.views.record import OperationView
from aurora_restore.domain.cleaning import present_failure
from aurora_restore.domain.errors import TRANSIENT_CODES, Cancelled
from aurora_restore.domain.record import Cleanup, ErrorState
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import Ending, PhaseStatus
from aurora_restore.domain.wording import rough_duration_words

Rows = list[tuple[str, str | Text | None]]


def render_cleaning_up(view: OperationView, now: datetime) -> RenderableType:
    """What is cleaned up at this moment, or why it cannot be, and what is done so far."""
    cleanup = view.record.cleanup
    current = cleanup.message or "begins"
    # A message that has just been written needs no age.
    if (last := cleanup.last_updated_time) and (now - last).total_seconds() >= 60:
        current += f" ({rough_duration_words((now - last).total_seconds())} ago)"
    at_work: Rows = [
        ("now", Text(current, style="cyan")),
        ("should end", expectation(wait, now) if (wait := view.cleanup_wait) else None),
    ]
    rows: Rows = [
        ("why", view.error.message),
        # What it waited for before it failed is left out: it does not wait for that any more.
        *(_failing(view, now) or at_work),
        *listed("done so far", cleanup.done),
        *listed("kept", cleanup.kept),
    ]
    return Group(Text(cleaning_up_after(view), style="bold yellow"), facts(rows))


def render_failing(view: OperationView, now: datetime) -> RenderableType | None:
    """Why a cleanup cannot begin, or what is left to do after the end cannot be done; None where all is well."""
    failing = None if view.is_cleaning_up else _failing(view, now)
    return Group(Text("Cleanup", style="bold yellow"), facts(failing)) if failing else None


def _failing(view: OperationView, now: datetime) -> Rows:
    """Why the cleanup cannot go on, and what to do; nothing where it can."""
    error, cleanup = present_failure(view.record, now), view.record.cleanup
    if error is None:
        return []
    since, last = (
        (now - time).total_seconds() if time else 0.0 for time in (cleanup.failing_since, cleanup.failed_time)
    )
    # What has just happened has no age.
    ages = [f"for {rough_duration_words(since)}"] if since >= 60 else []
    ages += [f"tried {rough_duration_words(last)} ago"] if last >= 60 else []
    times = f" ({', '.join(ages)})" if ages else ""
    if error.code in TRANSIENT_CODES:
        return [("now", Text(f"tried again after {error.code}{times}: {error.message}", style="cyan"))]
    return [
        ("cannot go on", Text(f"{error.code}{times}: {error.message}", style="red")),
        ("what to do", error.hint),
        ("then", "the cleanup goes on by itself within minutes; nothing has to be started"),
    ]


def cleaning_up_after(view: OperationView) -> str:
    """`Cleaning up after SNAPSHOT_COPY_FAILED in CopySnapshot`, or after what else ended the run."""
    code, ending = view.error.code, view.record.cleanup.ending
    # Stopped after the switch: the cleanup takes nothing back, and finishes what was left.
    if ending is Ending.SUCCEEDED:
        return f"Cleaning up: the {view.noun} was stopped after it had succeeded"
    if ending is Ending.CANCELLED or code == Cancelled.code:
        return f"Cleaning up after the cancellation{_in_step(view)}"
    return f"Cleaning up after {code or 'an abnormal end'}{_in_step(view)}"


def _in_step(view: OperationView) -> str:
    step = view.error.step or view.step
    return f" in {step}" if step else ""


def render_cleaned_up(view: OperationView) -> RenderableType | None:
    """What the cleanup did and kept; None where there was none."""
    record, cleanup = view.record, view.record.cleanup
    kept = list(cleanup.kept)
    # Where the cleanup has not written it down yet: what none removes, which is a finished copy, and the final
    # snapshot of a cluster whose deletion had begun.
    if not kept and view.goes_back:
        is_copied = record.phase(Phase.COPY_SNAPSHOT).status is PhaseStatus.DONE
        if is_copied and (copy := record.plan.copy):
            name = record.snapshot_details.restored_from or copy.cluster_snapshot_identifier
            kept.append(f"the copy {name}, for the next start")
        retirement = record.retirement
        is_needed = retirement.deletion_has_begun and not retirement.restored_by_hand
        if is_needed and retirement.final_snapshot_identifier:
            kept.append(f"the final snapshot {retirement.final_snapshot_identifier}")
    if not (cleanup.done or kept):
        return None
    return facts([*listed("cleaned up", cleanup.done), *listed("kept", kept)])


def cleanup_lines(before: OperationView | None, view: OperationView) -> list[str]:
    """What is new in a cleanup since `before`, for a log."""
    known = before.record.cleanup if before else Cleanup.read(None)
    cleanup = view.record.cleanup
    lines = [f"done  {sentence}" for sentence in cleanup.done if sentence not in known.done]
    lines += [f"kept  {sentence}" for sentence in cleanup.kept if sentence not in known.kept]
    if view.is_cleaning_up and cleanup.message and cleanup.message != known.message:
        lines.append(cleanup.message)
    error, before_that = cleanup.error, known.error or ErrorState()
    if (
        error
        and error.code not in TRANSIENT_CODES
        and (error.code, error.message) != (before_that.code, before_that.message)
    ):
        lines += [f"cannot go on  {error.code}: {error.message}", f"what to do  {error.hint}"]
    return lines
