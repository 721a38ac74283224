"""The phase Defuse: written down, then done, then looked at again; refused where something still acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.fakes.copies import FakeCopy, found, subscription, user_mapping
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import FaultKind
from tests.support.in_process_aws import is_operation
from tests.support.worlds import PipelineRun

from aurora_restore.domain.came_along import CameAlong, Finding, Kind, NotLookedInto
from aurora_restore.domain.defusing import Fuse, Outcome, first_states
from aurora_restore.domain.errors import AwsUnavailable, CopyNotQuiet
from aurora_restore.domain.record import Record
from aurora_restore.domain.results import Phase
from aurora_restore.domain.user_progress import always

OPERATION = "restore-20261126-120000"
PUBLIC_LOGIN = "PUBLIC at ledger"


def a_run(*fuses: Fuse, on_dynamodb: bool = False) -> PipelineRun:
    run = PipelineRun(on_dynamodb=on_dynamodb)
    run.server.copy = FakeCopy(found(*fuses), list(fuses))
    return run


def taken_back(record: dict[str, Any]) -> list[str]:
    return [item.name for item in first_states(Record.read(record).defused)]


def test_what_acts_is_put_to_rest_before_any_user_is_made() -> None:
    run = a_run(subscription())

    record = run.run(OPERATION, until=Phase.DEFUSE)

    assert (run.server.copy.fuses, run.server.set_ups) == ([], 0)
    assert record["phases"]["Defuse"]["status"] == "DONE"
    assert [item["name"] for item in record["came_along"]["found"]] == ["from_production"]
    [state] = first_states(Record.read(record).defused)
    assert state.before == {"enabled": True, "slot_name": "from_production_slot"}
    assert state.take_back[-1] == 'ALTER SUBSCRIPTION "from_production" ENABLE;'
    assert "came_along.defused" in run.events(OPERATION)


def test_nothing_is_done_before_it_is_written_down() -> None:
    run = a_run(subscription())
    seen: list[list[str]] = []
    take_out = run.server.copy.take_out

    def looked_at(fuses: Sequence[Fuse], has_time: Callable[[], bool] = always) -> Outcome:
        seen.append(taken_back(run.record(OPERATION)))
        return take_out(fuses, has_time)

    run.server.copy.take_out = looked_at  # type: ignore[method-assign]
    run.run(OPERATION, until=Phase.DEFUSE)

    assert seen == [["from_production"]]


def test_a_step_that_dies_after_it_has_put_something_to_rest_loses_nothing_of_the_way_back() -> None:
    run = a_run(subscription())
    run.run(OPERATION, until=Phase.RESTORE_CLUSTER)
    take_out = run.server.copy.take_out

    def dies(fuses: Sequence[Fuse], has_time: Callable[[], bool] = always) -> Outcome:
        take_out(fuses, has_time)
        run.server.copy.take_out = take_out  # type: ignore[method-assign]
        raise ProcessDied

    run.server.copy.take_out = dies  # type: ignore[method-assign]
    with pytest.raises(ProcessDied):
        run.phase(Phase.DEFUSE, OPERATION)

    run.run_phase(Phase.DEFUSE, OPERATION)

    assert (run.server.copy.fuses, taken_back(run.record(OPERATION))) == ([], ["from_production"])


def test_without_a_quiet_start_everything_is_listed_and_nothing_is_done() -> None:
    run = a_run(subscription(), user_mapping())

    record = run.run(OPERATION, until=Phase.DEFUSE, quiet_start=False)

    assert len(run.server.copy.fuses) == 2
    assert (len(record["came_along"]["found"]), taken_back(record)) == (2, [])
    assert "quiet_start is false" in record["phases"]["Defuse"]["message"]


def test_what_acts_and_cannot_be_ended_ends_the_run_with_the_list_of_what_came_along() -> None:
    run = a_run(subscription())
    run.server.copy.refused = {"from_production": "must be owner of subscription from_production"}

    with pytest.raises(CopyNotQuiet, match="must be owner"):
        run.run(OPERATION, until=Phase.DEFUSE)

    record = run.record(OPERATION)
    assert (record["error"]["code"], record["error"]["step"]) == ("COPY_NOT_QUIET", "Defuse")
    assert record["came_along"]["found"]
    assert run.server.set_ups == 0


def test_what_sleeps_and_cannot_be_changed_is_a_warning() -> None:
    run = a_run(subscription(enabled=False), subscription("other"))
    run.server.copy.refused = {"from_production": "must be owner"}

    record = run.run(OPERATION, until=Phase.DEFUSE)

    assert [fuse.name for fuse in run.server.copy.fuses] == ["from_production"]
    assert record["warnings"] == ["not put to rest: subscription from_production in shop: must be owner"]


@pytest.mark.parametrize(
    ("outward", "is_left", "warns"),
    [(None, True, True), ("report", True, True), ("keep", True, False), ("cut", False, False)],
)
def test_stored_logins_to_other_servers_are_reported_cut_or_kept(
    outward: str | None, is_left: bool, warns: bool
) -> None:
    run = a_run(user_mapping())
    fields = {} if outward is None else {"outward_connections": outward}

    record = run.run(OPERATION, until=Phase.DEFUSE, **fields)

    assert [fuse.name for fuse in run.server.copy.fuses] == ([PUBLIC_LOGIN] if is_left else [])
    assert any(PUBLIC_LOGIN in warning for warning in record.get("warnings", ())) == warns
    assert taken_back(record) == ([] if is_left else [PUBLIC_LOGIN])


def test_many_things_are_put_to_rest_in_several_calls() -> None:
    run = a_run(*(subscription(f"s{number}") for number in range(250)))

    record = run.run(OPERATION, until=Phase.DEFUSE)

    assert (run.server.copy.fuses, len(taken_back(record))) == ([], 250)
    assert record["phases"]["Defuse"]["calls"] == 4


def test_jobs_that_cannot_be_seen_are_a_warning() -> None:
    run = a_run()
    left = NotLookedInto("shop", "pg_cron shows the master user its own jobs alone", "jobs of other users")
    run.server.copy = FakeCopy(CameAlong(not_looked_into=(left,)))

    record = run.run(OPERATION, until=Phase.DEFUSE)

    assert ["jobs of pg_cron in shop" in warning for warning in record["warnings"]] == [True]


def test_a_look_that_is_repeated_says_nothing_twice() -> None:
    run = a_run(user_mapping())
    run.run(OPERATION, until=Phase.DEFUSE)
    before = run.record(OPERATION)["warnings"]

    run.phase(Phase.DEFUSE, OPERATION)

    assert run.record(OPERATION)["warnings"] == before


def test_the_message_at_the_end_names_what_came_along_and_what_was_put_to_rest() -> None:
    run = a_run(subscription())
    other = Finding(Kind.PREPARED_TRANSACTION, "shop", "payment 17", "ROLLBACK PREPARED 'payment 17';")
    run.server.copy.came_along = CameAlong((*run.server.copy.came_along.found, other))

    run.run(OPERATION)

    text = run.aws.published[-1].message
    assert "1 subscription: from_production in shop" in text
    assert "1 prepared transaction: payment 17 in shop" in text
    assert "subscription: from_production\n" in text


def test_a_lost_reply_of_the_record_leaves_the_first_state() -> None:
    run = a_run(subscription(), on_dynamodb=True)
    run.run(OPERATION, until=Phase.RESTORE_CLUSTER)
    run.aws.after(is_operation("UpdateItem"), FaultKind.REPLY_LOST)
    with pytest.raises(AwsUnavailable):
        run.phase(Phase.DEFUSE, OPERATION)

    run.run_phase(Phase.DEFUSE, OPERATION)

    assert taken_back(run.record(OPERATION)) == ["from_production"]
