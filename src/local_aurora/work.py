"""The engine's work in the background: one thing at a time for each cluster and each snapshot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from local_aurora.engine import Engine

WORKERS = 4
WORK_TIMEOUT_SECONDS = 600.0

_Result = TypeVar("_Result")


class EngineWork:
    """Runs calls of the engine on a few threads; two calls that name a common id run in their order."""

    def __init__(self, engine: Engine, on_done: Callable[[], None]) -> None:
        self.engine = engine
        self._on_done = on_done
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="aurora-engine")
        self._last: dict[str, Future[object]] = {}
        self._lock = threading.Lock()

    def submit(self, ids: tuple[str, ...], call: Callable[[Engine], _Result]) -> Future[_Result]:
        """Start `call` once everything submitted before it for one of `ids` has ended, well or badly."""

        def run_in_turn(before: list[Future[object]]) -> _Result:
            # No deadlock: the pool starts work in the order of submission, so what is waited for has a thread.
            _, unfinished = wait(before, timeout=WORK_TIMEOUT_SECONDS)
            if unfinished:
                raise TimeoutError(
                    f"Earlier work on the same storage did not end within {WORK_TIMEOUT_SECONDS:.0f} s."
                )
            return call(self.engine)

        with self._lock:
            future = self._pool.submit(run_in_turn, [self._last[name] for name in ids if name in self._last])
            for name in ids:
                self._last[name] = future  # type: ignore[assignment]
        future.add_done_callback(lambda _: self._on_done())
        return future

    def close(self) -> None:
        """Finish what is under way, then stop the engine's servers and keep their storage."""
        # A restore that was cut off in the middle would leave half of a cluster's storage.
        try:
            self._pool.shutdown(wait=True, cancel_futures=False)
        finally:
            self.engine.close()
