"""The AWS CLI, as tests call it."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def directory_of_aws(directory: Path) -> Path:
    """A directory with the AWS CLI that `make test` installs beside the project; else with the machine's own.

    By module, not by script: a script names its interpreter in its first line, which cannot hold a space.
    """
    installed = ROOT / ".venv-aws" / "bin" / "python"
    command = f'"{installed}" -m awscli' if installed.exists() else shutil.which("aws")
    assert command, "the AWS CLI is needed: make .venv-aws/.done"
    (directory / "aws").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    (directory / "aws").chmod(0o755)
    return directory
