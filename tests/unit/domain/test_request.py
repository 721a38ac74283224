from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.unit.domain.builders import NOW, SETTINGS, raw_request, request

from aurora_restore.domain.errors import PreflightFailed, RequestRefused
from aurora_restore.domain.rehearsal import Rehearsal
from aurora_restore.domain.request import parse_request, without_unknown_values
from aurora_restore.domain.users import Access


def refused(**changes: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as refusal:
        parse_request(raw_request(**changes), SETTINGS, NOW)
    assert refusal.value.hint
    return refusal.value


def test_the_request_of_the_operations_guide_is_read() -> None:
    read = request()
    assert read.target_cluster_id == "aurora-restored-cluster"
    assert str(read.source_snapshot_date) == "2023-06-15"
    assert read.vpc_security_group_ids == ("sg-12345678",)


def test_what_is_left_out_gets_the_defaults_of_the_deployment() -> None:
    read = request(source_region=..., target_region=..., db_instance_class=...)
    assert (read.source_region, read.target_region) == ("us-east-1", "us-west-2")
    assert read.instance_count == 1
    assert read.engine_lifecycle_support == "open-source-rds-extended-support-disabled"


def test_latest_asks_for_the_newest_of_all_days() -> None:
    assert request(source_snapshot_date="latest").source_snapshot_date is None


def test_yesterday_is_the_utc_day_before_the_beginning_of_the_operation() -> None:
    assert str(request(source_snapshot_date="yesterday").source_snapshot_date) == "2026-11-21"
    just_after = datetime(2026, 11, 22, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    read = parse_request(raw_request(source_snapshot_date="yesterday"), SETTINGS, just_after)
    # In UTC it is still the 21st.
    assert str(read.source_snapshot_date) == "2026-11-20"


def rehearsal(**changes: Any) -> dict[str, Any]:
    return {"delete_cluster_if_exists": ..., "rehearsal": {"rto_minutes": 240, "rpo_hours": 26}, **changes}


def test_a_rehearsal_without_a_target_gets_one_within_the_prefix_by_its_operation() -> None:
    raw = raw_request(**rehearsal(target_cluster_id=...))
    names = {
        parse_request(raw, SETTINGS, NOW, None, operation_id).target_cluster_id
        for operation_id in ("rehearsal-1", "rehearsal-1", "rehearsal-2")
    }
    assert len(names) == 2
    assert all(name.startswith("aurora-restored-rehearsal-") for name in names)


def test_a_rehearsal_may_be_asked_for_without_any_objective() -> None:
    assert request(**rehearsal(rehearsal={})).rehearsal == Rehearsal()


@pytest.mark.parametrize(
    ("wrong", "problems"),
    [
        ("yes", 1),
        ({"rto": 5}, 1),
        ({"hold_hours": 49}, 1),
        ({"rto_minutes": 0, "rpo_hours": "26", "window_days": 1.5}, 3),
    ],
)
def test_what_is_wrong_in_a_rehearsal_is_named_all_at_once(wrong: Any, problems: int) -> None:
    error = refused(**rehearsal(rehearsal=wrong))
    assert {problem.code for problem in error.problems} == {"INVALID_REQUEST"}
    assert len(error.problems) == problems


@pytest.mark.parametrize("name", ["delete_cluster_if_exists", "deletion_protection"])
def test_a_rehearsal_neither_replaces_nor_protects(name: str) -> None:
    assert refused(**rehearsal(**{name: True})).code == "REHEARSAL_REPLACES_NOTHING"


def test_only_a_rehearsal_takes_a_random_day() -> None:
    assert refused(source_snapshot_date="random").code == "INVALID_DATE"
    read = request(**rehearsal(source_snapshot_date="random", rehearsal={"window_days": 7}))
    assert read.random_since == NOW - timedelta(days=7)


@pytest.mark.parametrize("day", ["15.06.2023", "2023-6-15", "2023-02-30", "tomorrow", "2023-06-15T00:00:00Z"])
def test_a_date_in_another_form_is_refused(day: str) -> None:
    error = refused(source_snapshot_date=day)
    assert error.code == "INVALID_DATE"
    assert day in error.message


def test_a_day_after_today_is_refused() -> None:
    assert refused(source_snapshot_date="2026-11-23").code == "DATE_IN_FUTURE"


def test_today_is_not_a_day_in_the_future() -> None:
    assert str(request(source_snapshot_date="2026-11-22").source_snapshot_date) == "2026-11-22"


def test_an_unknown_field_is_refused_with_the_nearest_known_one() -> None:
    error = refused(delete_cluster_if_exist=True)
    assert error.code == "UNKNOWN_FIELD"
    assert "Did you mean delete_cluster_if_exists?" in error.message


@pytest.mark.parametrize(
    "name", ["aurora-restored-", "aurora-restored--x", "aurora-restored-ü", "1abc", "a" * 64]
)
def test_a_target_that_is_not_a_cluster_name_is_refused(name: str) -> None:
    assert refused(target_cluster_id=name).code == "INVALID_TARGET_NAME"


def test_a_target_outside_the_prefix_is_refused_with_the_prefix() -> None:
    error = refused(target_cluster_id="production")
    assert error.code == "TARGET_OUTSIDE_PREFIX"
    assert "aurora-restored-" in error.message


def test_another_target_region_is_refused() -> None:
    assert refused(target_region="eu-west-1").code == "TARGET_REGION_MISMATCH"


def test_all_problems_are_reported_at_once() -> None:
    error = refused(source_snapshot_date="x", target_cluster_id="prod", port="5432", colour="red")
    assert isinstance(error, PreflightFailed)
    codes = {problem.code for problem in error.problems}
    assert codes == {"INVALID_DATE", "TARGET_OUTSIDE_PREFIX", "INVALID_REQUEST", "UNKNOWN_FIELD"}
    assert all(problem.hint for problem in error.problems)


def test_a_date_and_an_identifier_exclude_each_other() -> None:
    assert "exclude each other" in refused(source_snapshot_identifier="a-snapshot").message


def test_without_a_date_or_an_identifier_nothing_can_be_restored() -> None:
    assert "is missing" in refused(source_snapshot_date=...).message


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_an_input_that_is_not_an_object_is_refused(raw: object) -> None:
    with pytest.raises(RequestRefused):
        parse_request(raw, SETTINGS, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"instance_count": 0},
        {"instance_count": 17},
        {"instance_count": True},
        {"port": 80},
        {"tags": {"aws:x": "y"}},
        {"tags": {"aurora-restore:operation-id": "mine"}},
        {"tags": ["x"]},
        {"deletion_protection": "true"},
        {"vpc_security_group_ids": "sg-1"},
        {"vpc_security_group_ids": ["sg-1", "sg-1"]},
        {"storage_type": "io1"},
        {"backup_retention_days": 36},
        {"performance_insights_retention_days": 94},
        {"db_instance_class": "r5.large"},
        {"db_instance_class": "db.serverless"},
        {"serverless_v2": {"min_capacity": 4, "max_capacity": 2}},
        {"serverless_v2": {"min": 1, "max_capacity": 2}},
        {"replace_strategy": "hope"},
        {"db_users": [{"username": "a"}]},
        {"db_users": [{"username": "a", "secret_id": "s", "iam": True}]},
        {"db_users": [{"username": "a", "secret_id": "s", "access": "god"}]},
        {"db_users": [{"username": "a", "secret_id": "s"}, {"username": "a", "iam": True}]},
        {"db_users": [{"username": "rdsadmin", "secret_id": "s"}]},
        {"db_users": [{"username": "pg_x", "secret_id": "s"}]},
        {"db_users": [{"username": "x" * 64, "secret_id": "s"}]},
        {"db_users": [{"username": "a\0b", "secret_id": "s"}]},
        {"db_users": [{"username": "a", "secret": "s"}]},
        {"db_users": {"username": "a"}},
        {"db_users": [{"username": "a", "iam": True}], "iam_authentication": False},
    ],
)
def test_a_value_out_of_its_range_is_refused_by_the_name_of_its_field(changes: dict[str, Any]) -> None:
    error = refused(**changes)
    assert error.code == "INVALID_REQUEST"
    assert next(iter(changes)) in error.message


def test_users_are_read_with_read_only_as_the_default() -> None:
    users = request(
        db_users=[{"username": "report", "secret_id": "s"}, {"username": "job", "iam": True}]
    ).db_users
    assert [user.access for user in users] == [Access.READ_ONLY, Access.READ_ONLY]
    assert users[1].iam


def test_all_problems_of_the_users_are_reported_at_once_each_with_the_user_and_the_field() -> None:
    error = refused(
        db_users=[
            {"username": "rdsadmin", "secret_id": "s", "access": "god"},
            {"username": "ann", "iam": "yes", "databases": "shop"},
            {"username": "bob", "secrett_id": "s"},
            "carl",
        ]
    )
    reported = [problem.message for problem in error.problems]
    assert [" ".join(message.split()[:4]) for message in reported] == [
        "db_users: user 1 ('rdsadmin'):",
        "db_users: user 1 ('rdsadmin'):",
        "db_users: user 2 ('ann'):",
        "db_users: user 2 ('ann'):",
        "db_users: user 2 ('ann'):",
        "db_users: user 3 ('bob'):",
        "db_users: user 4: must",
    ]
    fields = ("username", "access", "iam", "secret_id or iam", "databases", "secrett_id", "an object")
    for message, field in zip(reported, fields, strict=True):
        assert field in message


def test_a_hostile_username_is_kept_as_it_is_for_the_database_to_quote() -> None:
    name = 'x"; DROP ROLE y; --'
    assert request(db_users=[{"username": name, "secret_id": "s"}]).db_users[0].username == name


def test_values_of_unknown_fields_are_not_kept_since_they_may_be_secrets() -> None:
    raw = raw_request(password="hunter2", db_users=[{"username": "a", "password": "hunter3"}])
    kept = str(without_unknown_values(raw))
    assert "hunter" not in kept
    assert "aurora-restored-cluster" in kept


def test_a_snapshot_of_another_account_is_refused_by_its_arn() -> None:
    arn = "arn:aws:rds:us-east-1:999999999999:cluster-snapshot:theirs"
    raw = raw_request(source_snapshot_date=..., source_snapshot_identifier=arn)
    with pytest.raises(RequestRefused) as refused_as:
        parse_request(raw, SETTINGS, NOW, "123456789012")
    assert refused_as.value.code == "SHARED_SNAPSHOT"
    assert parse_request(raw, SETTINGS, NOW, "999999999999").source_snapshot_identifier == arn
