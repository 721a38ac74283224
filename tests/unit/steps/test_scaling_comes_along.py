"""Auto scaling of the readers of a replaced cluster rests while the name changes clusters, and then is as it was."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import is_operation
from tests.support.worlds import TARGET_REGION, PipelineRun

from aurora_restore.domain.errors import AccessDenied
from aurora_restore.domain.naming import PUT_BACK_TAG
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.scaling import EVERYTHING, ScalableTarget, Suspension

OPERATION, TARGET = "restore-20261122-120000", "aurora-restored-cluster"
SWAP: dict[str, Any] = {"delete_cluster_if_exists": True}
DELETE_FIRST: dict[str, Any] = {**SWAP, "replace_strategy": "delete_first"}
READER = "application-autoscaling-1a2b"
SCHEDULE_RESTS = {"ScheduledScalingSuspended": True}
ALL_REST = {**SCHEDULE_RESTS, "DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": True}


def a_run(*, on_dynamodb: bool = False) -> PipelineRun:
    made = PipelineRun(on_dynamodb=on_dynamodb)
    made.put_target({f"{TARGET}-a": "db.r5.large", READER: "db.r5.large"})
    return made


@pytest.fixture
def run() -> PipelineRun:
    return a_run()


def scaling(run: PipelineRun) -> ScalableTarget | None:
    with run.aws.setting_up():
        return run.ports.scaling.find_target(TARGET)


def suspension(run: PipelineRun) -> Suspension:
    found = scaling(run)
    assert found is not None
    return found.suspension


@pytest.mark.parametrize("request_fields", [SWAP, DELETE_FIRST], ids=["swap", "delete_first"])
@pytest.mark.parametrize("suspended", [{}, SCHEDULE_RESTS], ids=["running", "schedule rests"])
def test_afterwards_the_new_cluster_is_scaled_as_the_old_one_was(
    run: PipelineRun, request_fields: dict[str, Any], suspended: dict[str, bool]
) -> None:
    run.put_scaling("by-load", **suspended)
    before = scaling(run)
    record = run.run(OPERATION, **request_fields)
    assert record["status"] == "SUCCEEDED"
    assert scaling(run) == before
    assert record["scaling"]["state"] == "resumed"
    assert record["scaling"]["before"]["policies"] == ["by-load"]
    assert any("by-load" in note for note in record["plan"]["notes"])
    assert run.ports.target_rds.find_instance(READER) is None
    assert record.get("warnings") in (None, [])


def test_it_rests_from_before_the_first_rename_until_the_endpoint_is_proved(run: PipelineRun) -> None:
    run.put_scaling()
    run.run(OPERATION, Phase.VERIFY_RESTORE, **SWAP)
    assert suspension(run) == Suspension()
    run.phase(Phase.SWITCH_OVER, OPERATION)
    assert suspension(run) == EVERYTHING
    assert "rename_old_aside" not in run.record(OPERATION)["acts"]
    for phase in (Phase.SWITCH_OVER, Phase.PROVE_ENDPOINT):
        run.run_phase(phase, OPERATION)
        assert suspension(run) == EVERYTHING
    run.phase(Phase.RETIRE_REPLACED, OPERATION)
    assert suspension(run) == Suspension()


def test_with_delete_first_it_rests_before_anything_of_the_old_cluster_goes(run: PipelineRun) -> None:
    run.put_scaling()
    run.run(OPERATION, Phase.COPY_SNAPSHOT, **DELETE_FIRST)
    run.phase(Phase.CLEAR_TARGET, OPERATION)
    assert suspension(run) == EVERYTHING
    assert not {"fence", "take_final_snapshot"} & set(run.record(OPERATION)["acts"])


def test_what_it_was_is_in_the_record_before_it_is_suspended(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.VERIFY_RESTORE, **SWAP)
    run.aws.before(is_operation("RegisterScalableTarget"), FaultKind.UNAVAILABLE)
    run.phase(Phase.SWITCH_OVER, OPERATION)
    section = run.record(OPERATION)["scaling"]
    assert (section["state"], section["before"]["max_capacity"]) == ("asked", 5)
    assert suspension(run) == Suspension()


def test_a_target_that_the_operator_has_suspended_stays_so(run: PipelineRun) -> None:
    run.put_scaling(**ALL_REST)
    calls = run.count("RegisterScalableTarget")
    record = run.run(OPERATION, **SWAP)
    assert suspension(run) == EVERYTHING
    assert run.count("RegisterScalableTarget") == calls
    assert record["scaling"]["state"] == "kept"


@pytest.mark.parametrize("request_fields", [SWAP, DELETE_FIRST], ids=["swap", "delete_first"])
def test_a_target_that_is_lost_with_the_name_is_registered_again_and_its_policies_are_named(
    run: PipelineRun, request_fields: dict[str, Any]
) -> None:
    run.put_scaling("by-load", **SCHEDULE_RESTS)
    run.aurora.set_habits({"scalable_target_lost_without_cluster": True})
    record = run.run(OPERATION, **request_fields)
    (warning,) = record["warnings"]
    assert scaling(run) == ScalableTarget(TARGET, 1, 5, Suspension(scheduled=True))
    assert "by-load" in warning
    assert "put-scaling-policy" in warning


def test_without_scaling_it_costs_one_look_at_the_check_and_one_before_the_switch(run: PipelineRun) -> None:
    run.aws.calls.clear()
    record = run.run(OPERATION, **SWAP)
    assert run.count("DescribeScalableTargets") == 2
    assert run.count("DescribeScalingPolicies") == run.count("RegisterScalableTarget") == 0
    assert "scaling" not in record


@pytest.mark.parametrize("loses", [False, True], ids=["kept", "lost"])
@pytest.mark.parametrize("last", [Phase.SWITCH_OVER, Phase.PROVE_ENDPOINT])
def test_a_run_that_fails_after_the_switch_gives_the_old_cluster_its_scaling_back(
    run: PipelineRun, last: Phase, loses: bool
) -> None:
    run.put_scaling("by-load", **SCHEDULE_RESTS)
    before = scaling(run)
    run.aurora.set_habits({"scalable_target_lost_without_cluster": loses})
    run.run(OPERATION, last, **SWAP)
    run.phase(Phase.RETIRE_REPLACED, OPERATION)
    run.fail(OPERATION, "SwitchOverFailed")
    run.clean_up(OPERATION)
    record = run.record(OPERATION)
    assert record["status"] == "FAILED"
    assert scaling(run) == before
    assert record["scaling_back"]["state"] == "resumed"
    assert any("by-load" in warning for warning in record.get("warnings", ())) == loses


def test_a_run_that_is_cancelled_after_the_switch_leaves_the_new_cluster_scaled(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.SWITCH_OVER, **SWAP)
    run.clean_up(OPERATION, "ABORTED")
    record = run.record(OPERATION)
    assert record["status"] == "SUCCEEDED"
    assert suspension(run) == Suspension()
    assert record["scaling"]["state"] == "resumed"


def test_what_is_refused_for_long_is_left_with_the_command(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    refused = Refusal("ValidationException", "not now")
    run.aws.before(is_operation("RegisterScalableTarget"), refused, times=1000)
    for phase in (Phase.RETIRE_REPLACED, Phase.ARCHIVE_SNAPSHOT, Phase.NOTIFY):
        run.run_phase(phase, OPERATION)
    record = run.record(OPERATION)
    (warning,) = record["warnings"]
    assert record["status"] == "SUCCEEDED"
    assert record["scaling"]["state"] == "left"
    assert "register-scalable-target" in warning


def test_a_reader_that_arrives_late_goes_with_the_old_cluster(run: PipelineRun) -> None:
    run.put_scaling()
    run.run(OPERATION, Phase.SWITCH_OVER, **SWAP)
    retired = run.record(OPERATION)["switch_over"]["retired_identifier"]
    late = {
        "DBInstanceIdentifier": "application-autoscaling-late",
        "DBClusterIdentifier": retired,
        "DBInstanceClass": "db.r5.large",
        "Engine": "aurora-postgresql",
    }
    run.aurora.call("CreateDBInstance", TARGET_REGION, late)
    for phase in (Phase.PROVE_ENDPOINT, Phase.RETIRE_REPLACED):
        run.run_phase(phase, OPERATION)
    assert run.ports.target_rds.find_instance("application-autoscaling-late") is None
    assert run.ports.target_rds.find_cluster(retired) is None


def test_a_reader_that_is_not_a_member_of_the_cluster_that_goes_is_not_touched(run: PipelineRun) -> None:
    run.aurora.seed.put_instance(TARGET_REGION, TARGET, "application-autoscaling-own", "db.r5.large")
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.aurora.seed.put_instance(TARGET_REGION, TARGET, "application-autoscaling-new", "db.r5.large")
    run.run_phase(Phase.RETIRE_REPLACED, OPERATION)
    assert run.ports.target_rds.find_instance("application-autoscaling-own") is None
    assert run.ports.target_rds.find_instance("application-autoscaling-new") is not None


def test_an_undo_gives_the_scaling_to_the_cluster_that_comes_back(run: PipelineRun) -> None:
    run.put_scaling("by-load", **SCHEDULE_RESTS)
    before = scaling(run)
    run.run(OPERATION, **SWAP, keep_replaced_hours=24)
    nothing_else: dict[str, Any] = dict.fromkeys(run.request(), ...)
    record = run.run("undo-1", undo_operation_id=OPERATION, **nothing_else)
    assert record["status"] == "SUCCEEDED"
    assert scaling(run) == before
    assert record["scaling"]["state"] == "resumed"
    assert any("by-load" in note for note in record["plan"]["notes"])


# Application Auto Scaling asks IAM for rights on RDS and CloudWatch on behalf of the caller, and says so like this.
MISSING = Refusal("ValidationException", "User is missing the following permissions: rds:DeleteDBInstance")


@pytest.mark.parametrize("refusal", [MISSING, FaultKind.DENIED], ids=["validation", "denied"])
@pytest.mark.parametrize("call", ["DescribeScalableTargets", "RegisterScalableTarget"])
@pytest.mark.parametrize("request_fields", [SWAP, DELETE_FIRST], ids=["swap", "delete_first"])
def test_a_refusal_before_the_switch_is_a_warning_and_ends_no_run(
    run: PipelineRun, request_fields: dict[str, Any], call: str, refusal: Refusal
) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.SNAPSHOT_CHECK, **request_fields)
    run.aws.before(is_operation(call), refusal, times=10_000)
    for phase in list(Phase)[1:]:
        run.run_phase(phase, OPERATION)
    record = run.record(OPERATION)
    assert record["status"] == "SUCCEEDED"
    assert record["scaling"]["state"] == "active"
    assert any("describe-scalable-targets" in warning for warning in record["warnings"])
    assert suspension(run) == Suspension()


def test_a_record_that_does_not_say_any_more_how_the_scaling_was_is_a_warning(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.SWITCH_OVER, **SWAP)
    run.ports.records.update(OPERATION, {"scaling.before": {"damaged": True}})
    for phase in list(Phase)[list(Phase).index(Phase.SWITCH_OVER) + 1 :]:
        run.run_phase(phase, OPERATION)
    record = run.record(OPERATION)
    assert record["status"] == "SUCCEEDED"
    assert record["scaling"]["state"] == "left"
    [warning] = [each for each in record["warnings"] if "describe-scalable-targets" in each]
    assert TARGET in warning
    assert suspension(run).is_complete


def test_a_record_that_refuses_is_not_auto_scaling_that_refuses() -> None:
    run = a_run(on_dynamodb=True)
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.VERIFY_RESTORE, **SWAP)
    old = run.cluster().db_cluster_resource_id
    run.aws.before(
        lambda call: call.operation == "UpdateItem" and b"suspend_scaling" in call.body, FaultKind.DENIED
    )
    with pytest.raises(AccessDenied):
        run.phase(Phase.SWITCH_OVER, OPERATION)
    assert "scaling" not in run.record(OPERATION)
    assert run.cluster().db_cluster_resource_id == old
    assert suspension(run) == Suspension()


@pytest.mark.parametrize("request_fields", [SWAP, DELETE_FIRST], ids=["swap", "delete_first"])
@pytest.mark.parametrize("was", [{}, ALL_REST], ids=["refused", "suspended by its operator"])
def test_what_the_run_did_not_suspend_is_registered_again_where_it_is_lost(
    run: PipelineRun, was: dict[str, bool], request_fields: dict[str, Any]
) -> None:
    run.put_scaling("by-load", **was)
    before = scaling(run)
    run.aurora.set_habits({"scalable_target_lost_without_cluster": True})
    if not was:
        run.aws.before(is_operation("RegisterScalableTarget"), FaultKind.DENIED)
    record = run.run(OPERATION, **request_fields)
    assert scaling(run) == before
    assert any("by-load" in warning and "registered again" in warning for warning in record["warnings"])


def test_a_target_is_suspended_although_its_policies_may_not_be_listed(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.aws.before(is_operation("DescribeScalingPolicies"), FaultKind.DENIED, times=1000)
    record = run.run(OPERATION, **SWAP)
    assert (record["status"], record["scaling"]["state"]) == ("SUCCEEDED", "resumed")
    assert record.get("warnings") in (None, [])


def test_an_outage_before_the_switch_is_waited_for_and_not_for_long(run: PipelineRun) -> None:
    run.put_scaling()
    run.run(OPERATION, Phase.VERIFY_RESTORE, **SWAP)
    run.aws.before(is_operation("DescribeScalableTargets"), FaultKind.UNAVAILABLE, times=10_000)
    run.run_phase(Phase.SWITCH_OVER, OPERATION)
    phase = run.record(OPERATION)["phases"]["SwitchOver"]
    assert 600 < phase["waits"]["scaling"]["seconds"] < 900
    assert run.record(OPERATION)["scaling"]["state"] == "active"


def test_the_plan_says_where_it_could_not_be_seen(run: PipelineRun) -> None:
    run.aws.before(is_operation("DescribeScalableTargets"), FaultKind.DENIED, times=100)
    run.run(OPERATION, Phase.SNAPSHOT_CHECK, **SWAP)
    assert any("could not be seen" in note for note in run.record(OPERATION)["plan"]["notes"])


def test_an_undo_does_not_need_it(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, **SWAP, keep_replaced_hours=24)
    run.aws.before(is_operation("DescribeScalableTargets"), FaultKind.DENIED, times=100)
    nothing_else: dict[str, Any] = dict.fromkeys(run.request(), ...)
    assert run.run("undo-1", undo_operation_id=OPERATION, **nothing_else)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("refusal", [FaultKind.DENIED, FaultKind.UNAVAILABLE], ids=["denied", "outage"])
def test_a_refused_look_after_the_switch_undoes_nothing(run: PipelineRun, refusal: Refusal) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.aws.before(is_operation("DescribeScalableTargets"), refusal, times=10_000)
    for phase in (Phase.RETIRE_REPLACED, Phase.ARCHIVE_SNAPSHOT, Phase.NOTIFY):
        run.run_phase(phase, OPERATION)
    record = run.record(OPERATION)
    assert (record["status"], record["scaling"]["state"]) == ("SUCCEEDED", "left")
    assert any("register-scalable-target" in warning for warning in record["warnings"])


def test_a_cancel_after_the_switch_does_not_wait_for_it_for_ever(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.SWITCH_OVER, **SWAP)
    run.aws.before(is_operation("DescribeScalableTargets"), FaultKind.DENIED, times=10_000)
    run.clean_up(OPERATION, "ABORTED")
    record = run.record(OPERATION)
    assert (record["status"], record["scaling"]["state"]) == ("SUCCEEDED", "left")


@pytest.mark.parametrize("refusal", [FaultKind.DENIED, FaultKind.UNAVAILABLE], ids=["denied", "outage"])
def test_the_old_cluster_gets_its_name_back_while_auto_scaling_does_not_answer(
    run: PipelineRun, refusal: Refusal
) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.phase(Phase.RETIRE_REPLACED, OPERATION)
    run.fail(OPERATION, "SwitchOverFailed")
    run.aws.before(is_operation("DescribeScalableTargets"), refusal, times=10_000)
    run.clean_up(OPERATION)
    record = run.record(OPERATION)
    assert run.cluster().db_cluster_resource_id == record["plan"]["replacement"]["replaced_resource_id"]
    assert (record["status"], record["scaling_back"]["state"]) == ("FAILED", "left")
    assert "register-scalable-target" in run.aws.published[-1].message


def test_what_the_run_registered_again_is_reported_by_the_cleanup_that_finds_it(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.aurora.set_habits({"scalable_target_lost_without_cluster": True})
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.phase(Phase.RETIRE_REPLACED, OPERATION)
    run.aurora.set_habits({"scalable_target_lost_without_cluster": False})
    run.fail(OPERATION, "SwitchOverFailed")
    run.clean_up(OPERATION)
    record = run.record(OPERATION)
    assert any("by-load" in warning for warning in record["warnings"])
    assert "by-load" in run.aws.published[-1].message


def test_with_delete_first_it_rests_again_until_the_old_cluster_is_back(run: PipelineRun) -> None:
    run.put_scaling("by-load")
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **DELETE_FIRST)
    run.phase(Phase.RETIRE_REPLACED, OPERATION)
    assert suspension(run) == Suspension()
    run.fail(OPERATION, "PhaseTimedOut")
    run.executions.end(run.arn(OPERATION), "FAILED")
    while run.look_of_cleanup(OPERATION).status is StepStatus.IN_PROGRESS:
        with run.aws.setting_up():
            cluster = run.ports.target_rds.find_cluster(TARGET)
        if cluster is None or cluster.tags.get(PUT_BACK_TAG) is None or cluster.status != "available":
            assert suspension(run) == EVERYTHING
        run.clock.advance(30)
    assert suspension(run) == Suspension()
    assert run.record(OPERATION)["scaling_back"]["state"] == "resumed"
