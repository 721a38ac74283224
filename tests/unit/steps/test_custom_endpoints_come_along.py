"""The custom endpoints of a replaced cluster: on the new one after the switch, on the old one if that comes back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import is_operation
from tests.support.worlds import TARGET_REGION, PipelineRun
from tests.unit.domain.builders import cluster

from aurora_restore.domain.acts import DropEndpoint, MakeEndpoint
from aurora_restore.domain.custom_endpoints import (
    CustomEndpoint,
    decide_endpoint,
    planned_endpoints,
)
from aurora_restore.domain.errors import DifferenceNotAccepted
from aurora_restore.domain.results import Phase

OPERATION, TARGET = "restore-20261122-120000", "aurora-restored-cluster"
SWAP: dict[str, Any] = {"delete_cluster_if_exists": True}
WRITER, READER = f"{TARGET}-a", f"{TARGET}-b"


@pytest.fixture
def run() -> PipelineRun:
    """A cluster with an endpoint for reports, on its reader alone, and one for everything."""
    run = PipelineRun()
    run.put_target({WRITER: "db.r5.large", READER: "db.r5.large"})
    make(run, "reports", EndpointType="READER", StaticMembers=[READER])
    make(run, "everything", EndpointType="ANY")
    return run


def make(run: PipelineRun, name: str, **parameters: Any) -> None:
    expected = {"DBClusterIdentifier": TARGET, "DBClusterEndpointIdentifier": name, **parameters}
    run.aurora.at_once("CreateDBClusterEndpoint", TARGET_REGION, expected)


def endpoints(run: PipelineRun, name: str = TARGET) -> dict[str, CustomEndpoint]:
    listed = run.ports.target_rds.list_custom_endpoints(run.cluster(name))
    return {each.identifier: each for each in listed}


def look_until_dropped(run: PipelineRun) -> None:
    """A retirement that has taken an endpoint from the old cluster, and has not given it to the new one."""
    while not any(kind.startswith("drop_endpoint") for kind in run.record(OPERATION)["acts"]):
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, OPERATION).wait_seconds)


def test_they_are_on_the_new_cluster_with_the_members_in_the_same_places(run: PipelineRun) -> None:
    record = run.run(OPERATION, **SWAP)
    after = endpoints(run)
    reader = record["plan"]["instances"][1]["db_instance_identifier"]
    assert after == {
        "reports": CustomEndpoint("reports", "READER", (reader,)),
        "everything": CustomEndpoint("everything", "ANY"),
    }
    assert {name: item["state"] for name, item in record["endpoints"].items()} == {
        "reports": "moved",
        "everything": "moved",
    }
    assert record["restore_details"]["differences"] == []


def test_the_old_cluster_has_them_until_the_new_one_is_proved(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    retired = run.record(OPERATION)["switch_over"]["retired_identifier"]
    assert set(endpoints(run, retired)) == {"reports", "everything"}
    assert endpoints(run) == {}


def test_they_are_moved_before_the_old_cluster_is_touched(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    while len(run.record(OPERATION).get("endpoints") or ()) < 2:
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, OPERATION).wait_seconds)
    assert not {"mark_replaced", "fence", "take_final_snapshot"} & set(run.record(OPERATION)["acts"])


def test_an_old_cluster_that_comes_back_has_them_as_they_were(run: PipelineRun) -> None:
    before = endpoints(run)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    look_until_dropped(run)
    run.fail(OPERATION, "SwitchOverFailed")
    run.clean_up(OPERATION)
    assert run.record(OPERATION)["status"] == "FAILED"
    assert endpoints(run) == before


def test_a_run_that_was_stopped_between_taking_and_giving_is_finished_by_its_cleanup(
    run: PipelineRun,
) -> None:
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    look_until_dropped(run)
    run.clean_up(OPERATION, "ABORTED")
    assert run.record(OPERATION)["status"] == "SUCCEEDED"
    assert set(endpoints(run)) == {"reports", "everything"}


@pytest.mark.parametrize("shows", [True, False])
@pytest.mark.parametrize("lag_seconds", [0, 20])
def test_they_are_moved_when_they_serve_however_slow_rds_is(
    run: PipelineRun, shows: bool, lag_seconds: float
) -> None:
    run.aurora.set_habits({"changing_endpoints_show": shows})
    run.aurora.set_durations({"endpoint": 400, "describe_lag": lag_seconds})
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    while len(moved := run.record(OPERATION).get("endpoints") or {}) < 2:
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, OPERATION).wait_seconds)
        with run.aurora.locked() as world:
            existing = world.regions[TARGET_REGION].custom_endpoints
            new = run.record(OPERATION).get("endpoints") or {}
            assert all(existing[name].status == "available" for name in new)
    assert {item["state"] for item in moved.values()} == {"moved"}
    assert set(endpoints(run)) == {"reports", "everything"}


def test_one_that_is_not_available_in_time_is_left(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.aurora.set_durations({"endpoint": 3 * 3600})
    run.run_phase(Phase.RETIRE_REPLACED, OPERATION)
    assert {item["state"] for item in run.record(OPERATION)["endpoints"].values()} == {"left"}


@pytest.mark.parametrize("shows", [True, False])
@pytest.mark.parametrize(("endpoint", "lag_seconds"), [(1, 20), (400, 0), (400, 20)])
def test_an_old_cluster_that_comes_back_while_one_is_being_deleted_has_them_in_the_end(
    run: PipelineRun, shows: bool, endpoint: float, lag_seconds: float
) -> None:
    before = endpoints(run)
    run.aurora.set_habits({"changing_endpoints_show": shows})
    run.aurora.set_durations({"endpoint": endpoint, "describe_lag": lag_seconds})
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    look_until_dropped(run)
    run.fail(OPERATION, "SwitchOverFailed")
    run.clean_up(OPERATION)
    assert run.record(OPERATION)["status"] == "FAILED"
    run.clock.advance(endpoint + lag_seconds)
    assert endpoints(run) == before


def test_an_undo_gives_them_back_to_the_kept_cluster_with_its_own_members(run: PipelineRun) -> None:
    before = endpoints(run)
    run.run(OPERATION, **SWAP, keep_replaced_hours=1)
    assert endpoints(run) != before
    run.check("undo-it", undo_operation_id=OPERATION, **dict.fromkeys(run.request(), ...))
    for phase in list(Phase)[1:]:
        run.run_phase(phase, "undo-it")
    assert endpoints(run) == before


def test_what_rds_refuses_for_long_is_left_and_said_with_the_command(run: PipelineRun) -> None:
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.aws.before(is_operation("CreateDBClusterEndpoint"), FaultKind.DENIED, times=1000)
    run.run_phase(Phase.RETIRE_REPLACED, OPERATION)
    record = run.record(OPERATION)
    assert record["retirement"]["state"] == "RETIRED"
    assert {item["state"] for item in record["endpoints"].values()} == {"left"}
    assert any("create-db-cluster-endpoint" in w and "--static-members" in w for w in record["warnings"])


def test_what_was_given_to_the_new_cluster_is_not_taken_for_what_the_old_one_shows_late(
    run: PipelineRun,
) -> None:
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    retired = run.ports.target_rds.find_cluster(run.record(OPERATION)["switch_over"]["retired_identifier"])
    assert retired is not None
    while "make_endpoint-reports" not in run.record(OPERATION)["acts"]:
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, OPERATION).wait_seconds)
    with run.aurora.locked() as world:
        world.regions[TARGET_REGION].custom_endpoints[
            "reports"
        ].cluster_resource_id = retired.db_cluster_resource_id
    tries = run.record(OPERATION)["acts"]["drop_endpoint-reports"]["tries"]
    for _ in range(5):
        run.clock.advance(60)
        run.phase(Phase.RETIRE_REPLACED, OPERATION)
    assert run.record(OPERATION)["acts"]["drop_endpoint-reports"]["tries"] == tries


def test_an_endpoint_of_another_cluster_is_never_taken(run: PipelineRun) -> None:
    """Somebody moved it meanwhile: neither of the two clusters shows it, and its name is taken."""
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    with run.aurora.locked() as world:
        world.regions[TARGET_REGION].custom_endpoints["reports"].cluster_resource_id = "cluster-OF-SOMEBODY"
    run.run_phase(Phase.RETIRE_REPLACED, OPERATION)
    with run.aurora.locked() as world:
        existing = world.regions[TARGET_REGION].custom_endpoints["reports"]
        assert existing.cluster_resource_id == "cluster-OF-SOMEBODY"
    assert "drop_endpoint-reports" not in run.record(OPERATION)["acts"]
    assert run.record(OPERATION)["endpoints"]["reports"]["state"] == "left"


def test_who_accepts_their_loss_has_none_afterwards(run: PipelineRun) -> None:
    record = run.run(OPERATION, **SWAP, accept_differences=["custom_endpoints"])
    assert endpoints(run) == {}
    assert [item["field"] for item in record["restore_details"]["differences"]] == ["custom_endpoints"]


def test_with_delete_first_they_are_named_as_lost(run: PipelineRun) -> None:
    with pytest.raises(DifferenceNotAccepted, match="custom_endpoints"):
        run.check(OPERATION, **SWAP, replace_strategy="delete_first")


def test_an_endpoint_is_dropped_only_where_the_other_cluster_shows_it() -> None:
    expected, host = CustomEndpoint("reports", "ANY"), "reports.cluster-custom-x.us-west-2.rds.amazonaws.com"
    none, with_it = cluster(), cluster(custom_endpoints=(host,))
    with_another = cluster(custom_endpoints=(host.replace("reports", "reports-2"),))
    assert decide_endpoint(expected, with_it, none) is None
    assert isinstance(decide_endpoint(expected, none, with_it), DropEndpoint)
    assert isinstance(decide_endpoint(expected, none, with_another), MakeEndpoint)
    assert isinstance(decide_endpoint(expected, none, None), MakeEndpoint)


def test_none_is_planned_where_not_all_are_known() -> None:
    found = [CustomEndpoint("reports", "ANY", ("a",))]
    hosts = ["reports.cluster-custom-x", "others.cluster-custom-x"]
    assert planned_endpoints(found, hosts, ["a"], ["b"]) == ()
    assert planned_endpoints(found, hosts[:1], ["a"], ["b"]) == (CustomEndpoint("reports", "ANY", ("b",)),)
