"""The command line in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Done:
    """How a command line ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def run_command(
    environment: Mapping[str, str], arguments: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS
) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "aurora_restore", *arguments],
        env={**without_aws(os.environ), **environment},
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
