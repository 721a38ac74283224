"""After a failure or a cancellation: what is cleaned up, what was done, what is kept."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import about, facts, listed
from aurora_restore.cli.views.phases import expectation
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.record_fields import map_of, text_of, time_of
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import OperationStatus


def render_cleaning_up(view: OperationView, now: datetime) -> RenderableType:
    """What is cleaned up at this moment, and what is done so far."""
    cleanup = view.section("cleanup")
    current = text_of(cleanup, "message") or text_of(cleanup, "step") or "begins"
    if (last := time_of(cleanup, "last_updated_time")) and (now - last).total_seconds() >= 60:
        current += f" ({about((now - last).total_seconds())} ago)"
    rows: list[tuple[str, str | Text | None]] = [
        ("why", str(view.error.get("message") or "")),
        ("now", Text(current, style="cyan")),
        ("should end", expectation(wait, now) if (wait := view.cleanup_wait) else None),
        *listed("done so far", view.cleanup_done),
        *listed("kept", view.cleanup_kept),
    ]
    return Group(Text(cleaning_up_after(view), style="bold yellow"), facts(rows))


def cleaning_up_after(view: OperationView) -> str:
    """`Cleaning up after SNAPSHOT_COPY_FAILED in CopySnapshot`, or after what else ended the run."""
    code = str(view.error.get("code") or "")
    ending = view.section("cleanup").get("ending")
    if ending == OperationStatus.SUCCEEDED:
        return f"Cleaning up: the {view.noun} was stopped after it had succeeded"
    if OperationStatus.CANCELLED in (ending, code):
        return f"Cleaning up after the cancellation{_in_step(view)}"
    return f"Cleaning up after {code or 'an abnormal end'}{_in_step(view)}"


def _in_step(view: OperationView) -> str:
    step = view.error.get("step") or view.step
    return f" in {step}" if step else ""


def render_cleaned_up(view: OperationView) -> RenderableType | None:
    """What the cleanup did and kept; None where there was none."""
    kept = view.cleanup_kept or _kept_by_its_nature(view)
    if not (view.cleanup_done or kept):
        return None
    return facts([*listed("cleaned up", view.cleanup_done), *listed("kept", kept)])


def _kept_by_its_nature(view: OperationView) -> list[str]:
    """What no cleanup removes: a finished copy, and the final snapshot of a cluster whose deletion had begun."""
    kept = []
    copied = map_of(view.section("phases"), Phase.COPY_SNAPSHOT).get("status") == "DONE"
    if view.goes_back and copied and (copy := map_of(view.section("plan"), "copy")):
        name = text_of(view.section("snapshot_details"), "restored_from")
        kept.append(f"the copy {name or copy.get('cluster_snapshot_identifier')}, for the next start")
    retirement = view.section("retirement")
    if view.goes_back and retirement.get("begun_time") and retirement.get("final_snapshot_identifier"):
        kept.append(f"the final snapshot {retirement['final_snapshot_identifier']}")
    return kept


def cleanup_lines(before: OperationView | None, view: OperationView) -> list[str]:
    """What is new in a cleanup since `before`, for a log."""
    done, kept = (before.cleanup_done, before.cleanup_kept) if before else ([], [])
    lines = [f"done  {sentence}" for sentence in view.cleanup_done if sentence not in done]
    lines += [f"kept  {sentence}" for sentence in view.cleanup_kept if sentence not in kept]
    message = text_of(view.section("cleanup"), "message")
    said = text_of(before.section("cleanup"), "message") if before else ""
    if view.is_cleaning_up and message and message != said:
        lines.append(message)
    return lines
