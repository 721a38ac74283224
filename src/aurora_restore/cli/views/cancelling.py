"""The texts of a cancellation: what it means for the clusters, and what to do where it comes too late."""

from __future__ import annotations

from datetime import datetime

from aurora_restore.cli.views.common import clock_time, minute_time
from aurora_restore.cli.views.plan_replacement import final_snapshot, keep_hours
from aurora_restore.cli.views.record import OperationView
from aurora_restore.cli.views.replacement import is_kept, replaced_name, undo_command
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import OperationStatus, PhaseStatus, RetirementState

FOOTER = "ctrl-c leaves the watch; the cleanup goes on."
TOO_LATE = (
    "The cancel came too late: the operation had succeeded before it was stopped. Nothing was undone, and what "
    "is shown above is in place."
)


def what_it_means(view: OperationView) -> list[str]:
    """What becomes of the target, the new cluster and the copy; a sentence each."""
    if view.dry_run or not view.record.plan:
        return ["Nothing has been made yet, so there is nothing to remove."]
    if view.switched:
        return [f"{view.target_cluster_id} is the new cluster already and stays it: nothing is undone."]
    if view.is_rehearsal and view.record.rehearsal.measured_time:
        return [
            "The rehearsal is measured already, and its verdict stays: its scratch cluster is removed now."
        ]
    lines = []
    name = replaced_name(view)
    if view.undoes:
        lines.append(
            f"{view.target_cluster_id} remains the current cluster; the kept one is kept for as long "
            "as was planned."
        )
    elif view.record.replaced:
        # Before the switch only delete_first removes the old cluster.
        is_removed = view.record.retirement.state in (RetirementState.BEGUN, RetirementState.RETIRED)
        lines.append(
            f"{name} has been removed, or is being removed (delete_first): it is restored from its final snapshot "
            f"{final_snapshot(view)}, which takes about as long as a restore does."
            if is_removed
            else f"{name} remains the current cluster."
        )
    if not view.undoes:
        lines.append("What the run has made of the new cluster is removed.")
    # A finished copy may have taken hours, and serves the next start as well; an unfinished one is of no use.
    if view.record.phase(Phase.COPY_SNAPSHOT).status is PhaseStatus.DONE and view.record.plan.copy:
        lines.append("The finished copy of the snapshot is kept for the next start.")
    elif view.record.plan.copy:
        lines.append(
            "An unfinished copy of the snapshot is deleted; a finished one is kept for the next start."
        )
    return lines


def how_it_ended(view: OperationView, now: datetime) -> str:
    """`restore-… has ended already: FAILED (SNAPSHOT_COPY_FAILED) at 11:52:02 UTC.`"""
    code = view.error.code
    why = f" ({code})" if code and view.status not in (OperationStatus.SUCCEEDED, code) else ""
    when = f" at {clock_time(view.ended, now)}" if view.ended else ""
    return f"{view.operation_id} has ended already: {view.status}{why}{when}."


def what_to_do_instead(view: OperationView, region: str, now: datetime) -> str:
    """What there is to do about an operation that has ended."""
    # A restore that replaced a cluster can be undone, which is what a cancel that comes too late was meant for.
    if view.status == OperationStatus.SUCCEEDED and not view.dry_run and view.record.replaced:
        return f"Nothing is undone. {how_to_undo(view, region, now)}"
    shows = f"`aurora-restore status {view.operation_id} --region {region}` shows"
    if view.status == OperationStatus.SUCCEEDED:
        return f"Nothing is undone. {shows} the result."
    return f"There is nothing to cancel. {shows} what was cleaned up and what was kept."


def after_the_switch(view: OperationView, now: datetime) -> str:
    """That the restore has succeeded, although it still runs."""
    since = f" since {clock_time(view.switched, now)}" if view.switched else ""
    what = "old" if view.undoes else "restored"
    rest = f" The run goes on with what is left ({view.step})." if view.step else ""
    return (
        f"The {view.noun} has already succeeded: {view.target_cluster_id} is the {what} cluster{since}. Nothing was "
        f"stopped, and nothing is undone.{rest}"
    )


def how_to_undo(view: OperationView, region: str, now: datetime) -> str:
    """How to put the old cluster back; the commands can be copied."""
    if undone_by := view.record.retirement.undone_by:
        return f"The operation {undone_by} has put the old cluster back already: it has its name again."
    undo = f"{undo_command(view)} --region {region}"
    if is_kept(view, now):
        until = view.record.retirement.keep_until
        limit = f" until {minute_time(until, now)}" if until else ""
        return f"The old cluster is kept{limit}. To put it back:\n{undo}"
    if (hours := keep_hours(view)) and not view.is_closed:
        return f"The old cluster will be kept for {hours:g} h. To put it back, once this has ended:\n{undo}"
    if final_snapshot(view) is None:
        return "The old cluster goes without a final snapshot, as requested: its data cannot be restored."
    restore = (
        f"aurora-restore start --source-snapshot {final_snapshot(view)} --source-region {region} "
        f"--target-cluster {view.target_cluster_id} --replace --region {region}"
    )
    return (
        "The request does not ask to keep the old cluster. To have its data back, once this has ended, restore its "
        f"last snapshot:\n{restore}"
    )
