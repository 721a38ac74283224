"""Records as a version wrote them, each with the world in which it was written: later versions read and finish them.

`python -m tests.support.kept_records VERSION` writes those of the code as it is into tests/data/records/VERSION, one
file a situation.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.fakes.copies import FakeCopy, found, subscription, user_mapping
from tests.fakes.databases import FakeRole
from tests.support.worlds import TARGET_REGION, PipelineRun

from aurora_restore.domain.results import Phase
from local_aurora import state

DATA = Path(__file__).parents[1] / "data" / "records"
OPERATION, UNDO, TARGET = "restore-20261122-120000", "undo-20261122-140000", "aurora-restored-cluster"
USER_SECRET = "aurora-restore/reporting"
REPLACES: Mapping[str, Any] = {"delete_cluster_if_exists": True}
DELETES_FIRST: Mapping[str, Any] = {
    **REPLACES,
    "replace_strategy": "delete_first",
    "accept_differences": ["custom_endpoints"],
}
KEEPS: Mapping[str, Any] = {**REPLACES, "keep_replaced_hours": 24}
USERS = [
    {"username": "reporting", "access": "read_only", "secret_id": USER_SECRET},
    {"username": "auditor", "access": "read_only", "iam": True},
]
SWAP: Mapping[str, Any] = {**REPLACES, "db_users": USERS, "lock_other_logins": True}
AFTER_THE_CHECK = tuple(Phase)[1:]
# The versions that wrote the kept records did not have these phases.
NEWER_PHASES = frozenset({Phase.END_REHEARSAL})
CALLS_AT_MOST = 200


@dataclass(frozen=True)
class Situation:
    """How a record comes to be as it is: `operation_id` is the one that is to be finished, or looked at."""

    name: str
    play: Callable[[PipelineRun], None]
    operation_id: str = OPERATION


def new_run() -> PipelineRun:
    """A pipeline with an old cluster that has all that can come along, and a copy in which something acts."""
    run = PipelineRun(on_dynamodb=True)
    run.put_target({f"{TARGET}-a": "db.r5.large", f"{TARGET}-b": "db.r5.large"})
    run.put_scaling("by-load")
    endpoint = {"DBClusterIdentifier": TARGET, "DBClusterEndpointIdentifier": "reports"}
    run.aurora.at_once("CreateDBClusterEndpoint", TARGET_REGION, {**endpoint, "EndpointType": "READER"})
    surround(run)
    return run


def surround(run: PipelineRun) -> None:
    """What lies outside of RDS and of the tables."""
    run.aws.create_secret(USER_SECRET, {"username": "reporting", "password": "a-password-of-its-own"})
    fuses = [subscription(), user_mapping()]
    run.server.copy = FakeCopy(found(*fuses), fuses, rooms=("postgres", "shop"), rooms_a_call=1)
    run.server.databases_a_call = 1


def under_way(run: PipelineRun, phase: Phase, **request: Any) -> None:
    """A run whose last phase has begun: it was called until it waited, or did its part."""
    run.check(OPERATION, **request)
    for before in AFTER_THE_CHECK[: AFTER_THE_CHECK.index(phase)]:
        run.run_phase(before, OPERATION)
    run.phase(phase, OPERATION)


def in_phase(phase: Phase, request: Mapping[str, Any]) -> Callable[[PipelineRun], None]:
    return lambda run: under_way(run, phase, **request)


def in_cleanup(phase: Phase, request: Mapping[str, Any], looks: int) -> Callable[[PipelineRun], None]:
    """Stopped in a phase, and some looks of its cleanup later."""

    def play(run: PipelineRun) -> None:
        under_way(run, phase, **request)
        run.executions.end(run.arn(OPERATION), "ABORTED", error="ManualCancellation", cause="the wrong day")
        for _ in range(looks):
            run.clock.advance(run.look_of_cleanup(OPERATION).wait_seconds)

    return play


def ended(request: Mapping[str, Any]) -> Callable[[PipelineRun], None]:
    def play(run: PipelineRun) -> None:
        run.run(OPERATION, **request)
        run.executions.end(run.arn(OPERATION), "SUCCEEDED")

    return play


def failed(run: PipelineRun) -> None:
    under_way(run, Phase.COPY_SNAPSHOT, **SWAP)
    run.fail(OPERATION, "SnapshotCopyFailed", '{"errorMessage": "the copy ended `failed`"}')
    run.clean_up(OPERATION, "FAILED", error="SnapshotCopyFailed", cause="the copy ended")


def marked_by_hand(run: PipelineRun) -> None:
    """As the operations guide closes a stuck operation."""
    under_way(run, Phase.RESTORE_CLUSTER, **SWAP)
    by_hand = {"status": "FAILED", "error": {"code": "MANUAL_INTERVENTION", "message": "Given up."}}
    run.ports.records.update(OPERATION, by_hand)


def marked_by_hand_with_words(run: PipelineRun) -> None:
    """As an operator does it in the console."""
    under_way(run, Phase.SWITCH_OVER, **SWAP)
    run.ports.records.update(OPERATION, {"status": "CANCELLED", "error": "Given up, see the ticket."})


def undoing(until: Phase) -> Callable[[PipelineRun], None]:
    def play(run: PipelineRun) -> None:
        ended(KEEPS)(run)
        run.start(UNDO, {"undo_operation_id": OPERATION})
        for phase in AFTER_THE_CHECK[: AFTER_THE_CHECK.index(until)]:
            run.run_phase(phase, UNDO)
        run.phase(until, UNDO)

    return play


def undone(run: PipelineRun) -> None:
    undoing(Phase.NOTIFY)(run)
    run.executions.end(run.arn(UNDO), "SUCCEEDED")


def being_retired(run: PipelineRun) -> None:
    """A kept cluster whose time is over, and whose deletion has begun."""
    ended(KEEPS)(run)
    run.clock.advance(25 * 3600)
    for _ in range(CALLS_AT_MOST):
        if run.record(OPERATION)["retirement"].get("begun_time"):
            return
        run.clock.advance(run.look_of_cleanup(OPERATION).wait_seconds)
    raise AssertionError("the deletion of the kept cluster has not begun")


def situations() -> Iterator[Situation]:
    for phase in AFTER_THE_CHECK:
        if phase in NEWER_PHASES:
            continue
        if phase is Phase.CLEAR_TARGET:
            yield Situation(f"running-{phase.value}", in_phase(phase, DELETES_FIRST))
        else:
            yield Situation(f"running-{phase.value}", in_phase(phase, SWAP))
    yield Situation("running-RestoreCluster-deletes-first", in_phase(Phase.RESTORE_CLUSTER, DELETES_FIRST))
    yield Situation("running-RetireReplaced-keeps", in_phase(Phase.RETIRE_REPLACED, KEEPS))
    for phase in (Phase.COPY_SNAPSHOT, Phase.RESTORE_CLUSTER, Phase.SWITCH_OVER, Phase.PROVE_ENDPOINT):
        yield Situation(f"cleaning-up-{phase.value}", in_cleanup(phase, SWAP, 2))
    yield Situation(
        "cleaning-up-RestoreCluster-deletes-first", in_cleanup(Phase.RESTORE_CLUSTER, DELETES_FIRST, 3)
    )
    yield Situation("marked-by-hand", marked_by_hand)
    yield Situation("marked-by-hand-with-words", marked_by_hand_with_words)
    yield Situation("running-undo", undoing(Phase.SWITCH_OVER), UNDO)
    yield Situation("being-retired", being_retired)
    yield Situation("kept", ended(KEEPS))
    yield Situation("retired", ended(SWAP))
    yield Situation("new", ended({"target_cluster_id": "aurora-restored-other"}))
    yield Situation("planned", ended({**SWAP, "dry_run": True}))
    yield Situation("failed", failed)
    yield Situation("undone", undone)


def kept(run: PipelineRun, situation: Situation) -> dict[str, Any]:
    """All that is needed to go on from here."""
    with run.aurora.locked() as world, run.aws.setting_up():
        regions = state.plain(world.regions, with_passwords=True)
        for region in regions.values():
            region["events"] = []
        return {
            "operation_id": situation.operation_id,
            "time": run.clock.now().isoformat(),
            "account_id": run.aws.account_id,
            "vpc_id": run.vpc_id,
            "security_group_id": run.security_group_id,
            "records": [run.record(name) for name in (OPERATION, UNDO) if run.record(name)],
            "audit_events": [*run.ports.audit.trail(OPERATION), *run.ports.audit.trail(UNDO)],
            "locks": dict(run.ports.locks.list_owners()),
            "executions": dict(run.executions.ended),
            "taken": list(run.server.copy.taken),
            "roles": {name: asdict(role) for name, role in run.server.roles.items()},
            "aurora": {
                **state.head(world),
                "regions": regions,
                "transitions": state.plain(world.transitions, with_passwords=True),
            },
        }


def taken_up(path: Path) -> tuple[PipelineRun, str]:
    """A pipeline of this version in the world that an earlier one left, and the operation that is to be finished."""
    run = PipelineRun(on_dynamodb=True)
    text = path.read_text()
    first = json.loads(text)
    for name, here in (
        ("account_id", run.aws.account_id),
        ("vpc_id", run.vpc_id),
        ("security_group_id", run.security_group_id),
    ):
        text = text.replace(first[name], here)
    saved = json.loads(text)
    run.clock.advance((datetime.fromisoformat(saved["time"]) - run.clock.now()).total_seconds())
    with run.aurora.locked() as world:
        state.load(world, saved["aurora"])
    surround(run)
    copy = run.server.copy
    copy.fuses = [fuse for fuse in copy.fuses if fuse.name not in saved["taken"]]
    copy.taken = list(saved["taken"])
    # Older worlds are kept without their roles: none of their runs had made one.
    for name, role in saved.get("roles", {}).items():
        run.server.roles[name] = FakeRole(**role)
    with run.aws.setting_up():
        for record in saved["records"]:
            run.executions.start_restore(record["operation_id"], record.get("request", {}))
            run.ports.records.create(record)
        # With the ids that they were written with: their hashes are over these. Older records are kept without events.
        for event in first.get("audit_events", ()):
            run.ports.audit.append(event)
        for target, owner in saved["locks"].items():
            run.ports.locks.acquire(target, owner, run.clock.now())
    for arn, status in saved["executions"].items():
        run.executions.end(arn, status)
    return run, saved["operation_id"]


def write(version: str) -> None:
    folder = DATA / version
    folder.mkdir(parents=True, exist_ok=True)
    for situation in situations():
        run = new_run()
        situation.play(run)
        lines = [
            f'"{name}": {json.dumps(value, sort_keys=True)}' for name, value in kept(run, situation).items()
        ]
        (folder / f"{situation.name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="a short name, which is that of the folder")
    write(parser.parse_args().version)
