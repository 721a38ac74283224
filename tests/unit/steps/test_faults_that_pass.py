"""A fault that passes: the record says what is waited for and until when, and the phase's limit holds for it."""

from __future__ import annotations

import pytest
from tests.fakes.copies import FakeCopy
from tests.support.worlds import PipelineRun

from aurora_restore.domain.came_along import CameAlong, NotLookedInto
from aurora_restore.domain.errors import DatabaseBusy, PhaseTimedOut
from aurora_restore.domain.observed import LoginAttempt, LoginOutcome
from aurora_restore.domain.results import Phase

NAME = "restore-20261122-120000"
FULL = "db.example:5432 took no connection to database postgres: sorry, too many clients already (SQLSTATE 53300)."


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def busy_for(run: PipelineRun, seconds: float, pause: float) -> None:
    """The retries that the state machine makes meanwhile."""
    waited = 0.0
    while waited < seconds:
        with pytest.raises(DatabaseBusy):
            run.phase(Phase.SETUP_DB_USERS, NAME)
        run.clock.advance(pause)
        waited += pause


def test_it_is_in_the_record_with_its_words_and_with_how_long_it_is_tried(run: PipelineRun) -> None:
    run.run(NAME, until=Phase.RESTORE_CLUSTER)
    run.databases.every_login = LoginAttempt(LoginOutcome.BUSY, FULL)
    busy_for(run, 300, 60)
    fault = run.record(NAME)["phases"]["SetupDbUsers"]["last_transient_error"]
    assert (fault["code"], fault["message"]) == ("DATABASE_BUSY", FULL)
    assert fault["since"] < fault["time"] < fault["until"]
    assert run.record(NAME).get("error") is None
    run.databases.every_login = None
    run.run_phase(Phase.SETUP_DB_USERS, NAME)
    state = run.record(NAME)["phases"]["SetupDbUsers"]
    assert (state["status"], state["last_transient_error"]) == ("DONE", fault)
    assert state["last_updated_time"] > fault["time"]


def test_it_is_waited_for_no_longer_than_the_phase_may_take(run: PipelineRun) -> None:
    run.settings(phase_timeout_hours={Phase.SETUP_DB_USERS: 0.5})
    run.run(NAME, until=Phase.RESTORE_CLUSTER)
    run.databases.every_login = LoginAttempt(LoginOutcome.BUSY, FULL)
    busy_for(run, 1740, 60)
    run.clock.advance(120)
    with pytest.raises(PhaseTimedOut, match="too many clients already") as caught:
        run.phase(Phase.SETUP_DB_USERS, NAME)
    assert caught.value.hint == DatabaseBusy.default_hint
    run.fail(NAME, "PhaseTimedOut")
    error = run.record(NAME)["error"]
    assert (error["code"], error["step"]) == ("PHASE_TIMED_OUT", "SetupDbUsers")
    assert FULL in error["message"]


def test_a_server_that_answers_and_takes_no_login_is_not_silence(run: PipelineRun) -> None:
    run.run(NAME, until=Phase.COPY_SNAPSHOT)
    run.databases.every_login = LoginAttempt(LoginOutcome.BUSY, FULL)
    result = run.phase(Phase.RESTORE_CLUSTER, NAME)
    for _ in range(200):
        if "takes no login yet" in result.message:
            break
        run.clock.advance(result.wait_seconds)
        result = run.phase(Phase.RESTORE_CLUSTER, NAME)
    assert FULL in result.message
    run.clock.advance(3600)
    assert FULL in run.phase(Phase.RESTORE_CLUSTER, NAME).message
    run.databases.every_login = None
    run.run_phase(Phase.RESTORE_CLUSTER, NAME)


def test_what_people_should_know_of_the_users_is_in_the_record_and_in_the_message(
    run: PipelineRun,
) -> None:
    run.server.notes = ("the database a\x1b[31m was not looked into: it takes no connections",)
    record = run.run(NAME)
    assert record["restore_details"]["user_notes"] == list(run.server.notes)
    [message] = run.aws.published
    text = message.message.partition("\n{")[0]
    assert "Note: the database a\\x1b[31m was not looked into" in text
    assert "\x1b" not in text


def test_a_database_that_the_list_of_what_came_along_names_is_not_named_again_with_the_users(
    run: PipelineRun,
) -> None:
    seen = NotLookedInto("payroll", "permission denied")
    run.server.copy = FakeCopy(CameAlong(not_looked_into=(seen,)))
    run.server.not_looked_into = (seen, NotLookedInto("books", "busy"))
    record = run.run(NAME)
    assert record["restore_details"]["user_notes"] == ["the database books was not looked into: busy"]
