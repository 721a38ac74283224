"""Taking out what would act, in a real cluster, and taking that back with nothing but what was written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pg8000.native import Connection
from tests.contract.database.copies import (
    CRON,
    NIGHTLY,
    SUBSCRIBE,
    as_superuser,
    defuse,
    fuses,
    of_kind,
    survey,
    take_back,
)
from tests.contract.database.servers import MASTER, NOWHERE, PRODUCTION, RestoredCluster
from tests.support.waiting import wait_until

from aurora_restore.database import tls
from aurora_restore.database.postgresql.tls_request import ask_for_tls
from aurora_restore.domain.came_along import Kind
from aurora_restore.domain.defusing import Fuse, Outcome, chosen_fuses
from aurora_restore.domain.errors import DatabaseUnreachable
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.outward import OutwardConnections

pytestmark = pytest.mark.file_one_day_in(7, 1)

SLOT = "SELECT pg_create_logical_replication_slot('production_slot', 'pgoutput', false, true)"
ENABLE = "ALTER SUBSCRIPTION {} ENABLE"


def subscriptions(cluster: RestoredCluster) -> list[list[object]]:
    query = "SELECT subname, subenabled, subslotname FROM pg_subscription ORDER BY 1"
    return as_superuser(cluster, query)


def slots(cluster: RestoredCluster) -> list[list[object]]:
    return as_superuser(cluster, "SELECT slot_name, plugin, two_phase FROM pg_replication_slots")


def jobs(cluster: RestoredCluster) -> list[list[object]]:
    return as_superuser(cluster, "SELECT jobid, active FROM cron.job ORDER BY 1")


def memberships(cluster: RestoredCluster) -> list[list[object]]:
    return as_superuser(
        cluster,
        "SELECT roleid, member, grantor, inherit_option, set_option FROM pg_auth_members ORDER BY 1, 2, 3",
    )


@pytest.mark.parametrize("owner", ["master", "shop_app"])
def test_a_subscription_is_disabled_with_its_slot_let_go_and_back_as_it_was(
    copy: RestoredCluster, owner: str
) -> None:
    as_superuser(copy, SUBSCRIBE.format("taken"), "GRANT pg_create_subscription TO shop_app")
    as_superuser(copy, f"ALTER SUBSCRIPTION taken OWNER TO {owner}", ENABLE.format("taken"))
    before = memberships(copy)
    [fuse] = fuses(copy, Kind.SUBSCRIPTION)
    assert (fuse.acts, fuse.before) == (
        True, {"enabled": True, "slot_name": "production_slot", "owner": owner},
    )  # fmt: skip

    assert defuse(copy, Kind.SUBSCRIPTION) == []

    assert subscriptions(copy) == [["taken", False, None]]
    assert fuses(copy, Kind.SUBSCRIPTION) == []
    assert memberships(copy) == before
    take_back(copy, fuse, copy.superuser)
    assert subscriptions(copy) == [["taken", True, "production_slot"]]


def test_a_disabled_subscription_lets_its_slot_go_too_and_is_not_enabled_by_the_way_back(
    copy: RestoredCluster,
) -> None:
    as_superuser(copy, SUBSCRIBE.format("taken"), "ALTER SUBSCRIPTION taken OWNER TO master")
    [fuse] = fuses(copy, Kind.SUBSCRIPTION)

    assert (fuse.acts, defuse(copy, Kind.SUBSCRIPTION)) == (False, [])

    assert subscriptions(copy) == [["taken", False, None]]
    take_back(copy, fuse, copy.superuser)
    assert subscriptions(copy) == [["taken", False, "production_slot"]]


def test_a_subscription_that_only_a_superuser_may_alter_is_refused_in_the_servers_words_and_stays_whole(
    copy: RestoredCluster,
) -> None:
    as_superuser(copy, SUBSCRIBE.format("taken"), ENABLE.format("taken"), SUBSCRIBE.format("other"))
    as_superuser(copy, "ALTER SUBSCRIPTION other OWNER TO master")

    [refusal] = defuse(copy, Kind.SUBSCRIPTION)

    assert (refusal.fuse.name, refusal.fuse.acts, "42501" in refusal.reason) == ("taken", True, True)
    assert subscriptions(copy) == [["other", False, None], ["taken", True, "production_slot"]]


def test_names_that_are_hostile_or_no_utf8_are_taken_out_and_back(copy: RestoredCluster) -> None:
    as_superuser(
        copy, "CREATE DATABASE old ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    )
    evil = '"e""vil\n\\; DROP TABLE x; -- \x1b[31m $1 :name"'
    as_superuser(
        copy, SUBSCRIBE.format(evil), f"ALTER SUBSCRIPTION {evil} OWNER TO master", ENABLE.format(evil)
    )
    odd = "DO $$ BEGIN EXECUTE replace('{}', '?', convert_from('\\xfc', 'SQL_ASCII')); END $$"
    create = SUBSCRIBE.format('"gr?n"').replace("'", "''")
    for statement in (create, 'ALTER SUBSCRIPTION "gr?n" OWNER TO master', ENABLE.format('"gr?n"')):
        as_superuser(copy, odd.format(statement), database="old")
    found = fuses(copy, Kind.SUBSCRIPTION)
    assert {fuse.name for fuse in found} == {'e"vil\\n\\; DROP TABLE x; -- \\x1b[31m $1 :name', "gr\\xfcn"}

    assert defuse(copy, Kind.SUBSCRIPTION) == []

    states = "SELECT count(*) FROM pg_subscription WHERE {} AND subslotname IS {} NULL"
    assert as_superuser(copy, states.format("NOT subenabled", "")) == [[2]]
    for fuse in found:
        take_back(copy, fuse, copy.superuser)
    assert as_superuser(copy, states.format("subenabled", "NOT")) == [[2]]


def test_a_subscription_in_a_database_that_lets_the_master_not_in_is_refused_and_the_others_are_taken_out(
    copy: RestoredCluster,
) -> None:
    as_superuser(copy, "CREATE DATABASE limited")
    as_superuser(copy, SUBSCRIBE.format("hidden"), ENABLE.format("hidden"), database="limited")
    as_superuser(copy, "ALTER DATABASE limited CONNECTION LIMIT 0")
    as_superuser(copy, SUBSCRIBE.format("seen"), "ALTER SUBSCRIPTION seen OWNER TO master")

    [refusal] = defuse(copy, Kind.SUBSCRIPTION)

    assert (refusal.fuse.name, "too many connections" in refusal.reason) == ("hidden", True)
    assert subscriptions(copy) == [["hidden", True, "production_slot"], ["seen", False, None]]


def test_a_logical_slot_is_dropped_and_made_again_with_its_options(copy: RestoredCluster) -> None:
    as_superuser(copy, SLOT)
    [fuse] = fuses(copy, Kind.LOGICAL_SLOT)

    assert defuse(copy, Kind.LOGICAL_SLOT) == []

    assert slots(copy) == []
    take_back(copy, fuse, copy.superuser)
    assert slots(copy) == [["production_slot", "pgoutput", True]]


def test_a_slot_that_a_consumer_reads_is_taken_from_it(copy: RestoredCluster) -> None:
    as_superuser(copy, SLOT, "CREATE PUBLICATION everything FOR ALL TABLES")
    as_superuser(copy, "CREATE ROLE consumer LOGIN REPLICATION PASSWORD 'Consumer-4711'")
    with consuming(copy, Credentials("consumer", "Consumer-4711")):
        wait_until(lambda: as_superuser(copy, "SELECT active FROM pg_replication_slots") == [[True]])

        assert defuse(copy, Kind.LOGICAL_SLOT) == []

        assert slots(copy) == []


@contextmanager
def consuming(copy: RestoredCluster, consumer: Credentials) -> Iterator[None]:
    """A session that reads the slot as a subscriber does; the driver does not know what the server streams."""
    sock = tls.connect(copy.endpoint, tls.verifying_context(copy.engine.ca_bundle_path), 30, ask_for_tls)
    connection = Connection(
        consumer.username,
        password=consumer.password,
        database="shop",
        sock=sock,
        ssl_context=False,
        replication="database",
    )
    start = "START_REPLICATION SLOT production_slot LOGICAL 0/0 (proto_version '1', publication_names 'everything')"
    with pytest.raises(KeyError):
        connection.run(start)
    yield
    sock.close()


def test_a_physical_slot_is_left_alone(copy: RestoredCluster) -> None:
    as_superuser(copy, "SELECT pg_create_physical_replication_slot('standby')")

    assert survey(copy).fuses == ()
    assert [each.name for each in of_kind(copy, Kind.PHYSICAL_SLOT)] == ["standby"]


def test_active_jobs_are_made_inactive_and_only_those_are_active_again(copy: RestoredCluster) -> None:
    as_superuser(copy, *CRON, NIGHTLY, NIGHTLY, NIGHTLY, "UPDATE cron.job SET active = false WHERE jobid = 2")
    [fuse] = fuses(copy, Kind.CRON_JOB)
    assert fuse.before == {"active_jobs": [1, 3], "owner": ""}

    assert defuse(copy, Kind.CRON_JOB) == []

    assert jobs(copy) == [[1, False], [2, False], [3, False]]
    assert [each.detail.split(",")[0] for each in of_kind(copy, Kind.CRON_JOB)] == ["inactive"] * 3
    take_back(copy, fuse)
    assert jobs(copy) == [[1, True], [2, False], [3, True]]


def test_jobs_act_where_pg_cron_takes_them_from_this_database(copy: RestoredCluster) -> None:
    as_superuser(copy, *CRON, NIGHTLY)
    assert [fuse.acts for fuse in fuses(copy, Kind.CRON_JOB)] == [False]

    as_superuser(copy, "ALTER ROLE master SET cron.database_name = 'shop'")

    assert [fuse.acts for fuse in fuses(copy, Kind.CRON_JOB)] == [True]


def test_jobs_of_a_table_that_is_not_pg_crons_stay_as_they_are(copy: RestoredCluster) -> None:
    copy.run(*CRON, NIGHTLY, login=PRODUCTION)

    assert (fuses(copy, Kind.CRON_JOB), defuse(copy, Kind.CRON_JOB)) == ([], [])
    assert jobs(copy) == [[1, True]]


HIDING = (
    "CREATE POLICY own_jobs ON cron.job USING (username = current_user)",
    "ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY",
    "GRANT USAGE ON SCHEMA cron TO shop_app",
    "GRANT USAGE ON SCHEMA cron TO master WITH GRANT OPTION",
    "GRANT SELECT, UPDATE ON cron.job TO PUBLIC",
    "CREATE FUNCTION cron.alter_job(job_id bigint, active boolean) RETURNS void LANGUAGE sql"
    " AS 'UPDATE cron.job SET active = alter_job.active WHERE jobid = job_id'",
)
"""pg_cron shows and gives each user its own jobs alone."""


def test_jobs_that_row_security_hides_are_found_and_changed_as_their_users(copy: RestoredCluster) -> None:
    as_superuser(copy, *CRON, NIGHTLY, *HIDING, "CREATE ROLE idle")
    before = memberships(copy)
    [fuse] = fuses(copy, Kind.CRON_JOB)
    assert fuse.before == {"active_jobs": [1], "owner": "shop_app"}

    assert defuse(copy, Kind.CRON_JOB) == []

    assert (jobs(copy), fuses(copy, Kind.CRON_JOB)) == ([[1, False]], [])
    assert memberships(copy) == before
    take_back(copy, fuse, PRODUCTION)
    assert jobs(copy) == [[1, True]]


def test_jobs_are_found_although_the_master_is_set_to_stumble_over_row_security(
    copy: RestoredCluster,
) -> None:
    as_superuser(
        copy,
        *CRON,
        NIGHTLY,
        *HIDING,
        "CREATE ROLE idle",
        "ALTER TABLE cron.job FORCE ROW LEVEL SECURITY",
        "ALTER ROLE ALL SET row_security = off",
    )
    [fuse] = fuses(copy, Kind.CRON_JOB)
    assert (fuse.before["owner"], defuse(copy, Kind.CRON_JOB), jobs(copy)) == ("shop_app", [], [[1, False]])


def test_jobs_of_a_user_that_the_master_may_not_act_for_are_said_to_be_unseen(copy: RestoredCluster) -> None:
    as_superuser(copy, *CRON, NIGHTLY, *HIDING, "CREATE ROLE out_of_reach SUPERUSER")

    [left] = survey(copy).came_along.not_looked_into

    assert (left.database, left.what) == ("shop", "jobs of other users")
    assert "out_of_reach" in left.reason


LEDGER = (
    "CREATE EXTENSION postgres_fdw",
    "CREATE SERVER ledger FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'ledger.example.com')",
    "ALTER SERVER ledger OWNER TO shop_app",
    "CREATE USER MAPPING FOR PUBLIC SERVER ledger OPTIONS (user 'reader', password 'Ledger-secret-4711')",
    "CREATE USER MAPPING FOR master SERVER ledger",
)


def mappings(cluster: RestoredCluster) -> list[list[object]]:
    query = "SELECT usename, umoptions FROM pg_user_mappings ORDER BY 1"
    return as_superuser(cluster, query)


def test_a_stored_login_is_cut_and_made_again_without_its_password(copy: RestoredCluster) -> None:
    as_superuser(copy, *LEDGER)
    before = memberships(copy)
    found = fuses(copy, Kind.USER_MAPPING)

    assert defuse(copy, Kind.USER_MAPPING) == []

    assert mappings(copy) == []
    assert memberships(copy) == before
    for fuse in found:
        take_back(copy, fuse, PRODUCTION)
    assert mappings(copy) == [["master", None], ["public", ["user=reader", "password=..."]]]


def test_a_stored_login_whose_options_cannot_be_seen_is_not_cut(copy: RestoredCluster) -> None:
    as_superuser(copy, *LEDGER, "ALTER SERVER ledger OWNER TO rdsadmin")

    refusals = defuse(copy, Kind.USER_MAPPING)

    assert {refusal.fuse.name for refusal in refusals} == {"PUBLIC at ledger", "master at ledger"}
    assert len(mappings(copy)) == len(refusals)


@pytest.mark.parametrize(
    ("quiet_start", "outward", "kinds"),
    [
        (True, OutwardConnections.REPORT, {Kind.SUBSCRIPTION, Kind.LOGICAL_SLOT, Kind.CRON_JOB}),
        (False, OutwardConnections.REPORT, set()),
        (False, OutwardConnections.KEEP, set()),
        (False, OutwardConnections.CUT, {Kind.USER_MAPPING}),
    ],
)
def test_what_was_not_asked_for_is_left_as_it_came_along(
    copy: RestoredCluster, quiet_start: bool, outward: OutwardConnections, kinds: set[Kind]
) -> None:
    as_superuser(copy, *LEDGER, *CRON, NIGHTLY, SLOT, SUBSCRIBE.format("taken"))
    as_superuser(copy, "ALTER SUBSCRIPTION taken OWNER TO master", ENABLE.format("taken"))
    everything = survey(copy).fuses
    chosen = chosen_fuses(everything, quiet_start=quiet_start, outward_connections=outward)

    assert copy.databases.defuse(copy.endpoint, MASTER, chosen) == Outcome()

    assert {fuse.kind for fuse in survey(copy).fuses} == {fuse.kind for fuse in everything} - kinds


def test_taking_out_what_was_taken_out_already_changes_nothing(copy: RestoredCluster) -> None:
    as_superuser(copy, *LEDGER, *CRON, NIGHTLY, SLOT, SUBSCRIBE.format("taken"))
    as_superuser(copy, "ALTER SUBSCRIPTION taken OWNER TO master", ENABLE.format("taken"))
    everything = survey(copy).fuses

    def state() -> list[list[list[object]]]:
        return [subscriptions(copy), slots(copy), jobs(copy), mappings(copy)]

    assert copy.databases.defuse(copy.endpoint, MASTER, everything) == Outcome()
    once = state()

    assert copy.databases.defuse(copy.endpoint, MASTER, everything) == Outcome()
    assert state() == once


def test_where_no_server_answers_nothing_is_reported_as_done(copy: RestoredCluster) -> None:
    fuse = Fuse(Kind.LOGICAL_SLOT, "shop", "production_slot", {}, ("SELECT",), ())

    with pytest.raises(DatabaseUnreachable):
        copy.databases.defuse(NOWHERE, MASTER, [fuse])
