"""The simulation sees what is broken on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.simulation.mutations.catalogue import MUTATIONS, Mutation, does_nothing
from tests.simulation.mutations.planting import NothingPlantedError, found_at
from tests.simulation.mutations.probe import seen

HARMLESS = Mutation(
    "harmless", "the bug is none", "domain.record.whole:Record.is_unsettled", lambda it: it, ("dry-run",)
)


def test_there_are_thirty_at_least() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 30


# Each day, while planting it is shared out over days: what the code calls otherwise is noticed at once.
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_has_its_place_in_the_code(mutation: Mutation) -> None:
    assert found_at(mutation.place) is not None


@pytest.mark.one_day_in(5)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_is_seen(mutation: Mutation) -> None:
    assert seen(mutation), f"{mutation.why}: not seen"


def test_what_changes_nothing_is_not_seen() -> None:
    assert seen(HARMLESS) == ""


@pytest.mark.parametrize(
    ("place", "make"),
    [
        ("domain.no_such_module:anything", does_nothing),
        ("steps.rollback:no_such_function", does_nothing),
        ("domain.operation:Operation.no_such_property", does_nothing),
        ("steps.switch_over:RENAME_LIMIT", lambda limit: limit),
        ("domain.engines:ENGINES", dict),
    ],
)
def test_one_that_plants_nothing_is_refused(place: str, make: object) -> None:
    with pytest.raises(NothingPlantedError):
        seen(replace(HARMLESS, place=place, make=make))  # type: ignore[arg-type]


def test_one_whose_place_is_never_reached_is_refused() -> None:
    with pytest.raises(NothingPlantedError, match="never called"):
        seen(replace(HARMLESS, place="domain.rollback:give_old_its_name", make=does_nothing))
