"""What the tests of the enumeration have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from tests.simulation.cases import Disturbance, Found, baseline, cases_of, run_cases
from tests.simulation.object_faults import object_cases
from tests.simulation.scenarios import Scenario
from tests.simulation.summary import CASES
from tests.support.faults import FaultKind, RequestInterruption
from tests.support.shares import todays_share

SHOWN = 12
DAYS = 20
"""After how many days every case was tried."""
FAULTS: tuple[FaultKind, ...] = tuple(FaultKind)
INTERRUPTIONS: tuple[RequestInterruption, ...] = tuple(RequestInterruption)
RecordProperty = Callable[[str, object], None]


def names(scenarios: Iterable[Scenario]) -> list[str]:
    return [scenario.name for scenario in scenarios]


def expect_no_violation_without_a_fault(name: str, record_property: RecordProperty) -> None:
    violations = baseline(name).violations
    record_property(CASES, (f"{kind_of(name)} without a fault", 1))
    assert not violations, "\n".join(map(str, violations))


def expect_no_violation(name: str, disturbance: Disturbance, record_property: RecordProperty) -> None:
    """The requests of a scenario, those of today's share, with one kind of disturbance."""
    count, found = run_cases(todays_share(cases_of(name, [disturbance]), DAYS))
    record_property(CASES, (f"{kind_of(name)}: {disturbance.value}", count))
    assert not found, _words(count, found)


def expect_no_violation_of_objects(name: str, record_property: RecordProperty) -> None:
    """Everything that a scenario makes, ended in every status."""
    count, wrong = 0, []
    for case in object_cases(name):
        count += 1
        wrong += [f"{violation}\n    with {case}" for violation in case.run()]
    record_property(CASES, (f"{kind_of(name)}: objects that end badly", count))
    assert not wrong, "\n".join(wrong[:SHOWN])


def kind_of(name: str) -> str:
    """Scenarios that differ in the phase only are of one kind."""
    return name if "-" not in name or name in ("delete-first", "dry-run") else name.split("-", maxsplit=1)[0]


def _words(count: int, found: list[Found]) -> str:
    bad = len({item.case for item in found})
    shown = "\n".join(map(str, islice(found, SHOWN)))
    return f"{bad} of {count} cases violate an invariant; the first:\n{shown}"
