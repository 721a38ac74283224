"""ProveEndpoint in whole runs: the certificate that has to be renewed, what stops half way, and what never proves."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.as_observed import endpoint_answer
from tests.support.worlds import PipelineRun

from aurora_restore.domain.errors import EndpointNotProved
from aurora_restore.domain.observed import EndpointAnswer, EndpointAnswerKind, LoginAttempt, LoginOutcome
from aurora_restore.domain.proving import REBOOT_ACT
from aurora_restore.domain.results import Phase, StepStatus

FIRST, UNDO = "restore-20261122-120000", "undo-20261122-140000"
TARGET = "aurora-restored-cluster"


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def answer(run: PipelineRun) -> EndpointAnswer:
    """What a client with the admin secret finds under the target's name."""
    endpoint = run.cluster()
    master = run.ports.secrets.read_credentials(run.ports.settings.admin_secret_id)
    return endpoint_answer(
        run.aurora.who_answers(endpoint.endpoint or "", endpoint.port or 0, master.username, master.password)
    )


def stop_half_way(run: PipelineRun, operation_id: str) -> None:
    """Go on in the proof until the cluster is stopped for its certificate."""
    for _ in range(100):
        result = run.phase(Phase.PROVE_ENDPOINT, operation_id)
        assert result.status is StepStatus.IN_PROGRESS
        run.clock.advance(result.wait_seconds)
        if run.cluster().status == "stopped":
            return
    raise AssertionError("it was never stopped")


def undo_until(run: PipelineRun, until: Phase, **fields: Any) -> None:
    run.start(UNDO, {"undo_operation_id": FIRST, **fields})
    for phase in list(Phase)[1 : list(Phase).index(until) + 1]:
        run.run_phase(phase, UNDO)


def test_after_a_swap_a_client_that_verifies_the_name_reaches_the_new_cluster(run: PipelineRun) -> None:
    run.put_target()
    record = run.run(FIRST, until=Phase.SWITCH_OVER, delete_cluster_if_exists=True)
    assert answer(run).kind is not EndpointAnswerKind.LOGGED_IN

    run.run_phase(Phase.PROVE_ENDPOINT, FIRST)

    found, proof = answer(run), run.record(FIRST)["proof"]
    assert found.kind is EndpointAnswerKind.LOGGED_IN
    assert found.instance_identifier in run.cluster().member_identifiers
    assert proof["answered_by"] == found.instance_identifier
    assert proof["certificate_renewed_by"] == "stop and start"
    assert proof["seconds_unreachable_for_clients"] > record["switch_over"]["seconds_without_name"]
    renewals = [event for event in run.events(FIRST) if event.startswith("certificate.")]
    assert renewals == ["certificate.reboot", "certificate.stop", "certificate.start"]
    assert any("certificate" in note for note in record["plan"]["notes"])


def test_a_reboot_that_renews_the_certificate_is_enough(run: PipelineRun) -> None:
    run.put_target()
    run.aurora.set_habits({"certificate_renewed_by_reboot": True})

    record = run.run(FIRST, delete_cluster_if_exists=True)

    assert record["proof"]["certificate_renewed_by"] == "reboot"
    assert run.count("StopDBCluster") == 0


def test_a_certificate_that_is_not_to_be_renewed_is_a_warning_in_record_and_message(run: PipelineRun) -> None:
    run.put_target()

    record = run.run(FIRST, delete_cluster_if_exists=True, certificate_renewal="never")

    assert record["status"] == "SUCCEEDED"
    assert "certificate_renewal is never" in record["warnings"][-1]
    assert record["proof"]["proved_time"] is None
    assert run.count("StopDBCluster") == 0
    assert not [kind for kind in record["acts"] if kind.startswith(REBOOT_ACT)]
    assert answer(run).kind is EndpointAnswerKind.OTHER_CERTIFICATE


@pytest.mark.parametrize(
    "request_fields", [{}, {"delete_cluster_if_exists": True, "replace_strategy": "delete_first"}]
)
def test_where_nothing_was_renamed_the_certificate_is_right_from_the_beginning(
    run: PipelineRun, request_fields: dict[str, Any]
) -> None:
    if request_fields:
        run.put_target()

    record = run.run(FIRST, **request_fields)

    assert record["proof"]["certificate_renewed_by"] is None
    assert record["proof"]["seconds_unreachable_for_clients"] is None
    assert answer(run).kind is EndpointAnswerKind.LOGGED_IN


def test_an_endpoint_that_is_never_proved_fails_the_run_and_the_old_cluster_has_its_name_back(
    run: PipelineRun,
) -> None:
    old = run.put_target()
    run.run(FIRST, until=Phase.SWITCH_OVER, delete_cluster_if_exists=True)
    run.databases.every_login = LoginAttempt(LoginOutcome.UNREACHABLE, "the connection timed out")

    with pytest.raises(EndpointNotProved, match="the connection timed out"):
        run.run_phase(Phase.PROVE_ENDPOINT, FIRST)
    run.fail(FIRST, "EndpointNotProved")
    run.clean_up(FIRST)

    assert run.cluster().db_cluster_resource_id == old
    assert run.record(FIRST)["error"]["code"] == "ENDPOINT_NOT_PROVED"
    assert [item.db_cluster_identifier for item in run.ports.target_rds.list_clusters()] == [TARGET]


def test_a_cancel_while_the_new_cluster_is_stopped_for_its_certificate_leaves_it_serving(
    run: PipelineRun,
) -> None:
    old = run.put_target()
    run.run(FIRST, until=Phase.SWITCH_OVER, delete_cluster_if_exists=True)
    stop_half_way(run, FIRST)

    run.clean_up(FIRST, "ABORTED")

    assert run.record(FIRST)["status"] == "SUCCEEDED"
    assert run.cluster().db_cluster_resource_id != old
    assert run.cluster().status == "available"


def test_a_failure_while_the_kept_cluster_is_stopped_for_its_certificate_never_removes_it(
    run: PipelineRun,
) -> None:
    old = run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)
    restored, retired = (
        run.cluster().db_cluster_resource_id,
        run.record(FIRST)["retirement"]["db_cluster_identifier"],
    )
    undo_until(run, Phase.SWITCH_OVER)
    stop_half_way(run, UNDO)

    run.fail(UNDO, "EndpointNotProved")
    run.clean_up(UNDO)

    assert run.cluster().db_cluster_resource_id == restored
    kept = run.cluster(retired)
    assert (kept.db_cluster_resource_id, kept.status) == (old, "stopped")


def test_an_undo_proves_the_cluster_that_came_back_though_it_has_a_password_of_its_own(
    run: PipelineRun,
) -> None:
    run.put_target()
    run.run(FIRST, delete_cluster_if_exists=True, keep_replaced_hours=2)

    undo_until(run, Phase.PROVE_ENDPOINT)

    assert answer(run).kind is EndpointAnswerKind.LOGIN_REFUSED
    assert run.record(UNDO)["proof"]["certificate_renewed_by"] == "stop and start"
