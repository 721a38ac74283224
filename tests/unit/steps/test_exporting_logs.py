"""RDS makes log groups by a cluster's name, and removes none: logs are exported once the name is the one that stays."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.faults import Refusal
from tests.support.in_process_aws import Call
from tests.support.worlds import TARGET_REGION, PipelineRun

from aurora_restore.domain.results import Phase, StepStatus

OPERATION, TARGET = "restore-20261122-120000", "aurora-restored-cluster"
GROUP = f"/aws/rds/cluster/{TARGET}/postgresql"
EXPORTING: dict[str, Any] = {"EnableCloudwatchLogsExports": ["postgresql"]}
REPLACING: dict[str, Any] = {"delete_cluster_if_exists": True}


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def is_turning_on(call: Call) -> bool:
    return call.operation == "ModifyDBCluster" and b"EnableLogTypes" in call.body


def groups(run: PipelineRun) -> set[str]:
    return run.aurora.world.regions[TARGET_REGION].log_groups


def exported(run: PipelineRun) -> tuple[str, ...]:
    cluster = run.ports.target_rds.find_cluster(TARGET)
    assert cluster is not None
    return cluster.cloudwatch_logs_exports


def test_a_replacement_exports_its_logs_under_the_targets_name_and_no_other(run: PipelineRun) -> None:
    run.put_target(**EXPORTING)
    record = run.run(OPERATION, **REPLACING)
    assert exported(run) == ("postgresql",)
    assert [group for group in groups(run) if "-new/" in group] == []
    assert GROUP in groups(run)
    assert record["restore_details"]["cloudwatch_logs_exports"] == ["postgresql"]
    assert record["restore_details"]["differences"] == []
    assert record.get("warnings", []) == []
    assert sum(map(is_turning_on, run.aws.calls)) == 1


def test_until_the_endpoint_is_proved_nothing_is_exported(run: PipelineRun) -> None:
    run.put_target(**EXPORTING)
    record = run.run(OPERATION, Phase.PROVE_ENDPOINT, **REPLACING)
    assert exported(run) == ()
    assert "cloudwatch_logs_exports" not in {
        item["field"] for item in record["restore_details"]["verification"]
    }
    assert not any(map(is_turning_on, run.aws.calls))


@pytest.mark.parametrize("fields", [{}, {**REPLACING, "replace_strategy": "delete_first"}])
def test_a_cluster_that_has_its_name_from_the_beginning_exports_from_the_beginning(
    run: PipelineRun, fields: dict[str, Any]
) -> None:
    if fields:
        run.put_target(**EXPORTING)
    run.run(OPERATION, Phase.VERIFY_RESTORE, cloudwatch_logs_exports=["postgresql"], **fields)
    assert exported(run) == ("postgresql",)
    assert groups(run) == {GROUP}
    assert not any(map(is_turning_on, run.aws.calls))


def test_a_replacement_that_exports_nothing_asks_for_nothing(run: PipelineRun) -> None:
    run.put_target()
    run.run(OPERATION, **REPLACING)
    assert groups(run) == set()
    assert not any(map(is_turning_on, run.aws.calls))


def test_what_rds_refuses_is_a_warning_with_the_command_and_costs_no_run(run: PipelineRun) -> None:
    run.put_target(**EXPORTING)
    run.aws.before(is_turning_on, Refusal("InvalidParameterCombination", "no such logs here"))
    record = run.run(OPERATION, **REPLACING)
    assert record["status"] == "SUCCEEDED"
    (warning,) = [item for item in record["warnings"] if "export" in item]
    assert f"--db-cluster-identifier {TARGET} --cloudwatch-logs-export-configuration" in warning
    assert '{"EnableLogTypes":["postgresql"]}' in warning
    assert record["restore_details"]["cloudwatch_logs_exports"] == []
    assert sum(map(is_turning_on, run.aws.calls)) == 1


def test_a_cluster_that_stays_busy_is_waited_for_half_an_hour_and_then_left(run: PipelineRun) -> None:
    run.put_target(**EXPORTING)
    busy = Refusal("InvalidDBClusterStateFault", "the cluster is not in the available state")
    run.aws.before(is_turning_on, busy, times=10_000)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **REPLACING)
    begun = run.clock.now()
    assert run.run_phase(Phase.RETIRE_REPLACED, OPERATION).status is StepStatus.DONE
    waited = (run.clock.now() - begun).total_seconds() / 60
    assert 30 < waited < 120
    assert [item for item in run.record(OPERATION)["warnings"] if "within 30 minutes" in item]


def test_a_run_that_is_stopped_after_the_switch_exports_its_logs_all_the_same(run: PipelineRun) -> None:
    run.put_target(**EXPORTING)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **REPLACING)
    run.clean_up(OPERATION, "ABORTED")
    record = run.record(OPERATION)
    assert record["status"] == "SUCCEEDED"
    assert exported(run) == ("postgresql",)
    assert record["restore_details"]["cloudwatch_logs_exports"] == ["postgresql"]
    assert [group for group in groups(run) if "-new/" in group] == []


def test_before_a_rollback_nothing_was_exported_under_the_staging_name(run: PipelineRun) -> None:
    resource_id = run.put_target(**EXPORTING)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **REPLACING, keep_replaced_hours=24)
    run.phase(Phase.RETIRE_REPLACED, OPERATION)
    run.fail(OPERATION, "States.Timeout")
    run.clean_up(OPERATION)
    cluster = run.ports.target_rds.find_cluster(TARGET)
    assert cluster is not None
    assert cluster.db_cluster_resource_id == resource_id
    assert [group for group in groups(run) if "-new/" in group] == []


def test_once_logs_are_exported_the_cluster_does_not_return_to_the_staging_name(run: PipelineRun) -> None:
    run.put_target(**EXPORTING)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **REPLACING, keep_replaced_hours=24)
    while not any(map(is_turning_on, run.aws.calls)):
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, OPERATION).wait_seconds)
    run.fail(OPERATION, "States.Timeout")
    run.clean_up(OPERATION)
    assert run.record(OPERATION)["status"] == "SUCCEEDED"
    assert run.record(OPERATION)["retirement"]["state"] == "KEPT"
    assert exported(run) == ("postgresql",)
    assert [group for group in groups(run) if "-new/" in group] == []


def test_a_request_whose_answer_was_lost_is_seen_to_have_worked(run: PipelineRun) -> None:
    run.put_target(**EXPORTING)
    run.aws.after(is_turning_on, Refusal("InternalFailure", "lost", 500))
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **REPLACING)
    with pytest.raises(Exception, match="lost"):
        run.run_phase(Phase.RETIRE_REPLACED, OPERATION)
    run.run_phase(Phase.RETIRE_REPLACED, OPERATION)
    assert exported(run) == ("postgresql",)
    assert sum(map(is_turning_on, run.aws.calls)) == 1
