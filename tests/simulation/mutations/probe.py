"""Plays what a mutation is to be seen by, in a process of its own, in which it is planted."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection

from tests.simulation.cases import baseline, cases_of, run_case
from tests.simulation.mutations.catalogue import Mutation
from tests.simulation.mutations.planting import NothingPlantedError, plant
from tests.simulation.object_faults import object_cases
from tests.support.faults import FaultKind, RequestInterruption

TIMEOUT_SECONDS = 600.0


def seen(mutation: Mutation) -> str:
    """The first violation that it leads to; empty where there is none.

    Raises:
        NothingPlantedError: what it replaces does not exist, or was never reached.
        RuntimeError: its process ended in another way.
    """
    # A copy of this process: what a worker of the tests has loaded need not be loaded again.
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_play, args=(mutation, sender), daemon=True)
    process.start()
    sender.close()
    try:
        kind, text = receiver.recv() if receiver.poll(TIMEOUT_SECONDS) else ("died", "it plays for too long")
    except EOFError:
        kind, text = "died", "it has ended without a word"
    finally:
        process.kill()
        process.join()
        receiver.close()
    if kind == "unplanted":
        raise NothingPlantedError(text)
    if kind == "died":
        raise RuntimeError(f"{mutation.name}: {text}")
    return str(text)


def _play(mutation: Mutation, answer: Connection) -> None:
    try:
        baseline.cache_clear()
        planted = plant(mutation.place, mutation.make)
        found = next((f"{probe}: {words}" for probe in mutation.probes for words in violations(probe)), "")
        planted.require_reached()
        answer.send(("seen", found))
    except NothingPlantedError as unplanted:
        answer.send(("unplanted", str(unplanted)))
    except BaseException:  # noqa: BLE001 - handed to the other process
        answer.send(("died", traceback.format_exc()))


def violations(probe: str) -> Iterator[str]:
    """`NAME` of a scenario, `NAME:*:DISTURBANCE` for all its requests, or `objects:NAME`."""
    first, _, rest = probe.partition(":")
    if first == "objects":
        for case in object_cases(rest):
            yield from map(str, case.run())
    elif rest:
        kinds = (*FaultKind, *RequestInterruption)
        disturbance = next(kind for kind in kinds if kind.value == rest.rpartition(":")[2])
        for one in cases_of(first, [disturbance]):
            yield from map(str, run_case(one))
    else:
        yield from map(str, baseline(first).violations)
