"""What people read about a replacement, an abnormal end and a wait, in each state that they can be in."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.screen_text import absent, identifier_at_the_end, text_of, words_of
from tests.unit.cli import cli_records as records
from tests.unit.cli import cli_replacement_records as replacements
from tests.unit.cli.cli_records import NOW
from tests.unit.cli.cli_replacement_records import ASIDE, FINAL_SNAPSHOT, STAGING, TARGET, waiting
from tests.unit.cli.cli_screens import outcome, picture

from aurora_restore.cli.views.cleanup import cleanup_lines
from aurora_restore.cli.views.log import change_lines
from aurora_restore.cli.views.operation import render_operation, render_outcome, render_status
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.phases import NO_ESTIMATE
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.naming import OPERATION_TAG

NAME = "restore-20261122-114200"
UNDO_COMMAND = f"aurora-restore undo {NAME}"
OLD_RUN = "it took 38 min in restore-20261121-030000"

STATES = [
    waiting,
    replacements.replacing,
    replacements.clearing,
    replacements.switched,
    replacements.kept,
    replacements.retired,
    replacements.cancelled_after_the_switch,
    replacements.differing,
    replacements.cleaning_up,
    replacements.cancelled,
    replacements.undoing,
    replacements.undone,
    replacements.planned_replacement,
    replacements.planned_undo,
]


def status(record: dict[str, Any], width: int = 100, execution_status: str = "") -> str:
    return words_of(render_status(view_operation(record, execution_status), NOW), width)


def phases(record: dict[str, Any]) -> list[str]:
    return [phase.name for phase in view_operation(record).phases]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_state_fits_every_width(state: Any, width: int) -> None:
    view = view_operation(state())
    for renderable in (render_operation(view, NOW), render_outcome(view, NOW), render_status(view, NOW)):
        wider = [line for line in text_of(renderable, width).splitlines() if len(line) > width]
        assert all(identifier_at_the_end(line) for line in wider), wider


@pytest.mark.parametrize(
    "section", ["replaced", "switch_over", "retirement", "cleanup", "plan", "restore_details"]
)
@pytest.mark.parametrize("value", ["gone", 7, ["a"], {}, {"state": 5, "done": "x", "members": "two"}, None])
def test_nothing_that_a_hand_can_write_stops_the_display(section: str, value: Any) -> None:
    for state in (replacements.switched, replacements.cleaning_up, replacements.kept):
        view = view_operation(state() | {section: value})
        assert NAME in words_of(render_status(view, NOW))
        render_outcome(view, NOW)
        render_operations([view], NOW, 80)
        change_lines(None, view, NOW)


# Phases


def test_a_restore_into_a_new_target_has_no_phases_of_a_replacement() -> None:
    assert not {"ClearTarget", "SwitchOver", "RetireReplaced"} & set(phases(records.copying()))


def test_a_swap_has_the_switch_and_the_retirement_before_it_and_nothing_to_clear() -> None:
    shown = phases(replacements.replacing())
    assert "ClearTarget" not in shown
    assert shown[-6:] == [
        "VerifyRestore",
        "SwitchOver",
        "ProveEndpoint",
        "RetireReplaced",
        "ArchiveSnapshot",
        "Notify",
    ]


def test_delete_first_clears_the_target_and_switches_nothing() -> None:
    shown = phases(replacements.clearing())
    assert shown[:4] == ["SnapshotCheck", "CopySnapshot", "ClearTarget", "RestoreCluster"]
    assert "SwitchOver" not in shown


def test_an_undo_shows_what_it_does_only() -> None:
    expected = ["SnapshotCheck", "RestoreCluster", "SwitchOver", "ProveEndpoint", "RetireReplaced", "Notify"]
    assert phases(replacements.undoing()) == expected
    assert f"the cluster from before {NAME} -> {TARGET}" in picture(replacements.undoing())


# Waits


@pytest.mark.parametrize(
    ("wait", "facts"),
    [
        (
            {"expected_end": "2026-11-22T14:32:00.000Z", "why": "RDS reports 43 %"},
            ("14:32 UTC", "RDS reports 43 %", "2 h 50 min"),
        ),
        (
            {"expected_end": "2026-11-23T01:00:00.000Z", "why": OLD_RUN},
            ("2026-11-23 01:00 UTC", OLD_RUN, "13 h 18 min"),
        ),
        ({"expected_end": "2026-11-22T11:30:00.000Z", "why": OLD_RUN}, ("11:30 UTC", OLD_RUN, "12 min")),
        ({}, (NO_ESTIMATE,)),
        ({"expected_end": None, "why": ""}, (NO_ESTIMATE,)),
        (
            {"expected_end": None, "why": f"longer than last time: {OLD_RUN}"},
            (NO_ESTIMATE, f"longer than last time: {OLD_RUN}"),
        ),
    ],
)
def test_of_a_wait_is_said_when_it_should_end_and_why_we_think_so(
    wait: dict[str, Any], facts: tuple[str, ...]
) -> None:
    assert absent(picture(waiting(**wait)), *facts, "11:42:05 UTC") == []


def test_of_several_waits_the_one_that_lasts_is_shown() -> None:
    record = waiting(until="2026-11-22T11:42:20.000Z")
    item = {"since": "2026-11-22T11:42:21.000Z", "expected_end": "2026-11-22T11:50:00.000Z", "why": OLD_RUN}
    record["phases"]["CopySnapshot"]["waits"]["available"] = item
    assert "11:50 UTC" in picture(record)
    assert "CopySnapshot copy 25 s 4 2.0 s" in status(record)


def test_a_line_of_a_log_says_when_it_should_end_and_comes_again_once_that_is_known() -> None:
    before = view_operation(waiting())
    after = view_operation(waiting(expected_end="2026-11-22T14:32:00.000Z", why="RDS reports 43 %"))
    (line,) = change_lines(before, after, NOW)
    assert absent(line, "14:32 UTC", "RDS reports 43 %", "2 h 50 min") == []
    later = view_operation(waiting(expected_end="2026-11-22T14:33:00.000Z", why="RDS reports 43 %"))
    assert change_lines(after, later, NOW) == []


# Replacing


def test_a_replacement_that_succeeded_says_what_became_of_the_old_cluster_and_how_to_go_back() -> None:
    times = ("2026-11-23 11:42 UTC", "24 h", "1 min 18 s", "11:40:02", "11:41:20 UTC")
    seen = outcome(replacements.kept())
    assert absent(seen, f"{TARGET} (cluster-ABCDEFGHIJKL)", ASIDE, *times, UNDO_COMMAND) == []


def test_a_retired_cluster_cannot_be_put_back_and_its_final_snapshot_is_named() -> None:
    seen = outcome(replacements.retired())
    assert FINAL_SNAPSHOT in seen
    assert UNDO_COMMAND not in seen


def test_a_keep_that_is_over_offers_no_way_back() -> None:
    retirement = {"state": "KEPT", "keep_until": "2026-11-22T11:00:00.000Z"}
    seen = outcome(replacements.kept() | {"retirement": retirement})
    assert "11:00 UTC" in seen
    assert UNDO_COMMAND not in seen


def test_of_a_cluster_that_went_without_a_final_snapshot_none_is_named() -> None:
    assert FINAL_SNAPSHOT not in outcome(replacements.retired() | {"retirement": {"state": "RETIRED"}})


def test_a_restore_that_was_undone_shows_that_first_and_no_endpoint_of_its_own() -> None:
    retirement = {"state": "UNDONE", "undone_by": "undo-20261122-120000"}
    seen = text_of(render_outcome(view_operation(replacements.kept() | {"retirement": retirement}), NOW))
    assert "undo-20261122-120000" in seen.splitlines()[0]
    assert ".rds.amazonaws.com" not in seen


def test_a_replacement_that_was_undone_is_not_to_be_undone_again() -> None:
    assert UNDO_COMMAND not in outcome(replacements.kept() | {"retirement": {"state": "UNDONE"}})


def test_status_shows_how_the_old_cluster_was_set_up() -> None:
    seen = status(replacements.switched())
    assert "Replaced cluster, as it was set up" in seen
    assert "backup retention days 7" in seen
    assert "instance aurora-restored-staging-2 (db.r5.xlarge, tier 1)" in seen
    assert "deletion protection" not in seen


def test_differences_are_shown_field_by_field_and_what_was_not_requested_first() -> None:
    seen = outcome(replacements.differing())
    rows = ("backup_retention_days 7 1", "engine_version 16.4 17.7", "instance_count 2 1")
    places = [seen.index(row) for row in rows]
    assert places == sorted(places)
    assert "--accept-difference backup_retention_days" in seen


def test_where_every_difference_was_asked_for_nothing_is_to_be_accepted() -> None:
    assert "--accept-difference" not in outcome(replacements.kept())


# Plans


def test_a_plan_says_what_is_replaced_and_how_and_what_is_destroyed_when() -> None:
    old = ("db.r5.large", "db.r5.xlarge", "aurora-postgresql 16.4")
    seen = outcome(replacements.planned_replacement())
    assert absent(seen, TARGET, STAGING, ASIDE, FINAL_SNAPSHOT, *old, "keep_replaced_hours") == []


def test_a_plan_that_keeps_says_for_how_long_and_how_to_go_back() -> None:
    seen = outcome(replacements.planned_replacement(keep_replaced_hours=24))
    assert absent(seen, "24 h", "aurora-restore undo OPERATION") == []


def test_a_plan_that_deletes_first_has_no_staging_name() -> None:
    seen = outcome(replacements.planned_replacement(replace_strategy="delete_first"))
    assert "delete_first" in seen
    assert STAGING not in seen


def test_a_plan_without_a_final_snapshot_names_none_and_the_field_that_asks_for_that() -> None:
    seen = outcome(replacements.planned_replacement(final_snapshot=False))
    assert FINAL_SNAPSHOT not in seen
    assert "final_snapshot is false" in seen


def test_a_plan_shows_what_will_differ_and_what_would_stop_the_run() -> None:
    seen = outcome(replacements.planned_replacement())
    assert absent(seen, "backup_retention_days 7 1", "--accept-difference backup_retention_days") == []


def test_a_plan_of_a_replacement_can_be_read_where_it_holds_no_names_of_its_own() -> None:
    seen = outcome(replacements.planned_replacement() | {"plan": records.PLAN})
    snapshot = "aurora-restore-20261122-114200-final-9fa9b199"
    assert absent(seen, f"{TARGET}-9fa9b199-new", f"{TARGET}-9fa9b199-old", snapshot) == []


def test_a_plan_of_an_undo_shows_the_undo_only() -> None:
    seen = outcome(replacements.planned_undo())
    assert absent(seen, NAME, ASIDE, TARGET, replacements.UNDO_SNAPSHOT) == []
    assert records.PLAN["admin_secret_id"] not in seen


# Abnormal ends


def test_a_cleanup_says_after_what_it_cleans_up_and_what_is_done_so_far() -> None:
    seen = picture(replacements.cleaning_up())
    doing = (f"the cluster {STAGING} is `deleting`", "2 min")
    done = f"the instance {STAGING}-1 was deleted"
    assert absent(seen, f"{NAME} CLEANING_UP", "RestoreCluster stopped", "the wrong day", *doing, done) == []


def test_a_cleanup_that_cannot_go_on_says_so_instead_of_what_it_was_at() -> None:
    seen = picture(failing_cleanup())
    error = ("CLUSTER_FAILED", "It is `migration-failed`.", "Delete it.")
    assert absent(seen, *error, "for 2 h", "3 min ago") == []
    assert f"the cluster {STAGING} is `deleting`" not in seen


def test_a_log_says_once_that_a_cleanup_cannot_go_on() -> None:
    before, failing = (view_operation(each) for each in (replacements.cleaning_up(), failing_cleanup()))
    error, hint = cleanup_lines(before, failing)
    assert absent(error, "CLUSTER_FAILED", "It is `migration-failed`.") == []
    assert "Delete it." in hint
    later = failing_cleanup()
    later["cleanup"]["failed_time"] = "2026-11-22T11:45:00.000Z"
    assert cleanup_lines(failing, view_operation(later)) == []


def test_an_operation_that_has_ended_says_why_its_kept_cluster_does_not_go() -> None:
    """Its deletion has begun: until then, it is kept for a while longer."""
    error = {"code": "DELETION_PROTECTED", "message": f"{ASIDE} is protected.", "hint": "Take that off."}
    cleanup = {"error": error, "failed_time": "2026-11-22T11:39:20.000Z"}
    record = replacements.kept() | {"cleanup": cleanup}
    record["retirement"] = record["retirement"] | {"state": "BEGUN", "begun_time": "2026-11-22T11:30:00.000Z"}
    assert absent(picture(record), *error.values(), "3 min ago") == []


def failing_cleanup() -> dict[str, Any]:
    error = {"code": "CLUSTER_FAILED", "message": "It is `migration-failed`.", "hint": "Delete it."}
    record = replacements.cleaning_up()
    times = {"failing_since": "2026-11-22T09:42:00.000Z", "failed_time": "2026-11-22T11:39:20.000Z"}
    record["cleanup"] |= {"error": error, **times}
    return record


def test_a_cleanup_after_a_failure_names_its_code() -> None:
    error = {"code": "INSTANCE_FAILED", "message": "It is `incompatible-network`.", "step": "RestoreCluster"}
    record = replacements.cleaning_up() | {"error": error, "cleanup": {"ending": "FAILED"}}
    assert absent(picture(record), "INSTANCE_FAILED", "RestoreCluster failed") == []


def test_a_run_that_was_stopped_after_it_had_succeeded_is_not_said_to_have_failed() -> None:
    cleanup = {"ending": "SUCCEEDED", "message": f"{ASIDE} is `stopping`"}
    seen = picture(replacements.switched() | {"status": "CLEANING_UP", "cleanup": cleanup})
    assert absent(seen, "succeeded", f"{ASIDE} is `stopping`") == []


def test_a_cancelled_run_says_what_was_cleaned_up_and_what_is_kept_and_leaves_nothing_open() -> None:
    seen = outcome(replacements.cancelled())
    cleanup = replacements.TIDIED
    assert absent(seen, "10 min 2 s", "CANCELLED", "the wrong day", *cleanup["done"], *cleanup["kept"]) == []
    assert OPERATION_TAG not in seen


def test_the_time_of_a_phase_does_not_grow_by_that_of_the_cleanup() -> None:
    assert "RestoreCluster stopped 0.8 s" in picture(replacements.cancelled())


def test_a_run_that_was_stopped_shows_so_before_its_cleanup_begins() -> None:
    view = view_operation(replacements.replacing(), "ABORTED")
    seen = words_of(render_operation(view, NOW, "waits for its cleanup"))
    assert absent(seen, f"{NAME} STOPPED", "RestoreCluster stopped", "waits for its cleanup") == []


def test_a_record_marked_by_hand_is_not_said_to_be_over_before_its_cleanup() -> None:
    seen = status(records.closed_by_hand())
    assert absent(seen, "FAILED, cleanup due", "MANUAL_INTERVENTION") == []
    assert "The restore failed" in outcome(records.closed_by_hand())
    assert "The restore failed" not in seen


def test_a_cleanup_of_what_was_marked_by_hand_is_shown_and_keeps_the_hands_status() -> None:
    cleanup = {"ending": "CANCELLED", "message": "the unfinished copy is `deleting`"}
    seen = picture(records.closed_by_hand() | {"cleanup": cleanup})
    assert absent(seen, "FAILED, cleaning up", "the unfinished copy is `deleting`") == []


def test_a_cleanup_says_when_its_wait_should_end() -> None:
    record = replacements.cleaning_up()
    wait = {"since": "2026-11-22T11:40:20.000Z", "expected_end": "2026-11-22T11:45:00.000Z", "why": OLD_RUN}
    record["cleanup"]["waits"] = {"cluster_deleted": wait}
    assert absent(picture(record), "11:45 UTC", OLD_RUN, "in 2 min") == []


def test_a_phase_that_ended_with_the_record_is_as_long_as_it_ran() -> None:
    record = replacements.cancelled()
    ended = {"status": "CANCELLED", "end_time": "2026-11-22T11:52:02.000Z"}
    record["phases"]["RestoreCluster"] = record["phases"]["RestoreCluster"] | ended
    record["cleanup"] = record["cleanup"] | {"ended_time": "2026-11-22T11:42:30.500Z"}
    assert "RestoreCluster stopped 30 s" in picture(record)


@pytest.mark.parametrize("record", [replacements.switched(), replacements.clearing()])
def test_after_an_abnormal_end_nothing_is_left_to_go_back_from(record: dict[str, Any]) -> None:
    """Its switch was taken back: neither how long that took nor a way back from it says anything any more."""
    ended = record | {"status": "FAILED", "end_time": "2026-11-22T12:00:00.000Z", "error": {"code": "X"}}
    seen = outcome(ended)
    assert "cluster-ABCDEFGHIJKL" in seen
    assert "1 min 18 s" not in seen
    assert UNDO_COMMAND not in seen


def test_a_list_shows_cleanups_cancellations_and_undos() -> None:
    states = {
        "RestoreCluster": replacements.cleaning_up(),
        "CANCELLED": replacements.cancelled(),
        "MANUAL_INTERVENTION": records.closed_by_hand(),
        "undo": replacements.undone(),
        "SNAPSHOT_COPY_FAILED": records.failed() | {"status": "CLEANING_UP", "end_time": None},
    }
    views = [view_operation(record) for record in states.values()]
    lines = text_of(render_operations(views, NOW, 160), 160).splitlines()[1:]
    assert [fact in line for fact, line in zip(states, lines, strict=True)] == [True] * len(states), lines


@pytest.mark.parametrize(
    ("changes", "execution_status", "state"),
    [
        ({}, "ABORTED", "stopped"),
        # How the execution ended may be unknown.
        ({}, "", "stopped"),
        ({}, "FAILED", "failed"),
        ({}, "TIMED_OUT", "failed"),
        ({"error": {"code": "SWITCH_OVER_FAILED"}}, "FAILED", "failed"),
        ({"error": {"code": "CANCELLED"}}, "ABORTED", "stopped"),
    ],
)
def test_the_phase_of_a_run_that_is_cleaned_up_has_failed_only_where_the_run_has(
    changes: dict[str, Any], execution_status: str, state: str
) -> None:
    record = replacements.switched() | {"status": "CLEANING_UP", "cleanup": {"begun": True}} | changes
    *_, last = (phase for phase in view_operation(record, execution_status).phases if phase.recorded)
    assert (last.name, last.state) == ("RetireReplaced", state)
