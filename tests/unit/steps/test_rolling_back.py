"""A cleanup that rolls back: what a call has removed, and why one failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import is_operation
from tests.support.worlds import PipelineRun

from aurora_restore.domain.cleaning import NOTHING_TO_DO
from aurora_restore.domain.errors import AccessDenied, AwsUnavailable
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Cleanup, Record
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.steps.cleanup_context import CleanupContext
from aurora_restore.steps.functions import work_of
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.retirement import Retirement
from aurora_restore.steps.rollback import remove_new

OPERATION = "restore-20261122-120000"
TRIES_OF_THE_SDK = 10
SWAP: dict[str, Any] = {"delete_cluster_if_exists": True, "replace_strategy": "swap"}


def test_a_new_cluster_that_goes_while_it_is_removed_is_gone_for_the_steps_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = PipelineRun()
    run.put_target()
    run.run(OPERATION, Phase.RESTORE_CLUSTER, **SWAP)
    name = str(run.record(OPERATION)["plan"]["cluster"]["db_cluster_identifier"])
    context = CleanupContext(run.ports, Operation(run.record(OPERATION)), None, run.clock.now())
    group = (context.find(name) or run.cluster()).db_cluster_parameter_group_name
    advance = Retirement.advance

    def go_and_advance(retirement: Retirement) -> Any:
        rds = run.ports.target_rds
        with run.aws.setting_up():
            for instance in rds.list_cluster_instances(name):
                rds.delete_instance(instance.db_instance_identifier)
            rds.delete_cluster(name, keep_automated_backups=False)
        run.clock.advance(3600)
        return advance(retirement)

    monkeypatch.setattr(Retirement, "advance", go_and_advance)
    assert remove_new(context) is None
    assert context.find(name) is None
    outcome = remove_quiet_group(context)
    assert outcome is not None
    assert str(group) in outcome.result.message


def stopped(*, on_dynamodb: bool = False) -> PipelineRun:
    run = PipelineRun(on_dynamodb=on_dynamodb)
    run.put_target()
    run.run(OPERATION, Phase.RESTORE_CLUSTER, **SWAP)
    run.executions.end(run.arn(OPERATION), "ABORTED")
    return run


def cleanup_of(run: PipelineRun) -> Cleanup:
    return Record.read(run.record(OPERATION)).cleanup


def test_a_cleanup_that_is_refused_says_why_and_what_to_do_until_a_call_succeeds() -> None:
    run = stopped()
    run.aws.before(is_operation("DescribeDBClusters"), FaultKind.DENIED)
    with pytest.raises(AccessDenied):
        run.look_of_cleanup(OPERATION)
    failed = cleanup_of(run)
    assert failed.error is not None
    assert (failed.error.code, failed.error.hint) == (AccessDenied.code, AccessDenied.default_hint)
    assert failed.failed_time is not None
    assert timedelta() <= run.clock.now() - failed.failed_time < timedelta(seconds=1)
    run.look_of_cleanup(OPERATION)
    assert (cleanup_of(run).error, cleanup_of(run).failed_time) == (None, None)


def test_what_passes_needs_no_person() -> None:
    run = stopped()
    run.aws.before(is_operation("DescribeDBClusters"), FaultKind.UNAVAILABLE, times=TRIES_OF_THE_SDK)
    with pytest.raises(AwsUnavailable):
        run.look_of_cleanup(OPERATION)
    failed = cleanup_of(run)
    assert failed.error is not None
    assert (failed.error.code, failed.error.hint) == (AwsUnavailable.code, NOTHING_TO_DO)


def test_what_the_state_table_refuses_is_not_noted_there() -> None:
    run = stopped(on_dynamodb=True)
    run.aws.before(is_operation("UpdateItem"), FaultKind.DENIED)
    with pytest.raises(AccessDenied):
        run.look_of_cleanup(OPERATION)
    assert cleanup_of(run).error is None


def refused(run: PipelineRun, arn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call of the cleanup that may not look at the execution."""

    def refuse(_: str) -> None:
        raise AccessDenied("There is no right to states:DescribeExecution.")

    with monkeypatch.context() as patched:
        patched.setattr(run.executions, "describe_arn", refuse)
        with pytest.raises(AccessDenied):
            work_of("aurora-restore-cleanup")(run.ports, {"operation_id": OPERATION, "execution_arn": arn})


def test_a_failure_after_the_end_is_noted_unless_another_call_may_have_just_closed_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = stopped()
    assert run.clean_up(OPERATION, "ABORTED").status is StepStatus.DONE
    closed = run.record(OPERATION)
    refused(run, run.arn(OPERATION), monkeypatch)
    assert run.record(OPERATION) == closed
    run.clock.advance(120)
    refused(run, run.arn(OPERATION), monkeypatch)
    assert cleanup_of(run).error is not None
    run.look_of_cleanup(OPERATION)
    assert cleanup_of(run).error is None


def test_a_failure_is_not_noted_in_the_record_of_another_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    run = stopped()
    before = run.record(OPERATION)
    refused(run, run.arn("restore-20200101-000000"), monkeypatch)
    assert run.record(OPERATION) == before
