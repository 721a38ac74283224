"""What came along in a genuine server: what is listed, what is taken out, and how it is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.database.mysql.mysql_servers import RestoredMysql
from tests.contract.database.servers import MASTER

from aurora_restore.domain.came_along import Finding, Kind
from aurora_restore.domain.defusing import Fuse, Outcome, Survey

pytestmark = pytest.mark.file_one_day_in(7, 0)

EVENT = "CREATE EVENT shop.`clean``up` ON SCHEDULE EVERY 1 HOUR DO DELETE FROM shop.notes"


def survey(cluster: RestoredMysql) -> Survey:
    return cluster.databases.survey_copy(cluster.endpoint, MASTER)


def defuse(cluster: RestoredMysql, *fuses: Fuse) -> Outcome:
    return cluster.databases.defuse(cluster.endpoint, MASTER, fuses)


def found(survey: Survey, kind: Kind) -> list[Finding]:
    return [each for each in survey.came_along.found if each.kind is kind]


def events(cluster: RestoredMysql) -> list[tuple[Any, ...]]:
    return cluster.run(
        "SELECT EVENT_NAME, STATUS, DEFINER, SQL_MODE, TIME_ZONE, CHARACTER_SET_CLIENT FROM information_schema.EVENTS"
    )


def test_a_server_with_nothing_but_rows_has_nothing_to_list(restored: RestoredMysql) -> None:
    seen = survey(restored)
    assert (seen.came_along.found, seen.came_along.not_looked_into, seen.fuses) == ((), (), ())


def test_an_enabled_event_is_listed_and_acts_where_the_scheduler_is_on(restored: RestoredMysql) -> None:
    restored.run(EVENT, "CREATE EVENT shop.asleep ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1")
    for scheduler, acts in (("OFF", False), ("ON", True)):
        restored.run(f"SET GLOBAL event_scheduler = {scheduler}", login=restored.superuser)
        seen = survey(restored)
        [event] = found(seen, Kind.EVENT)
        assert (event.database, event.name) == ("shop", "clean`up")
        assert [fuse.acts for fuse in seen.fuses] == [acts]
    restored.run("SET GLOBAL event_scheduler = OFF", login=restored.superuser)


def test_an_event_of_another_definer_is_disabled_and_nothing_else_of_it_changes(mysql: RestoredMysql) -> None:
    """MariaDB gives the right to name another definer to none but SUPER."""
    mysql.run("GRANT EVENT ON shop.* TO shop_app", login=mysql.superuser)
    mysql.run(
        "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+05:00', character_set_client = latin1",
        "CREATE DEFINER = shop_app EVENT shop.`clean``up` ON SCHEDULE EVERY 1 HOUR DO DELETE FROM shop.notes",
        login=mysql.superuser,
    )
    [before] = events(mysql)
    [fuse] = survey(mysql).fuses

    assert defuse(mysql, fuse) == Outcome()
    [after] = events(mysql)
    assert (before[1], after[1]) == ("ENABLED", "DISABLED")
    assert before[2:] == after[2:]
    assert survey(mysql).fuses == ()
    assert defuse(mysql, fuse) == Outcome()

    mysql.run(*(statement.rstrip(";") for statement in fuse.take_back))
    assert events(mysql) == [before]


def test_an_event_of_ours_is_disabled_on_every_server(restored: RestoredMysql) -> None:
    restored.run(EVENT)
    [fuse] = survey(restored).fuses
    assert defuse(restored, fuse) == Outcome()
    assert survey(restored).fuses == ()


def test_the_settings_of_one_event_do_not_reach_the_next(restored: RestoredMysql) -> None:
    restored.run(
        "CREATE EVENT shop.`漢字\\\\'s` ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', SESSION time_zone = '+05:00'",
        "SET SESSION character_set_client = latin1",
        "CREATE EVENT shop.first ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    )
    before = events(restored)
    fuses = survey(restored).fuses
    assert fuses[0].name == "first"

    assert defuse(restored, *fuses) == Outcome()
    assert [event[:1] + event[2:] for event in events(restored)] == [
        event[:1] + event[2:] for event in before
    ]
    assert {event[1] for event in events(restored)} == {"DISABLED"}


def test_an_event_whose_name_its_own_character_set_cannot_say_is_left_and_said(
    restored: RestoredMysql,
) -> None:
    """Its body is kept in that set: altered in another one, it would be another body."""
    with restored.session() as cursor:
        cursor.execute("SET SESSION character_set_client = latin1")
        cursor.connection.encoding = "latin1"
        cursor.execute("CREATE EVENT shop.`Ärger` ON SCHEDULE EVERY 1 DAY DO SELECT 'Ä'")
    [fuse] = survey(restored).fuses
    outcome = defuse(restored, fuse)
    assert [refusal.fuse for refusal in outcome.refusals] == [fuse]
    assert "latin1" in outcome.refusals[0].reason
    assert [event[:2] for event in events(restored)] == [("Ärger", "ENABLED")]


def test_what_the_server_refuses_is_said_and_the_rest_is_done(restored: RestoredMysql) -> None:
    restored.run(EVENT, "CREATE EVENT shop.other ON SCHEDULE EVERY 1 DAY DO SELECT 1")
    first, second = survey(restored).fuses
    restored.run("DROP EVENT shop.`clean``up`")
    outcome = defuse(restored, first, second)
    assert [refusal.fuse for refusal in outcome.refusals] == [first]
    assert "Unknown event" in outcome.refusals[0].reason
    assert survey(restored).fuses == ()


def test_a_call_without_time_does_one_and_leaves_the_rest(restored: RestoredMysql) -> None:
    restored.run(EVENT, "CREATE EVENT shop.other ON SCHEDULE EVERY 1 DAY DO SELECT 1")
    first, second = survey(restored).fuses
    outcome = restored.databases.defuse(restored.endpoint, MASTER, [first, second], lambda: False)
    assert outcome == Outcome(left=(second,))


def test_a_survey_is_unfinished_while_something_is_to_be_taken_out(restored: RestoredMysql) -> None:
    restored.run(EVENT)
    wanted = restored.databases.survey_copy(restored.endpoint, MASTER, is_wanted=lambda _: True)
    unwanted = restored.databases.survey_copy(restored.endpoint, MASTER, is_wanted=lambda _: False)
    assert wanted.unfinished is not None
    assert unwanted.unfinished is None


def test_routines_that_act_as_their_definer_are_listed(restored: RestoredMysql) -> None:
    restored.run(
        "CREATE PROCEDURE shop.as_definer() SELECT 1",
        "CREATE PROCEDURE shop.as_invoker() SQL SECURITY INVOKER SELECT 1",
    )
    [routine] = found(survey(restored), Kind.DEFINER_ROUTINE)
    assert (routine.database, routine.name, routine.detail) == (
        "shop",
        "as_definer",
        "procedure, definer master@%",
    )
    restored.run(routine.ends_with.rstrip(";"))
    assert found(survey(restored), Kind.DEFINER_ROUTINE) == []


def test_what_has_lost_its_definer_is_listed_whatever_it_is(restored: RestoredMysql) -> None:
    restored.run(
        "CREATE DEFINER = gone VIEW shop.seen AS SELECT 1",
        "CREATE DEFINER = gone PROCEDURE shop.p() SELECT 1",
        "CREATE DEFINER = gone TRIGGER shop.t BEFORE INSERT ON shop.notes FOR EACH ROW SET NEW.note = 'x'",
        "CREATE DEFINER = gone EVENT shop.e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
        "CREATE VIEW shop.whole AS SELECT 1",
        login=restored.superuser,
    )
    seen = found(survey(restored), Kind.MISSING_DEFINER)
    assert [(each.name, each.detail) for each in seen] == [
        ("e", "event, definer gone@%"),
        ("p", "procedure, definer gone@%"),
        ("t", "trigger, definer gone@%"),
        ("seen", "view, definer gone@%"),
    ]
    assert "CREATE USER `gone`@`%` ACCOUNT LOCK" in seen[0].ends_with


def test_replication_is_listed_and_ended_with_the_way_back_but_without_its_password(
    restored: RestoredMysql,
) -> None:
    """As on Aurora: the procedures are Amazon's there, and of the test here."""
    prepare_replication(restored)
    try:
        seen = survey(restored)
        [channel] = found(seen, Kind.REPLICATION_CHANNEL)
        [fuse] = seen.fuses
        assert fuse.acts
        assert fuse.before["source"] == "production.example:3307"
        assert (fuse.before["log_file"], fuse.before["position"]) == ("binlog.000007", 4711)
        assert "Replication-secret" not in str(seen)
        assert "production.example" in channel.detail
        assert any("<password of the source>" in statement for statement in fuse.take_back)

        assert defuse(restored, fuse) == Outcome()
        assert survey(restored).fuses == ()
    finally:
        forget_replication(restored)


def prepare_replication(cluster: RestoredMysql) -> None:
    if cluster.is_mariadb:
        change = (
            "CHANGE MASTER TO MASTER_HOST = 'production.example', MASTER_PORT = 3307, MASTER_USER = 'replicator',"
            " MASTER_PASSWORD = 'Replication-secret', MASTER_LOG_FILE = 'binlog.000007', MASTER_LOG_POS = 4711"
        )
        reset, name = "RESET SLAVE ALL", "rds_reset_external_master"
        cluster.run("GRANT REPLICATION SLAVE ADMIN ON *.* TO master", login=cluster.superuser)
    else:
        change = (
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'production.example', SOURCE_PORT = 3307, SOURCE_USER ="
            " 'replicator', SOURCE_PASSWORD = 'Replication-secret', SOURCE_LOG_FILE = 'binlog.000007',"
            " SOURCE_LOG_POS = 4711"
        )
        reset, name = "RESET REPLICA ALL", "rds_reset_external_source"
        cluster.run("SET GLOBAL server_id = 7", login=cluster.superuser)
        cluster.run(
            f"CREATE PROCEDURE mysql.{name}() {reset}",
            "CREATE PROCEDURE mysql.rds_stop_replication() STOP REPLICA",
            login=cluster.superuser,
        )
    cluster.run(change, login=cluster.superuser)


def forget_replication(cluster: RestoredMysql) -> None:
    if not cluster.is_mariadb:
        cluster.run(
            "RESET REPLICA ALL",
            "DROP PROCEDURE IF EXISTS mysql.rds_stop_replication",
            "DROP PROCEDURE IF EXISTS mysql.rds_reset_external_source",
            login=cluster.superuser,
        )


def test_a_question_that_the_server_refuses_is_a_part_that_was_not_seen(restored: RestoredMysql) -> None:
    right, holders = "SLAVE MONITOR", ["master"]
    if not restored.is_mariadb:
        right, holders = "REPLICATION CLIENT", ["master", "rds_superuser_role"]
    restored.run(*(f"REVOKE {right} ON *.* FROM {who}" for who in holders), login=restored.superuser)
    try:
        [left] = survey(restored).came_along.not_looked_into
        assert (left.database, left.what) == ("", "replication channel")
    finally:
        grants = (f"GRANT {right} ON *.* TO {who} WITH GRANT OPTION" for who in holders)
        restored.run(*grants, login=restored.superuser)


@pytest.mark.parametrize("name", ["o'brien", "back\\slash", "tick`tick", "%s", "漢字"])
def test_hostile_names_of_events_and_databases_are_disabled_as_themselves(
    restored: RestoredMysql, name: str
) -> None:
    quoted = "`" + name.replace("`", "``") + "`"
    restored.run(
        f"CREATE DATABASE {quoted}", f"CREATE EVENT {quoted}.{quoted} ON SCHEDULE EVERY 1 DAY DO SELECT 1"
    )
    [fuse] = survey(restored).fuses
    assert defuse(restored, fuse) == Outcome()
    assert [event[1] for event in events(restored)] == ["DISABLED"]
