"""What importing a handler costs a new Lambda worker, and what AWS's own library costs there without us.

Every measurement is a process of its own, started as the local stack starts a Lambda worker: isolated, with the zip's
content and then Lambda's own packages (boto3 with what it needs, the runtime client) on the path, and no site-packages.
Our zip carries no byte code, and /var/task is not writable: what comes from it is compiled anew each time, so nothing
is kept here either (`-B`). Lambda's own packages have theirs, as they have here from pip.

Counted is processor time, from before the first import: that is what imports are made of, and other programs on
the machine disturb it less than the time on the clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.granted_requests import CALLS

from aurora_restore.deployment.packaging import Project, collect_entries
from local_stack.lambda_packages import link_runtime_packages

TIMES_LIMIT = 1.25
HOME_REGION = "us-west-2"
TIMEOUT_SECONDS = 60.0

Clients = tuple[tuple[str, str], ...]
"""Service and Region of the clients that a function makes."""

_PROGRAM = """
import importlib, json, sys, time
module, attribute, clients, *path = json.loads(sys.argv[1])
sys.path[:0] = path
begun = time.process_time()
imported_module = importlib.import_module(module)
if attribute:
    getattr(imported_module, attribute)
imported = time.process_time()
import boto3
session = boto3.Session()
for service, region in clients:
    session.client(service, region_name=region)
made = time.process_time()
with open("/proc/self/status" if sys.platform == "linux" else "/dev/null") as status:
    peak = [int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")]
print(json.dumps([imported - begun, made - begun, (peak or [0])[0]]))
"""


@dataclass(frozen=True)
class Cost:
    """Processor seconds for the import, and for it and the clients; the most memory resident, 0 where unknown."""

    import_seconds: float
    ready_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class WorkerRoom:
    """Directories that a Lambda worker sees: `task` is the zip's content, `runtime` what Lambda adds."""

    task: Path
    runtime: Path

    def import_handler(self, function: str) -> Cost:
        """Import the module of a function, ask it for the handler as Lambda does, then make its clients."""
        attribute = function.replace("-", "_")
        return self._run(handler_module(function), clients_of(function), (self.task, self.runtime), attribute)

    def import_boto3(self, clients: Clients) -> Cost:
        """Import boto3, then make the clients; nothing of ours is there."""
        return self._run("boto3", clients, (self.runtime,))

    def bare_worker(self, clients: Clients) -> Cost:
        """A worker without a function: the runtime client, boto3, and the clients."""
        return self._run("awslambdaric.bootstrap", clients, (self.runtime,))

    def _run(self, module: str, clients: Clients, path: Sequence[Path], attribute: str = "") -> Cost:
        task = json.dumps([module, attribute, clients, *map(str, path)])
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, task],
            env=_environment(self.task),
            cwd=self.task,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{module} cannot be imported as in Lambda:\n{done.stderr}")
        return Cost(*json.loads(done.stdout))


@contextmanager
def worker_room(project: Project) -> Iterator[WorkerRoom]:
    """What `make build` would put into the zip, unpacked, beside Lambda's own packages."""
    with TemporaryDirectory(prefix="aurora-restore-bench-") as directory:
        task = Path(directory) / "task"
        for name, content in collect_entries(project).items():
            path = task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield WorkerRoom(task, link_runtime_packages(Path(directory) / "runtime"))


def handler_module(function: str) -> str:
    """The module of a function's handler, `function` being its name without the prefix."""
    return f"aurora_restore.handlers.{function.replace('-', '_')}".rpartition(".")[0]


def clients_of(function: str) -> Clients:
    """The clients that a function makes, by what it asks of AWS: one for each service and Region."""
    return tuple(sorted({(service, _region(arn)) for service, _, arn in CALLS[function]}))


def _region(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 and parts[3] else HOME_REGION


def _environment(home: Path) -> dict[str, str]:
    return {
        "AWS_REGION": HOME_REGION,
        "AWS_DEFAULT_REGION": HOME_REGION,
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(home / "no-file"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-file"),
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
    }
