"""What people read about a record, in each state that it can be in."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.support.kept_views import assert_as_kept
from tests.support.screen_text import absent, identifier_at_the_end, text_of, words_of
from tests.unit.cli import cli_records as records
from tests.unit.cli.cli_records import NOW
from tests.unit.cli.cli_screens import outcome, picture

from aurora_restore.cli.views.common import indented
from aurora_restore.cli.views.connect import connect_command, password_secret
from aurora_restore.cli.views.errors import error_item, render_error
from aurora_restore.cli.views.log import change_lines
from aurora_restore.cli.views.operation import render_operation, render_outcome, render_status
from aurora_restore.cli.views.operations_list import render_operations
from aurora_restore.cli.views.record import view_operation
from aurora_restore.cli.views.replacement import render_differences
from aurora_restore.cli.views.restored import render_verification
from aurora_restore.domain.errors import (
    InvalidRequest,
    PreflightFailed,
    SnapshotAmbiguous,
    TargetExists,
    VerificationFailed,
)
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.notification import NOTHING_TOUCHED, what_exists
from aurora_restore.domain.record import CheckState, DifferenceState, PlanItem, Record, RestoreDetails

FAILED_RECORD = Path(__file__).parents[2] / "data" / "records" / "2026-11-27" / "failed.json"
CONNINFO = "host=h port=5432 dbname='my shop' user='o\\'neil' sslmode=verify-full sslrootcert=/ca.pem"

STATES = [
    records.begun,
    records.copying,
    records.succeeded,
    records.planned,
    records.refused,
    records.failed,
    records.closed_by_hand,
    records.marked_by_hand_and_cleaned_up,
    records.refused_by_aws_in_mid_run,
    records.closed_by_hand_with_words,
]


def test_a_running_operation_shows_its_phases_with_their_times() -> None:
    seen = picture(records.copying())
    assert "restore-20261122-114200 RUNNING 30 s" in seen
    assert "SnapshotCheck done 0.8 s the plan is made" in seen
    assert "CopySnapshot running 28 s" in seen
    assert "45 %" in seen


def test_a_running_operation_says_what_it_waits_for_and_since_when() -> None:
    seen = picture(records.copying())
    assert absent(seen, "the copy aurora-restore-20261122-114200 is creating", "11:42:02 UTC", "4.0 s") == []


def test_the_bar_moves_with_the_progress() -> None:
    def filled(percent: int) -> int:
        return text_of(render_operation(view_operation(records.copying(percent)), NOW)).count("━")

    assert filled(10) < filled(50) < filled(100)


def test_a_skipped_phase_says_why() -> None:
    assert "CopySnapshot skipped 0.8 s the snapshot is in us-west-2 already" in picture(records.succeeded())


def test_a_phase_of_a_newer_release_is_shown_as_well() -> None:
    record = records.copying()
    record["phases"] = {**record["phases"], "SwitchOver": {"status": "DONE", "message": "renamed"}}
    assert "SwitchOver done renamed" in picture(record)


def test_a_restore_that_succeeded_says_where_to_connect() -> None:
    seen = outcome(records.succeeded())
    writer = "aurora-restored-staging.cluster-x.us-west-2.rds.amazonaws.com"
    assert absent(seen, "succeeded", "3 min 5 s", writer) == []


def test_logins_that_came_along_with_the_snapshot_are_named() -> None:
    assert "app_user" in outcome(records.succeeded())


def test_locked_logins_are_counted_and_named() -> None:
    record = records.succeeded()
    record["restore_details"] |= {
        "other_logins": ["app_user", "report"],
        "locked_logins": ["app_user", "report"],
    }
    assert "2 locked: app_user, report" in outcome(record)


def test_of_logins_that_came_along_the_open_ones_come_first() -> None:
    record = records.succeeded()
    record["restore_details"] |= {"other_logins": ["app_user", "report"], "locked_logins": ["app_user"]}
    seen = outcome(record)
    assert seen.index("report") < seen.index("1 locked: app_user")


def test_a_refusal_says_that_nothing_was_touched() -> None:
    assert NOTHING_TOUCHED in outcome(records.refused())
    # What was made need not be gone, where no cleanup has looked at it.
    assert NOTHING_TOUCHED not in outcome(records.refused_by_aws_in_mid_run())
    assert NOTHING_TOUCHED not in outcome(records.closed_by_hand())


def test_a_restore_that_went_back_says_which_cluster_exists() -> None:
    (record,) = json.loads(FAILED_RECORD.read_text())["records"]
    for each, is_new in ((record, False), (record | {"plan": record["plan"] | {"replacement": None}}, True)):
        said = what_exists(Record.read(each), record["target_cluster_id"], is_new=is_new)
        assert said in outcome(each)


def test_a_failure_shows_code_message_hint_and_phase() -> None:
    error = records.failed()["error"]
    assert absent(outcome(records.failed()), *error.values(), "10 min 2 s") == []


def test_several_faults_are_shown_each_with_its_code_and_hint() -> None:
    seen = outcome(records.refused())
    assert absent(seen, "2.0 s", "PREFLIGHT_FAILED", "SnapshotCheck", "2 problems") == []
    for fault in records.refused()["error"]["problems"]:
        assert absent(seen, *fault.values()) == []


def test_a_problem_with_a_field_of_the_request_names_its_option() -> None:
    taken = "target_cluster_id aurora-restored-staging exists already."
    seen = words_of(render_error(error_item(TargetExists(taken))))
    assert seen.endswith(
        "--target-cluster (target_cluster_id), --replace/--keep-cluster-if-exists (delete_cluster_if_exists)"
    )
    problems = [
        *InvalidRequest("instance_count: must be a number.").problems,
        *SnapshotAmbiguous("2 clusters.").problems,
    ]
    both = PreflightFailed(problems)
    lines = text_of(render_error(error_item(both)), 80).splitlines()
    assert [line.split(": ")[1] for line in lines if "--" in line] == [
        "--instance-count (instance_count)",
        "--source-cluster (source_cluster_id)",
    ]


def test_what_a_failed_phase_says_of_the_cluster_is_not_taken_for_the_request() -> None:
    seen = words_of(render_error(error_item(VerificationFailed("engine_version is 17.4 and not 17.5"))))
    assert "engine_version" in seen
    assert "--" not in seen


def test_a_record_closed_by_hand_is_shown_with_what_it_has() -> None:
    seen = outcome(records.closed_by_hand())
    assert "MANUAL_INTERVENTION in CopySnapshot" in seen
    assert "Manually marked as failed" in seen


def test_a_record_closed_with_a_plain_text_shows_the_text() -> None:
    record = records.closed_by_hand_with_words()
    view = view_operation(record)
    for seen in (outcome(record), words_of(render_status(view, NOW))):
        assert "ERROR in CopySnapshot Given up, see the ticket." in seen


@pytest.mark.parametrize(
    "error",
    [
        "gone",
        "",
        7,
        ["a", "b"],
        {},
        {"code": None},
        {"problems": "two"},
        {"message": "m", "problems": ["x", "y"]},
    ],
)
def test_no_error_that_a_hand_can_write_stops_the_display(error: Any) -> None:
    view = view_operation(records.copying() | {"status": "FAILED", "error": error})
    assert "The restore failed" in words_of(render_outcome(view, NOW))
    assert "FAILED" in words_of(render_status(view, NOW))
    assert "FAILED" in words_of(render_operations([view], NOW, 140), 140)


def test_a_request_that_was_no_map_is_shown_as_refused() -> None:
    record = records.refused() | {"parameters": "(not kept)", "target_cluster_id": None}
    assert "The request was refused" in words_of(render_status(view_operation(record), NOW))


def test_an_error_of_a_request_in_mid_run_is_a_failure() -> None:
    seen = outcome(records.refused_by_aws_in_mid_run())
    assert absent(seen, "failed", "10 min 2 s", "QUOTA_EXCEEDED", "RestoreCluster") == []
    assert "refused" not in seen


def test_a_failed_run_names_what_may_still_exist_with_its_tag() -> None:
    seen = outcome(records.refused_by_aws_in_mid_run())
    assert f"{OPERATION_TAG} = restore-20261122-114200" in seen
    assert seen.endswith(
        "copy aurora-restore-20261122-114200 cluster aurora-restored-staging "
        "instance-2 aurora-restored-staging-0a1b2c3d-2 instance-10 aurora-restored-staging-0a1b2c3d-10"
    )


@pytest.mark.parametrize("made", [None, {}])
def test_where_nothing_was_made_nothing_may_stand(made: Any) -> None:
    assert OPERATION_TAG not in outcome(records.failed() | {"made": made})
    assert OPERATION_TAG not in outcome(records.refused())


def test_a_cancelled_run_names_what_may_still_exist_and_one_that_succeeded_does_not() -> None:
    made = {"made": {"cluster": "aurora-restored-staging"}}
    assert OPERATION_TAG in outcome(records.failed() | {"status": "CANCELLED"} | made)
    assert OPERATION_TAG not in outcome(records.succeeded() | made)


WARNED = {"warnings": ["the copy could not be tagged", "the old cluster was left"]}


@pytest.mark.parametrize("state", [records.succeeded, records.failed, records.planned])
def test_warnings_stand_at_the_end_of_a_watch(state: Any) -> None:
    seen = text_of(render_outcome(view_operation(state() | WARNED), NOW)).splitlines()
    assert [line.partition(": ")[2] for line in seen[-2:]] == WARNED["warnings"]


@pytest.mark.parametrize("state", [records.copying, records.succeeded, records.failed, records.planned])
def test_status_shows_each_warning_once(state: Any) -> None:
    seen = words_of(render_status(view_operation(state() | WARNED), NOW))
    assert [seen.count(warning) for warning in WARNED["warnings"]] == [1, 1]


def test_every_note_of_the_plan_is_shown_in_plan_and_status() -> None:
    notes = ["the functions lie in another network", "17.7 leaves standard support on 2027-02-28"]
    plan = {"plan": records.PLAN | {"notes": notes}}
    shown = [outcome(records.planned() | plan)]
    shown += [
        words_of(render_status(view_operation(state() | plan), NOW))
        for state in (records.copying, records.succeeded)
    ]
    assert [absent(seen, *notes) for seen in shown] == [[]] * 3


def test_a_plan_says_what_from_where_and_why() -> None:
    plan, source = records.PLAN, records.PLAN["source"]
    facts = (
        "2026-11-21 05:00 UTC",
        source["cluster_snapshot_identifier"],
        source["reason"],
        plan["copy"]["cluster_snapshot_identifier"],
        plan["copy_reason"],
        "aurora-restored-staging in us-west-2",
        "aurora-restored-staging-0a1b2c3d-1 (db.r5.large)",
        "reporting (read_only)",
        "aurora-restore/reporting",
        *plan["notes"],
    )
    assert absent(outcome(records.planned()), *facts) == []


def test_a_plan_without_a_copy_says_why_and_names_none() -> None:
    record = records.planned()
    record["plan"] = records.PLAN | {"copy": None, "copy_reason": "the snapshot is in us-west-2 already"}
    seen = outcome(record)
    assert "the snapshot is in us-west-2 already" in seen
    assert records.PLAN["copy"]["cluster_snapshot_identifier"] not in seen


def test_status_shows_the_fields_that_differ_first() -> None:
    seen = words_of(render_status(view_operation(records.succeeded()), NOW), 120)
    differing = seen.index("port expected 5432 found 5433")
    assert differing < seen.index("engine aurora-postgresql", differing)
    assert "reporting logs in; reads; cannot write" in seen
    assert "1 of 2 fields" in seen


def test_the_verification_folds_no_name_and_no_value_at_80_columns() -> None:
    arn = "arn:aws:rds:us-east-1:000000000000:cluster-snapshot:rds:production-2026-11-21-05-00"
    fields = {
        "engine_lifecycle_support": "open-source-rds-extended-support-disabled",
        "tag aurora-restore:operation-id": "restore-20261122-114200",
        "tag aurora-restore:source-snapshot-arn": arn,
        "aurora-restored-staging-0a1b2c3d-1: db_instance_class": "db.r5.large",
    }
    checks = [
        CheckState.read({"field": field, "wanted": value, "found": value, "matches": True})
        for field, value in fields.items()
    ]
    other = {"field": "db_subnet_group_name", "wanted": "default-vpc-subnet-group", "found": "another"}
    verification = render_verification([*checks, CheckState.read(other | {"matches": False})])
    # The status shows it indented, and does not cut the ARN.
    assert f"      {arn}" in text_of(indented(verification), 80).splitlines()
    assert_as_kept("verification", text_of(verification, 80))


def test_differences_fold_no_name_and_no_value_at_80_columns() -> None:
    found = {"field": "db_cluster_parameter_group_name", "replaced": "production-aurora-postgresql17-2026"}
    item = DifferenceState.read(found | {"restored": "default.aurora-postgresql17", "asked_for": False})
    assert_as_kept(
        "differences", text_of(render_differences([item], "Differences from the old cluster") or "", 80)
    )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_state_fits_every_width(state: Any, width: int) -> None:
    view = view_operation(state())
    for renderable in (render_operation(view, NOW), render_outcome(view, NOW), render_status(view, NOW)):
        wider = [line for line in text_of(renderable, width).splitlines() if len(line) > width]
        assert all(identifier_at_the_end(line) for line in wider), wider


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_coloured_outside_a_terminal(state: Any) -> None:
    assert "\x1b" not in text_of(render_status(view_operation(state()), NOW))


def test_markup_in_a_message_stays_text() -> None:
    record = records.failed()
    record["error"] = record["error"] | {"message": "[red]not markup[/red] [/]"}
    assert "[red]not markup[/red] [/]" in outcome(record)


def test_a_record_with_a_time_that_is_none_is_shown_all_the_same() -> None:
    assert "RUNNING" in picture(records.begun() | {"start_time": "soon", "phases": None, "parameters": None})


def test_the_list_shows_the_phase_of_what_runs_and_the_code_of_what_failed() -> None:
    views = [view_operation(record) for record in (records.copying(), records.failed(), records.planned())]
    lines = text_of(render_operations(views, NOW, 140), 140).splitlines()
    assert "RUNNING" in lines[1]
    assert "CopySnapshot" in lines[1]
    assert "SNAPSHOT_COPY_FAILED" in lines[2]
    assert "dry run" in lines[3]


def test_an_empty_list_says_what_to_do() -> None:
    assert "`aurora-restore start`" in text_of(render_operations([], NOW, 80))


def test_a_line_of_a_log_says_phase_progress_and_message() -> None:
    before, after = view_operation(records.copying(30)), view_operation(records.copying(45))
    copying = "the copy aurora-restore-20261122-114200 is creating"
    assert change_lines(before, after, NOW) == [f"11:42:30 UTC  CopySnapshot  running  45 %  {copying}"]
    assert change_lines(after, after, NOW) == []


def test_the_connect_command_can_be_pasted_whatever_the_names_are() -> None:
    user = {"username": "o'neil", "databases": ["my shop"]}
    restored = RestoreDetails.read({"endpoint": "h", "port": 5432, "users": [user]})
    command = connect_command(restored, PlanItem.read({}), "/ca.pem")
    assert command is not None
    assert shlex.split(command) == ["psql", CONNINFO]


def test_a_path_with_a_space_is_quoted_so_that_it_can_be_read() -> None:
    restored = RestoreDetails.read({"endpoint": "h", "port": 5432, "users": [{"username": "reader"}]})
    command = connect_command(restored, PlanItem.read({}), "/my folder/ca.pem", "shop")
    expected = "host=h port=5432 dbname=shop user=reader sslmode=verify-full sslrootcert='/my folder/ca.pem'"
    assert command == f'psql "{expected}"'


def test_a_cluster_of_mysql_is_reached_with_its_own_client_over_verified_tls() -> None:
    restored = RestoreDetails.read(
        {
            "endpoint": "target.example",
            "port": 3306,
            "users": [{"username": "o'brien", "host": "10.%", "databases": ["shop"]}],
        }
    )
    plan = PlanItem.read(
        {
            "source": {"engine": "aurora-mysql", "master_username": "admin"},
            "db_users": [
                {"username": "o'brien", "host": "%", "secret_id": "another"},
                {"username": "o'brien", "host": "10.%", "secret_id": "its-own"},
            ],
        }
    )
    assert shlex.split(str(connect_command(restored, plan, "/ca.pem"))) == [
        "mysql",
        "--host=target.example",
        "--port=3306",
        "--user=o'brien",
        "--ssl-mode=VERIFY_IDENTITY",
        "--ssl-ca=/ca.pem",
        "--password",
        "shop",
    ]
    assert password_secret(restored, plan) == "its-own"


def test_where_the_password_is_kept_is_said() -> None:
    record = Record.read(records.succeeded())
    assert password_secret(record.restore_details, record.plan) == "aurora-restore/reporting"
    nothing = Record.read({})
    assert password_secret(nothing.restore_details, nothing.plan) is None


@pytest.mark.parametrize("width", [40, 60, 80])
def test_an_arn_is_never_folded(width: int) -> None:
    arn = str(records.failed()["execution_arn"])
    assert arn in text_of(render_status(view_operation(records.failed()), NOW), width)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 119, 140])
def test_the_names_in_a_list_are_never_folded(width: int) -> None:
    views = [view_operation(records.copying()), view_operation(records.failed() | {"operation_id": "x" * 80})]
    lines = [line.strip() for line in text_of(render_operations(views, NOW, width), width).splitlines()]
    for name in ("restore-20261122-114200", "aurora-restored-staging", "x" * 80):
        assert any(name in line.split() for line in lines), lines


def test_a_narrow_list_leaves_out_the_times_first() -> None:
    views = [view_operation(records.copying())]
    assert "took" in text_of(render_operations(views, NOW, 80), 80)
    narrow = text_of(render_operations(views, NOW, 56), 56)
    assert "took" not in narrow
    assert "CopySnapshot" in narrow


def test_the_list_says_of_which_day_each_snapshot_is() -> None:
    asked = records.begun()
    asked["parameters"] = asked["parameters"] | {"source_snapshot_date": "latest"}
    views = [view_operation(record) for record in (records.copying(), asked)]
    wide = [line.split() for line in text_of(render_operations(views, NOW, 140), 140).splitlines()]
    assert wide[0][3] == "snapshot"
    assert [line[3] for line in wide[1:]] == ["2026-11-21", "latest"]
    narrow = [line.split() for line in text_of(render_operations(views, NOW, 80), 80).splitlines()]
    assert [line[-1] for line in narrow[2::2]] == ["2026-11-21", "latest"]
    # The records need 106 columns with the day, and 94 without it.
    between = text_of(render_operations(views, NOW, 100), 100).splitlines()
    assert len(between) == 1 + len(views)
    assert not any("2026-11-21" in line for line in between)


def test_without_users_the_connect_command_is_the_master_users() -> None:
    restored, plan = RestoreDetails.read({"endpoint": "h", "port": 5432}), PlanItem.read(records.PLAN)
    assert "user=postgres" in str(connect_command(restored, plan, None))
    assert password_secret(restored, plan) == "aurora-restore/admin-credentials"


def test_what_no_cleanup_removes_is_said_to_be_kept() -> None:
    copy = "aurora-restore-20261122-114200"
    record = records.failed() | {"cleanup": {"ending": "FAILED", "done": ["the lock was released"]}}
    seen = outcome(record)
    assert "the lock was released" in seen
    # The message of the error names it already.
    named = seen.count(copy)
    record["phases"] = {**record["phases"], "CopySnapshot": records.CHECKED}
    assert outcome(record).count(copy) == named + 1
