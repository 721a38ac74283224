"""From options to the request."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click
import pytest

from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.operation_ids import new_operation_id, read_operation_id
from aurora_restore.cli.request import parse_db_users, read_request, rehearsal_options, request_options
from aurora_restore.domain.request import PARSERS


@click.command()
@request_options
def show(request: dict[str, Any]) -> dict[str, Any]:
    return request


@click.command()
@rehearsal_options
def show_rehearsal(request: dict[str, Any]) -> dict[str, Any]:
    return request


def rehearsal_of(arguments: list[str]) -> dict[str, Any]:
    request = show_rehearsal.main(arguments, standalone_mode=False)
    assert isinstance(request, dict)
    return request


def test_a_rehearsal_takes_the_newest_snapshot_and_needs_no_target() -> None:
    assert rehearsal_of([]) == {"source_snapshot_date": "latest", "rehearsal": {}}


def test_its_options_are_the_fields_of_the_rehearsal() -> None:
    options = ["--rto-minutes", "240", "--rpo-hours", "26", "--hold-hours", "1.5", "--window-days", "7"]
    request = rehearsal_of([*options, "--source-date", "random", "--source-cluster", "production"])
    assert request == {
        "source_snapshot_date": "random",
        "source_cluster_id": "production",
        "rehearsal": {"rto_minutes": 240, "rpo_hours": 26, "hold_hours": 1.5, "window_days": 7},
    }


def test_a_named_snapshot_takes_the_place_of_the_day() -> None:
    assert "source_snapshot_date" not in rehearsal_of(["--source-snapshot", "rds:production-2023-06-15"])


def test_options_override_the_rehearsal_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"rehearsal": {"rto_minutes": 60, "rpo_hours": 26}}))
    request = rehearsal_of(["--request", str(file), "--rto-minutes", "90"])
    assert request["rehearsal"] == {"rto_minutes": 90, "rpo_hours": 26}
    assert "target_cluster_id" not in request_of(["--request", str(file)])


def test_a_rehearsal_has_no_option_that_replaces_something() -> None:
    names = {parameter.name for parameter in show_rehearsal.params}
    assert not names & {"delete_cluster_if_exists", "keep_replaced_hours", "final_snapshot"}


def request_of(arguments: list[str]) -> dict[str, Any]:
    """The request that these options make."""
    request = show.main(arguments, standalone_mode=False)
    assert isinstance(request, dict)
    return request


def test_options_become_the_fields_of_the_request_under_their_names() -> None:
    command = ["--source-date", "2023-06-15", "--target-cluster", "aurora-restored-cluster"]
    command += ["--security-group", "sg-1", "--security-group", "sg-2", "--keep-cluster-if-exists"]
    assert request_of(command) == {
        "source_snapshot_date": "2023-06-15",
        "target_cluster_id": "aurora-restored-cluster",
        "vpc_security_group_ids": ["sg-1", "sg-2"],
        "delete_cluster_if_exists": False,
    }


def test_every_option_is_a_field_that_the_pipeline_knows() -> None:
    names = {parameter.name for parameter in show.params}
    assert len(names) > 20
    assert names - {"request_file"} <= set(PARSERS)


def test_what_is_not_given_is_left_to_the_pipelines_defaults() -> None:
    assert request_of(["--target-cluster", "x"]) == {"target_cluster_id": "x"}


def test_options_override_the_file_and_leave_its_other_fields(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"target_cluster_id": "from-file", "port": 5433}))
    request = request_of(["--target-cluster", "from-option", "--request", str(file)])
    assert request == {"target_cluster_id": "from-option", "port": 5433}


def test_a_request_can_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"target_cluster_id": "x"}'))
    assert read_request({"request_file": "-"}) == {"target_cluster_id": "x"}


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is not JSON"), ("[]", "JSON object"), (None, "cannot be read")]
)
def test_a_file_that_holds_no_request_is_refused_by_name(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "request.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageProblem, match=said) as refused:
        read_request({"request_file": str(file)})
    assert str(file) in refused.value.message


def test_a_request_without_a_target_is_refused_before_anything_starts() -> None:
    with pytest.raises(UsageProblem, match="No target cluster"):
        read_request({"source_snapshot_date": "latest"})


def test_a_db_user_is_name_access_and_secret() -> None:
    assert parse_db_users(["reporting:read_only:aurora-restore/reporting"]) == [
        {"username": "reporting", "secret_id": "aurora-restore/reporting", "access": "read_only"}
    ]


def test_a_db_users_secret_may_be_an_arn_with_colons() -> None:
    arn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:aurora-restore/app-AbCdEf"
    assert parse_db_users([f"app:read_write:{arn}"])[0]["secret_id"] == arn


def test_a_db_user_with_iam_has_no_secret() -> None:
    assert parse_db_users(["ops:admin:iam"]) == [{"username": "ops", "iam": True, "access": "admin"}]


@pytest.mark.parametrize("host", ["%", "10.0.%", "2001:db8::1"])
def test_a_db_user_of_mysql_has_a_host(host: str) -> None:
    assert parse_db_users([f"'ann@shop'@'{host}':read_only:aurora-restore/ann"]) == [
        {"username": "ann@shop", "host": host, "secret_id": "aurora-restore/ann", "access": "read_only"}
    ]


def test_a_name_with_an_at_sign_is_a_name() -> None:
    assert parse_db_users(["ann@shop:admin:iam"]) == [
        {"username": "ann@shop", "iam": True, "access": "admin"}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "'ann'@'%':read_only",
        "'ann'@'%'",
        "reporting",
        "reporting:read_only",
        ":read_only:s",
        "reporting:read_only:",
    ],
)
def test_a_db_user_with_a_part_missing_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="NAME:ACCESS:SECRET-ID"):
        parse_db_users([text])


def test_an_unknown_access_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageProblem, match="read_only, read_write, admin"):
        parse_db_users(["reporting:readonly:s"])


def test_an_operation_is_named_by_its_time_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert new_operation_id(datetime(2023, 6, 15, 14, 34, 56, tzinfo=there)) == "restore-20230615-123456"
    assert new_operation_id(datetime(2023, 6, 15, 12, 34, 56, tzinfo=UTC)) == "restore-20230615-123456"


@pytest.mark.parametrize(
    "name", ["restore-20230615-123456", "a", "x" * 80, "with_underscore.and.dot", "straße"]
)
def test_a_name_that_step_functions_takes_is_taken(name: str) -> None:
    assert read_operation_id(name) == name


@pytest.mark.parametrize(
    "character",
    [*'<>{}[]?*"#%\\^|~`$&,;:/ \t\n\x00\x1f\x7f\x85\x9f', "\u2028", "\ud800", "\uffff", "\U0010ffff"],
    ids=ascii,
)
def test_a_name_with_a_character_that_step_functions_refuses_is_wrong_use_and_names_it(
    character: str,
) -> None:
    with pytest.raises(UsageProblem) as refused:
        read_operation_id(f"restore{character}1")
    assert refused.value.message.endswith(f": {character!a}.")
    assert "letters, digits" in refused.value.hint


@pytest.mark.parametrize(("name", "said"), [("x" * 81, "81 characters"), ("", "empty")])
def test_a_name_is_1_to_80_characters_long(name: str, said: str) -> None:
    with pytest.raises(UsageProblem, match=said):
        read_operation_id(name)
