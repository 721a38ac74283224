"""What differs between the engines, and where it decides."""

from __future__ import annotations

import pytest

from aurora_restore.domain.engines import ENGINES, MYSQL, POSTGRESQL, engine_of, engine_of_family
from aurora_restore.domain.quiet_group import SeenGroup, changes_of, missing_parameters
from aurora_restore.domain.room import version_problem
from aurora_restore.domain.users import Access, DbUser, user_problem


@pytest.mark.parametrize(("engine", "most"), [(POSTGRESQL, 99), (MYSQL, 41)])
def test_a_master_password_has_the_length_that_its_engine_takes(engine: str, most: int) -> None:
    row = ENGINES[engine]
    assert [length for length in (7, 8, most, most + 1) if row.takes_master_password("x" * length)] == [
        8,
        most,
    ]
    assert str(most) in row.master_password_rule


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("letter", ["/", "'", '"', "@", " ", "ä", "\t", "\x7f"], ids=ascii)
def test_a_master_password_has_no_letter_that_rds_refuses(engine: str, letter: str) -> None:
    assert not ENGINES[engine].takes_master_password("x" * 10 + letter)
    assert ENGINES[engine].takes_master_password("!#$%&()*+,-.:;<=>?[]^_`{|}~")


@pytest.mark.parametrize(
    ("engine", "name", "is_taken"),
    [
        (POSTGRESQL, "shop", True),
        (POSTGRESQL, "mysql", True),
        (POSTGRESQL, "template1", False),
        (POSTGRESQL, "rdsadmin", False),
        (POSTGRESQL, "ä" * 31, True),
        (POSTGRESQL, "ä" * 32, False),
        (MYSQL, "shop", True),
        (MYSQL, "template1", True),
        (MYSQL, "Information_Schema", False),
        (MYSQL, "mysql", False),
        (MYSQL, "ä" * 64, True),
        (MYSQL, "x" * 65, False),
    ],
)
def test_a_user_gets_nothing_in_a_database_that_no_cluster_of_the_engine_gives_or_can_have(
    engine: str, name: str, is_taken: bool
) -> None:
    user = DbUser("reporting_reader", Access.READ_ONLY, "a-secret", databases=("postgres2", name))
    assert (user_problem(user, ENGINES[engine]) is None) is is_taken


def test_a_record_without_an_engine_is_of_postgresql() -> None:
    assert engine_of(None).name == POSTGRESQL
    assert engine_of(MYSQL).name == MYSQL


@pytest.mark.parametrize(
    ("family", "engine"),
    [
        ("aurora-postgresql17", POSTGRESQL),
        ("aurora-mysql5.7", MYSQL),
        ("aurora-mysql8.0", MYSQL),
        ("aurora-mysql8.4", MYSQL),
    ],
)
def test_a_family_belongs_to_an_engine(family: str, engine: str) -> None:
    assert engine_of_family(family).name == engine


def test_a_copy_of_mysql_is_kept_quiet_by_its_event_scheduler() -> None:
    group = SeenGroup("quiet", "aurora-mysql8.0", {}, {"event_scheduler": "ON", "max_connections": "10"})
    assert changes_of(group) == {"event_scheduler": "OFF"}
    assert missing_parameters(group) == []
    assert missing_parameters(SeenGroup("quiet", "aurora-mysql8.0", {}, {"a": "b"})) == ["event_scheduler"]


@pytest.mark.parametrize(
    ("engine", "found", "asked", "is_taken"),
    [
        (POSTGRESQL, "16.4", "16.6", True),
        (POSTGRESQL, "16.4", "17.1", False),
        (MYSQL, "8.0.mysql_aurora.3.05.2", "8.0.mysql_aurora.3.08.0", True),
        (MYSQL, "8.0.mysql_aurora.3.05.2", "8.0.mysql_aurora.3.04.0", False),
        (MYSQL, "8.0.mysql_aurora.3.05.2", "8.4.mysql_aurora.8.4.7", False),
        (MYSQL, "5.7.mysql_aurora.2.11.4", "8.0.mysql_aurora.3.08.0", False),
    ],
)
def test_a_restore_stays_within_the_major_version_of_its_engine(
    engine: str, found: str, asked: str, is_taken: bool
) -> None:
    assert (version_problem(asked, found, ENGINES[engine]) is None) is is_taken
