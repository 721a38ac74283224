"""The commands as a user calls them: what goes to which stream, and with which exit status they end."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import click
import pytest
from rich.console import Console
from tests.unit.cli.cli_fakes import Time, execution, existing, pipeline_with, started
from tests.unit.cli.cli_records import (
    NOW,
    begun,
    failed,
    planned,
    refused,
)
from tests.unit.domain.builders import cluster

from aurora_restore.aws.executions import ExecutionAlreadyExists
from aurora_restore.cli import app, exit_codes, local_stack, program, running
from aurora_restore.cli.commands import deploy as deploy_command
from aurora_restore.cli.screen import Screen
from aurora_restore.deployment.model import ChangePlan, PlanKind

NAME = "restore-20261122-114200"
TARGET = ["--target-cluster", "aurora-restored-staging"]


def test_start_gives_the_request_to_the_pipeline_and_says_how_to_watch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with())
    users = ["--db-user", "reporting:read_only:aurora-restore/reporting", "--db-user", "ops:admin:iam"]
    assert app.run(["start", *TARGET, "--source-date", "2023-06-15", "--instance-count", "2", *users]) == 0
    request = started(pipeline)["restore-20261122-114230"]
    assert request["source_snapshot_date"] == "2023-06-15"
    assert request["instance_count"] == 2
    assert [user["username"] for user in request["db_users"]] == ["reporting", "ops"]
    out = capsys.readouterr().out
    assert "Started restore-20261122-114230 in us-west-2." in out
    assert "aurora-restore watch restore-20261122-114230 --region us-west-2" in out


def test_start_goes_to_the_target_region_where_no_other_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with())
    assert app.run(["start", *TARGET, "--target-region", "eu-west-1"]) == 0
    assert "in eu-west-1." in capsys.readouterr().out


def test_start_with_json_prints_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with())
    assert app.run(["start", *TARGET, "--name", NAME, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["operation_id"] == NAME
    assert document["execution_arn"].startswith("arn:aws:states:")


def test_a_name_that_was_used_is_refused_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(executions={NAME: execution()}))
    assert app.run(["start", *TARGET, "--name", NAME]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "EXECUTION_ALREADY_EXISTS" in printed.err
    assert "What to do:" in printed.err


def test_start_and_watch_ends_with_the_operations_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(begun(), failed()))
    assert app.run(["start", *TARGET, "--name", NAME, "--watch", "--interval", "0.1"]) == 1
    assert "SNAPSHOT_COPY_FAILED" in capsys.readouterr().out


def test_plan_asks_for_a_dry_run_and_shows_the_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with(planned()))
    assert app.run(["plan", *TARGET, "--name", NAME]) == 0
    assert started(pipeline)[NAME]["dry_run"] is True
    assert "rds:production-2026-11-21-05-00" in capsys.readouterr().out


def test_plan_of_a_request_that_is_refused_lists_its_problems(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(refused()))
    assert app.run(["plan", *TARGET]) == 3
    out = capsys.readouterr().out
    assert "SUBNET_GROUP_NOT_FOUND" in out
    assert "KMS_KEY_REQUIRED" in out


def test_plan_with_json_prints_the_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(refused()))
    assert app.run(["plan", *TARGET, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["problems"][1]["code"] == "KMS_KEY_REQUIRED"


def test_start_gives_the_options_of_a_replacement_to_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = existing(monkeypatch, pipeline_with())
    accepted = ["--accept-difference", "engine_version", "--accept-difference", "tags"]
    options = ["--replace", "--keep-replaced-hours", "24", "--no-final-snapshot", *accepted]
    assert app.run(["start", *TARGET, "--name", NAME, *options, "--replace-strategy", "swap"]) == 0
    assert started(pipeline)[NAME] == {
        "target_cluster_id": "aurora-restored-staging",
        "delete_cluster_if_exists": True,
        "replace_strategy": "swap",
        "keep_replaced_hours": 24,
        "final_snapshot": False,
        "accept_differences": ["engine_version", "tags"],
    }


def test_the_version_and_the_days_of_the_final_snapshot_are_options_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = existing(monkeypatch, pipeline_with())
    options = ["--engine-version", "16.8", "--final-snapshot-retention-days", "0"]
    assert app.run(["start", *TARGET, *options]) == 0
    (request,) = started(pipeline).values()
    assert request["engine_version"] == "16.8"
    assert request["final_snapshot_retention_days"] == 0


def test_days_that_are_not_a_whole_number_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["start", *TARGET, "--final-snapshot-retention-days", "a-week"]) == 2
    assert "--final-snapshot-retention-days" in capsys.readouterr().err


def test_an_error_with_json_is_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(None))
    assert app.run(["status", NAME, "--json"]) == 4
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == "OPERATION_NOT_FOUND"
    assert printed.err == ""


def test_wrong_use_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["start", "--no-such-option"]) == 2
    assert app.run(["start", *TARGET, "--db-user", "reporting"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "start"])
@pytest.mark.parametrize("name", ["", "x" * 81, "restore 1", "arn:of:it", "a/b"])
def test_a_name_that_step_functions_refuses_is_wrong_use_before_aws_is_asked(
    command: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = existing(monkeypatch, pipeline_with())
    assert app.run([command, *TARGET, "--name", name]) == 2
    assert "USAGE_ERROR" in capsys.readouterr().err
    assert started(pipeline) == {}


@pytest.mark.parametrize("command", [["demo"], ["local", "up"], ["local", "env"]])
def test_without_the_parts_of_the_local_stack_the_cli_says_how_to_install_them(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_stack, "_PARTS", ("no_such_package",))
    assert app.run(command) == 5
    err = " ".join(capsys.readouterr().err.split())
    assert "not installed: no_such_package" in err
    assert "pip install 'aurora-restore[local]'" in err


def test_help_names_every_exit_status_and_does_not_load_the_aws_sdk() -> None:
    code = (
        "import sys; from aurora_restore.cli.app import run; status = run(['--help']); "
        "sys.exit(status or 'boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    for status in ("0 success", "3 refused", "4 not found", "130 interrupted"):
        assert status in " ".join(done.stdout.split())


def test_every_exit_status_of_an_error_is_one_of_the_documented_ones() -> None:
    documented = {
        int(line.split()[0]) for line in (exit_codes.__doc__ or "").splitlines() if line[4:5].isdigit()
    }
    assert documented == {int(code) for code in exit_codes.ExitCode}


def test_a_defect_is_shown_as_one_and_its_traceback_only_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(monkeypatch, pipeline_with(KeyError("Port")))
    assert app.run(["status", NAME]) == 70
    err = capsys.readouterr().err
    assert "INTERNAL_ERROR" in err
    assert "KeyError: 'Port'" in err
    assert "AURORA_RESTORE_TRACEBACK=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("AURORA_RESTORE_TRACEBACK", "1")
    assert app.run(["status", NAME, "--json"]) == 70
    printed = capsys.readouterr()
    assert "Traceback" in printed.err
    assert json.loads(printed.out)["error"]["code"] == "INTERNAL_ERROR"


def test_a_path_that_cannot_be_used_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    assert app.run(["local", "up", "--home", str(home), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "PATH_UNUSABLE"
    assert str(home) in error["message"]


@pytest.mark.parametrize(
    "arguments", [["start", "--no-such-option"], ["nothing"], ["status"], ["list", "--limit", "0"]]
)
def test_wrong_use_with_json_is_one_document(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run([*arguments, "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == "USAGE_ERROR"
    assert printed.err == ""


def test_a_cluster_without_a_port_is_described_all_the_same() -> None:
    assert local_stack.address(cluster(endpoint="h", port=None)) == "h"
    assert local_stack.address(cluster(endpoint="h", port=5432)) == "h:5432"
    assert local_stack.address(cluster(endpoint=None, port=None)) is None


def test_a_name_of_this_second_that_is_taken_gives_way_to_the_next() -> None:
    time = Time()
    pipeline = pipeline_with(executions={"restore-20261122-114230": execution()})
    name = running.start_under_new_name(pipeline, {}, time.now, time.sleep)
    assert name == "restore-20261122-114231"
    assert list(started(pipeline)) == [name]


def test_names_are_not_sought_for_ever() -> None:
    taken = {f"restore-20261122-1142{second}": execution() for second in range(30, 60)}
    time = Time()
    with pytest.raises(ExecutionAlreadyExists):
        running.start_under_new_name(pipeline_with(executions=taken), {}, time.now, time.sleep)
    assert (time.now() - NOW).total_seconds() < 10


@pytest.mark.parametrize(
    "command", ["plan", "start", "watch", "status", "list", "cancel", "undo", "deploy", "demo"]
)
def test_help_at_80_columns_has_every_option_by_its_whole_name(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert app.run([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert "…" not in out
    assert "--json" in out
    assert max(map(len, out.splitlines())) <= 80
    if command in ("plan", "start"):
        assert "--replace, --delete-cluster-if-exists / --keep-cluster-if-exists" in out
        assert "--accept-difference FIELD" in out
        assert "What to restore:" in out


def test_a_region_that_cannot_be_one_is_refused_before_aws_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert app.run(["deploy", "--region", "mars"]) == 2
    assert "REGION_UNKNOWN" in capsys.readouterr().err


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_a_region_of_another_partition_is_refused_before_anything_is_called(
    region: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["deploy", "--region", region]) == 2
    assert "partition" in capsys.readouterr().err


@pytest.mark.parametrize("left_by", [KeyboardInterrupt, EOFError])
def test_to_leave_the_question_is_to_answer_no(
    left_by: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: object) -> str:
        raise left_by

    monkeypatch.setattr("click.termui.visible_prompt_func", leave)
    assert deploy_command.says_yes("Apply it?") is False


def test_the_program_is_named_as_the_shell_can_call_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / ".venv" / "bin" / "aurora-restore"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert program.program_name() == ".venv/bin/aurora-restore"
    monkeypatch.setattr(sys, "argv", ["/src/aurora_restore/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(script.parent / "python"))
    assert program.program_name() == ".venv/bin/aurora-restore"
    monkeypatch.setenv("PATH", str(script.parent))
    assert program.program_name() == "aurora-restore"
    script.unlink()
    assert program.program_name() == "aurora-restore"


def test_a_change_set_that_is_declined_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    discarded: list[ChangePlan] = []
    taken_back: list[bool] = []

    class Deployer:
        discard = staticmethod(discarded.append)

    def leave(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("click.termui.visible_prompt_func", leave)
    terminal = Console(file=io.StringIO(), force_terminal=True, _environ={})
    plan = ChangePlan(PlanKind.UPDATE, "mine", (), "stack", "change-set")
    with pytest.raises(click.exceptions.Exit) as end:
        deploy_command.ask(
            Screen(terminal, terminal), cast(Any, Deployer()), plan, lambda: taken_back.append(True)
        )
    assert end.value.exit_code == 0
    assert discarded == [plan]
    assert taken_back == [True]
