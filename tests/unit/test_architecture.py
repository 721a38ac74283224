"""What holds for the source as a whole: the direction of the imports, and sizes that a person can hold in mind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from aurora_restore.aws.rds_settings import CLUSTER_NAMES, INSTANCE_NAMES
from aurora_restore.domain import record

SOURCE = Path(__file__).parents[2] / "src"
PRODUCT = SOURCE / "aurora_restore"
MODULES = sorted(SOURCE.rglob("*.py"))
PRODUCT_MODULES = sorted(PRODUCT.rglob("*.py"))
PACKAGES = {"aurora_restore", "local_stack", "local_aurora"}
# Which of our packages each may import, itself aside; what the product may import is listed room by room.
NEXT_DOOR = {"local_stack": {"local_aurora"}, "local_aurora": set()}
# Which rooms each room may import, itself aside. Nothing may import handlers; the command line loads the demo.
MAY_IMPORT = {
    "domain": set(),
    "steps": {"domain"},
    "aws": {"domain"},
    "database": {"domain"},
    "environment": {"domain"},
    "handlers": {"domain", "steps", "aws", "database", "environment"},
    "deployment": {"domain"},
    "cli": {"domain", "steps", "aws", "database", "deployment", "demo", "local_stack"},
    "demo": {"domain", "aws", "deployment", "cli", "local_stack", "local_aurora"},
    "__main__": {"cli"},
    "__init__": set(),
}
# The handlers are the Lambda functions, and nothing of the local stack goes into their package.
KNOW_THE_LOCAL_STACK = {"cli", "demo"}
PURE = {"boto3", "botocore", "os", "socket", "subprocess", "random", "time", "pg8000", "pymysql", "threading"}
LINES_A_FILE = 600
LINES_A_FUNCTION = 60


def package(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0]


def room(module: Path) -> str:
    return module.relative_to(PRODUCT).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[tuple[str, int]]:
    """Every module that is imported, wherever in the file; `from package import room` imports the room."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def ours(module: Path) -> Iterator[tuple[str, str, int]]:
    """What of ours is imported: the package, the room of the product (or the package again), the line."""
    for name, line in imports(module):
        parts = name.split(".")
        if parts[0] in PACKAGES:
            yield parts[0], parts[1] if parts[0] == "aurora_restore" and len(parts) > 1 else parts[0], line


def functions(module: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.FunctionDef))


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def name_of(module: Path) -> str:
    return str(module.relative_to(SOURCE))


def test_these_are_all_our_packages() -> None:
    assert {path.name for path in SOURCE.iterdir() if list(path.glob("*.py"))} == PACKAGES


@pytest.mark.parametrize("module", PRODUCT_MODULES, ids=name_of)
def test_a_room_imports_only_the_rooms_below_it(module: Path) -> None:
    own = room(module)
    for _, other, line in ours(module):
        assert other == own or other in MAY_IMPORT[own], f"{module}:{line} imports {other}"


@pytest.mark.parametrize("module", [each for each in MODULES if package(each) in NEXT_DOOR], ids=name_of)
def test_the_emulator_next_door_knows_nothing_of_the_product(module: Path) -> None:
    own = package(module)
    for other, _, line in ours(module):
        assert other == own or other in NEXT_DOOR[own], f"{module}:{line} imports {other}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_what_is_loaded_by_name_is_not_a_way_around(module: Path) -> None:
    named = {
        node.value.split(".")[0]
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_dotted(node.value)
    }
    if package(module) in NEXT_DOOR:
        assert named & PACKAGES <= {package(module), *NEXT_DOOR[package(module)]}
    elif room(module) not in KNOW_THE_LOCAL_STACK:
        assert named & PACKAGES <= {"aurora_restore"}


def test_the_interpreter_of_the_states_language_is_a_package_of_its_own() -> None:
    for module in sorted((SOURCE.parent / "tests" / "states_language").rglob("*.py")):
        known = {name for name, _ in imports(module) if name.split(".")[0] in {"tests", *PACKAGES}}
        assert all(name.startswith("tests.states_language.") for name in known), f"{module} imports {known}"


def is_dotted(text: str) -> bool:
    return "." in text and all(part.isidentifier() for part in text.split("."))


def test_only_the_command_line_and_the_demo_know_the_local_stack() -> None:
    allowed = {own for own, others in MAY_IMPORT.items() if others & set(NEXT_DOOR)}
    assert allowed == KNOW_THE_LOCAL_STACK


def paths_of_the_record(source: str) -> Iterator[str]:
    """Where a module names the path of a field of the record, or its beginning; events have such names, too."""
    parts = [
        part for part in vars(record).values() if isinstance(part, type) and issubclass(part, record.Part)
    ]
    fields = {f"{part.PATH}.{entry.key}" for part in parts if part.PATH for entry in part.FIELDS.values()}
    beginnings = (*MAPS_OF_THE_RECORD, *(f"{part.PATH}." for part in parts if part.PATH))
    nodes = list(ast.walk(ast.parse(source)))
    calls = (node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Event")
    # What an f-string is made of is walked as well, and is no text of its own.
    events = {id(inner) for call in calls for argument in call.args[:1] for inner in ast.walk(argument)}
    for node in nodes:
        if id(node) in events:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value in fields or node.value.startswith(MAPS_OF_THE_RECORD):
                yield f"{node.lineno}: {node.value!r}"
        elif isinstance(node, ast.JoinedStr):
            first = node.values[0]
            if isinstance(first, ast.Constant) and str(first.value).startswith(beginnings):
                yield f"{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Attribute) and node.attr == "PATH":
            yield f"{node.lineno}: {ast.unparse(node)}"


def fields_read_by_name(source: str) -> Iterator[str]:
    """Where a module takes a field by its name out of the item of a part, or out of what it calls a record."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript):
            read: ast.expr = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            read = node.func.value
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            read = node.comparators[0]
        else:
            continue
        is_item = isinstance(read, ast.Attribute) and read.attr == "item"
        if is_item or (isinstance(read, ast.Name) and read.id == "record"):
            yield f"{node.lineno}: {ast.unparse(node)}"


MAPS_OF_THE_RECORD = ("acts.", "made.", "phases.", "cleanup.asked.", "defused.written.", "defused.refused.")
# What a line of a log of Lambda has under that name.
OTHER_RECORDS = {"aurora_restore/domain/log_entries.py"}


@pytest.mark.parametrize(
    "source",
    [
        "'audit_head.hash'",
        "'acts.copy'",
        "f'acts.{kind}'",
        "f'audit_head.{name}'",
        "f'{AuditHead.PATH}.hash'",
        "Event('x', {'retirement.state': 1})",
    ],
)
def test_a_path_is_seen_however_it_is_written(source: str) -> None:
    assert list(paths_of_the_record(source))


@pytest.mark.parametrize("source", ["Event('cleanup.done')", "Event(f'scaling.{state}')", "'audit_head'"])
def test_the_name_of_an_event_is_no_path(source: str) -> None:
    assert not list(paths_of_the_record(source))


@pytest.mark.parametrize(
    "source",
    ["each.item.get('status')", "each.item['status']", "'status' in each.item", "record.get('status')"],
)
def test_a_field_that_is_read_by_its_name_is_seen(source: str) -> None:
    assert list(fields_read_by_name(source))


@pytest.mark.parametrize("module", PRODUCT_MODULES, ids=name_of)
def test_only_the_record_knows_its_paths(module: Path) -> None:
    if (PRODUCT / "domain" / "record") not in module.parents:
        assert list(paths_of_the_record(module.read_text())) == []


@pytest.mark.parametrize("module", PRODUCT_MODULES, ids=name_of)
def test_only_the_record_reads_its_fields_by_name(module: Path) -> None:
    if (PRODUCT / "domain" / "record") not in module.parents and name_of(module) not in OTHER_RECORDS:
        assert list(fields_read_by_name(module.read_text())) == []


def test_only_the_aws_room_spells_the_names_that_rds_has_for_a_setting() -> None:
    at_rds = (*CLUSTER_NAMES.values(), *INSTANCE_NAMES.values())
    names = {name for each in at_rds for name in (each.parameter, each.shown_as, each.pending_as)}
    for module in (*(PRODUCT / "domain").rglob("*.py"), *(PRODUCT / "steps").rglob("*.py")):
        spelled = {
            node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)
        }
        assert not spelled & (names - {None}), f"{module} names {spelled & names}"


@pytest.mark.parametrize("module", sorted((PRODUCT / "domain").rglob("*.py")), ids=lambda module: module.name)
def test_the_domain_knows_no_clock_no_environment_and_no_io(module: Path) -> None:
    assert {name.split(".")[0] for name, _ in imports(module)}.isdisjoint(PURE)
    assert "datetime.now" not in module.read_text()


def test_only_the_aws_room_and_the_entry_points_know_boto3() -> None:
    knowing = {
        room(module)
        for module in PRODUCT_MODULES
        if any(name.startswith("boto") for name, _ in imports(module))
    }
    assert knowing <= {"aws", "handlers", "deployment", "cli", "demo"}


def test_only_the_entry_points_read_the_environment() -> None:
    readers = {room(module) for module in PRODUCT_MODULES if "os.environ" in module.read_text()}
    assert readers <= {"handlers", "deployment", "cli"}


def changing_methods() -> set[str]:
    """What the ports of RDS and of auto scaling have that changes something: the methods that return nothing."""
    ports = ast.parse((PRODUCT / "steps" / "ports.py").read_text())
    return {
        method.name
        for node in ast.walk(ports)
        if isinstance(node, ast.ClassDef) and node.name in {"Rds", "Scaling"}
        for method in node.body
        if isinstance(method, ast.FunctionDef)
        and isinstance(method.returns, ast.Constant)
        and method.returns.value is None
    }


def test_one_place_alone_changes_rds() -> None:
    changing = changing_methods()
    assert {"delete_cluster", "rename_cluster", "add_tags", "suspend"} <= changing
    reaching = {
        name_of(module)
        for module in PRODUCT_MODULES
        if room(module) in {"steps", "handlers", "environment", "cli", "demo"}
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in changing
    }
    assert reaching == {"aurora_restore/steps/perform.py"}


def test_every_change_of_rds_has_its_act() -> None:
    performing = ast.parse((PRODUCT / "steps" / "perform.py").read_text())
    used = {node.attr for node in ast.walk(performing) if isinstance(node, ast.Attribute)}
    assert changing_methods() <= used


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_file_can_be_held_in_mind(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LINES_A_FILE, f"{module} is too long: divide it"
    for function in functions(module):
        assert length(function) <= LINES_A_FUNCTION, (
            f"{module}:{function.lineno} {function.name} is too long: make a function of a part of it"
        )


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_functions_are_short(name: str) -> None:
    lengths = [
        length(function) for module in MODULES if package(module) == name for function in functions(module)
    ]
    assert median(lengths) <= 10
    assert sum(lines > 40 for lines in lengths) <= len(lengths) * 0.02
