from __future__ import annotations

import pytest

from aurora_restore.domain.users import username_problem


@pytest.mark.parametrize(
    "name", ["ann", 'x"; DROP ROLE y; --', "a b", "Ärger", "pgbouncer", "nonesuch", "x" * 63]
)
def test_any_name_that_prints_is_a_username(name: str) -> None:
    assert username_problem(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a\0b", "print"),
        ("a\tb", "print"),
        ("\ud800", "print"),
        ("x" * 64, "63 bytes"),
        ("é" * 32, "63 bytes"),
        ("pg_monitor", "RDS"),
        ("PG_x", "RDS"),
        ("rdsadmin", "RDS"),
        ("RDS_superuser", "RDS"),
        ("public", "reserved"),
        ("None", "reserved"),
    ],
)
def test_a_name_that_is_taken_or_unfit_is_refused_with_its_reason(name: str, reason: str) -> None:
    assert reason in str(username_problem(name))


@pytest.mark.parametrize("name", ["a b", "a*", "a/b", "a:b", "1st", "Ärger"])
def test_an_iam_user_has_a_name_that_a_policy_can_hold(name: str) -> None:
    assert username_problem(name) is None
    assert "IAM" in str(username_problem(name, iam=True))


def test_an_iam_user_may_be_named_like_an_address() -> None:
    assert username_problem("jane.doe+db@example.com", iam=True) is None
