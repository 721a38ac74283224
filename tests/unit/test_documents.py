"""The documents say what the code does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.docs import situations

from aurora_restore.deployment.alarms import ALARMS
from aurora_restore.deployment.log_queries import QUERIES
from aurora_restore.domain.naming import METRIC_NAMESPACE
from aurora_restore.domain.record import Record
from aurora_restore.domain.request import PARSERS
from aurora_restore.domain.results import Phase

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "operations_guide.md").read_text()
REFERENCE = (DOCS / "reference.md").read_text()
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text()
DOCUMENTS = (*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md"))
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
    described = set(re.findall(r"^\| `(\w+)` \|.*\|.*\|$", REFERENCE, re.MULTILINE))
    assert set(PARSERS) <= described


def test_the_phases_are_listed_in_their_order() -> None:
    architecture, glossary = (DOCS / "architecture.md").read_text(), (DOCS / "glossary.md").read_text()
    assert re.findall(r"\w+", _between(architecture, "The phases, in their order:", ".")) == list(Phase)
    defined = _between(glossary, "with a state of its own in the record:", ".")
    assert re.findall(r"\w+", defined) == list(Phase)


def test_each_field_of_the_record_is_described_in_its_place() -> None:
    of_the_record = _between((DOCS / "architecture.md").read_text(), "\n## The record\n", "\n## ")
    # Two of them may read the same field, each in its own way.
    keys = dict.fromkeys(entry.key for entry in Record.FIELDS.values() if entry.reader is None)
    assert re.findall(r"^\| `(\w+)` \| .+ \|$", of_the_record, re.MULTILINE) == list(keys)


def _between(text: str, beginning: str, end: str) -> str:
    return text.partition(beginning)[2].partition(end)[0]


def test_every_error_code_is_described_with_what_happened_and_its_hint_and_no_other() -> None:
    described = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", TROUBLESHOOTING, re.MULTILINE)
    errors = errors_of_the_package()
    assert sorted((code, hint) for code, _, hint in described) == sorted(
        (code, hint) for _, code, hint in errors
    )
    # A sentence of its own: the hint does not say what happened.
    assert [
        code for code, what_happened, _ in described if not re.fullmatch(r"\S.{10,}\.", what_happened)
    ] == []


def test_an_error_code_is_described_in_one_place_alone() -> None:
    for document in DOCUMENTS:
        if document.name != "troubleshooting.md":
            assert not re.findall(r"^\| `[A-Z]+_[A-Z_]+` \| .* \|$", commonly_named(document), re.MULTILINE)


def test_each_situation_of_an_operator_leads_to_a_section_with_a_command() -> None:
    asked = situations.questions()
    sections = re.findall(r"^## ([^\n]+)$(.*?)(?=^## )", TROUBLESHOOTING, re.MULTILINE | re.DOTALL)
    assert len(asked) >= 15
    # Neither a situation without its section nor a section that the table does not lead to.
    assert list(asked.values()) == [situations.anchor_of(name) for name, _ in sections]
    assert [name for name, text in sections if "```bash" not in text] == []


def test_each_situation_of_an_operator_is_brought_about_by_a_test() -> None:
    tried = (DOCS.parent / "tests" / "stack" / "test_situations.py").read_text()
    assert [question for question in situations.questions() if f'"{question}"' not in tried] == []


def test_links_lead_to_a_document_and_to_a_heading_of_it() -> None:
    for document in DOCUMENTS:
        for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", document.read_text()):
            path = document.parent / target if target else document
            assert path.exists(), f"{document.name}: {target}"
            if heading:
                assert heading in anchors(path), f"{document.name}: {target}#{heading}"


def commonly_named(document: Path) -> str:
    """Without what is not code of ours: the variables of the environment, which look alike."""
    return re.sub(r"^\| `\w+` \| `.*$", "", document.read_text(), flags=re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """The headings of a document, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", text).lower()) for text in headings)
    return {text.replace(" ", "-") for text in plain}


def test_every_alarm_is_described_in_its_own_words_and_no_other() -> None:
    described = re.findall(r"^\| `(aurora-restore-[a-z-]+)` \| (.*) \| (.*) \|$", GUIDE, re.MULTILINE)
    assert described == [(alarm.full_name, alarm.happened, alarm.action) for alarm in ALARMS]


def test_every_metric_and_every_saved_query_is_described() -> None:
    for metric in {alarm.metric for alarm in ALARMS if alarm.namespace == METRIC_NAMESPACE}:
        assert f"`{metric}`" in REFERENCE
    described = re.findall(r"^\| ([A-Z][A-Za-z ]+) \| .* \|$", GUIDE, re.MULTILINE)
    assert [name for name in described if name in QUERIES] == list(QUERIES)
