"""What ministack holds is written down as it changes, and is there after the next start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.services import dynamodb, lambda_svc, stepfunctions

from local_stack.ministack_keeping import MinistackKeeper

TABLE = {
    "TableName": "Operations",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
KEY = {"id": {"S": "one"}}


@pytest.fixture
def keep_and_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Write what changed since the last time, and read it as another process would."""
    # The keeper replaces it for the rest of the process.
    monkeypatch.setattr(lambda_svc, "_prune_orphan_code_blobs", lambda_svc._prune_orphan_code_blobs)
    keeper = MinistackKeeper(tmp_path / "journal")

    def keep_and_load(service: str) -> Any:
        assert keeper.keep((service,))
        reader = MinistackKeeper(tmp_path / "journal")
        try:
            return reader.load(service)
        finally:
            reader.close()

    yield keep_and_load
    keeper.close()


@pytest.fixture
def write_item(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`write_item(act, Item=…)` writes to a table as a request to ministack does."""
    # Other tests of the same process have tables of their own in it.
    monkeypatch.setattr(dynamodb._tables, "_data", {})
    ask(dynamodb._create_table, **TABLE)
    return lambda act, **parameters: ask(act, TableName=TABLE["TableName"], **parameters)


def ask(act: Callable[[dict[str, Any]], Any], **parameters: Any) -> None:
    status, _, body = act(parameters)
    assert status == 200, body


def kept_item(state: Any) -> Any:
    (table,) = state["tables"]._data.values()
    return table["items"].get("one", {}).get("__no_sort__")


UPDATE = {
    "Key": KEY,
    "UpdateExpression": "SET details.phase = :phase",
    "ExpressionAttributeValues": {":phase": {"S": "Notify"}},
}
BEFORE = {**KEY, "details": {"M": {"phase": {"S": "CopySnapshot"}}}}
AFTER = {**KEY, "details": {"M": {"phase": {"S": "Notify"}}}}
WRITES: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, Any] | None]] = {
    "PutItem": (dynamodb._put_item, {"Item": AFTER}, AFTER),
    "UpdateItem": (dynamodb._update_item, UPDATE, AFTER),
    "DeleteItem": (dynamodb._delete_item, {"Key": KEY}, None),
}


@pytest.mark.parametrize("name", WRITES)
def test_an_item_is_kept_as_each_write_left_it(
    name: str, write_item: Callable[..., None], keep_and_load: Callable[[str], Any]
) -> None:
    act, parameters, expected = WRITES[name]
    write_item(dynamodb._put_item, Item=BEFORE)
    assert kept_item(keep_and_load("dynamodb")) == BEFORE

    write_item(act, **parameters)

    assert kept_item(keep_and_load("dynamodb")) == expected


@pytest.mark.parametrize(
    ("request_item", "expected"),
    [
        ({"Put": {"TableName": "Operations", "Item": AFTER}}, AFTER),
        ({"Update": {"TableName": "Operations", **UPDATE}}, AFTER),
        ({"Delete": {"TableName": "Operations", "Key": KEY}}, None),
    ],
    ids=["Put", "Update", "Delete"],
)
def test_an_item_is_kept_as_a_transaction_left_it(
    request_item: dict[str, Any],
    expected: dict[str, Any] | None,
    write_item: Callable[..., None],
    keep_and_load: Callable[[str], Any],
) -> None:
    write_item(dynamodb._put_item, Item=BEFORE)
    keep_and_load("dynamodb")

    ask(dynamodb._transact_write_items, TransactItems=[request_item])

    assert kept_item(keep_and_load("dynamodb")) == expected


class Counted(str):
    """A text that counts how often it is written down."""

    times = 0

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        Counted.times += 1
        return str, (str(self),)


def test_an_item_that_was_not_written_to_is_not_written_down_again(
    write_item: Callable[..., None], keep_and_load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counted, "times", 0)
    write_item(dynamodb._put_item, Item={**KEY, "note": {"S": Counted("of the first")}})
    keep_and_load("dynamodb")
    write_item(dynamodb._put_item, Item={"id": {"S": "two"}})

    assert kept_item(keep_and_load("dynamodb"))["note"] == {"S": "of the first"}
    assert Counted.times == 1


def test_an_execution_is_kept_from_its_first_event_to_what_it_ended_with(
    keep_and_load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:states:us-west-2:000000000000:execution:restore:one"
    execution: dict[str, Any] = {"status": "RUNNING", "output": None, "cause": None, "events": [{"id": 1}]}
    monkeypatch.setattr(stepfunctions._executions, "_data", {})
    stepfunctions._executions[arn] = execution

    def kept() -> Any:
        (found,) = keep_and_load("stepfunctions")["executions"]._data.values()
        return found

    assert kept() == execution
    execution["events"].append({"id": 2})
    assert kept() == execution
    execution.update(status="FAILED", cause="SNAPSHOT_NOT_FOUND: There is no snapshot of that day.")
    assert kept() == execution
    # What is written of it after its end is written down as well: a request to stop it may come in between.
    execution.update(status="ABORTED", output="{}")
    execution["events"].append({"id": 3})
    assert kept() == execution
