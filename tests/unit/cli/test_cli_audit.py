"""`audit`: what is unusual in the operations of some days, and whether their audit events verify."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.fakes.records import FakeRecords
from tests.fakes.tables import FakeAudit
from tests.unit.cli.cli_fakes import REGION, audit_with, existing, pipeline_with
from tests.unit.cli.cli_records import NOW
from tests.unit.domain.audit_chains import RUN, Chain, begun

from aurora_restore.cli import app
from aurora_restore.domain.times import format_time

ASKER = "arn:aws:sts::123456789012:assumed-role/operators/ann@example.com"
GOOD, BAD, OLD = "restore-20261122-020000", "restore-20261121-020000", "restore-20261101-020000"


def operation(
    operation_id: str, started: datetime, ending: str = "SUCCEEDED", asker: str | None = ASKER
) -> Chain:
    chain = begun({"requested_by": asker} if asker else {}, operation_id, started)
    for event in [*RUN[:-1], (f"operation.{ending.lower()}", {})]:
        chain.write(event)
    chain.close(ending)
    return chain


def audited(monkeypatch: pytest.MonkeyPatch, *chains: Chain) -> None:
    records, events = FakeRecords(), audit_with(*(event for chain in chains for event in chain.events))
    for chain in chains:
        if chain.record:
            records.create(chain.record)
    existing(monkeypatch, replace(pipeline_with(), records=records, audit=events))


def data(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def chains() -> tuple[Chain, Chain]:
    good = operation(GOOD, NOW - timedelta(hours=9))
    bad = operation(BAD, NOW - timedelta(hours=33), "FAILED")
    bad.record["error"] = {"code": "CLUSTER_FAILED", "message": "it ended `failed`\x1b[31m", "hint": ""}
    return good, bad


def test_the_last_seven_days_are_shown_with_what_is_unusual_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chains: tuple[Chain, Chain]
) -> None:
    audited(monkeypatch, *chains, operation(OLD, NOW - timedelta(days=21)))
    assert app.run(["audit"]) == 0
    out = capsys.readouterr().out
    assert out.index(BAD) < out.index(GOOD)
    assert "CLUSTER_FAILED" in out
    assert OLD not in out
    assert ASKER in out
    assert "\x1b[31m" not in out


def test_the_audit_is_json_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chains: tuple[Chain, Chain]
) -> None:
    audited(monkeypatch, *chains)
    assert app.run(["audit", "--json"]) == 0
    found = data(capsys)
    assert (found["region"], found["first_day"], found["last_day"]) == (REGION, "2026-11-16", "2026-11-22")
    assert [(each["operation_id"], each["status"]) for each in found["operations"]] == [
        (BAD, "FAILED"),
        (GOOD, "SUCCEEDED"),
    ]
    bad, good = found["operations"]
    assert [anomaly["kind"] for anomaly in bad["anomalies"]] == ["FAILED"]
    assert (good["anomalies"], good["requested_by"]) == ([], ASKER)
    assert good["verification"] == {"state": "VERIFIED", "events": 5, "findings": [], "notes": []}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--day", "2026-11-22"], [GOOD]),
        (["--day", "2026-11-21"], [BAD]),
        (["--days", "1"], [GOOD]),
        (["--days", "30"], [BAD, GOOD, OLD]),
    ],
)
def test_the_days_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    chains: tuple[Chain, Chain],
    options: list[str],
    expected: list[str],
) -> None:
    audited(monkeypatch, *chains, operation(OLD, NOW - timedelta(days=21)))
    assert app.run(["audit", *options, "--json"]) == 0
    assert [each["operation_id"] for each in data(capsys)["operations"]] == expected


def test_one_operation_is_shown_with_its_events_and_who_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chains: tuple[Chain, Chain]
) -> None:
    audited(monkeypatch, *chains)
    assert app.run(["audit", GOOD]) == 0
    out = capsys.readouterr().out
    assert out.index("operation.started") < out.index("plan.made") < out.index("operation.succeeded")
    assert ASKER in out
    assert app.run(["audit", GOOD, "--json"]) == 0
    assert [event["sequence"] for event in data(capsys)["events"]] == [1, 2, 3, 4, 5]


def test_that_it_is_not_known_who_asked_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audited(monkeypatch, operation(GOOD, NOW - timedelta(hours=9), asker=None))
    assert app.run(["audit", GOOD]) == 0
    assert "CloudTrail" in capsys.readouterr().out


def test_chains_that_verify_end_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chains: tuple[Chain, Chain]
) -> None:
    audited(monkeypatch, *chains)
    assert app.run(["audit", "--verify"]) == 0
    out = capsys.readouterr().out
    assert GOOD in out
    assert BAD in out


def edited(chain: Chain) -> None:
    chain.events[2]["details"] = {"copy": "none was needed"}


def removed(chain: Chain) -> None:
    del chain.events[2]


def removed_last(chain: Chain) -> None:
    del chain.events[-1]


def removed_all(chain: Chain) -> None:
    chain.events.clear()


def inserted(chain: Chain) -> None:
    time = format_time(NOW - timedelta(hours=8))
    forged = {
        "event_id": f"{time}#forged\x1b[2J",
        "event_date": time[:10],
        "time": time,
        "event": "forged\x1b[2J",
    }
    chain.events.append({"operation_id": GOOD, **forged, "details": {}})


def record_removed(chain: Chain) -> None:
    chain.record.clear()


TAMPERINGS = {
    edited: ("EDITED", 3),
    removed: ("REMOVED", 3),
    removed_last: ("REMOVED", 5),
    removed_all: ("REMOVED", 1),
    inserted: ("INSERTED", None),
    record_removed: ("RECORD_LOST", None),
}


@pytest.mark.parametrize("which", [["--days", "1"], [GOOD]], ids=["days", "operation"])
@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_what_was_tampered_with_is_named_with_its_place_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], which: list[str], tamper: Any
) -> None:
    chain = operation(GOOD, NOW - timedelta(hours=9))
    tamper(chain)
    audited(monkeypatch, chain)
    assert app.run(["audit", *which, "--verify"]) == 1
    out = capsys.readouterr().out
    kind, place = TAMPERINGS[tamper]
    assert GOOD in out
    assert kind in out
    assert "\x1b" not in out
    assert app.run(["audit", *which, "--verify", "--json"]) == 1
    found = data(capsys)
    one = found["operations"][0] if "operations" in found else found
    assert one["verification"]["state"] == "BROKEN"
    (finding,) = one["verification"]["findings"]
    assert (finding["kind"], finding["sequence"]) == (kind, place)
    assert finding["hint"]


def test_a_broken_chain_is_the_first_anomaly_and_no_failure_of_a_mere_view(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chains: tuple[Chain, Chain]
) -> None:
    edited(chains[1])
    audited(monkeypatch, *chains)
    assert app.run(["audit", "--json"]) == 0
    assert [each["kind"] for each in data(capsys)["operations"][0]["anomalies"]] == ["CHAIN_BROKEN", "FAILED"]


def test_an_operation_that_goes_on_while_it_is_read_is_read_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = begun({}, GOOD, NOW)

    class GoesOn(FakeAudit):
        looks = 0

        def trail(self, operation_id: str) -> Sequence[dict[str, Any]]:
            found = list(chain.events)
            self.looks += 1
            if self.looks < 3:
                chain.write(RUN[self.looks])
            return found

    audit = GoesOn()
    records = FakeRecords()
    monkeypatch.setattr(records, "load", lambda _: dict(chain.record))
    existing(monkeypatch, replace(pipeline_with(), records=records, audit=audit))
    assert app.run(["audit", GOOD, "--verify", "--json"]) == 0
    assert data(capsys)["verification"]["events"] == 3
    assert audit.looks == 3


def test_days_without_an_operation_are_said_and_are_not_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audited(monkeypatch)
    assert app.run(["audit", "--verify"]) == 0
    assert "No operation" in capsys.readouterr().out


def test_an_operation_that_is_not_known_is_not_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audited(monkeypatch)
    assert app.run(["audit", GOOD]) == 4
    assert "OPERATION_NOT_FOUND" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        [GOOD, "--days", "3"],
        ["--day", "2026-11-22", "--days", "3"],
        ["--day", "yesterday"],
        ["--day", "20261122"],
        ["--days", "0"],
    ],
)
def test_days_that_cannot_be_read_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    audited(monkeypatch)
    assert app.run(["audit", *options]) == 2
    assert "--day" in capsys.readouterr().err


@pytest.mark.parametrize("width", ["80", "40"])
def test_identifiers_stay_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    chains: tuple[Chain, Chain],
    width: str,
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    edited(chains[0])
    audited(monkeypatch, *chains)
    for command in (["audit"], ["audit", GOOD], ["audit", "--verify"]):
        app.run(command)
        out = capsys.readouterr().out
        assert GOOD in out
        assert chains[0].events[2]["event_id"] in out
    assert app.run(["audit", GOOD]) == 0
    assert ASKER in capsys.readouterr().out
