"""What holds for the source as a whole: the direction of the imports, and sizes that a person can hold in mind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "aurora_restore"
MODULES = sorted(SOURCE.rglob("*.py"))
# Which rooms each room may import, itself aside. Nothing may import handlers, cli or local but the CLI its local part.
MAY_IMPORT = {
    "domain": set(),
    "steps": {"domain"},
    "aws": {"domain"},
    "database": {"domain"},
    "environment": {"domain"},
    "handlers": {"domain", "steps", "aws", "database", "environment"},
    "deployment": {"domain"},
    "cli": {"domain", "steps", "aws", "database", "deployment", "local"},
    "local": {"domain", "database", "deployment"},
    "__main__": {"cli"},
    "__init__": set(),
}
PURE = {"boto3", "botocore", "os", "socket", "subprocess", "random", "time", "pg8000", "threading"}
LINES_A_FILE = 400
LINES_A_FUNCTION = 60


def room(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), node.lineno


def functions(module: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.FunctionDef))


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(SOURCE)))
def test_a_room_imports_only_the_rooms_below_it(module: Path) -> None:
    own = room(module)
    for name, line in imports(module):
        if name.startswith("aurora_restore."):
            other = name.split(".")[1]
            assert other == own or other in MAY_IMPORT[own], f"{module}:{line} imports {name}"


@pytest.mark.parametrize("module", sorted((SOURCE / "domain").rglob("*.py")), ids=lambda module: module.name)
def test_the_domain_knows_no_clock_no_environment_and_no_io(module: Path) -> None:
    assert {name.split(".")[0] for name, _ in imports(module)}.isdisjoint(PURE)
    assert "datetime.now" not in module.read_text()


def test_only_the_aws_room_and_the_entry_points_know_boto3() -> None:
    knowing = {
        room(module) for module in MODULES if any(name.startswith("boto") for name, _ in imports(module))
    }
    assert knowing <= {"aws", "handlers", "deployment", "cli", "local"}


def test_only_the_entry_points_read_the_environment() -> None:
    readers = {room(module) for module in MODULES if "os.environ" in module.read_text()}
    assert readers <= {"handlers", "deployment", "cli", "local"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(SOURCE)))
def test_a_file_can_be_held_in_mind(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LINES_A_FILE
    for function in functions(module):
        assert length(function) <= LINES_A_FUNCTION, f"{module}:{function.lineno} {function.name}"


def test_functions_are_short() -> None:
    lengths = [length(function) for module in MODULES for function in functions(module)]
    assert median(lengths) <= 10
    assert sum(lines > 40 for lines in lengths) <= len(lengths) * 0.02
