"""A cleanup that rolls back: what it has removed is not there for the steps after it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.worlds import PipelineRun

from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import Phase
from aurora_restore.steps.cleanup_context import CleanupContext
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.retirement import Retirement
from aurora_restore.steps.rollback import remove_new

OPERATION = "restore-20261122-120000"
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
