"""The commands as a user calls them: what goes to which stream, and with which exit status they end."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from rich.console import Console
from tests.unit.cli.cli_fakes import FakeExecution, FakeExecutions, Time, pipeline_with
from tests.unit.cli.cli_records import (
    NOW,
    begun,
    closed_by_hand_with_words,
    copying,
    failed,
    planned,
    refused,
    refused_by_aws_in_mid_run,
    succeeded,
)

from aurora_restore.aws.executions import ExecutionAlreadyExists
from aurora_restore.cli import app, deploy_command, exit_codes, local_stack, operations, program
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.screen import Screen
from aurora_restore.deployment.model import ChangePlan, PlanKind
from aurora_restore.domain.errors import AwsUnavailable

NAME = "restore-20261122-114200"
TARGET = ["--target-cluster", "aurora-restored-staging"]


@pytest.fixture(autouse=True)
def _in_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setattr(operations, "utc_now", lambda: NOW)


def standing(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> Pipeline:
    def connect(region: str) -> Pipeline:
        return replace(pipeline, region=region)

    monkeypatch.setattr(operations, "connect", connect)
    return pipeline


def started(pipeline: Pipeline) -> Mapping[str, Mapping[str, Any]]:
    assert isinstance(pipeline.executions, FakeExecutions)
    return pipeline.executions.started


def test_start_gives_the_request_to_the_pipeline_and_says_how_to_watch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = standing(monkeypatch, pipeline_with())
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
    standing(monkeypatch, pipeline_with())
    assert app.run(["start", *TARGET, "--target-region", "eu-west-1"]) == 0
    assert "in eu-west-1." in capsys.readouterr().out


def test_start_with_json_prints_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with())
    assert app.run(["start", *TARGET, "--name", NAME, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["operation_id"] == NAME
    assert document["execution_arn"].startswith("arn:aws:states:")


def test_a_name_that_was_used_is_refused_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(executions={NAME: FakeExecution()}))
    assert app.run(["start", *TARGET, "--name", NAME]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "EXECUTION_ALREADY_EXISTS" in printed.err
    assert "What to do:" in printed.err


def test_start_and_watch_ends_with_the_operations_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(begun(), failed()))
    assert app.run(["start", *TARGET, "--name", NAME, "--watch", "--interval", "0.1"]) == 1
    assert "SNAPSHOT_COPY_FAILED" in capsys.readouterr().out


def test_plan_asks_for_a_dry_run_and_shows_the_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = standing(monkeypatch, pipeline_with(planned()))
    assert app.run(["plan", *TARGET, "--name", NAME]) == 0
    assert started(pipeline)[NAME]["dry_run"] is True
    assert "rds:production-2026-11-21-05-00" in capsys.readouterr().out


def test_plan_of_a_request_that_is_refused_lists_the_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(refused()))
    assert app.run(["plan", *TARGET]) == 3
    out = capsys.readouterr().out
    assert "SUBNET_GROUP_NOT_FOUND" in out
    assert "KMS_KEY_REQUIRED" in out


@pytest.mark.parametrize("record", [refused_by_aws_in_mid_run(), closed_by_hand_with_words()])
def test_what_ended_after_the_plan_was_made_has_failed_and_was_not_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], record: dict[str, Any]
) -> None:
    standing(monkeypatch, pipeline_with(record))
    for command in ("watch", "status"):
        assert app.run([command, NAME]) == 1
        out = capsys.readouterr().out
        assert "The restore failed" in out
        assert "was refused" not in out


def test_plan_with_json_prints_the_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(refused()))
    assert app.run(["plan", *TARGET, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["faults"][1]["code"] == "KMS_KEY_REQUIRED"


def test_watch_follows_to_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(copying(), succeeded()))
    assert app.run(["watch", NAME, "--interval", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "CopySnapshot  running  45 %" in out
    assert "The restore succeeded" in out


def test_leaving_a_watch_says_how_to_take_it_up_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    standing(monkeypatch, pipeline_with(copying()))
    monkeypatch.setattr(operations, "follow", leave)
    assert app.run(["watch", NAME]) == 130
    assert f"aurora-restore watch {NAME} --region us-west-2" in capsys.readouterr().err


def test_watch_out_of_time_ends_with_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(copying()))
    assert app.run(["watch", NAME, "--timeout-minutes", "0"]) == 6
    assert "It goes on." in capsys.readouterr().err


def test_status_of_a_running_operation_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(copying()))
    assert app.run(["status", NAME]) == 0
    assert "Plan" in capsys.readouterr().out


def test_status_with_json_is_the_record_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(failed()))
    assert app.run(["status", NAME, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == failed()


def test_an_operation_that_is_not_there_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(None))
    assert app.run(["status", NAME]) == 4
    assert "OPERATION_NOT_FOUND" in capsys.readouterr().err


def test_an_error_with_json_is_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(None))
    assert app.run(["status", NAME, "--json"]) == 4
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == "OPERATION_NOT_FOUND"
    assert printed.err == ""


def test_list_shows_the_newest_first_and_only_the_status_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = failed() | {"operation_id": "restore-older", "start_time": "2026-11-22T09:00:00.000Z"}
    standing(monkeypatch, pipeline_with(copying(), older))
    assert app.run(["list", "--json"]) == 0
    assert [item["operation_id"] for item in json.loads(capsys.readouterr().out)] == [NAME, "restore-older"]
    assert app.run(["list", "--status", "failed"]) == 0
    out = capsys.readouterr().out
    assert "restore-older" in out
    assert NAME not in out


def test_list_leaves_out_what_began_before_since(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = failed() | {"operation_id": "restore-older", "start_time": "2026-11-20T09:00:00.000Z"}
    standing(monkeypatch, pipeline_with(older))
    assert app.run(["list", "--since", "36h"]) == 0
    assert "No operations." in capsys.readouterr().out
    assert app.run(["list", "--since", "2026-11-20"]) == 0
    assert "restore-older" in capsys.readouterr().out
    assert app.run(["list", "--since", "yesterday"]) == 2


def test_aws_out_of_reach_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(AwsUnavailable("dynamodb gave no usable answer")))
    assert app.run(["status", NAME]) == 5
    assert "AWS_UNAVAILABLE" in capsys.readouterr().err


def test_wrong_use_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["start", "--no-such-option"]) == 2
    assert app.run(["start", *TARGET, "--db-user", "nobody"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "start"])
@pytest.mark.parametrize("name", ["", "x" * 81, "restore 1", "arn:of:it", "a/b"])
def test_a_name_that_step_functions_refuses_is_wrong_use_before_aws_is_asked(
    command: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = standing(monkeypatch, pipeline_with())
    assert app.run([command, *TARGET, "--name", name]) == 2
    assert "WRONG_USE" in capsys.readouterr().err
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
    for status in ("0 well", "3 refused", "4 not found", "130 left"):
        assert status in " ".join(done.stdout.split())


def test_every_exit_status_of_an_error_is_one_of_the_documented_ones() -> None:
    documented = {
        int(line.split()[0]) for line in (exit_codes.__doc__ or "").splitlines() if line[4:5].isdigit()
    }
    assert documented == {int(code) for code in exit_codes.ExitCode}


def test_a_defect_is_shown_as_one_and_its_traceback_only_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(KeyError("Port")))
    assert app.run(["status", NAME]) == 1
    err = capsys.readouterr().err
    assert "INTERNAL_ERROR" in err
    assert "KeyError: 'Port'" in err
    assert "AURORA_RESTORE_TRACEBACK=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("AURORA_RESTORE_TRACEBACK", "1")
    assert app.run(["status", NAME, "--json"]) == 1
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
    assert json.loads(printed.out)["error"]["code"] == "WRONG_USE"
    assert printed.err == ""


def test_a_cluster_without_a_port_is_described_all_the_same() -> None:
    assert local_stack.address({"Endpoint": "h"}) == "h"
    assert local_stack.address({"Endpoint": "h", "Port": 5432}) == "h:5432"
    assert local_stack.address({}) is None


def test_a_name_of_this_second_that_is_taken_gives_way_to_the_next() -> None:
    time = Time()
    pipeline = pipeline_with(executions={"restore-20261122-114230": FakeExecution()})
    name = operations.start_under_new_name(pipeline, {}, time.now, time.sleep)
    assert name == "restore-20261122-114231"
    assert list(started(pipeline)) == [name]


def test_names_are_not_sought_for_ever() -> None:
    taken = {f"restore-20261122-1142{second}": FakeExecution() for second in range(30, 60)}
    time = Time()
    with pytest.raises(ExecutionAlreadyExists):
        operations.start_under_new_name(pipeline_with(executions=taken), {}, time.now, time.sleep)
    assert (time.now() - NOW).total_seconds() < 10


def test_a_list_that_stops_at_its_limit_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(monkeypatch, pipeline_with(copying(), failed() | {"operation_id": "restore-older"}))
    assert app.run(["list", "--limit", "1"]) == 0
    assert "The newest 1; --limit shows more." in capsys.readouterr().out
    assert app.run(["list", "--limit", "3"]) == 0
    assert "--limit" not in capsys.readouterr().out


@pytest.mark.parametrize("command", ["plan", "start", "watch", "status", "list", "deploy", "demo"])
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
        assert "--delete-cluster-if-exists / --keep-cluster-if-exists" in out
        assert "What to restore:" in out


def test_a_region_that_cannot_be_one_is_refused_before_aws_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert app.run(["deploy", "--region", "mars"]) == 2
    assert "REGION_UNKNOWN" in capsys.readouterr().err


@pytest.mark.parametrize("left_by", [KeyboardInterrupt, EOFError])
def test_to_leave_the_question_is_to_answer_no(
    left_by: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: object) -> str:
        raise left_by

    monkeypatch.setattr("typer._click.termui.visible_prompt_func", leave)
    assert deploy_command.says_yes() is False


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


def test_a_change_set_that_is_not_wanted_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    discarded: list[ChangePlan] = []

    class Deployer:
        discard = staticmethod(discarded.append)

    def leave(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer._click.termui.visible_prompt_func", leave)
    terminal = Console(file=io.StringIO(), force_terminal=True, _environ={})
    plan = ChangePlan(PlanKind.UPDATE, "mine", (), "stack", "change-set")
    with pytest.raises(typer.Exit) as end:
        deploy_command.ask(Screen(terminal, terminal), cast(Any, Deployer()), plan)
    assert end.value.exit_code == 0
    assert discarded == [plan]
