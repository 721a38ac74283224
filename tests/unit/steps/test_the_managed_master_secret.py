"""RDS manages the password of the master user for the new cluster where it did so for the replaced one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import is_operation
from tests.support.worlds import TARGET_REGION, PipelineRun

from aurora_restore.domain.naming import BY_HAND, PUT_BACK_TAG
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.results import Phase

OPERATION, TARGET = "restore-20261122-120000", "aurora-restored-cluster"
SWAP: dict[str, Any] = {"delete_cluster_if_exists": True}


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def with_secret(run: PipelineRun, **parameters: Any) -> str:
    """The replaced cluster's password is managed by RDS. Returns the secret's ARN."""
    run.put_target()
    expected = {"DBClusterIdentifier": TARGET, "ManageMasterUserPassword": True, **parameters}
    run.aurora.at_once("ModifyDBCluster", TARGET_REGION, expected)
    arn = run.cluster().managed_master_secret
    assert arn is not None
    return arn


def test_the_new_cluster_is_given_a_secret_of_its_own(run: PipelineRun) -> None:
    before = with_secret(run)
    record = run.run(OPERATION, **SWAP)
    after = run.cluster()
    assert after.managed_master_secret not in (None, before)
    assert after.managed_master_secret_status == "active"
    assert record["master_secret"] == {"arn": after.managed_master_secret}
    assert record["restore_details"]["differences"] == []
    assert record.get("warnings") in (None, [])


def test_plan_and_message_say_which_secret_goes_and_which_comes(run: PipelineRun) -> None:
    before = with_secret(run)
    record = run.run(OPERATION, **SWAP)
    (message,) = run.aws.published
    assert any(before in loss for loss in record["plan"]["will_be_lost"])
    assert str(run.cluster().managed_master_secret) in message.message


def test_the_key_of_the_old_secret_encrypts_the_new_one(run: PipelineRun) -> None:
    key = "arn:aws:kms:us-west-2:123456789012:key/of-secrets"
    with_secret(run, MasterUserSecretKmsKeyId=key)
    run.run(OPERATION, **SWAP)
    assert run.cluster().managed_master_secret_kms_key_id == key


def test_it_is_handed_over_after_the_last_login_and_before_the_old_cluster_is_touched(
    run: PipelineRun,
) -> None:
    with_secret(run)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    assert run.cluster().managed_master_secret is None
    while not run.record(OPERATION).get("master_secret"):
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, OPERATION).wait_seconds)
    acts = run.record(OPERATION)["acts"]
    assert not {"mark_replaced", "fence", "take_final_snapshot"} & set(acts)


def test_it_is_handed_over_after_delete_first_too(run: PipelineRun) -> None:
    with_secret(run)
    record = run.run(OPERATION, **SWAP, replace_strategy="delete_first")
    assert record["master_secret"]["arn"] == run.cluster().managed_master_secret


def test_who_accepts_the_difference_keeps_the_admin_secrets_password(run: PipelineRun) -> None:
    with_secret(run)
    record = run.run(OPERATION, **SWAP, accept_differences=["managed_master_secret"])
    (difference,) = record["restore_details"]["differences"]
    assert (difference["field"], difference["accepted"]) == ("managed_master_secret", True)
    assert run.cluster().managed_master_secret is None


def test_a_cluster_that_had_none_is_given_none(run: PipelineRun) -> None:
    run.put_target()
    record = run.run(OPERATION, **SWAP)
    assert run.cluster().managed_master_secret is None
    assert "master_secret" not in record


def test_what_rds_refuses_for_long_is_left_and_said(run: PipelineRun) -> None:
    with_secret(run)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.aws.before(is_operation("ModifyDBCluster"), FaultKind.DENIED, times=1000)
    began = run.clock.now()
    while not run.record(OPERATION).get("master_secret"):
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, OPERATION).wait_seconds)
    run.aws.clear_faults()
    run.run_phase(Phase.RETIRE_REPLACED, OPERATION)
    record = run.record(OPERATION)
    assert record["retirement"]["state"] == "RETIRED"
    assert record["master_secret"]["arn"] is None
    assert any("--manage-master-user-password" in warning for warning in record["warnings"])
    assert 30 * 60 <= (run.clock.now() - began).total_seconds() < 3 * 3600


def test_a_kept_cluster_that_comes_back_has_its_own_secret_still(run: PipelineRun) -> None:
    before = with_secret(run)
    run.run(OPERATION, **SWAP, keep_replaced_hours=1)
    run.check("undo-it", undo_operation_id=OPERATION, **dict.fromkeys(run.request(), ...))
    for phase in list(Phase)[1:]:
        run.run_phase(phase, "undo-it")
    assert run.cluster().managed_master_secret == before
    assert "master_secret" not in run.record("undo-it")


def test_a_cluster_that_is_made_again_is_given_a_secret_again(run: PipelineRun) -> None:
    before = with_secret(run)
    run.run(OPERATION, Phase.CLEAR_TARGET, **SWAP, replace_strategy="delete_first")
    run.fail(OPERATION, "ClusterFailed")
    run.clean_up(OPERATION)
    assert run.cluster().managed_master_secret not in (None, before)
    assert run.record(OPERATION)["master_secret"]["arn"] == run.cluster().managed_master_secret


def test_a_cluster_that_was_restored_by_hand_is_given_a_secret_again(run: PipelineRun) -> None:
    before = with_secret(run)
    run.run(OPERATION, Phase.CLEAR_TARGET, **SWAP, replace_strategy="delete_first")
    run.fail(OPERATION, "ClusterFailed")
    with run.aws.setting_up():
        final = run.record(OPERATION)["retirement"]["final_snapshot_identifier"]
        run.ports.target_rds.delete_cluster_snapshot(final)
    run.aurora.seed.put_cluster(
        TARGET_REGION,
        "aurora-restored-cluster",
        Credentials("postgres", "a-password-of-the-snapshot"),
        DBSubnetGroupName="default-vpc-subnet-group",
        VpcSecurityGroupIds=[run.security_group_id],
        Tags=[{"Key": PUT_BACK_TAG, "Value": f"{OPERATION}{BY_HAND}"}],
    )
    run.clean_up(OPERATION)
    secret = run.cluster().managed_master_secret
    assert secret not in (None, before)
    assert run.record(OPERATION)["master_secret"]["arn"] == secret
    assert not [each for each in run.record(OPERATION).get("warnings", ()) if "managed_master_secret" in each]


def test_a_run_that_was_stopped_after_the_switch_is_given_it_by_its_cleanup(run: PipelineRun) -> None:
    with_secret(run)
    run.run(OPERATION, Phase.PROVE_ENDPOINT, **SWAP)
    run.clean_up(OPERATION, "ABORTED")
    record = run.record(OPERATION)
    assert record["status"] == "SUCCEEDED"
    assert record["master_secret"]["arn"] == run.cluster().managed_master_secret
