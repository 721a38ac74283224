"""The old cluster: what becomes of it, how it was set up, how to put it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from aurora_restore.cli.views.common import (
    clock_time,
    facts,
    heading,
    indented,
    minute_time,
    needed_width,
    plain_table,
)
from aurora_restore.cli.views.record import OperationView
from aurora_restore.domain.cleaning import present_failure
from aurora_restore.domain.counting import counted
from aurora_restore.domain.record import DifferenceState, ReplacedCluster
from aurora_restore.domain.states import RetirementState
from aurora_restore.domain.wording import duration_words, rough_duration_words, value_words

Rows = list[tuple[str, str | Text | None]]

_SHOWN_ELSEWHERE = frozenset({"db_cluster_identifier", "db_cluster_resource_id", "members"})


def render_replaced(view: OperationView, now: datetime) -> RenderableType | None:
    """What became of the replaced cluster, and for how long no cluster had its name; None where none is replaced."""
    replaced, retirement = view.record.replaced, view.record.retirement
    if not (replaced or retirement or view.record.switch_over):
        return None
    # The name is that of another cluster by now; the resource id never changes.
    resource = f" ({replaced.db_cluster_resource_id})" if replaced.db_cluster_resource_id else ""
    kept_until = None
    if (until := retirement.keep_until) and retirement.state is RetirementState.KEPT:
        left = (until - now).total_seconds()
        remaining = f"in {rough_duration_words(left)}" if left > 0 else "over: it is removed within minutes"
        kept_until = f"{minute_time(until, now)} ({remaining})"
    # The final snapshot of an old cluster that was not deleted is removed again.
    stays = view.goes_back and not retirement.deletion_has_begun
    # Where the cluster was restored by hand, the final snapshot may be lost.
    is_shown = not (stays or retirement.restored_by_hand)
    rows: Rows = [
        ("cluster", replaced_name(view) + resource),
        ("now", _state_now(view, now)),
        ("kept until", kept_until),
        ("final snapshot", retirement.final_snapshot_identifier if is_shown else None),
        ("no name for", None if view.goes_back else without_the_name(view)),
        ("clients", None if view.goes_back else unreachable_for_clients(view)),
        ("to go back", undo_command(view) if is_kept(view, now) else None),
    ]
    return Group(heading("Replaced cluster"), facts(rows))


def replaced_name(view: OperationView) -> str:
    """The name of the cluster that is replaced, which the new one takes."""
    return view.record.replaced.db_cluster_identifier or view.target_cluster_id


def retired_name(view: OperationView) -> str:
    """The name of the old cluster after it gave up its own."""
    retired_as = view.record.retirement.db_cluster_identifier
    return view.record.switch_over.retired_identifier or retired_as or "a cluster of another name"


def _state_now(view: OperationView, now: datetime) -> str | Text:
    retirement = view.record.retirement
    if view.goes_back:
        # With delete_first the old cluster may have been removed already: then it is restored.
        is_rebuilt, was = retirement.deletion_has_begun, "under its own name"
        done = f"{was}, restored from its final snapshot" if is_rebuilt else f"{was}, as it was"
        if retirement.restored_by_hand:
            done = f"{was}, restored by hand"
        under_way = "being restored from its final snapshot" if is_rebuilt else f"{was}, or about to be again"
        if present_failure(view.record, now):
            under_way = "not put back yet"
        return done if view.is_closed else under_way
    match retirement.state:
        case RetirementState.KEPT:
            return f"kept as {retired_name(view)}, stopped"
        case RetirementState.BEGUN:
            begun = retirement.begun_time
            return "being removed" + (f", since {clock_time(begun, now)}" if begun else "")
        case RetirementState.RETIRED:
            saved = retirement.final_snapshot_identifier
            return "removed" if saved else "removed, without a final snapshot"
        case RetirementState.UNDONE:
            by = retirement.undone_by
            return Text(f"under its own name again: this was undone{f' by {by}' if by else ''}", style="bold")
    if view.switched:
        return f"as {retired_name(view)}, about to be retired"
    if view.record.switch_over.name_gone_time:
        return f"as {retired_name(view)}: the renames are under way"
    return "under its own name, as it was"


def is_kept(view: OperationView, now: datetime) -> bool:
    """Whether the replaced cluster can still be put back by an undo."""
    until = view.record.retirement.keep_until
    is_kept_at_all = view.record.retirement.state is RetirementState.KEPT and not view.goes_back
    return is_kept_at_all and (until is None or until > now)


def undo_command(view: OperationView) -> str:
    return f"aurora-restore undo {view.operation_id}"


def without_the_name(view: OperationView) -> str | None:
    """For how long no cluster had the name, and when that was."""
    seconds, gone = view.record.switch_over.seconds_without_name, view.record.switch_over.name_gone_time
    if seconds is None:
        return None
    span = f", from {gone:%H:%M:%S} to {clock_time(view.switched, gone)}" if gone and view.switched else ""
    return f"{duration_words(seconds)}{span}, as RDS reported it"


def unreachable_for_clients(view: OperationView) -> str | None:
    """For how long clients that verify the host name could not reach the target; None where it was not observed."""
    seconds = view.record.proof.seconds_unreachable_for_clients
    if seconds is None:
        return None
    renewed = view.record.proof.certificate_renewed_by
    how = f", its certificate renewed by {renewed}" if renewed else ""
    return f"without the database for {duration_words(seconds)} at most{how}"


def render_configuration(view: OperationView) -> RenderableType | None:
    """How the replaced cluster was set up: kept in the record, and the default for the new one."""
    replaced = view.record.replaced
    rows: Rows = [
        (name.replace("_", " "), value_words(value))
        for name, value in sorted(replaced.settings.items())
        if name not in _SHOWN_ELSEWHERE and value not in (None, "", [], {}, False)
    ]
    for member in replaced.members:
        tier = "" if member.promotion_tier is None else f"tier {member.promotion_tier}"
        details = ", ".join(filter(None, (member.db_instance_class, tier, member.db_parameter_group_name)))
        rows.append(("instance", f"{member.db_instance_identifier} ({details})"))
    return Group(heading("Replaced cluster, as it was set up"), facts(rows)) if rows else None


def members_in_words(replaced: ReplacedCluster) -> str:
    """`2 instances of db.r5.large`, with every class where they differ."""
    members = replaced.members
    classes = sorted({member.db_instance_class for member in members} - {""})
    count = counted(len(members), "instance")
    return f"{count} of {' and '.join(classes)}" if classes else count


def render_differences(
    found: Iterable[DifferenceState], title: str, heads: tuple[str, str] = ("was", "is now")
) -> RenderableType | None:
    """Field by field: what it was, what it is now, and whether the request asks for that; what it does not ask for
    comes first."""
    rows = sorted(found, key=lambda item: not item.is_unasked)
    if not rows:
        return None
    return Group(heading(title), indented(_Differences(rows, heads)))


class _Differences:
    """A row for each field; where that would fold a name or a value, each value in a line of its own."""

    def __init__(self, items: Sequence[DifferenceState], heads: tuple[str, str]) -> None:
        self._heads = heads
        self._rows = [
            (
                Text(item.field),
                Text(value_words(item.replaced)),
                Text(value_words(item.restored)),
                _verdict(item),
            )
            for item in items
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = ("field", *self._heads, "")
        if needed_width(columns, self._rows) <= options.max_width:
            table = plain_table(*columns)
            for row in self._rows:
                table.add_row(*row)
            yield table
            return
        for field, before, after, verdict in self._rows:
            yield Text("  ").join((field, verdict))
            yield facts(zip(self._heads, (before, after), strict=True))


def _verdict(item: DifferenceState) -> Text:
    if item.asked_for or item.accepted:
        return Text("asked for" if item.asked_for else "accepted", style="green")
    return Text("NOT ASKED FOR", style="bold red")


def unasked(found: Iterable[DifferenceState]) -> list[str]:
    """The fields that differ without a request for it."""
    return [item.field for item in found if item.is_unasked]


def render_way_past(fields: list[str]) -> RenderableType:
    """That these differences stop a run, and the options that accept them, to be copied."""
    options = " ".join(f"--accept-difference {field}" for field in fields)
    return Text.assemble(
        "Differences that were not requested stop a run before the old cluster is touched. Ask for the old value, "
        "or accept: ",
        (options, "bold"),
    )
