"""An operation on the screen: its phases while it runs, its outcome at the end, and everything else on request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.came_along import render_came_along
from aurora_restore.cli.views.cleanup import render_cleaned_up, render_cleaning_up, render_failing
from aurora_restore.cli.views.common import STYLES, clock_time, facts, heading, indented, status_text
from aurora_restore.cli.views.costs import render_costs
from aurora_restore.cli.views.errors import render_error
from aurora_restore.cli.views.handed_over import render_handed_over
from aurora_restore.cli.views.phases import render_phases, render_waiting, render_waits
from aurora_restore.cli.views.plan import render_plan
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.rehearsal import render_rehearsal, render_verdict
from aurora_restore.cli.views.replacement import (
    render_configuration,
    render_differences,
    render_replaced,
    render_way_past,
    unasked,
)
from aurora_restore.cli.views.restored import render_restored, render_user_checks, render_verification
from aurora_restore.domain.costs import Costs
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.notification import NOTHING_TOUCHED, what_exists
from aurora_restore.domain.states import OperationStatus
from aurora_restore.domain.wording import duration_words

_DIFFERENCES = "Differences from the old cluster"


def render_operation(view: OperationView, now: datetime, notice: str = "") -> RenderableType:
    """The moving picture of `watch`: the operation, its phases with their times, what it waits for and since when."""
    parts: list[RenderableType] = [render_title(view, now), indented(render_phases(view, now))]
    if view.is_running:
        parts.append(indented(render_waiting(view, now)))
    if view.is_cleaning_up:
        parts.append(indented(render_cleaning_up(view, now)))
    if failing := render_failing(view, now):
        parts.append(indented(failing))
    if notice:
        parts.append(indented(Text(notice, style="yellow")))
    return Group(*_spaced(parts))


def render_title(view: OperationView, now: datetime) -> RenderableType:
    first = Text.assemble((view.operation_id, "bold"), "  ", status_text(view.status, view.status_words))
    if (elapsed := view.elapsed_seconds(now)) is not None:
        first.append(f"  {duration_words(elapsed)}", style="dim")
    if view.dry_run:
        first.append("  dry run", style="dim")
    return Group(first, indented(Text(route(view))))


def route(view: OperationView) -> str:
    """From where to where, as far as it is known."""
    parameters, snapshot = view.record.parameters, view.record.snapshot_details
    target_region = parameters.target_region
    target = (view.target_cluster_id or "?") + (f" in {target_region}" if target_region else "")
    if view.undoes:
        return f"the cluster from before {view.undoes}  ->  {target}"
    # What was found comes before what was asked for: a request may name a snapshot alone.
    source = snapshot.db_cluster_identifier or parameters.source_cluster_id
    day = parameters.source_snapshot_date or parameters.source_snapshot_identifier
    origin = " of ".join(part for part in (source, day) if part) or "a snapshot"
    region = snapshot.region or parameters.source_region
    return origin + (f" in {region}" if region else "") + f"  ->  {target}"


def render_outcome(view: OperationView, now: datetime, costs: Costs | None = None) -> RenderableType:
    """How it ended: the cluster and how to connect; the plan and its costs; or the error, and what it left."""
    took = duration_words(view.elapsed_seconds(now))
    if view.status != OperationStatus.SUCCEEDED:
        what, verb = f"The {view.noun}", "failed"
        if view.was_refused:
            what, verb = "The request", "was refused"
        elif view.status == OperationStatus.CANCELLED:
            verb = "was cancelled"
        after = f" after {took}." if took and view.is_closed else "."
        parts: list[RenderableType] = [
            Text.assemble((f"{what} {verb}", STYLES.get(view.status, "bold red")), after)
        ]
        parts += [Text(meaning)] if (meaning := _what_it_means(view)) else []
        parts += [render_error(view.error_in_step.item)] if view.error else []
        parts += [left] if (left := render_rehearsal(view)) else []
        parts += _left_over(view, now)
    elif view.dry_run:
        is_rehearsal = view.record.parameters.rehearsal is not None
        verb = "rehearse" if is_rehearsal else "start"
        command = f"aurora-restore undo {view.undoes}" if view.undoes else f"aurora-restore {verb} …"
        names = "Names follow the operation's id: those of the real run are its own. "
        done = f"Nothing was touched. {names}Start it with the same options: {command}"
        parts = [render_plan(view), *([render_costs(costs)] if costs else []), Text(done, style="dim")]
    else:
        restored = view.record.restore_details
        name = restored.db_cluster_identifier or view.target_cluster_id
        place = ", in place of the old cluster" if view.record.replaced else ""
        what = f" in {took}: {name} is available{place}."
        if view.undoes:
            what = (
                f" in {took}: {view.target_cluster_id} is the cluster again that it was before {view.undoes}."
            )
        # What it restored has lost the name since, and may be gone: no endpoint of it is shown.
        undone_by = view.record.retirement.undone_by
        if undone_by:
            what = (
                f" in {took}, and was undone by {undone_by}: {name} is the cluster again that it was before."
            )
        parts = [Text.assemble((f"The {view.noun} succeeded", "bold green"), what)]
        if view.is_rehearsal:
            parts = [render_verdict(view, took)]
        parts += [render_restored(restored)] if restored and not (view.is_rehearsal or undone_by) else []
        differences = render_differences(restored.differences, _DIFFERENCES)
        tail = (render_replaced(view, now), render_handed_over(view), differences, render_cleaned_up(view))
        parts += [part for part in tail if part]
    return Group(*_spaced([*parts, *_warnings(view)]))


def _what_it_means(view: OperationView) -> str:
    """What exists after a run that went back, as its cleanup has observed it; empty where that is not known."""
    record = view.record
    if view.was_refused and not (record.acts or record.made):
        return f"What it means: {NOTHING_TOUCHED}"
    if not (view.is_closed and view.goes_back and record.cleanup.ended_time):
        return ""
    if not record.acts:
        return "" if record.made else f"What it means: {NOTHING_TOUCHED}"
    is_new = not (record.plan.replacement or view.undoes)
    return f"What it means: {what_exists(record, view.target_cluster_id, is_new=is_new)}"


def _left_over(view: OperationView, now: datetime) -> list[RenderableType]:
    """What exists after a run that did not succeed: what was cleaned up and kept, or what was not cleaned up."""
    record, found = view.record, view.record.restore_details.differences
    parts: list[RenderableType | None] = []
    if fields := unasked(found):
        parts += [render_differences(found, _DIFFERENCES), render_way_past(fields)]
    if record.scaling or record.switch_over or record.retirement:
        parts += [render_replaced(view, now), render_handed_over(view)]
    if record.cleanup:
        parts.append(render_cleaned_up(view))
    elif made := record.made:
        # Each was written down before it was asked for: it need not exist. So the tag decides, not the name.
        tag = f"{OPERATION_TAG} = {view.operation_id}"
        title = Text.assemble(
            ("May still exist: ", "bold"),
            f"of these, what has the tag {tag} was made by this run; leave what has not.",
        )
        parts.append(Group(title, facts((kind, made[kind]) for kind in sorted(made, key=_order_of_making))))
    return [part for part in parts if part]


def _order_of_making(kind: str) -> tuple[int, int]:
    """The copy, the cluster, the instances by their numbers; a map in the table has no order."""
    order = ("copy", "cluster", "instance")
    word, _, number = kind.partition("-")
    place = order.index(word) if word in order else len(order)
    return place, int(number) if re.fullmatch(r"[0-9]+", number) else 0


def _warnings(view: OperationView) -> list[RenderableType]:
    lines = [Text.assemble(("Warning: ", "bold yellow"), warning) for warning in view.record.warnings]
    return [Group(*lines)] if lines else []


def render_status(
    view: OperationView, now: datetime, notice: str = "", costs: Costs | None = None
) -> RenderableType:
    """Everything that the record holds, once."""
    restored = view.record.restore_details
    succeeded = view.status == OperationStatus.SUCCEEDED
    times = facts(
        [
            ("started", clock_time(view.started)),
            ("requested by", view.record.requested_by),
            ("ended", clock_time(view.ended)),
            ("execution", view.record.execution_arn),
            ("restored from", view.record.snapshot_details.restored_from),
            ("notified", view.record.notification.message_id),
        ]
    )
    parts: list[RenderableType | None] = [render_operation(view, now, notice), times]
    # The outcome below shows the plan of a dry run that succeeded, and what a restore that did so has made.
    if view.record.plan and not (view.dry_run and succeeded):
        parts.append(render_plan(view))
    if waits := render_waits(view):
        parts.append(Group(heading("Waits"), indented(waits)))
    if restored and not succeeded:
        parts.append(Group(heading("So far"), render_restored(restored)))
    if checks := restored.verification:
        parts.append(Group(heading("Verification"), indented(render_verification(checks))))
    parts += [render_user_checks(restored), render_came_along(view), render_configuration(view)]
    if view.is_closed:
        parts.append(render_outcome(view, now, costs))
    else:
        # What is known of the outcome so far. A cleanup says by itself why it runs.
        has_error = bool(view.error) and not view.is_cleaning_up
        parts += [
            render_rehearsal(view),
            render_replaced(view, now),
            render_handed_over(view),
            render_differences(restored.differences, _DIFFERENCES),
            render_error(view.error_in_step.item) if has_error else None,
            *_warnings(view),
        ]
    return Group(*_spaced(part for part in parts if part))


def _spaced(parts: Iterable[RenderableType]) -> list[RenderableType]:
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return spaced[:-1]
