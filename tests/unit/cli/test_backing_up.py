"""Making a backup through the wire: what it keeps of what is deployed and of what moves, and what it refuses."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from tests.states_language.scheduler import VirtualClock
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws
from tests.unit.cli.cli_fakes import pipeline_with
from tests.unit.domain.audit_chains import RUN, Chain, begun

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.stack_contents import StackContents
from aurora_restore.aws.stored_objects import AwsStoredObjects
from aurora_restore.aws.table_exports import AwsTableExports
from aurora_restore.aws.table_items import AwsTableItems
from aurora_restore.cli.backing_up import Backing, MadeBackup, key_of, make_backup
from aurora_restore.cli.errors import BackupNotFound, ExportOverdue, PipelineNotDeployed
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.recovering import read_backup
from aurora_restore.deployment.template import stamped_keys
from aurora_restore.domain.audit_verification import ChainState
from aurora_restore.domain.backup import MANIFEST
from aurora_restore.domain.backup_errors import ExportFailed, PlaceTaken
from aurora_restore.domain.checks.surroundings import Subscription
from aurora_restore.domain.errors import AwsRequestFailed
from aurora_restore.domain.schedules import Schedule
from local_stack import ministack_exports

STATE, AUDIT = TABLES = ("AuroraRestoreState", "AuroraRestoreAudit")
ENTRIES = ("Lambda", "Definition", "Cleanup", "Permissions", "Monitoring")
SHA = "sha of the code"
# Not expired, whenever the tests run.
DAYS = 365 * 100


@cache
def with_exports_that_write() -> None:
    """As in the local stack, without the time that they take there."""
    ministack_exports.EXPORT_SECONDS = 0.0
    ministack_exports.apply()


def package(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        # The time in it is not that of the call: the same text is the same bytes.
        archive.writestr(zipfile.ZipInfo("a.py"), text)
    return content.getvalue()


def stack(**changes: Any) -> StackContents:
    """One that is deployed as its template says."""
    parts = {"Definition": b"{}", "Cleanup": b"[]", "Permissions": b"p", "Monitoring": b"m"}
    folders = {"Definition": "definitions/x.json", "Cleanup": "definitions/x.json"}
    keys = {name: key_of(folders.get(name, "templates/x.yaml"), content) for name, content in parts.items()}
    keys["Lambda"] = key_of("lambda/x.zip", package("code"))
    values: dict[str, Any] = {
        "template": "Mappings:\n Artifacts:\n"
        + "".join(f"  {name}:\n   Key: {keys[name]}\n" for name in ENTRIES),
        "parameters": {"LogRetentionDays": "90"},
        "nested": {"Permissions": "p", "Monitoring": "m"},
        "definitions": {"StateMachine": "{}", "CleanupStateMachine": "[]"},
        "functions": {"one": SHA, "two": SHA},
        "code": {SHA: package("code")},
    }
    return StackContents(**(values | changes))


class Deployed:
    def __init__(self, contents: StackContents | None) -> None:
        self._contents = contents

    def read(self, stack_name: str) -> StackContents | None:
        return self._contents


@pytest.fixture
def aws() -> InProcessAws:
    with_exports_that_write()
    aws = shared_aws()
    aws.create_tables()
    aws.create_bucket("backups")
    for name in TABLES:
        aws.clients().dynamodb().update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return aws


@pytest.fixture
def backing(aws: InProcessAws) -> Backing:
    clients, fakes, clock = aws.clients(), pipeline_with(), VirtualClock(datetime(2026, 11, 22, tzinfo=UTC))
    records, audit = AwsRecords(clients, STATE), AwsAudit(clients, AUDIT)
    return Backing(
        Pipeline("us-west-2", records, fakes.executions, audit, fakes.logs),
        AwsTableExports(clients, aws.account_id),
        Deployed(stack()),
        AwsStoredObjects(clients, "backups", "day"),
        aws.account_id,
        "the-stack",
        TABLES,
        lambda _line: None,
        clock.advance,
        clock.now,
    )


def put(aws: InProcessAws, chain: Chain) -> None:
    items = AwsTableItems(aws.clients(), *TABLES)
    items.put_record(chain.record)
    for event in chain.events:
        items.put_event(event)


def ended(name: str) -> Chain:
    chain = begun(operation_id=name, days=DAYS)
    chain.write(*RUN)
    chain.close()
    return chain


def made(backing: Backing, **given: Any) -> MadeBackup:
    return make_backup(
        backing, given.get("subscriptions", ()), given.get("schedules", ()), timedelta(minutes=60)
    )


def test_what_is_backed_up_is_read_as_it_was(aws: InProcessAws, backing: Backing) -> None:
    for name in ("restore-1", "restore-2"):
        put(aws, ended(name))
    done = made(
        backing,
        subscriptions=[Subscription("https", "https://hooks.example.com/secret", True)],
        schedules=[
            Schedule("nightly", "rate(1 day)"),
            Schedule("weekly", "rate(7 days)", request={"a": "b"}),
        ],
    )
    backup = read_backup(backing.objects, TABLES)
    assert backup.manifest == done.manifest
    assert list(backup.operations) == ["restore-1", "restore-2"]
    assert backup.operations["restore-1"].record == ended("restore-1").record
    assert backup.artifacts["Lambda"] == package("code")
    assert backup.template == stack().template
    assert backup.manifest.subscriptions == [{"protocol": "https", "endpoint": "https://hooks.example.com/…"}]
    # That of the stack is made by the template.
    assert [each["name"] for each in backup.manifest.schedules] == ["weekly"]


def test_an_operation_that_goes_on_between_the_exports_is_kept_as_it_is_at_one_moment(
    aws: InProcessAws, backing: Backing
) -> None:
    chain = begun(operation_id="restore-1", days=DAYS)
    put(aws, chain)
    exports = 0

    def goes_on(call: Any) -> bool:
        nonlocal exports
        exports += is_operation("ExportTableToPointInTime")(call)
        # The state table is exported, the audit table is not yet.
        if exports == 2 and len(chain.events) == 1:
            chain.write(RUN[0])
            with aws.setting_up():
                backing.pipeline.records.update(
                    "restore-1", {k: v for k, v in chain.record.items() if k != "operation_id"}
                )
                AwsTableItems(aws.clients(), *TABLES).put_event(chain.events[-1])
        return False

    aws.before(goes_on, FaultKind.DENIED)
    done = made(backing)
    aws.clear_faults()
    assert [seal.chain for seal in done.seals] == [ChainState.VERIFIED]
    backup = read_backup(backing.objects, TABLES)
    assert list(backup.operations["restore-1"].events) == chain.events


def test_a_chain_that_is_broken_is_backed_up_as_it_is_and_named(aws: InProcessAws, backing: Backing) -> None:
    chain = ended("restore-1")
    del chain.events[2]
    put(aws, chain)
    done = made(backing)
    assert [seal.chain for seal in done.seals] == [ChainState.BROKEN]
    assert list(read_backup(backing.objects, TABLES).operations["restore-1"].events) == chain.events


def test_what_was_updated_by_hand_is_kept_as_it_runs_under_a_key_of_its_own(
    aws: InProcessAws, backing: Backing
) -> None:
    other = stack(
        definitions={"StateMachine": '{"by": "hand"}', "CleanupStateMachine": "[]"},
        functions={"one": SHA, "two": SHA, "three": "another"},
        code={SHA: package("code"), "another": package("patched")},
    )
    done = made(replace(backing, contents=Deployed(other)))
    backup = read_backup(backing.objects, TABLES)
    before, after = stamped_keys(stack().template), stamped_keys(backup.template)
    assert {name for name in ENTRIES if before[name] != after[name]} == {"Definition"}
    assert after == dict(backup.manifest.keys)
    assert backup.artifacts["Definition"] == b'{"by": "hand"}'
    assert list(done.manifest.differing_code) == ["three"]


def test_a_place_with_a_backup_is_refused_before_anything_is_exported(
    aws: InProcessAws, backing: Backing
) -> None:
    made(backing)
    aws.calls.clear()
    with pytest.raises(PlaceTaken):
        made(backing)
    assert not [call for call in aws.calls if is_operation("ExportTableToPointInTime")(call)]


def test_another_backup_into_the_same_place_meanwhile_changes_nothing_of_the_first(
    aws: InProcessAws, backing: Backing
) -> None:
    put(aws, ended("restore-1"))
    first: list[MadeBackup] = []

    def meanwhile(call: Any) -> bool:
        # The manifest is the last object that is written.
        if not first and is_operation("PutObject")(call) and call.body.startswith(b"{\n"):
            with aws.setting_up():
                first.append(made(replace(backing, contents=Deployed(stack(parameters={"A": "b"})))))
                put(aws, ended("restore-2"))
        return False

    aws.before(meanwhile, FaultKind.DENIED)
    with pytest.raises(PlaceTaken):
        made(backing)
    aws.clear_faults()
    assert read_backup(backing.objects, TABLES).manifest == first[0].manifest


def test_without_the_stack_there_is_nothing_to_back_up(backing: Backing) -> None:
    with pytest.raises(PipelineNotDeployed):
        made(replace(backing, contents=Deployed(None)))


def described(change: Mapping[str, Any]) -> Callable[[AwsTableExports], AwsTableExports]:
    class Changed(AwsTableExports):
        def look(self, export_arn: str) -> Any:
            return replace(super().look(export_arn), **change)

    return lambda exports: Changed(exports._clients, "1")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"status": "FAILED", "reason": "AccessDenied"}, ExportFailed),
        ({"status": "IN_PROGRESS"}, ExportOverdue),
    ],
)
def test_an_export_that_fails_or_takes_too_long_leaves_no_manifest(
    aws: InProcessAws, backing: Backing, change: dict[str, Any], error: type[Exception]
) -> None:
    exports = described(change)(backing.exports)
    exports._stem = backing.exports._stem
    with pytest.raises(error):
        made(replace(backing, exports=exports))
    assert backing.objects.read(MANIFEST) is None
    with pytest.raises(BackupNotFound):
        read_backup(backing.objects, TABLES)
    # What is left of it is in the way of no repetition.
    assert made(backing).manifest.region == "us-west-2"


def test_a_table_without_point_in_time_recovery_is_refused_by_aws(
    aws: InProcessAws, backing: Backing
) -> None:
    aws.clients().dynamodb().update_continuous_backups(
        TableName=AUDIT, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    with pytest.raises(AwsRequestFailed):
        made(backing)


def test_a_key_is_that_of_the_contents() -> None:
    digest = hashlib.sha256(b"x").hexdigest()[:32]
    assert key_of("templates/old.yaml", b"x") == f"templates/{digest}.yaml"
    assert key_of("lambda/old.zip", package("a")) != key_of("lambda/old.zip", package("b"))
