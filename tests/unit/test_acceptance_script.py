"""The acceptance script: what it refuses without an account, what its file gives, and that the document lists it."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.template_policies import ROOT

from local_stack.durations import read_durations_file

SCRIPT = ROOT / "scripts" / "acceptance_on_aws.py"
DOCUMENT = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> Iterator[dict[str, Any]]:
    """Its names, as Python finds them when the file is run: its folder comes first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        yield runpy.run_path(str(SCRIPT), run_name="acceptance")


def test_the_steps_can_be_listed_without_an_account(
    script: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script["main"](["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(script["STEPS"])


def test_there_is_no_default_region(script: dict[str, Any]) -> None:
    assert script["main"](["--yes"]) == 2


def test_a_step_brings_along_what_it_needs(script: dict[str, Any]) -> None:
    def chosen(*only: str) -> list[str]:
        arguments = [word for name in only for word in ("--only", name)]
        return list(script["chosen"](script["parse_options"](["--region", "us-west-2", *arguments])))

    assert chosen("sdk") == ["sdk"]
    assert chosen("certificate") == ["creation", "rename", "certificate"]
    assert chosen() == list(script["STEPS"])


def test_only_what_has_our_tag_is_ours(script: dict[str, Any]) -> None:
    assert sys.modules["acceptance_run"].is_tagged([{"Key": "aurora-restore-acceptance", "Value": "yes"}])
    assert not sys.modules["acceptance_run"].is_tagged([{"Key": "who", "Value": "another"}])


def test_every_finding_that_a_fact_names_is_in_the_document() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    named = {number for found in re.findall(r'"((?:\d+)(?:, \d+)*)"', text) for number in found.split(", ")}
    listed = {number for row in re.findall(r"(?m)^\| ([\d, ]+) \|", DOCUMENT) for number in row.split(", ")}

    assert named
    assert named <= listed


def test_every_step_that_the_document_names_is_one(script: dict[str, Any]) -> None:
    columns = [
        row.rsplit("|", 2)[1] for row in DOCUMENT.splitlines() if row.startswith("| ") and "---" not in row
    ]
    named = {name for column in columns for name in re.findall(r"`([a-z]+)`", column)}

    assert named
    assert named <= set(script["STEPS"])


def test_durations_are_read_from_its_file_and_what_the_local_aurora_has_not_is_named(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps({"facts": [], "durations": {"rename": 95.5, "nothing_of_ours": 3}}))

    assert read_durations_file(file) == ({"rename": 95.5}, ["nothing_of_ours"])


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"durations": {"rename": "soon"}}', '{"durations": {"rename": -1}}']
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "facts.json"
    file.write_text(text)

    with pytest.raises(ValueError, match=r"rename|durations"):
        read_durations_file(file)
