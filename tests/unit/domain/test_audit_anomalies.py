"""What of an operation is unusual, by its record and its audit events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.audit_chains import Chain, begun, ended
from tests.unit.domain.builders import NOW

from aurora_restore.domain.audit_anomalies import AnomalyKind, anomalies, asked_by
from aurora_restore.domain.audit_verification import verify

LATER = NOW + timedelta(hours=4)


def found(chain: Chain) -> list[AnomalyKind]:
    verification = verify(chain.record, chain.events, LATER)
    return [anomaly.kind for anomaly in anomalies(chain.record, chain.events, verification, LATER)]


def test_a_run_that_went_as_it_should_has_none() -> None:
    assert found(ended()) == []


def test_a_run_that_is_under_way_has_none() -> None:
    chain = begun()
    chain.record["last_updated_time"] = "2026-11-22T14:30:00.000Z"
    assert found(chain) == []


def error(code: str) -> dict[str, Any]:
    return {"code": code, "message": "what happened", "hint": ""}


def marked(chain: Chain) -> None:
    chain.close("FAILED", error=error("MANUAL_INTERVENTION"))


def marked_and_open(chain: Chain) -> None:
    chain.record |= {"status": "FAILED", "end_time": None, "error": "given up", "last_updated_time": None}


def rolled_back(chain: Chain) -> None:
    chain.close("CANCELLED", error=error("CANCELLED"), cleanup={"ending": "CANCELLED", "done": ["deleted x"]})


def rolled_forward(chain: Chain) -> None:
    chain.close("SUCCEEDED", cleanup={"ending": "SUCCEEDED", "reason": "the new cluster was in place"})


def not_notified(chain: Chain) -> None:
    chain.record["notification"] = {"error": "no such topic"}
    chain.write(("notification.failed", {"error": "no such topic"}))


CASES: list[tuple[Callable[[Chain], object], list[AnomalyKind]]] = [
    (lambda chain: chain.close("FAILED", error=error("CLUSTER_FAILED")), [AnomalyKind.FAILED]),
    (marked, [AnomalyKind.MANUAL_INTERVENTION, AnomalyKind.FAILED]),
    (marked_and_open, [AnomalyKind.NO_END, AnomalyKind.MANUAL_INTERVENTION, AnomalyKind.FAILED]),
    (rolled_back, [AnomalyKind.CANCELLED, AnomalyKind.ROLLED_BACK]),
    (rolled_forward, [AnomalyKind.ENDED_EARLY]),
    (not_notified, [AnomalyKind.NOT_NOTIFIED]),
    (lambda chain: chain.write(("cleanup.requested", {"reason": "lost"})), [AnomalyKind.EVENT_MISSED]),
    (
        lambda chain: chain.write(
            ("cleanup.requested", {"reason": "the kept cluster is due", "is_expected": True})
        ),
        [],
    ),
    (lambda chain: chain.events.pop(), [AnomalyKind.CHAIN_BROKEN]),
    (lambda chain: chain.record.update(end_time=None, status="RUNNING"), [AnomalyKind.NO_END]),
    (lambda chain: chain.record.update(end_time=None, status="CLEANING_UP"), [AnomalyKind.NO_END]),
]


@pytest.mark.parametrize(("make", "kinds"), CASES, ids=range(len(CASES)))
def test_what_is_unusual_is_named_the_weightiest_first(
    make: Callable[[Chain], object], kinds: list[AnomalyKind]
) -> None:
    chain = ended()
    make(chain)
    assert found(chain) == kinds


def test_events_without_a_record_and_details_that_are_none_are_read_all_the_same() -> None:
    events = [{**event, "details": "none"} for event in ended().events]
    events.append({"event": "cleanup.requested", "details": None})
    verification = verify(None, events, LATER)
    assert [each.kind for each in anomalies(None, events, verification, LATER)] == [
        AnomalyKind.CHAIN_BROKEN,
        AnomalyKind.EVENT_MISSED,
    ]


def test_who_asked_is_known_by_the_first_event_where_the_record_has_expired() -> None:
    chain = begun({"requested_by": "ann"})
    assert asked_by(chain.record, []) == "ann"
    assert asked_by(None, chain.events) == "ann"
    assert asked_by(None, begun().events) is None
