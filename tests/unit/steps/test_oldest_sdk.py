"""The functions send nothing that the oldest SDK of their runtime does not know.

Lambda brings boto3, of a version that "depends on the runtime version and your AWS Region" (lambda-python.html). A
parameter that it does not know ends a run with ParamValidationError, hours after it began. python3.13 came to Lambda on
13 November 2024; held here is botocore 1.34.145, of July 2024, stripped to names (tests/support/strip_sdk.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.support.granted_requests import CALLS
from tests.support.strip_sdk import STRIPPED
from tests.unit.steps.test_permissions import all_that_the_functions_do

OLDEST = json.loads(STRIPPED.read_text())
# What is sent only where the same SDK has shown it on an existing cluster; an older one shows nothing, and sends
# nothing. By name, the field of the answer in which it is seen.
TAKEN_OVER: dict[tuple[str, str], tuple[str, str]] = {
    ("ModifyDBCluster", "DatabaseInsightsMode"): ("DBCluster", "DatabaseInsightsMode"),
}
Sent = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture(scope="module")
def sent() -> Sent:
    return all_that_the_functions_do().sent


def unknown(given: Any, known: Any, path: str = "") -> Iterator[str]:
    """The names in what is given that the model does not have."""
    if isinstance(given, list | tuple):
        for each in given:
            yield from unknown(each, known, path)
    elif isinstance(given, Mapping) and isinstance(known, Mapping):
        for name, value in given.items():
            if name in known:
                yield from unknown(value, known[name], f"{path}{name}.")
            else:
                yield f"{path}{name}"


def test_every_parameter_that_is_sent_is_known_to_the_oldest_sdk(sent: Sent) -> None:
    strangers = {
        (operation, name)
        for service, operation, given in sent
        for name in unknown(given, OLDEST["requests"][service].get(operation, {}))
    }

    assert strangers - set(TAKEN_OVER) == set()


def test_every_operation_is_known_to_the_oldest_sdk(sent: Sent) -> None:
    called = {(service, operation) for service, operation, _ in sent}

    assert {(s, o) for s, o in called if o not in OLDEST["requests"].get(s, {})} == set()
    assert any("MasterUserSecretKmsKeyId" in given for _, _, given in sent)
    # What is looked at here is all that the functions do: as many requests as their roles are held to.
    expected = {request.replace("_", "") for calls in CALLS.values() for _, request, _ in calls}
    assert expected <= {operation.lower() for _, operation in called}


def test_what_is_newer_is_sent_only_where_it_was_seen() -> None:
    assert all(field not in OLDEST["answers"][answer] for answer, field in TAKEN_OVER.values())


def test_the_retention_at_the_restore_would_be_found() -> None:
    """botocore knows it from 1.42.46 on: the fault for which this test is there."""
    known = OLDEST["requests"]["rds"]["RestoreDBClusterFromSnapshot"]

    assert list(unknown({"Engine": "aurora-postgresql", "BackupRetentionPeriod": 7}, known)) == [
        "BackupRetentionPeriod"
    ]
