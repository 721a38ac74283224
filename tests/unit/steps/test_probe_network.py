"""The probe of the network, and the refusal of a run that could not reach its database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import is_operation
from tests.support.worlds import PipelineRun
from tests.unit.domain.builders import SETTINGS, plan, request
from tests.unit.domain.test_preflight import facts

from aurora_restore.domain.errors import AwsUnavailable, NetworkUnreachable, RequestRefused
from aurora_restore.domain.preflight import has_way_to_database, preflight_problems
from aurora_restore.steps.functions import work_of

OPERATION_ID = "restore-20261122-120000"
PROBE = {"operation_id": OPERATION_ID, "probe": True}
PRIVATE = replace(SETTINGS, reaches_private_databases=False)


def probe(run: PipelineRun) -> Any:
    return work_of("aurora-restore-setup-db-users")(run.ports, PROBE)


@pytest.fixture
def run() -> PipelineRun:
    made = PipelineRun(on_dynamodb=True)
    made.check(OPERATION_ID)
    return made


def test_a_network_that_leads_to_the_apis_is_passed_and_leaves_no_trace(run: PipelineRun) -> None:
    before = run.record(OPERATION_ID)

    answer = probe(run)

    assert answer["status"] == "DONE"
    assert run.record(OPERATION_ID) == before


@pytest.mark.parametrize("operation", ["GetItem", "DescribeDBClusters", "GetSecretValue"])
def test_an_api_that_does_not_answer_ends_the_run_by_name(run: PipelineRun, operation: str) -> None:
    run.aws.after(is_operation(operation), FaultKind.REPLY_LOST, times=10)

    with pytest.raises(NetworkUnreachable) as refused:
        probe(run)

    assert refused.value.code == "NETWORK_UNREACHABLE"


def test_an_api_that_answers_with_a_fault_of_its_own_is_waited_for(run: PipelineRun) -> None:
    run.aws.before(is_operation("DescribeDBClusters"), FaultKind.UNAVAILABLE, times=10)

    with pytest.raises(AwsUnavailable):
        probe(run)


def test_the_failure_that_follows_closes_the_record_and_gives_the_lock_back(run: PipelineRun) -> None:
    run.fail(OPERATION_ID, "NetworkUnreachable", "no answer from DynamoDB")

    record = run.record(OPERATION_ID)
    assert (record["status"], record["error"]["code"]) == ("FAILED", "NETWORK_UNREACHABLE")
    run.check("restore-again")


def test_without_subnets_private_instances_are_refused_at_once() -> None:
    assert not has_way_to_database(PRIVATE, plan())
    (fault,) = preflight_problems(request(), facts(has_way_to_database=False))
    assert fault.code == "DATABASE_OUT_OF_REACH"


def test_subnets_or_public_addresses_are_a_way_to_the_database() -> None:
    made = plan(instance_count=2)
    public = tuple(replace(each, publicly_accessible=True) for each in made.instances)

    assert has_way_to_database(SETTINGS, made)
    assert has_way_to_database(PRIVATE, replace(made, instances=public))
    assert not has_way_to_database(PRIVATE, replace(made, instances=(*public, made.instances[0])))


def test_a_dry_run_shows_it_too() -> None:
    run = PipelineRun(on_dynamodb=True)
    run.ports = replace(run.ports, settings=replace(run.ports.settings, reaches_private_databases=False))

    with pytest.raises(RequestRefused) as refused:
        run.check("restore-dry", dry_run=True)

    assert refused.value.code == "DATABASE_OUT_OF_REACH"
