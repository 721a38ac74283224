"""Costs as `plan` and `status` show them: amounts, what is not known, and looks that hold nothing up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws
from tests.unit.cli.cli_fakes import FakeLooks, existing, pipeline_with, started
from tests.unit.cli.cli_records import NOW, planned, refused, succeeded
from tests.unit.cli.cli_replacement_records import REPLACED
from tests.unit.cli.cli_replacement_records import planned as planned_to_replace
from tests.unit.cli.document_permissions import documented_actions, iam_actions

from aurora_restore.aws.records import AwsRecords
from aurora_restore.cli import app, connection
from aurora_restore.domain.errors import AwsUnavailable
from aurora_restore.domain.naming import STATE_TABLE

NAME = "restore-20261122-114200"
TARGET = (
    "--source-date",
    "2026-11-21",
    "--target-region",
    "us-west-2",
    "--target-cluster",
    "aurora-restored-staging",
)
MADE = datetime(2026, 11, 21, 5, 0, 12, tzinfo=UTC)
GIB = 1024.0**3
OWN: dict[str, Any] = {
    "currency": "USD",
    "prices": [
        {"item": "instance_hour", "region": "us-west-2", "of": "db.r5.large", "usd": 0.25, "unit": "hour",
         "date": "2025-11-01", "source": "our contract"},
        {"item": "storage_gib_month", "region": "us-west-2", "usd": 0.1, "unit": "GiB-month",
         "date": "2026-11-01", "source": "our contract"},
    ],
    "support": [],
}  # fmt: skip


def replacing() -> dict[str, Any]:
    return planned() | {"plan": planned_to_replace(keep_replaced_hours=24), "replaced": REPLACED}


def words(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture
def own(tmp_path: Path) -> str:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(OWN))
    return str(file)


def test_a_plan_says_what_the_run_will_cost_by_the_size_of_the_source_when_the_snapshot_was_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = FakeLooks({("us-east-1", "production"): 500 * GIB})
    existing(monkeypatch, pipeline_with(planned()), looks=looks)
    assert app.run(["plan", *TARGET, "--name", NAME]) == 0
    out = words(capsys)
    assert "transfer of the copy at most $10.00: 500 GiB at $0.02 per GiB" in out
    assert "storage of the copy $2.45: 500 GiB x 7 days of 30 at $0.021 per GiB-month" in out
    assert "not known: no price for db.r5.large in us-west-2" in out
    assert "in all, the run $2.45 to $12.45" in out
    assert out.index("Costs") < out.index("Nothing was touched.")
    assert looks.asked == [("us-east-1", "production", MADE)]


def test_the_operators_size_comes_before_a_look_and_his_prices_take_the_place_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own: str
) -> None:
    looks = FakeLooks({("us-east-1", "production"): 500 * GIB})
    existing(monkeypatch, pipeline_with(planned()), looks=looks)
    assert app.run(["plan", *TARGET, "--size-gib", "40", "--prices", own]) == 0
    out = words(capsys)
    assert looks.asked == []
    assert (
        "$0.25 an hour, $6.00 a day: 1 x db.r5.large at $0.25 per hour (OLD: the price of 2025-11-01" in out
    )
    assert "$4.00 a month: 40 GiB at $0.10 per GiB-month" in out
    assert "not known: no price for transfer to us-west-2 in us-east-1" in out
    assert "in all, the run not known" in out
    # 730 hours at 25 cents and 4 dollars of storage; the backups are not known.
    assert "new cluster at least $186.50 a month of 730 hours; what is not known" in out


def test_costs_are_data_beside_the_record_and_say_the_source_of_each_price(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own: str
) -> None:
    existing(monkeypatch, pipeline_with(planned()))
    documents = []
    for command in (["plan", *TARGET, "--name", NAME], ["status", NAME]):
        assert app.run([*command, "--json", "--size-gib", "40", "--prices", own]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    planned_one, status = documents
    assert planned_one["costs"] == status["costs"]
    assert planned_one["operation_id"] == NAME
    by_name = {line["what"]: line for line in planned_one["costs"]["lines"]}
    assert by_name["storage"]["most"] == 4
    assert by_name["storage"]["price_source"] == "our contract"
    assert by_name["instances"]["price_is_old"] is True
    assert by_name["transfer of the copy"]["not_known"]
    assert by_name["transfer of the copy"]["most"] is None


def test_the_old_cluster_is_asked_for_its_own_size_as_it_is_now(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = REPLACED["db_cluster_identifier"]
    looks = FakeLooks({("us-east-1", "production"): 500 * GIB, ("us-west-2", old): 300 * GIB})
    existing(monkeypatch, pipeline_with(replacing()), looks=looks)
    assert app.run(["plan", *TARGET]) == 0
    assert "final snapshot $6.30 a month: 300 GiB" in words(capsys)
    assert looks.asked[0] == ("us-east-1", "production", MADE)
    assert looks.asked[1][:2] == ("us-west-2", old)
    assert looks.asked[1][2] >= NOW


@pytest.mark.parametrize(
    "looks",
    [FakeLooks(error=AwsUnavailable("cloudwatch does not answer")), FakeLooks(parameters={})],
    ids=["a look that fails", "a look that finds nothing"],
)
def test_a_look_holds_no_plan_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], looks: FakeLooks
) -> None:
    existing(monkeypatch, pipeline_with(planned()), looks=looks)
    assert app.run(["plan", *TARGET]) == 0
    out = words(capsys)
    assert "at most $0.02 for each GiB" in out
    assert "$0.0007 a day for each GiB" in out
    assert "--size-gib" in out
    assert out.count("the size of production in us-east-1") == 1
    assert ("cloudwatch does not answer" in out) is (looks.error is not None)


def test_what_has_no_plan_of_a_restore_has_no_costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = FakeLooks()
    existing(monkeypatch, pipeline_with(refused()), looks=looks)
    assert app.run(["plan", *TARGET, "--json"]) == 3
    assert "costs" not in json.loads(capsys.readouterr().out)
    existing(monkeypatch, pipeline_with(succeeded()), looks=looks)
    assert app.run(["status", NAME, "--json"]) == 0
    assert "costs" not in json.loads(capsys.readouterr().out)
    assert looks.asked == []


@pytest.mark.parametrize(
    "text",
    [None, "no JSON", '{"currency": "EUR"}', "[" * 100_000, b"\xff\xfe"],
    ids=lambda text: str(text)[:8],
)
def test_prices_that_cannot_be_used_are_refused_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    text: str | bytes | None,
) -> None:
    file = tmp_path / "prices.json"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    pipeline = existing(monkeypatch, pipeline_with(planned()))
    assert app.run(["plan", *TARGET, "--prices", str(file), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "PRICES_UNUSABLE"
    assert not started(pipeline)


def test_what_would_act_on_a_terminal_is_written_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "prices.json"
    price = OWN["prices"][0] | {"unit": "hour\x1b[2J"}
    file.write_text(json.dumps(OWN | {"prices": [price]}))
    looks = FakeLooks(error=AwsUnavailable("no answer\x1b[2J"))
    existing(monkeypatch, pipeline_with(planned()), looks=looks)
    assert app.run(["plan", *TARGET, "--prices", str(file)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("\\x1b[2J") == 3


@pytest.mark.parametrize("size", ["0", "-1", "300000", "nan"])
def test_a_size_that_no_volume_has_is_refused(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    pipeline = existing(monkeypatch, pipeline_with(planned()))
    assert app.run(["plan", *TARGET, "--size-gib", size]) == 2
    assert not started(pipeline)


def test_costs_are_folded_at_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    existing(monkeypatch, pipeline_with(replacing()))
    assert app.run(["plan", *TARGET, "--size-gib", "123456.78"]) == 0
    costs = capsys.readouterr().out.split("\nCosts\n")[1]
    assert max(map(len, costs.splitlines())) <= 80


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    aws = shared_aws()
    aws.create_tables()
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setattr(connection, "make_session", aws.session)
    record = replacing() | {
        "operation_id": NAME,
        "status": "SUCCEEDED",
        "end_time": "2026-11-22T11:42:02.000Z",
    }
    AwsRecords(aws.clients(), STATE_TABLE).create(record)
    aws.calls.clear()
    yield aws
    aws.clear_faults()


def test_the_actions_that_costs_need_are_those_of_the_document(aws: InProcessAws) -> None:
    assert app.run(["status", NAME]) == 0
    asked = iam_actions((call.service, call.operation) for call in aws.calls)
    # Asked only of an operation whose record is not closed yet.
    assert asked | {"states:DescribeExecution"} == documented_actions("status")
    assert documented_actions("plan") == documented_actions("status") | {"states:StartExecution"}


def test_each_size_is_asked_for_in_the_region_of_its_cluster(aws: InProcessAws) -> None:
    assert app.run(["status", NAME]) == 0
    assert [call.region for call in aws.calls if call.operation == "GetMetricStatistics"] == [
        "us-east-1",
        "us-west-2",
    ]


def test_a_refusal_is_a_note_that_names_the_permission(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.before(
        lambda call: call.operation in {"GetMetricStatistics", "DescribeStacks"}, FaultKind.DENIED, times=1000
    )
    assert app.run(["status", NAME]) == 0
    out = words(capsys)
    assert "cloudwatch:GetMetricStatistics" in out
    assert "cloudformation:DescribeStacks" in out
    assert sum(is_operation("GetMetricStatistics")(call) for call in aws.calls) == 2
