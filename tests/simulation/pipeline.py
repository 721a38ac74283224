"""The pipeline under simulation: its definitions, and its functions."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.states_language.states import Machine, read_machine

from aurora_restore.steps.ports import Ports

INFRASTRUCTURE = Path(__file__).parents[2] / "infrastructure"
MAIN_MACHINE = "aurora-restore-state-machine"
CLEANUP_MACHINE = "aurora-restore-cleanup-state-machine"
SWEEP_FUNCTION = "aurora-restore-sweep"
FILES = {
    MAIN_MACHINE: "step_functions_definition.json",
    CLEANUP_MACHINE: "cleanup_definition.json",
}
Function = Callable[[Ports, Mapping[str, Any]], Mapping[str, Any]]


@functools.cache
def machines() -> Mapping[str, Machine]:
    """The state machines, read once a process."""
    return {name: read_definition(name, INFRASTRUCTURE / file) for name, file in FILES.items()}


def read_definition(name: str, file: Path) -> Machine:
    return read_machine(name, json.loads(file.read_text(encoding="utf-8")))


@functools.cache
def functions() -> Mapping[str, Function]:
    """The deployed functions by name."""
    module = importlib.import_module("aurora_restore.steps.functions")
    return {name: module.work_of(name) for name in module.FUNCTIONS}
