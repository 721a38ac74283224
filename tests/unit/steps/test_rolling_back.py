"""A cleanup that rolls back: what a call has removed, and why one failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import is_operation
from tests.support.screen_text import words_of
from tests.support.worlds import PipelineRun

from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.errors import AccessDenied, AwsUnavailable, RestoreError
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Cleanup, Record
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.steps.cleanup_context import CleanupContext
from aurora_restore.steps.functions import work_of
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.retirement import Removal
from aurora_restore.steps.rollback import remove_new

OPERATION = "restore-20261122-120000"
TRIES_OF_THE_SDK = 10
SWAP: dict[str, Any] = {"delete_cluster_if_exists": True, "replace_strategy": "swap"}


def at_work(*, on_dynamodb: bool = False) -> PipelineRun:
    run = PipelineRun(on_dynamodb=on_dynamodb)
    run.put_target()
    run.run(OPERATION, Phase.RESTORE_CLUSTER, **SWAP)
    return run


def test_a_new_cluster_that_goes_while_it_is_removed_is_gone_for_the_steps_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = at_work()
    name = str(run.record(OPERATION)["plan"]["cluster"]["db_cluster_identifier"])
    context = CleanupContext(run.ports, Operation(run.record(OPERATION)), None, run.clock.now())
    group = (context.find(name) or run.cluster()).db_cluster_parameter_group_name
    advance = Removal.advance

    def go_and_advance(removal: Removal) -> Any:
        rds = run.ports.target_rds
        with run.aws.setting_up():
            for instance in rds.list_cluster_instances(name):
                rds.delete_instance(instance.db_instance_identifier)
            rds.delete_cluster(name, keep_automated_backups=False)
        run.clock.advance(3600)
        return advance(removal)

    monkeypatch.setattr(Removal, "advance", go_and_advance)
    assert remove_new(context) is None
    assert context.find(name) is None
    outcome = remove_quiet_group(context)
    assert outcome is not None
    assert str(group) in outcome.result.message


def stopped(*, on_dynamodb: bool = False) -> PipelineRun:
    run = at_work(on_dynamodb=on_dynamodb)
    run.executions.end(run.arn(OPERATION), "ABORTED")
    return run


def cleanup_of(run: PipelineRun) -> Cleanup:
    return Record.read(run.record(OPERATION)).cleanup


def test_a_cleanup_that_is_refused_says_why_and_what_to_do_until_a_call_succeeds() -> None:
    run = stopped()
    run.aws.before(is_operation("DescribeDBClusters"), FaultKind.DENIED, times=2)
    for _ in range(2):
        with pytest.raises(AccessDenied):
            run.look_of_cleanup(OPERATION)
        run.clock.advance(300)
    failed = cleanup_of(run)
    assert failed.error is not None
    assert (failed.error.code, failed.error.hint) == (AccessDenied.code, AccessDenied.default_cleanup_hint)
    assert failed.failing_since is not None
    assert failed.failed_time is not None
    assert timedelta(minutes=5) <= failed.failed_time - failed.failing_since < timedelta(minutes=6)
    # Its record says RUNNING or STOPPED at this moment: no cleanup could begin.
    assert f"cannot go on {AccessDenied.code}" in words_of(
        render_status(view_operation(run.record(OPERATION)), run.clock.now())
    )
    run.look_of_cleanup(OPERATION)
    assert says_nothing(run)


def says_nothing(run: PipelineRun) -> bool:
    cleanup = cleanup_of(run)
    return (cleanup.error, cleanup.failing_since, cleanup.failed_time) == (None, None, None)


def test_what_passes_needs_no_person() -> None:
    run = stopped()
    run.aws.before(is_operation("DescribeDBClusters"), FaultKind.UNAVAILABLE, times=TRIES_OF_THE_SDK)
    with pytest.raises(AwsUnavailable):
        run.look_of_cleanup(OPERATION)
    failed = cleanup_of(run)
    assert failed.error is not None
    assert (failed.error.code, failed.error.hint) == (
        AwsUnavailable.code,
        AwsUnavailable.default_cleanup_hint,
    )
    assert "cannot go on" not in words_of(
        render_status(view_operation(run.record(OPERATION)), run.clock.now())
    )


def test_what_the_audit_table_refuses_is_noted_in_the_record() -> None:
    run = stopped(on_dynamodb=True)
    run.aws.before(is_operation("PutItem"), FaultKind.DENIED)
    with pytest.raises(AccessDenied):
        run.look_of_cleanup(OPERATION)
    assert cleanup_of(run).error is not None


def test_where_the_state_table_refuses_everything_the_first_error_is_raised() -> None:
    run = stopped(on_dynamodb=True)
    run.aws.before(is_operation("DescribeDBClusters"), FaultKind.UNAVAILABLE, times=TRIES_OF_THE_SDK)
    run.aws.before(is_operation("UpdateItem"), FaultKind.DENIED, times=1000)
    with pytest.raises(AwsUnavailable) as raised:
        run.look_of_cleanup(OPERATION)
    assert [AccessDenied.code in note for note in raised.value.__notes__] == [True]
    assert says_nothing(run)


def test_an_unexpected_error_is_noted_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    run = stopped()

    def broken(*_: object, **__: object) -> None:
        raise KeyError("the-password")

    monkeypatch.setattr("aurora_restore.steps.cleanup.decide_ending", broken)
    with pytest.raises(KeyError):
        run.look_of_cleanup(OPERATION)
    error = cleanup_of(run).error
    assert error is not None
    assert error.code == RestoreError.code
    assert "KeyError" in error.message
    assert "the-password" not in error.message


@pytest.mark.parametrize("is_its_own", [True, False])
def test_a_failure_is_noted_in_the_record_of_its_own_execution_alone(is_its_own: bool) -> None:
    run = stopped(on_dynamodb=True)
    arn = run.arn(OPERATION if is_its_own else "restore-20200101-000000")
    run.aws.before(is_operation("GetItem"), FaultKind.DENIED)
    with pytest.raises(AccessDenied):
        work_of("aurora-restore-cleanup")(run.ports, {"operation_id": OPERATION, "execution_arn": arn})
    assert says_nothing(run) is not is_its_own


def test_while_the_execution_runs_no_failure_is_noted() -> None:
    run = at_work(on_dynamodb=True)
    run.aws.before(is_operation("GetItem"), FaultKind.DENIED)
    with pytest.raises(AccessDenied):
        run.look_of_cleanup(OPERATION)
    assert says_nothing(run)


def test_where_a_record_that_was_marked_by_hand_is_to_be_cleaned_up_a_failure_is_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its execution runs still, and is to be stopped."""
    run = at_work()
    run.ports.records.update(OPERATION, {"status": "FAILED", "error": "Given up."})

    def refuse(*_: object) -> None:
        raise AccessDenied("There is no right to states:StopExecution.")

    monkeypatch.setattr(run.executions, "stop_arn", refuse)
    with pytest.raises(AccessDenied):
        run.look_of_cleanup(OPERATION)
    assert not says_nothing(run)


def test_a_failure_after_the_end_is_noted_unless_another_call_may_have_just_closed_the_record() -> None:
    run = stopped()
    assert run.clean_up(OPERATION, "ABORTED").status is StepStatus.DONE
    for minutes, is_noted in ((0, False), (2, True)):
        run.clock.advance(minutes * 60)
        run.aws.before(is_operation("DescribeDBClusters"), FaultKind.DENIED)
        with pytest.raises(AccessDenied):
            run.look_of_cleanup(OPERATION)
        assert says_nothing(run) is not is_noted
    run.look_of_cleanup(OPERATION)
    assert says_nothing(run)
