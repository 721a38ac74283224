"""The documents say what the code does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from aurora_restore.deployment.alarms import ALARMS
from aurora_restore.deployment.log_queries import QUERIES
from aurora_restore.domain.naming import METRIC_NAMESPACE
from aurora_restore.domain.request import PARSERS

DOCS = Path(__file__).parents[2] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
ERRORS_OF_THE_PACKAGE = """
import importlib, json, pkgutil
import aurora_restore
from aurora_restore.domain.errors import RestoreError
from local_stack.errors import LocalStackError

def tree(error):
    return {error}.union(*map(tree, error.__subclasses__()))

for module in pkgutil.walk_packages(aurora_restore.__path__, "aurora_restore."):
    if module.name != "aurora_restore.__main__":
        importlib.import_module(module.name)
errors = tree(RestoreError) | tree(LocalStackError)
print(json.dumps([[error.__name__, error.code, error.default_hint] for error in errors]))
"""


def errors_of_the_package() -> list[tuple[str, str, str]]:
    """Name, code and hint of every error, in a process of its own: the tests' own errors are not among them."""
    found = subprocess.run(
        [sys.executable, "-c", ERRORS_OF_THE_PACKAGE], capture_output=True, text=True, timeout=60, check=True
    )
    return [(name, code, hint) for name, code, hint in json.loads(found.stdout)]


def test_every_field_of_a_request_is_described() -> None:
    described = set(re.findall(r"^\| `(\w+)` \|.*\|.*\|$", OPERATIONS, re.MULTILINE))
    assert set(PARSERS) <= described


def test_every_error_code_is_described_with_its_hint_and_no_other() -> None:
    described = re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", OPERATIONS, re.MULTILINE)
    errors = errors_of_the_package()
    assert sorted(described) == sorted((code, hint) for _, code, hint in errors)


def test_links_between_documents_lead_somewhere() -> None:
    for document in (*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_alarm_is_described_in_its_own_words_and_no_other() -> None:
    described = re.findall(r"^\| `(aurora-restore-[a-z-]+)` \| (.*) \| (.*) \|$", OPERATIONS, re.MULTILINE)
    assert described == [(alarm.full_name, alarm.happened, alarm.action) for alarm in ALARMS]


def test_every_metric_and_every_saved_query_is_described() -> None:
    for metric in {alarm.metric for alarm in ALARMS if alarm.namespace == METRIC_NAMESPACE}:
        assert f"`{metric}`" in OPERATIONS
    described = re.findall(r"^\| ([A-Z][A-Za-z ]+) \| .* \|$", OPERATIONS, re.MULTILINE)
    assert [name for name in described if name in QUERIES] == list(QUERIES)
