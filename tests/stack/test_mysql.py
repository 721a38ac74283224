"""Aurora MySQL on the deployed local stack: a swap and its undo, failures and stops, and what a restore brings along.

All runs of a day are under way beside each other, each on a target of its own.
"""
# ruff: noqa: S608 - statements are made of names that the server gave

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pymysql.connections import Connection
from tests.docs import original_guide
from tests.stack import test_guide
from tests.stack.conftest import KEPT_WORKERS, QUICK, Clients, clients_of, selected
from tests.stack.endings import REASON, assert_as_before, assert_cancelled, assert_succeeded
from tests.stack.mysql_targets import ADMIN_SECRET, SHOP, MysqlPlace, mysql_request
from tests.stack.polling import poll_until
from tests.stack.serving_targets import INSTANCE_CLASS, NEW_DATA, SOURCE_REGION, old_data_of
from tests.stack.test_failures_at_every_phase import FAILURES, Failure
from tests.stack.test_stopped_runs import HOLDS, WAIT_SECONDS
from tests.support import mysql
from tests.support.inbox import Inbox
from tests.support.paths import paths_below

from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.demo.setup import add_missing, set_up
from aurora_restore.domain.engines import MYSQL
from aurora_restore.domain.observed import Credentials
from local_aurora.engines.mysql.admin import rows
from local_aurora.engines.mysql.install import Kind
from local_aurora.engines.storage import directory_name
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 4)

SWAPPED = "aurora-restored-mysql-swapped"
LOGGED, FAMILY = "mysql-logged", "aurora-mysql8.0"
READER, READER_SECRET = "reporting_reader", "aurora-restore/users/reporting"
HOSTILE = "o'br`ien %"
HOSTILE_SECRET, HOSTILE_PASSWORD = "aurora-restore/users/hostile", "pass'\"\\word%s `ü"
HOSTILE_CONTENT = (
    "CREATE DATABASE IF NOT EXISTS `my_db`",
    "CREATE DATABASE IF NOT EXISTS `my``xdb %`",
    "CREATE TABLE IF NOT EXISTS `my``xdb %`.`ta``ble` (`co``l` varchar(40), n int)",
    "INSERT INTO `my``xdb %`.`ta``ble` VALUES ('ünï', 1), (NULL, NULL)",
    "CREATE USER IF NOT EXISTS `o'brien`@`10.%` IDENTIFIED BY 'Production''s-own-1'",
    "GRANT SELECT ON `my\\_db`.* TO `o'brien`@`10.%`",
)


GUIDES_GROUP = "\n".join(
    map(original_guide.script, ("11_create_a_parameter_group", "12_modify_the_parameter_group"))
)

guides_shell = test_guide.shell


@dataclass(frozen=True)
class Run:
    operation_id: str
    target: str


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackInfo]:
    """A stack of their own: the other tests count the production clusters that they find."""
    if isinstance(found := mysql.found(Kind.MYSQL), str):
        pytest.skip(found)
    home = tmp_path_factory.mktemp("stack with MySQL")
    options = lifecycle.UpOptions(home=home, fresh=True, durations=QUICK, **KEPT_WORKERS)
    running = lifecycle.up(options, find_set_up=lambda: set_up)
    add_missing(running, lambda _: None, (MYSQL,))
    yield running
    lifecycle.down(home)


@pytest.fixture(scope="module")
def boto(stack: StackInfo) -> Clients:
    return clients_of(stack)


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> MysqlPlace:
    stack.control.change_durations(snapshot=1)
    return MysqlPlace(stack, boto)


@pytest.fixture(scope="module")
def inbox(boto: Clients) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


@pytest.fixture(scope="module")
def runs(place: MysqlPlace, inbox: Inbox, request: pytest.FixtureRequest) -> dict[str, Run]:
    """Today's failures and stops, by their names, the swap, and the one that is undone."""
    assert inbox.messages() == []
    begun = {"swap": begin_swap(place), "undone": begin_undone(place)}
    for failure in selected(request, "failure"):
        begun[failure.name] = begin_failure(place, failure)
    for what in selected(request, "what"):
        begun[what] = begin_held(place, what)
    return begun


def begin_swap(place: MysqlPlace) -> Run:
    place.make_target(SWAPPED)
    place.seed(
        "parameter-group", region=place.stack.region, name=LOGGED, family=FAMILY, cluster=True,
        values={"general_log": "1"},
    )  # fmt: skip
    login = {"username": HOSTILE, "password": HOSTILE_PASSWORD}
    place.boto("secretsmanager").create_secret(Name=HOSTILE_SECRET, SecretString=json.dumps(login))
    with place.production() as session:
        for statement in HOSTILE_CONTENT:
            rows(session, statement)
    users = [
        {"username": READER, "secret_id": READER_SECRET, "host": "127.0.0.1"},
        {"username": HOSTILE, "secret_id": HOSTILE_SECRET, "access": "admin", "databases": ["my_db"]},
    ]
    asked = mysql_request(
        SWAPPED,
        db_users=users,
        keep_replaced_hours=2,
        db_cluster_parameter_group_name=LOGGED,
        **place.own_snapshot("of-the-swap-of-mysql"),
    )
    return Run(place.start(asked), SWAPPED)


def begin_undone(place: MysqlPlace) -> Run:
    """A swap of its own for the undo, which takes the data of the snapshot away again."""
    target = place.make_target("aurora-restored-mysql-undone")
    own = place.own_snapshot("of-the-undone-swap-of-mysql")
    return Run(place.start(mysql_request(target, keep_replaced_hours=2, **own)), target)


def begin_failure(place: MysqlPlace, failure: Failure) -> Run:
    target = f"aurora-restored-mysql-{failure.name}"
    place.make_target(target)
    operation_id = f"restore-mysql-{failure.name}"
    failure.before(place, target, operation_id)
    own = {} if failure.keeps_copy else place.own_snapshot(f"of-{operation_id}")
    run = Run(place.start(mysql_request(target, **failure.changes, **own), operation_id), target)
    failure.meanwhile(place, target, operation_id)
    return run


def begin_held(place: MysqlPlace, what: str) -> Run:
    """A swap that waits for something until it is released."""
    name = what.lower()
    target, operation_id = f"aurora-restored-mysql-{name}", f"restore-mysql-{name}"
    place.make_target(target)
    action, identifier = HOLDS[what]
    # The other modifications of a cluster, such as that of its password, are not to wait.
    renames = {"parameter": "NewDBClusterIdentifier"} if what.endswith("Rename") else {}
    # A run asks again for what does not come: that request waits as well, however late the run is stopped.
    place.fault(
        operation_id,
        effect="hold",
        action=action,
        identifier=identifier(target, operation_id),
        times=0,
        **renames,
    )
    own = place.own_snapshot(f"of-{operation_id}") if what == "CopySnapshot" else {}
    return Run(place.start(mysql_request(target, **own), operation_id), target)


@pytest.fixture(scope="module")
def swap(place: MysqlPlace, runs: Mapping[str, Run]) -> dict[str, Any]:
    record = place.closed(runs["swap"].operation_id)
    assert record["status"] == "SUCCEEDED", record.get("error")
    return record


def test_a_swap_puts_the_data_of_the_snapshot_under_the_targets_name(
    place: MysqlPlace, swap: dict[str, Any]
) -> None:
    assert swap["restore_details"]["engine"] == MYSQL
    assert all(check["matches"] for check in swap["restore_details"]["verification"])
    assert place.data_of(SWAPPED) == NEW_DATA
    assert place.cluster(SWAPPED)["DBClusterParameterGroup"] == LOGGED
    assert place.cluster(swap["retirement"]["db_cluster_identifier"])["Status"] == "stopped"


def test_the_restored_cluster_is_the_source_of_that_moment_users_of_ours_aside(
    place: MysqlPlace, swap: dict[str, Any]
) -> None:
    ours = {user["username"] for user in swap["restore_details"]["users"]} | {SHOP.master_username}
    with place.production() as session:
        source = contents_of(session, ours)
    with place.mysql(SWAPPED) as session:
        assert contents_of(session, ours) == source
    assert {"table shop.orders", "view shop.daily_sales", "function shop.open_orders"} <= source.keys()
    assert {"trigger shop.prices_are_positive", "event shop.cancel_what_is_not_paid"} <= source.keys()
    assert {"table my`xdb %.ta`ble", "user o'brien@10.%"} <= source.keys()


def test_what_acts_by_itself_is_put_to_rest_and_the_record_says_how_it_is_woken(
    place: MysqlPlace, swap: dict[str, Any]
) -> None:
    [event] = swap["defused"]["written"].values()
    with place.mysql(SWAPPED) as session:
        state = "SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'shop'"
        assert rows(session, state) == [("DISABLED",)]
        for statement in event["take_back"]:
            rows(session, statement.rstrip(";"))
        assert rows(session, state) == [("ENABLED",)]


def test_a_user_of_a_hostile_name_has_its_password_and_its_level_and_no_log_holds_a_password(
    place: MysqlPlace, swap: dict[str, Any]
) -> None:
    login = Credentials(HOSTILE, HOSTILE_PASSWORD)
    with place.mysql(SWAPPED, login) as session:
        databases = {name for (name,) in rows(session, "SHOW DATABASES")}
        assert databases - {"information_schema", "performance_schema"} == {"my_db"}
    directory = directory_name(place.cluster(SWAPPED)["DbClusterResourceId"])
    logs = [
        path.read_text(errors="replace")
        for path in paths_below(place.stack.home)
        if path.suffix == ".log"
        and directory in path.parts
        and "CREATE USER" in path.read_text(errors="replace")
    ]
    # The server leaves a password out of what it logs of a clear-text clause: the words before it tell.
    lines = [line for log in logs for line in log.splitlines() if "IDENTIFIED" in line]
    for name in (READER, "ien %"):
        of_user = [line for line in lines if name in line]
        assert of_user, f"{name} is not in the general log"
        assert [line for line in of_user if not re.search(r"IDENTIFIED WITH \S+ AS ", line)] == []
    secrets = [
        place.boto("secretsmanager").get_secret_value(SecretId=name) for name in (READER_SECRET, ADMIN_SECRET)
    ]
    passwords = [HOSTILE_PASSWORD, *(json.loads(secret["SecretString"])["password"] for secret in secrets)]
    assert [password for password in passwords for log in logs if password in log] == []


def test_the_old_cluster_comes_back_with_its_data(place: MysqlPlace, runs: Mapping[str, Run]) -> None:
    run = runs["undone"]
    swap = place.closed(run.operation_id)
    assert swap["status"] == "SUCCEEDED", swap.get("error")
    record = place.closed(place.start({"undo_operation_id": run.operation_id}))
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert place.data_of(run.target) == old_data_of(run.target)
    assert place.things(run.target, run.operation_id).clusters == {run.target}


@pytest.mark.one_day_in(10)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_swap_that_fails_leaves_the_old_data_under_its_name_and_nothing_else(
    place: MysqlPlace, runs: Mapping[str, Run], failure: Failure
) -> None:
    run = runs[failure.name]
    record = place.closed(run.operation_id)
    assert (record["status"], record["error"]["code"]) == ("FAILED", failure.code)
    assert record["error"]["step"] == failure.phase
    assert_as_before(place, run.target, run.operation_id)


@pytest.mark.one_day_in(6)
@pytest.mark.parametrize("what", HOLDS)
def test_a_swap_that_is_stopped_ends_as_its_moment_wants(
    place: MysqlPlace, inbox: Inbox, runs: Mapping[str, Run], what: str
) -> None:
    run = runs[what]
    poll_until(lambda: place.waits_at(run.operation_id), f"{run.operation_id} waits", WAIT_SECONDS)
    place.stop(run.operation_id, REASON)
    place.becomes(run.operation_id, lambda record: "ending" in record.get("cleanup", {}))
    place.release(run.operation_id)
    ends: Callable[..., Any] = assert_succeeded if what == "FinalSnapshot" else assert_cancelled
    ends(place, inbox, run.target, run.operation_id)


@pytest.mark.one_day_in(3)
def test_the_guides_parameter_group_is_made_by_its_commands_and_a_restore_of_version_2_uses_it(
    place: MysqlPlace, guides_shell: test_guide.Shell
) -> None:
    guides_shell(GUIDES_GROUP)
    place.seed(
        "cluster", region=SOURCE_REGION, DBClusterIdentifier="legacy-mysql", Engine=MYSQL,
        EngineVersion="5.7.mysql_aurora.2.12.5", MasterUsername=SHOP.master_username,
        MasterUserPassword="password-of-legacy", instances={"legacy-mysql-1": INSTANCE_CLASS}, DatabaseName="shop",
    )  # fmt: skip
    place.seed(
        "snapshot",
        region=SOURCE_REGION,
        DBClusterIdentifier="legacy-mysql",
        created_at="2026-01-05T03:00:00Z",
    )
    target = "aurora-restored-mysql-legacy"
    asked = mysql_request(
        target,
        source_snapshot_date="2026-01-05",
        source_cluster_id="legacy-mysql",
        delete_cluster_if_exists=False,
        db_cluster_parameter_group_name="aurora-restore-params",
        db_instance_class=INSTANCE_CLASS,
        vpc_security_group_ids=[SECURITY_GROUP_ID],
        db_subnet_group_name=SUBNET_GROUP,
    )
    record = place.closed(place.start(asked))
    assert record["status"] == "SUCCEEDED", record.get("error")
    shown = place.cluster(target)
    assert (shown["EngineVersion"], shown["DBClusterParameterGroup"]) == (
        "5.7.mysql_aurora.2.12.5",
        "aurora-restore-params",
    )
    assert place.data_of(target) == NEW_DATA


def contents_of(session: Connection, without: set[str]) -> dict[str, Any]:
    """All that a server holds besides the engine's own: definitions, checksums of tables, accounts with their rights.

    Of events all but whether they are enabled.
    """
    own = "('mysql', 'sys', 'information_schema', 'performance_schema')"
    found: dict[str, Any] = {}
    kinds = (
        ("table", "TABLE_SCHEMA, TABLE_NAME", "TABLES WHERE TABLE_TYPE = 'BASE TABLE'"),
        ("view", "TABLE_SCHEMA, TABLE_NAME", "VIEWS WHERE 1"),
        ("function", "ROUTINE_SCHEMA, ROUTINE_NAME", "ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION'"),
        ("procedure", "ROUTINE_SCHEMA, ROUTINE_NAME", "ROUTINES WHERE ROUTINE_TYPE = 'PROCEDURE'"),
        ("trigger", "TRIGGER_SCHEMA, TRIGGER_NAME", "TRIGGERS WHERE 1"),
        ("event", "EVENT_SCHEMA, EVENT_NAME", "EVENTS WHERE 1"),
    )
    for kind, columns, where in kinds:
        schema = columns.partition(",")[0]
        listed = rows(session, f"SELECT {columns} FROM information_schema.{where} AND {schema} NOT IN {own}")
        for database, name in listed:
            quoted = ".".join("`" + part.replace("`", "``") + "`" for part in (database, name))
            shown = str(rows(session, f"SHOW CREATE {kind.upper()} {quoted}"))
            checksum = rows(session, f"CHECKSUM TABLE {quoted}") if kind == "table" else None
            found[f"{kind} {database}.{name}"] = (re.sub(r"(EN|DIS)ABLE\b", "", shown), checksum)
    accounts = "SELECT User, Host, plugin, HEX(authentication_string), account_locked FROM mysql.user"
    for name, host, *account in rows(session, accounts):
        if name not in without:
            who = "@".join("`" + part.replace("`", "``") + "`" for part in (name, host))
            found[f"user {name}@{host}"] = (account, rows(session, f"SHOW GRANTS FOR {who}"))
    return found
