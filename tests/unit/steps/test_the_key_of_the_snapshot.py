"""The key that the snapshot is encrypted with is looked at where the snapshot is, before anything is created."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import Call
from tests.support.worlds import DAY, SOURCE_REGION, PipelineRun

from aurora_restore.domain.errors import KmsKeyNotAccessible
from aurora_restore.domain.observed import Credentials

OPERATION = "restore-20261122-120000"
CHANGES = ("CopyDBClusterSnapshot", "RestoreDBClusterFromSnapshot", "CreateDBInstance")


def encrypted(run: PipelineRun, key: str) -> dict[str, Any]:
    """A snapshot under the key, and the fields of a request for it."""
    master = Credentials("postgres", "the-password-of-the-vault")
    run.aurora.seed.put_cluster(
        SOURCE_REGION,
        "vault",
        master,
        instances={"vault-1": "db.r5.large"},
        StorageEncrypted=True,
        KmsKeyId=key,
    )
    run.aurora.seed.put_snapshot(SOURCE_REGION, "vault", DAY)
    return {"source_cluster_id": "vault", "kms_key_id": run.aws.create_kms_key("alias/restores")}


def test_a_key_that_works_is_found_in_the_source_region() -> None:
    run = PipelineRun()
    run.check(OPERATION, **encrypted(run, run.aws.create_kms_key(region=SOURCE_REGION)))
    assert not [note for note in run.record(OPERATION)["plan"]["notes"] if "cannot be looked at" in note]
    assert [call.region for call in run.aws.calls if call.operation == "DescribeKey"].count(
        SOURCE_REGION
    ) == 1


def test_a_disabled_key_ends_the_run_before_anything_is_created() -> None:
    run = PipelineRun()
    fields = encrypted(run, run.aws.create_kms_key(region=SOURCE_REGION, enabled=False))
    with pytest.raises(KmsKeyNotAccessible, match="Disabled"):
        run.check(OPERATION, **fields)
    assert not any(run.count(operation) for operation in CHANGES)


def test_a_key_of_another_account_that_may_not_be_looked_at_is_a_note_of_the_plan() -> None:
    run = PipelineRun()
    key = "arn:aws:kms:us-east-1:999999999999:key/11111111-2222-3333-4444-555555555555"
    fields = encrypted(run, key)

    def is_look_at_the_source(call: Call) -> bool:
        return call.operation == "DescribeKey" and call.region == SOURCE_REGION

    run.aws.before(is_look_at_the_source, FaultKind.DENIED)
    run.check(OPERATION, **fields)
    (note,) = [note for note in run.record(OPERATION)["plan"]["notes"] if key in note]
    assert "kms:Decrypt" in note
    assert "kms:CreateGrant" in note
