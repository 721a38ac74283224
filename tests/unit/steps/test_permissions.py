"""What the functions were seen to ask of AWS is what the template's roles are held to, and no less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest
from botocore import xform_name
from tests.support.worlds import TARGET_REGION, PipelineRun
from tests.unit.infrastructure.test_permissions import CALLS

from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.results import Phase

FUNCTIONS = {
    Phase.SNAPSHOT_CHECK: "snapshot-check",
    Phase.COPY_SNAPSHOT: "copy-snapshot",
    Phase.RESTORE_CLUSTER: "restore-cluster",
    Phase.SETUP_DB_USERS: "setup-db-users",
    Phase.VERIFY_RESTORE: "verify-restore",
    Phase.ARCHIVE_SNAPSHOT: "archive-snapshot",
    Phase.NOTIFY: "notify",
}
# RDS asks for these besides, where a request makes something with tags.
IMPLIED = {("rds", "add_tags_to_resource")}
Seen = dict[str, set[tuple[str, str]]]


class Watch:
    """Runs the pipeline and notes which function asked for what."""

    def __init__(self) -> None:
        self.seen: Seen = defaultdict(set)

    def of(self, run: PipelineRun, function: str, work: Callable[[], object]) -> None:
        run.aws.calls.clear()
        try:
            work()
        except RestoreError as error:
            self.error = error
        self.seen[function] |= {(call.service, xform_name(call.operation)) for call in run.aws.calls}

    def whole_run(self, run: PipelineRun, operation_id: str, **changes: object) -> None:
        self.of(run, "snapshot-check", lambda: run.check(operation_id, **changes))
        for phase in list(Phase)[1:]:
            self.of(run, FUNCTIONS[phase], lambda phase=phase: run.run_phase(phase, operation_id))  # type: ignore[misc]


@pytest.fixture(scope="module")
def seen() -> Seen:
    watch, run = Watch(), PipelineRun()
    for cluster in (True, False):
        run.aurora.seed.put_parameter_group(TARGET_REGION, "mine", "aurora-postgresql17", cluster=cluster)
    run.aws.create_secret(
        "aurora-restore/users/report", {"username": "report", "password": "a-fine-password"}
    )
    watch.whole_run(
        run,
        "restore-20261122-120000",
        kms_key_id=run.aws.create_kms_key("alias/restores"),
        db_cluster_parameter_group_name="mine",
        db_parameter_group_name="mine",
        db_users=[{"username": "report", "secret_id": "aurora-restore/users/report"}],
    )
    watch.whole_run(
        run,
        "restore-by-name",
        source_region=TARGET_REGION,
        source_snapshot_date=...,
        source_snapshot_identifier="aurora-restore-20261122-120000",
        target_cluster_id="aurora-restored-by-name",
    )
    watch.of(run, "snapshot-check", lambda: run.check("restore-twice"))
    watch.of(
        run, "snapshot-check", lambda: run.check("restore-locked", target_cluster_id="aurora-restored-2")
    )
    watch.of(
        run, "snapshot-check", lambda: run.check("restore-locked-too", target_cluster_id="aurora-restored-2")
    )
    watch.of(run, "record-failure", lambda: run.fail("restore-locked-too", "TargetLocked"))
    watch.of(
        run, "record-failure", lambda: run.fail("restore-without-a-record", "Sandbox.Timedout", "no answer")
    )
    return watch.seen


@pytest.mark.parametrize("function", CALLS)
def test_a_function_asks_for_nothing_that_its_role_is_not_held_to(seen: Seen, function: str) -> None:
    assert seen[function] <= {(service, request) for service, request, _ in CALLS[function]}


@pytest.mark.parametrize("function", CALLS)
def test_a_role_is_held_to_nothing_that_its_function_does_not_ask_for(seen: Seen, function: str) -> None:
    held = {(service, request) for service, request, _ in CALLS[function]}
    assert held - IMPLIED <= seen[function]
