"""Play what a mutation is to be seen by, in a process whose `aurora_restore` is the broken one. Exit 3: it is seen."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.fakes.border import FaultKind
from tests.simulation.cases import Intrusion, baseline, cases_of, run_case
from tests.simulation.object_faults import object_cases

SEEN = 3


def violations(probe: str) -> Iterator[str]:
    """`NAME` of a scenario, `NAME:*:TROUBLE` for all its requests, or `objects:NAME`."""
    first, _, rest = probe.partition(":")
    if first == "objects":
        for case in object_cases(rest):
            yield from map(str, case.run())
    elif rest:
        kinds = (*FaultKind, *Intrusion)
        trouble = next(kind for kind in kinds if kind.value == rest.rpartition(":")[2])
        for one in cases_of(first, [trouble]):
            yield from map(str, run_case(one))
    else:
        yield from map(str, baseline(first).violations)


def main(probes: list[str]) -> int:
    for probe in probes:
        for violation in violations(probe):
            sys.stdout.write(f"{probe}: {violation}\n")
            return SEEN
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
