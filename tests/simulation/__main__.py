"""The simulation by hand.

python -m tests.simulation --runs 500 --seed 1     random runs, and their figures
python -m tests.simulation --seed 1 --run 17       one of them again, told in full
python -m tests.simulation --case swap:87:stop-before
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.cases import Case, play_case
from tests.simulation.checkers import INVARIANTS, check
from tests.simulation.random_runs import RandomRun, virtual_hours
from tests.simulation.simulation import Simulation


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=int, help="play only this one of them, and tell it in full")
    parser.add_argument("--case", help="play a case of the enumeration, and tell it in full")
    options = parser.parse_args(arguments)
    if options.case:
        return _tell(play_case(Case.parse(options.case)))
    if options.run is not None:
        return _tell(RandomRun(options.seed, options.run).play())
    return _many(options.seed, options.runs)


def _many(seed: int, runs: int) -> int:
    started, faults, hours, operations, requests, bad = time.perf_counter(), 0, 0.0, 0, 0, 0
    for number in range(runs):
        run = RandomRun(seed, number)
        sim = run.play()
        faults += len(sim.border.struck)
        hours += virtual_hours(sim)
        operations += len(sim.started)
        requests += sim.border.count
        violations = check(sim)
        bad += len(violations)
        for violation in violations:
            _say(f"{violation}\n    again: {run}")
    figures = {
        "runs": runs,
        "operations": operations,
        "requests to AWS": requests,
        "faults injected": faults,
        "virtual hours": round(hours),
        "invariants checked": runs * len(INVARIANTS),
        "violations": bad,
        "seconds": round(time.perf_counter() - started, 1),
    }
    for name, figure in figures.items():
        _say(f"{name:>20}  {figure:>12,}")
    return 1 if bad else 0


def _tell(sim: Simulation) -> int:
    for operation_id, started in sim.started.items():
        record = sim.records.items.get(operation_id, {})
        _say(f"{operation_id}: {record.get('status', 'no record')}; asked for {dict(started.request)}")
        for _, entry in sorted(sim.audit.entries.get(operation_id, {}).items()):
            _say(f"    {entry['time']}  {entry['event']}  {str(entry['details'])[:160]}")
    for execution in sim.step_functions.executions.values():
        _say(f"{execution.machine_name}:{execution.name}: {execution.status} {execution.error or ''}")
    for request, _ in sim.border.struck:
        _say(f"struck: {request}: {sim.border.faults.get(request.index, 'somebody stepped in')}")
    for line in sim.counters.log:
        _say(f"log: {line}")
    violations = check(sim)
    for violation in violations:
        _say(str(violation))
    return 1 if violations else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
