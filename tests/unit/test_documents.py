"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from aurora_restore.domain.errors import (
    ERRORS_BY_NAME,
    RequestRefused,
    RestoreError,
    StepFailed,
    TransientFault,
)
from aurora_restore.domain.request import PARSERS

DOCS = Path(__file__).parents[2] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
BASES = {RestoreError, RequestRefused, StepFailed, TransientFault}


def test_every_field_of_a_request_is_described() -> None:
    described = set(re.findall(r"^\| `(\w+)` \|.*\|.*\|$", OPERATIONS, re.MULTILINE))
    assert set(PARSERS) <= described


def test_every_error_code_is_described_with_its_hint() -> None:
    for error in set(ERRORS_BY_NAME.values()) - BASES:
        if error.__module__.startswith("aurora_restore.domain"):
            assert f"| `{error.code}` | {error.default_hint} |" in OPERATIONS, error.code


def test_links_between_documents_lead_somewhere() -> None:
    for document in (*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
