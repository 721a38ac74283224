"""What a bundle about an operation is made of, through the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.states_language.scheduler import VirtualClock
from tests.support.faults import FaultKind
from tests.support.in_process_aws import HOME_REGION, SOURCE_REGION, InProcessAws, is_operation, shared_aws

from aurora_restore.aws import bundle_sources
from aurora_restore.aws.bundle_sources import AwsBundleSources
from aurora_restore.domain.diagnosing import Window
from aurora_restore.domain.errors import AccessDenied
from aurora_restore.domain.observed import Credentials

ENGINE, VERSION = "aurora-postgresql", "17.4"
MASTER = Credentials("postgres", "Pr0duction-master")
DAY = datetime(2023, 6, 15, 6, 10, tzinfo=UTC)
OPERATION = "restore-1"
OURS = {"aurora-restore:operation-id": OPERATION}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aws(clock: VirtualClock) -> InProcessAws:
    aws = shared_aws(clock)
    seed = aws.aurora.seed
    for region, name, tags in (
        (SOURCE_REGION, "production", {}),
        (HOME_REGION, "staging", {}),
        (HOME_REGION, "staging-1a2b-new", OURS),
        (HOME_REGION, "another", {"aurora-restore:operation-id": "restore-2"}),
    ):
        seed.put_cluster(region, name, MASTER, engine=ENGINE, EngineVersion=VERSION)
        if tags:
            seed.put_tags(region, "cluster", name, tags)
    seed.put_snapshot(SOURCE_REGION, "production", DAY)
    return aws


@pytest.fixture
def sources(aws: InProcessAws) -> AwsBundleSources:
    return AwsBundleSources(aws.clients(), aws.account_id)


def test_clusters_are_those_of_the_names_and_those_with_the_tag_of_the_operation(
    sources: AwsBundleSources,
) -> None:
    found = sources.clusters(HOME_REGION, ["staging"], OPERATION)
    assert {item["DBClusterIdentifier"] for item in found} == {"staging", "staging-1a2b-new"}


def test_a_snapshot_is_found_by_its_name_of_whichever_type_it_is(sources: AwsBundleSources) -> None:
    [name] = [
        item["DBClusterSnapshotIdentifier"]
        for item in sources.snapshots(SOURCE_REGION, ["rds:production-2023-06-15-06-10"], OPERATION)
    ]
    found = sources.named_snapshot(SOURCE_REGION, name)
    assert found is not None
    assert found["DBClusterIdentifier"] == "production"
    assert sources.named_snapshot(SOURCE_REGION, "rds:production-2023-06-14-06-10") is None
    assert sources.snapshots(HOME_REGION, ["none"], OPERATION) == []


def test_events_are_those_of_the_things_and_of_the_time_asked_for(
    aws: InProcessAws, sources: AwsBundleSources, clock: VirtualClock
) -> None:
    # After the creation of all of them.
    clock.advance(60)
    begun = clock.now()
    with aws.setting_up():
        rds = aws.session().client("rds")
        rds.create_db_cluster_snapshot(DBClusterIdentifier="staging", DBClusterSnapshotIdentifier="by-hand")
    clock.advance(600)
    asked = [("db-cluster-snapshot", "by-hand"), ("db-cluster", "staging")]
    during = Window(begun, clock.now())
    found = sources.events(HOME_REGION, asked, during)
    assert found
    assert {event["SourceIdentifier"] for event in found} <= {"by-hand", "staging"}
    assert [event["Date"] for event in found] == sorted(event["Date"] for event in found)
    assert sources.events(HOME_REGION, [("db-cluster", "another")], during) == []
    assert (
        sources.events(HOME_REGION, asked, Window(begun - timedelta(hours=2), begun - timedelta(hours=1)))
        == []
    )


def test_the_cleanups_of_an_operation_are_reported_by_their_input_and_bounded(
    aws: InProcessAws, sources: AwsBundleSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    arn = aws.create_state_machine("aurora-restore-cleanup-state-machine", definition)
    with aws.setting_up():
        states = aws.session().client("stepfunctions")
        for number, operation in enumerate((OPERATION, "restore-2", OPERATION)):
            event = json.dumps({"detail": {"name": operation}})
            states.start_execution(stateMachineArn=arn, name=f"cleanup-{number}", input=event)
    now = datetime.now(UTC)
    window = Window(now - timedelta(hours=1), now + timedelta(hours=1))
    found = sources.cleanup_arns(OPERATION, window)
    assert {each.rpartition(":")[2] for each in found} == {"cleanup-0", "cleanup-2"}
    assert sources.cleanup_arns(OPERATION, Window(now - timedelta(hours=2), now - timedelta(hours=1))) == []
    monkeypatch.setattr(bundle_sources, "CLEANUPS_MOST", 1)
    assert len(sources.cleanup_arns(OPERATION, window)) == 1


def test_an_execution_that_step_functions_forgot_is_an_answer(
    aws: InProcessAws, sources: AwsBundleSources
) -> None:
    arn = f"arn:aws:states:us-west-2:{aws.account_id}:execution:aurora-restore-state-machine:gone"
    assert sources.execution(arn) is None


def test_a_refusal_names_the_permission(aws: InProcessAws, sources: AwsBundleSources) -> None:
    aws.before(is_operation("DescribeDBClusters"), FaultKind.DENIED)
    with pytest.raises(AccessDenied) as denied:
        sources.clusters(HOME_REGION, [], OPERATION)
    assert denied.value.action == "rds:DescribeDBClusters"
