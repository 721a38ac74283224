"""The simulation by hand.

python -m tests.simulation --runs 500 --seed 1     random runs, and their figures
python -m tests.simulation --seeds 40 --runs 250   the same of the seeds from 1 to 40
python -m tests.simulation --seed today            a seed that changes by the day, and is printed
python -m tests.simulation --seed 1 --run 17       one of them again, reported in full
python -m tests.simulation --case swap:87:stop-before
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from functools import partial

from tests.simulation.cases import Case, play_case
from tests.simulation.checkers import check
from tests.simulation.many import played
from tests.simulation.random_runs import RandomRun
from tests.simulation.simulation import Simulation

TODAY = "today"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", default="1", help=f"a number, or `{TODAY}`")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from that one on")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--run", type=int, help="play only this one of them, and tell it in full")
    parser.add_argument("--case", help="play a case of the enumeration, and tell it in full")
    options = parser.parse_args(arguments)
    if options.case:
        return _tell(play_case(Case.parse(options.case)))
    seed = int(f"{datetime.now(UTC):%Y%m%d}") if options.seed == TODAY else int(options.seed)
    if options.run is not None:
        return _tell(RandomRun(seed, options.run).play())
    runs = [RandomRun(seed + n, run) for n in range(options.seeds) for run in range(options.runs)]
    _say(f"seed {seed}: {len(runs)} runs")
    return _many(runs, options.processes)


def _many(runs: list[RandomRun], processes: int) -> int:
    started, figures = time.perf_counter(), Counter[str]()
    for counted, words in played(runs, processes):
        figures.update(counted)
        for line in words:
            _say(line)
    figures["seconds"] = round(time.perf_counter() - started)
    for name, figure in figures.items():
        _say(f"{name:>20}  {figure:>12,}")
    return 1 if figures["violations"] else 0


def _tell(sim: Simulation) -> int:
    for operation_id, started in sim.started.items():
        record = sim.records.items.get(operation_id, {})
        _say(f"{operation_id}: {record.get('status', 'no record')}; asked for {dict(started.request)}")
        for _, entry in sorted(sim.audit.entries.get(operation_id, {}).items()):
            _say(f"    {entry['time']}  {entry['event']}  {str(entry['details'])[:160]}")
    for execution in sim.step_functions.executions.values():
        _say(f"{execution.machine_name}:{execution.name}: {execution.status} {execution.error or ''}")
    for request, _ in sim.injector.hits:
        _say(f"hit: {request}: {sim.injector.faults.get(request.index, 'an interruption')}")
    for line in sim.counters.log:
        _say(f"log: {line}")
    violations = check(sim)
    for violation in violations:
        _say(str(violation))
    return 1 if violations else 0


_say = partial(print, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
