from __future__ import annotations

import pytest

from aurora_restore.domain.engines import ENGINES, MYSQL, POSTGRESQL
from aurora_restore.domain.users import Access, DbUser, host_problem, user_problem, username_problem


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
        ("é" * 33, "63 bytes"),
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


@pytest.mark.parametrize(
    ("name", "postgresql", "mysql"),
    [
        ("ann", None, None),
        ("é" * 32, "63 bytes", None),
        ("x" * 33, None, "32 characters"),
        ("pg_x", "reserved", None),
        ("public", "reserved", None),
        ("mysql.sys", None, "reserved"),
        ("AWS_Lambda_Access", None, "reserved"),
        ("rdsadmin", "reserved", "reserved"),
        (" a", None, "space"),
        ("a ", None, "space"),
        ("'a'", None, "apostrophe"),
        ("eleph\U0001f418", None, "U+FFFF"),
    ],
)
def test_each_engine_has_rules_of_its_own_for_names(
    name: str, postgresql: str | None, mysql: str | None
) -> None:
    for engine, reason in ((POSTGRESQL, postgresql), (MYSQL, mysql)):
        found = username_problem(name, engine=ENGINES[engine])
        assert (found is None) if reason is None else reason in str(found)


@pytest.mark.parametrize(
    "host", ["%", "10.0.%", "10.0.0.0/255.255.0.0", "fd00::%", "app-1.example.com", "10.0.0._"]
)
def test_a_host_is_a_name_an_address_or_a_pattern_on_mysql_alone(host: str) -> None:
    assert host_problem(host) is None
    user = DbUser("ann", Access.READ_ONLY, "s", host=host)
    assert user_problem(user, ENGINES[MYSQL]) is None
    assert (user_problem(user, ENGINES[POSTGRESQL]) is None) == (host == "%")


@pytest.mark.parametrize("host", ["", "a b", "x`", "'%'", "x" * 61, "a\0"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    assert host_problem(host) is not None
