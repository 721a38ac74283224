"""A run whose functions reach nothing from their VPC is refused at once, with a code, by the deployed pipeline."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.stack.conftest import FinishedRun
from tests.stack.test_refusals import REQUEST

pytestmark = pytest.mark.file_one_day_in(7, 6)

FUNCTION = "aurora-restore-setup-db-users"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def cut_off(boto: Any) -> Iterator[None]:
    """The function that is in the VPC gets no answer from DynamoDB."""
    client = boto("lambda")
    before = client.get_function_configuration(FunctionName=FUNCTION)["Environment"]
    variables = before["Variables"] | {"AWS_ENDPOINT_URL_DYNAMODB": NOBODY}
    client.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": variables})
    yield
    client.update_function_configuration(FunctionName=FUNCTION, Environment=before)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_that_could_not_reach_the_apis_is_refused_before_the_copy(
    cut_off: None, boto: Any, run_to_end: Any, dry_run: bool
) -> None:
    started = time.monotonic()
    run: FinishedRun = run_to_end(
        REQUEST | {"target_cluster_id": f"aurora-restored-cut-off-{dry_run}".lower(), "dry_run": dry_run}
    )

    assert (run.status, run.error) == ("FAILED", "NetworkUnreachable")
    # Minutes, and not the hours of a copy; a busy machine took more than one and a half.
    assert time.monotonic() - started < 300
    assert "CopySnapshot" not in run.states_entered
    item = boto("dynamodb").get_item(
        TableName="AuroraRestoreState", Key={"operation_id": {"S": run.operation_id}}
    )["Item"]
    assert item["status"]["S"] == "FAILED"
    assert item["error"]["M"]["code"]["S"] == "NETWORK_UNREACHABLE"
    assert "NAT gateway" in json.dumps(item["error"])
