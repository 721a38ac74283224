"""What every `Databases` does, the one in memory and the one that talks to servers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.contract.database.servers import INSTANCE, MASTER, PRODUCTION, Restored, iam_login, login

from aurora_restore.domain.defusing import Outcome
from aurora_restore.domain.errors import DatabaseUnreachable, DbUserSetupFailed, MasterLoginRefused
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint, EndpointAnswerKind, LoginOutcome
from aurora_restore.domain.user_progress import SetupProgress
from aurora_restore.domain.users import Access, DbUserLogin, UsersReport


def set_up(restored: Restored, *users: DbUserLogin, lock: bool = False) -> UsersReport:
    return restored.databases.set_up_users(restored.endpoint, MASTER, users, lock)


def in_pieces(restored: Restored, *users: DbUserLogin, lock: bool = False) -> list[UsersReport]:
    """One call for each database, as where there is no time for more."""
    reports: list[UsersReport] = []
    while not reports or reports[-1].unfinished:
        begun = reports[-1].unfinished if reports else None
        kept = SetupProgress.from_item(json.loads(json.dumps(begun.to_item()))) if begun else None
        reports.append(
            restored.databases.set_up_users(restored.endpoint, MASTER, users, lock, kept, lambda: False)
        )
        assert len(reports) < 20
    return reports


def nowhere(restored: Restored) -> DatabaseEndpoint:
    """Where nothing listens."""
    return replace(restored.endpoint, port=1)


def outcome(restored: Restored, username: str, password: str) -> LoginOutcome:
    return restored.databases.log_in(restored.endpoint, Credentials(username, password)).outcome


def test_the_right_password_is_accepted(restored: Restored) -> None:
    assert restored.databases.log_in(restored.endpoint, MASTER).outcome is LoginOutcome.ACCEPTED


@pytest.mark.parametrize("username", ["master", "nobody", "master\0database\0shop"])
def test_a_wrong_password_or_name_is_refused_with_a_reason_that_holds_no_secret(
    restored: Restored, username: str
) -> None:
    attempt = restored.databases.log_in(restored.endpoint, Credentials(username, "Wrong-secret"))
    assert attempt.outcome is LoginOutcome.REFUSED
    assert "Wrong-secret" not in attempt.reason


def test_a_wrong_password_or_name_could_be_mended_by_a_password(restored: Restored) -> None:
    for username in ("master", "never_made"):
        attempt = restored.databases.log_in(restored.endpoint, Credentials(username, "Wrong-secret"))
        assert (attempt.sqlstate, attempt.is_refused_for_no_password) == ("28P01", False)


def test_who_logs_in_by_iam_or_not_at_all_is_refused_for_no_password(restored: Restored) -> None:
    set_up(restored, iam_login("ida"), lock=True)
    for refused in (Credentials("ida", "Any-secret"), PRODUCTION):
        attempt = restored.databases.log_in(restored.endpoint, refused)
        assert (attempt.sqlstate, attempt.is_refused_for_no_password) == ("28000", True)


def test_where_nothing_listens_the_server_is_unreachable(restored: Restored) -> None:
    attempt = restored.databases.log_in(nowhere(restored), MASTER)
    assert attempt.outcome is LoginOutcome.UNREACHABLE
    assert f"{restored.endpoint.host}:1" in attempt.reason
    with pytest.raises(DatabaseUnreachable):
        restored.databases.set_up_users(nowhere(restored), MASTER, [login("ann")], False)


def test_the_database_says_which_instance_it_is_under_a_name_that_was_verified(restored: Restored) -> None:
    answer = restored.databases.ask_who_answers(restored.endpoint, MASTER)
    assert (answer.kind, answer.instance_identifier) == (EndpointAnswerKind.LOGGED_IN, INSTANCE)
    assert restored.endpoint.host in answer.certificate_names


def test_who_may_not_log_in_learns_no_more_than_that_the_name_is_verified(restored: Restored) -> None:
    answer = restored.databases.ask_who_answers(restored.endpoint, Credentials("master", "Wrong-secret"))
    assert (answer.kind, answer.instance_identifier) == (EndpointAnswerKind.LOGIN_REFUSED, None)
    assert "Wrong-secret" not in answer.reason


def test_where_nothing_listens_there_is_no_answer(restored: Restored) -> None:
    answer = restored.databases.ask_who_answers(nowhere(restored), MASTER)
    assert answer.kind is EndpointAnswerKind.NO_ANSWER


def test_a_new_user_is_created_in_all_databases_and_logs_in(restored: Restored) -> None:
    [report] = set_up(restored, login("ann", Access.READ_WRITE, "Ann-secret")).users
    assert (report.username, report.access, report.action) == ("ann", Access.READ_WRITE, "created")
    assert report.databases == ("books", "postgres", "shop")
    assert "logs in to shop with its own password" in report.checks
    assert outcome(restored, "ann", "Ann-secret") is LoginOutcome.ACCEPTED


def test_a_second_call_changes_nothing(restored: Restored) -> None:
    users = [login("ann"), login("bob", Access.READ_WRITE), login("eve", Access.ADMIN), iam_login("ida")]
    first = set_up(restored, *users)
    second = set_up(restored, *users)
    assert [report.action for report in first.users] == ["created"] * 4
    assert [report.action for report in second.users] == ["unchanged"] * 4
    assert [report.checks for report in second.users] == [report.checks for report in first.users]


def test_a_new_password_replaces_the_old(restored: Restored) -> None:
    set_up(restored, login("ann", Access.READ_ONLY, "Old-secret"))
    [report] = set_up(restored, login("ann", Access.READ_ONLY, "New-secret")).users
    assert report.action == "changed"
    assert outcome(restored, "ann", "New-secret") is LoginOutcome.ACCEPTED
    assert outcome(restored, "ann", "Old-secret") is LoginOutcome.REFUSED


@pytest.mark.parametrize("after", list(Access))
@pytest.mark.parametrize("before", list(Access))
def test_any_level_can_follow_any_other(restored: Restored, before: Access, after: Access) -> None:
    set_up(restored, login("ann", before))
    [report] = set_up(restored, login("ann", after)).users
    assert report.access is after
    assert report.action == ("unchanged" if before is after else "changed")


def test_only_the_databases_named_are_opened(restored: Restored) -> None:
    [report] = set_up(restored, login("ann", Access.READ_ONLY, "Ann-secret", "shop")).users
    assert report.databases == ("shop",)


def test_a_database_that_is_missing_is_named_and_no_user_is_made(restored: Restored) -> None:
    with pytest.raises(
        DbUserSetupFailed, match=r"ann is to have access to attic, which .* has books, postgres, shop"
    ):
        set_up(restored, login("ann", Access.READ_ONLY, "Ann-secret", "shop", "attic"))
    assert outcome(restored, "ann", "Ann-secret") is LoginOutcome.REFUSED


HOSTILE_NAMES = [
    'x"; DROP ROLE y; --',
    "o'brien",
    "back\\slash",
    "Ärger \U0001f418",
    "a b",
    "$1",
    ":name",
    "%s",
    "-" * 63,
]


def test_hostile_names_are_made_exactly_so(restored: Restored) -> None:
    password = 'it\'s a \\ "secret"'
    set_up(restored, login("y", Access.READ_ONLY, "y-secret"))
    report = set_up(restored, *(login(name, Access.READ_ONLY, password, "shop") for name in HOSTILE_NAMES))
    assert [entry.username for entry in report.users] == HOSTILE_NAMES
    for name in HOSTILE_NAMES:
        assert outcome(restored, name, password) is LoginOutcome.ACCEPTED
    assert outcome(restored, "y", "y-secret") is LoginOutcome.ACCEPTED


@pytest.mark.parametrize(
    "user",
    [
        login("rdsadmin"),
        login("rds_superuser"),
        login("pg_monitor"),
        login("public"),
        login("none"),
        login("a\nb"),
        login("é" * 32),
        login(MASTER.username),
        iam_login("a b"),
        DbUserLogin(login("ann").user, None),
        DbUserLogin(login("ann").user, Credentials("bob", "Bob-secret")),
    ],
    ids=lambda user: repr(user.user.username),
)
def test_a_user_that_cannot_be_is_refused(restored: Restored, user: DbUserLogin) -> None:
    with pytest.raises(DbUserSetupFailed, match="is not made"):
        set_up(restored, user)


def test_a_user_named_twice_is_refused(restored: Restored) -> None:
    with pytest.raises(DbUserSetupFailed, match="named twice"):
        set_up(restored, login("ann"), login("ann", Access.ADMIN))


def test_a_master_that_is_refused_is_not_a_transient_error(restored: Restored) -> None:
    wrong = Credentials(MASTER.username, "Wrong-secret")
    with pytest.raises(DbUserSetupFailed, match="master user master could not log in") as caught:
        restored.databases.set_up_users(restored.endpoint, wrong, [login("ann")], False)
    assert "Wrong-secret" not in str(caught.value)


def test_an_iam_user_has_no_password_and_the_report_says_what_was_not_tried(restored: Restored) -> None:
    set_up(restored, login("ida", Access.READ_ONLY, "Ida-secret"))
    [report] = set_up(restored, iam_login("ida")).users
    assert report.action == "changed"
    assert any("not tried" in check and "rds-db:connect" in check for check in report.checks)
    assert outcome(restored, "ida", "Ida-secret") is LoginOutcome.REFUSED


def test_an_iam_user_can_become_one_with_a_password(restored: Restored) -> None:
    set_up(restored, iam_login("ida"))
    [report] = set_up(restored, login("ida", Access.READ_ONLY, "Ida-secret")).users
    assert report.action == "changed"
    assert outcome(restored, "ida", "Ida-secret") is LoginOutcome.ACCEPTED


def test_logins_that_came_along_are_reported_and_left_open(restored: Restored) -> None:
    report = set_up(restored, login("ann"))
    assert (report.other_logins, report.locked_logins) == ((PRODUCTION.username,), ())
    assert outcome(restored, PRODUCTION.username, PRODUCTION.password) is LoginOutcome.ACCEPTED


def test_logins_that_came_along_are_locked_when_asked_and_said_to_be_every_time(restored: Restored) -> None:
    for lock in (True, True, False):
        report = set_up(restored, login("ann"), lock=lock)
        assert (report.other_logins, report.locked_logins) == ((PRODUCTION.username,), (PRODUCTION.username,))
        assert outcome(restored, PRODUCTION.username, PRODUCTION.password) is LoginOutcome.REFUSED


def test_a_set_up_that_fails_has_locked_the_other_logins_all_the_same(restored: Restored) -> None:
    with pytest.raises(DbUserSetupFailed, match="attic"):
        set_up(restored, login("ann", Access.READ_ONLY, "Ann-secret", "attic"), lock=True)
    assert outcome(restored, PRODUCTION.username, PRODUCTION.password) is LoginOutcome.REFUSED


def test_a_login_that_came_along_and_is_asked_for_is_not_locked(restored: Restored) -> None:
    user = login(PRODUCTION.username, Access.ADMIN, PRODUCTION.password)
    report = set_up(restored, user, lock=True)
    assert (report.other_logins, report.locked_logins) == ((), ())
    assert outcome(restored, PRODUCTION.username, PRODUCTION.password) is LoginOutcome.ACCEPTED


def test_a_failure_says_what_to_do_and_not_to_look_where_nothing_is(restored: Restored) -> None:
    wrong = Credentials(MASTER.username, "Wrong-secret")
    with pytest.raises(DbUserSetupFailed) as caught:
        restored.databases.set_up_users(restored.endpoint, wrong, [login("ann")], False)
    assert "admin secret" in caught.value.hint


def test_a_locked_login_is_opened_again_by_asking_for_that_user(restored: Restored) -> None:
    set_up(restored, lock=True)
    user = login(PRODUCTION.username, Access.ADMIN, PRODUCTION.password)
    report = set_up(restored, user)
    assert [entry.action for entry in report.users] == ["changed"]
    assert (report.other_logins, report.locked_logins) == ((), ())
    assert outcome(restored, PRODUCTION.username, PRODUCTION.password) is LoginOutcome.ACCEPTED


def test_no_secret_shows_in_a_report_or_a_user(restored: Restored) -> None:
    user = login("ann", Access.READ_ONLY, "Ann-secret")
    assert "secret" not in repr(set_up(restored, user)).lower()
    assert "Ann-secret" not in repr(user)


def test_a_copy_with_nothing_that_acts_has_no_fuses(restored: Restored) -> None:
    seen = restored.databases.survey_copy(restored.endpoint, MASTER)

    assert (seen.fuses, restored.databases.defuse(restored.endpoint, MASTER, ())) == ((), Outcome())


def test_a_survey_that_has_no_time_goes_on_in_the_next_call_and_says_how_far_it_is(
    restored: Restored,
) -> None:
    looks = [restored.databases.survey_copy(restored.endpoint, MASTER, None, lambda: False)]
    while begun := looks[-1].unfinished:
        looks.append(restored.databases.survey_copy(restored.endpoint, MASTER, begun, lambda: False))

    reported = [(each.unfinished.done, each.unfinished.total) for each in looks if each.unfinished]
    assert reported == [(done, len(looks)) for done in range(1, len(looks))]
    assert len(looks) > 1


def test_nothing_is_surveyed_where_nothing_listens_or_the_master_is_refused(restored: Restored) -> None:
    with pytest.raises(DatabaseUnreachable):
        restored.databases.survey_copy(nowhere(restored), MASTER)
    with pytest.raises(MasterLoginRefused):
        restored.databases.survey_copy(restored.endpoint, Credentials("master", "Wrong-secret"))


def test_a_set_up_that_has_no_time_goes_on_in_the_next_call_and_says_how_far_it_is(
    restored: Restored,
) -> None:
    reports = in_pieces(restored, login("ann"), login("ben", Access.READ_WRITE), lock=True)
    reported = [
        (progress.checking, progress.done, progress.total)
        for report in reports
        if (progress := report.unfinished)
    ]
    whole = set_up(restored, login("ann"), login("ben", Access.READ_WRITE), lock=True)
    total = len(whole.users[0].databases)
    rights = [(False, done, total) for done in range(1, total)]
    # A call whose time does not suffice for one database tells the same again.
    assert list(dict.fromkeys(reported)) == [*rights, *((True, done, total) for done in range(total))]
    assert [report.users for report in reports[:-1]] == [()] * (len(reports) - 1)
    assert [(user.username, user.action) for user in reports[-1].users] == [
        ("ann", "created"),
        ("ben", "created"),
    ]
    assert [user.databases for user in reports[-1].users] == [user.databases for user in whole.users]
    assert [set(user.checks) for user in reports[-1].users] == [set(user.checks) for user in whole.users]
    assert [user.action for user in whole.users] == ["unchanged", "unchanged"]
    assert (reports[-1].other_logins, reports[-1].locked_logins) == (whole.other_logins, whole.locked_logins)


def test_a_user_for_one_database_of_many_is_set_up_in_pieces_too(restored: Restored) -> None:
    reports = in_pieces(restored, login("ann", Access.READ_ONLY, "secret-of-ann", "shop"))
    assert reports[-1].users[0].databases == ("shop",)
    assert outcome(restored, "ann", "secret-of-ann") is LoginOutcome.ACCEPTED
