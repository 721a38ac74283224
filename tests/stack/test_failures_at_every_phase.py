"""A swap that fails, at every phase of it: the target serves its old data under its own name, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.stack.conftest import Clients, await_execution, selected
from tests.stack.polling import poll_until
from tests.stack.serving_targets import Place, messages_of, old_data_of
from tests.stack.serving_targets import request as restore_request
from tests.support.inbox import Inbox

from aurora_restore.domain.naming import copy_identifier, final_snapshot_identifier, staging_identifier
from local_stack.stack_info import StackInfo

OF_A_MISSING_DATABASE = [
    {
        "username": "reporting_reader",
        "secret_id": "aurora-restore/users/reporting",
        "databases": ["nowhere"],
    }
]
Spoil = Callable[[Place, str, str], None]
"""`spoil(place, target, operation_id)`: what makes the run fail; before it starts, or while it runs."""


@dataclass(frozen=True)
class Failure:
    """How a run is made to fail, and how it then has to end."""

    name: str
    phase: str
    code: str
    words: str
    before: Spoil = lambda *_: None
    meanwhile: Spoil = lambda *_: None
    changes: Mapping[str, Any] = field(default_factory=dict)
    keeps_copy: bool = True

    @property
    def target(self) -> str:
        return f"aurora-restored-{self.name}"


def copy_fails(place: Place, _target: str, operation_id: str) -> None:
    copy = copy_identifier(operation_id)
    place.fault(copy, effect="end-as", action="CopyDBClusterSnapshot", identifier=copy, status="failed")


def restore_fails(place: Place, target: str, operation_id: str) -> None:
    name = staging_identifier(target, operation_id)
    place.fault(
        name,
        effect="end-as",
        action="RestoreDBClusterFromSnapshot",
        identifier=name,
        status="migration-failed",
    )


def instance_fails(place: Place, target: str, _operation_id: str) -> None:
    place.fault(
        target,
        effect="end-as",
        action="CreateDBInstance",
        identifier=f"{target}-*",
        status="incompatible-network",
    )


def aside_is_refused(place: Place, target: str, _operation_id: str) -> None:
    refuse_rename(place, target)


def into_place_is_refused(place: Place, target: str, operation_id: str) -> None:
    refuse_rename(place, staging_identifier(target, operation_id))


def refuse_rename(place: Place, name: str) -> None:
    """For good: what is only busy would be waited for."""
    place.fault(
        name,
        effect="error",
        action="ModifyDBCluster",
        identifier=name,
        parameter="NewDBClusterIdentifier",
        times=0,
        code="InvalidParameterCombination",
        message=f"DB cluster {name} can't be renamed.",
    )


def final_snapshot_is_refused(place: Place, _target: str, operation_id: str) -> None:
    name = final_snapshot_identifier(operation_id)
    place.fault(
        name,
        effect="error",
        action="CreateDBClusterSnapshot",
        identifier=name,
        times=0,
        code="SnapshotQuotaExceeded",
        message="Cannot create more than 100 manual snapshots",
    )


def final_snapshot_fails(place: Place, _target: str, operation_id: str) -> None:
    name = final_snapshot_identifier(operation_id)
    place.fault(name, effect="end-as", action="CreateDBClusterSnapshot", identifier=name, status="failed")


def an_operator_protects_the_new_cluster(place: Place, target: str, operation_id: str) -> None:
    change_once_it_exists(place, staging_identifier(target, operation_id), DeletionProtection=True)


def an_operator_changes_the_new_cluster(place: Place, target: str, operation_id: str) -> None:
    change_once_it_exists(place, staging_identifier(target, operation_id), CopyTagsToSnapshot=True)


def change_once_it_exists(place: Place, name: str, **change: Any) -> None:
    """Between its restore and its verification."""
    rds = place.boto("rds")

    def is_changed() -> bool:
        if (place.find_cluster(name) or {}).get("Status") != "available":
            return False
        try:
            rds.modify_db_cluster(DBClusterIdentifier=name, **change)
        except rds.exceptions.InvalidDBClusterStateFault:
            return False  # a new cluster is busy now and then
        return True

    poll_until(is_changed, name, 240)


FAILURES = [
    Failure(
        "copy", "CopySnapshot", "SNAPSHOT_COPY_FAILED", "ended `failed`",
        before=copy_fails, keeps_copy=False,
    ),
    Failure("restore", "RestoreCluster", "CLUSTER_FAILED", "`migration-failed`", before=restore_fails),
    Failure("instance", "RestoreCluster", "INSTANCE_FAILED", "`incompatible-network`", before=instance_fails),
    Failure(
        "users", "SetupDbUsers", "DB_USER_SETUP_FAILED", "nowhere", changes={"db_users": OF_A_MISSING_DATABASE}
    ),
    Failure(
        "verification", "VerifyRestore", "VERIFICATION_FAILED", "deletion_protection",
        meanwhile=an_operator_protects_the_new_cluster,
    ),
    Failure(
        "difference", "VerifyRestore", "DIFFERENCE_NOT_ACCEPTED", "copy_tags_to_snapshot",
        meanwhile=an_operator_changes_the_new_cluster,
    ),
    Failure("aside", "SwitchOver", "AWS_REQUEST_FAILED", "can't be renamed", before=aside_is_refused),
    Failure("in", "SwitchOver", "AWS_REQUEST_FAILED", "can't be renamed", before=into_place_is_refused),
    Failure(
        "snapshot-refused", "RetireReplaced", "QUOTA_EXCEEDED", "100 manual snapshots",
        before=final_snapshot_is_refused,
    ),
    Failure(
        "snapshot-failed", "RetireReplaced", "FINAL_SNAPSHOT_FAILED", "ended `failed`",
        before=final_snapshot_fails,
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Place:
    stack.control.change_durations(snapshot=1)
    return Place(stack, boto)


@pytest.fixture(scope="module")
def inbox(boto: Clients) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


@pytest.fixture(scope="module")
def runs(place: Place, inbox: Inbox, request: pytest.FixtureRequest) -> dict[str, str]:
    """All of today's, under way beside each other, each on a target of its own: name → operation."""
    assert inbox.messages() == []
    failures = selected(request, "failure")
    place.make_targets(failure.target for failure in failures)
    started = {failure.name: begin(place, failure) for failure in failures}
    for failure in failures:
        failure.meanwhile(place, failure.target, started[failure.name])
    return started


def begin(place: Place, failure: Failure) -> str:
    operation_id = f"restore-failing-{failure.name}"
    failure.before(place, failure.target, operation_id)
    own = {} if failure.keeps_copy else place.own_snapshot(f"of-{operation_id}")
    return place.start(restore_request(failure.target, **failure.changes, **own), operation_id)


@pytest.mark.one_day_in(5)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_swap_that_fails_leaves_the_target_with_its_old_data_and_nothing_else(
    place: Place, inbox: Inbox, runs: dict[str, str], failure: Failure
) -> None:
    operation_id = runs[failure.name]
    record = place.closed(operation_id)
    ended = await_execution(place.boto("stepfunctions"), place.execution_arn(operation_id), 10)

    assert place.data_of(failure.target) == old_data_of(failure.target)
    things = place.things(failure.target, operation_id)
    assert things.clusters == {failure.target}
    assert things.instances == {f"{failure.target}-a"}
    assert things.snapshots <= ({copy_identifier(operation_id)} if failure.keeps_copy else set())
    assert place.lock_owner(failure.target) is None

    error = record["error"]
    assert (ended.status, record["status"]) == ("FAILED", "FAILED")
    assert (error["step"], error["code"]) == (failure.phase, failure.code)
    assert failure.words in error["message"]
    assert ended.cause is not None
    assert ended.cause.startswith(f"{failure.code}: ")

    (message,) = messages_of(inbox, operation_id)
    assert f"{failure.code}: {error['message']}" in message
    assert error["hint"] in message
    assert f"{failure.target} is the old cluster, with its data, and is available" in message
    for sentence in [*record["cleanup"]["done"], *record["cleanup"]["kept"]]:
        assert sentence in message
