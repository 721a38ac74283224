"""The process behind the local stack: ministack, our local Aurora, the Lambda runtime and the control interface.

    python -m local_stack.server HOME

reads HOME/state/server.json, and writes HOME/stack.json when everything answers.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local_aurora.catalogue import MYSQL, POSTGRESQL
from local_stack import ministack_hooks, processes
from local_stack.aurora_service import AuroraService
from local_stack.control import ControlServer
from local_stack.lambda_runtime import LambdaRuntime
from local_stack.server_settings import ServerSettings, port_is_free
from local_stack.state_directory import RunningServer, StateDirectory

KEEP_ALIVE_SECONDS = 75
SHUTDOWN_GRACE_SECONDS = 3

_log = logging.getLogger("local_stack")


class LocalStack:
    """Everything that runs in the server process, and what the control interface does to it."""

    def __init__(self, directory: StateDirectory, settings: ServerSettings) -> None:
        self._directory = directory
        self._started = time.monotonic()
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # Bound here and not by ministack, so that the port cannot be lost to another program in between.
        self._gateway_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._gateway_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._gateway_socket.bind(("127.0.0.1", _free_or_none(settings.gateway_port)))
        self.gateway_url = f"http://127.0.0.1:{self._gateway_socket.getsockname()[1]}"
        rds_port = _free_or_none(settings.rds_port)
        self._aurora = AuroraService(
            directory.state / "aurora", settings.account_id, rds_port, dict(settings.durations)
        )
        # ministack reads its settings when it is imported, so the import comes after them.
        os.environ.update(ministack_hooks.settings(self._gateway_socket.getsockname()[1], directory.state))
        self._patches = importlib.import_module("local_stack.ministack_patches")
        self._runtime = LambdaRuntime(
            directory.state / "lambda",
            self._worker_environment(),
            self._patches.write_log_events,
            maximum_workers=settings.maximum_workers,
            idle_seconds=settings.idle_worker_seconds,
            credentials=self._patches.credentials_of,
        )
        self._ministack = self._patches.apply(self._runtime, directory.state)
        self._aurora.find_subnets_with(self._patches.subnet_lookup(settings.account_id))
        self._aurora.guard_with(self._patches.aurora_guard(settings.account_id, self._aurora.tags_of))
        self._control = ControlServer(self, _free_or_none(settings.control_port))
        urls = {
            "gateway_port": self.gateway_url,
            "rds_port": self._aurora.url,
            "control_port": self._control.url,
        }
        ports = {name: int(url.rpartition(":")[2]) for name, url in urls.items()}
        # The next start gets the same ports, so that what a shell was given stays right.
        directory.note_settings(asdict(settings) | ports)

    async def serve(self) -> None:
        """Answer until a signal; then stop everything. The state is on disk at any time."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._begin_to_stop)
        try:
            gateway = asyncio.create_task(self._serve_gateway())
            ready = asyncio.create_task(self._announce())
            await gateway
            await ready
        finally:
            await asyncio.to_thread(self._close)

    def _begin_to_stop(self) -> None:
        """Keep nothing more, before anything is taken away: a step that fails for the end's sake did not fail.

        Its operation goes on with the next `up`, as after a kill.
        """
        if not self._stop.is_set():
            self._ministack.close()
            self._stop.set()
            threading.Thread(target=self._runtime.close, name="lambda-end", daemon=True).start()

    async def _serve_gateway(self) -> None:
        """ministack on our socket."""
        hypercorn = importlib.import_module("hypercorn.asyncio")
        config = importlib.import_module("hypercorn.config").Config()
        config.bind = [f"fd://{self._gateway_socket.fileno()}"]
        config.keep_alive_timeout = KEEP_ALIVE_SECONDS
        config.graceful_timeout = SHUTDOWN_GRACE_SECONDS
        config.loglevel = "WARNING"
        await hypercorn.serve(self._ministack.app, config, shutdown_trigger=self._stop.wait)

    async def _announce(self) -> None:
        port = self._gateway_socket.getsockname()[1]

        def answers() -> bool:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.settimeout(1.0)
                return probe.connect_ex(("127.0.0.1", port)) == 0

        if not await asyncio.to_thread(processes.wait_until, answers, 30.0) or self._stop.is_set():
            return
        # What goes on calls functions, and these call the gateway: it has to answer first.
        self._ministack.go_on()
        for note in self.notes():
            _log.warning("%s", note)
        self._directory.note_running(
            RunningServer(
                pid=os.getpid(),
                start_time=processes.start_time(os.getpid()),
                gateway_url=self.gateway_url,
                rds_url=self._aurora.url,
                control_url=self._control.url,
                ca_bundle=str(self._aurora.ca_bundle_path),
            )
        )
        _log.warning("ready after %.2f seconds", time.monotonic() - self._started)

    def _close(self) -> None:
        """Close every part, although another one fails: its error is raised at the end."""
        with ExitStack() as parts:  # the last one first
            parts.callback(self._directory.forget_running)
            parts.callback(self._aurora.close)
            parts.callback(self._runtime.close)
            parts.callback(self._control.close)
            parts.callback(self._ministack.close)

    def _worker_environment(self) -> dict[str, str]:
        """What every Lambda worker finds besides its own variables: where AWS is, and nothing of this machine."""
        # Files that do not exist: a profile of this machine must not reach a function.
        nowhere = str(self._directory.state / "lambda" / "no-file")
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._directory.state / "lambda"),
            "AWS_ENDPOINT_URL": self.gateway_url,
            "AWS_ENDPOINT_URL_RDS": self._aurora.url,
            "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": self._aurora.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "DATABASE_CA_BUNDLE": str(self._aurora.ca_bundle_path),
        }

    def status(self) -> dict[str, Any]:
        own = os.getpid()
        members = [own, *processes.descendants(own)]
        return {
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "processes": members,
            "memory_bytes": sum(processes.pss_bytes(pid) for pid in members),
            "server_memory_bytes": processes.pss_bytes(own),
            "workers": len(self._runtime.reports()),
            "postgresql": self._aurora.servers(POSTGRESQL),
            "mysql": self._aurora.servers(MYSQL),
            "notes": self.notes(),
            "running_executions": self._ministack.running_executions(),
        }

    def workers(self) -> list[dict[str, Any]]:
        return [asdict(report) for report in self._runtime.reports()]

    def peak_memory_bytes(self) -> dict[str, int]:
        return self._runtime.peak_memory_bytes()

    def kill_worker(self, pid: int) -> bool:
        return self._runtime.kill_worker(pid)

    def durations(self) -> dict[str, float]:
        return asdict(self._aurora.durations())

    def change_durations(self, changes: dict[str, float]) -> None:
        self._aurora.change_durations(changes)

    def notes(self) -> list[str]:
        """What the end of the process before broke, or let go on."""
        removed = self._aurora.removed_data
        lost = [f"Data that nothing names any more was removed: {', '.join(removed)}."] if removed else []
        return [*lost, *self._ministack.notes]


def _free_or_none(port: int) -> int:
    """A remembered port that another program has taken by now is given up for any free one."""
    return port if port_is_free(port) else 0


async def _run(home: Path) -> None:
    directory = StateDirectory(home)
    stack = LocalStack(directory, ServerSettings.load(directory))
    await stack.serve()


def main(arguments: list[str]) -> None:
    """Run until a signal ends it."""
    os.umask(0o077)  # whatever is written here can hold a password
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A process of the terminal's group must not be ended by its Ctrl-C; `up` starts us in a session of our own.
    threading.current_thread().name = "gateway"
    asyncio.run(_run(Path(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
