"""What becomes of a command whose output is cut off, cannot be shown or finds no room; and what a name may do there."""

from __future__ import annotations

import copy
import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.cli_fakes import existing, pipeline_with
from tests.unit.cli.cli_records import NOW, copying, failed, succeeded

from aurora_restore.cli import app
from aurora_restore.domain.times import format_time

NAME = "restore-20261122-114200"
EVIL = "evil\x1b[31mRED\x07\nforged line"


def with_login(record: dict[str, Any], name: str) -> dict[str, Any]:
    changed = copy.deepcopy(record)
    changed.setdefault("restore_details", {})["other_logins"] = [name]
    return changed


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["for people", "json"])
@pytest.mark.parametrize("record", [succeeded(), failed()], ids=["succeeded", "failed"])
def test_a_reader_that_has_gone_is_not_a_failure_of_the_operation(
    monkeypatch: pytest.MonkeyPatch, record: dict[str, Any], options: list[str]
) -> None:
    existing(monkeypatch, pipeline_with(record))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert app.run(["status", NAME, *options]) == 0


def test_help_whose_reader_has_gone_ends_well_and_in_silence(tmp_path: Path) -> None:
    code = "from aurora_restore.cli.app import main; main()"
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_the_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch, pipeline_with(with_login(succeeded(), "ключ")))
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert app.run(["status", NAME]) == 0
    assert rb"\u043a\u043b\u044e\u0447" in raw.getvalue()


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["for people", "json"])
def test_a_full_disk_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    existing(monkeypatch, pipeline_with(succeeded()))
    with open("/dev/full", "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert app.run(["status", NAME, *options]) == 74
    assert "OUTPUT_LOST" in capsys.readouterr().err


def test_a_name_cannot_act_on_the_terminal_nor_forge_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(with_login(succeeded(), EVIL)))
    assert app.run(["status", NAME]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "evil\\x1b[31mRED\\x07\\nforged" in out
    existing(monkeypatch, pipeline_with(with_login(succeeded(), EVIL)))
    assert app.run(["status", NAME, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["restore_details"]["other_logins"] == [EVIL]


def test_wrong_use_keeps_its_status_and_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["status"]) == 2
    assert "Missing argument" in capsys.readouterr().err


def test_what_a_phase_waits_out_is_shown_and_how_long_it_will(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = copy.deepcopy(copying())
    phase = record["phases"][record["step"]]
    phase["last_transient_error"] = {
        "code": "DATABASE_BUSY",
        "message": "the server took no connection: sorry, too many clients already (SQLSTATE 53300).",
        "hint": "See who holds its connections.",
        "since": format_time(NOW + timedelta(minutes=1)),
        "time": format_time(NOW + timedelta(minutes=2)),
        "until": format_time(NOW + timedelta(hours=1)),
    }
    existing(monkeypatch, pipeline_with(record))
    assert app.run(["status", NAME]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "too many clients already" in out
    assert "See who holds its connections." in out
    assert "until 12:42:30 UTC at most" in out
    phase["last_updated_time"] = format_time(NOW + timedelta(minutes=3))
    existing(monkeypatch, pipeline_with(record))
    assert app.run(["status", NAME]) == 0
    assert "too many clients already" not in capsys.readouterr().out
