"""The demo: a restore of yesterday's production, through the deployed pipeline, with the proof that it is true.

It reaches everything as any program does: the AWS interfaces, and the databases over TLS that is checked.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from rich.padding import Padding
from rich.text import Text

from aurora_restore.aws.clients import Clients
from aurora_restore.aws.rds import AwsRds
from aurora_restore.aws.secrets import AwsSecrets
from aurora_restore.cli.connection import connect, make_session
from aurora_restore.cli.engine_option import short_name
from aurora_restore.cli.errors import ProofFailed
from aurora_restore.cli.follow import follow
from aurora_restore.cli.local_stack import point_environment_at
from aurora_restore.cli.operation_ids import new_operation_id
from aurora_restore.cli.program import program_name
from aurora_restore.cli.running import show_connect_command, sleep, utc_now
from aurora_restore.cli.screen import Screen
from aurora_restore.cli.views.common import heading
from aurora_restore.cli.views.operation import render_outcome
from aurora_restore.cli.views.record import view_operation
from aurora_restore.cli.watching import Watcher, WatchLimits
from aurora_restore.demo import proof, seed_aws
from aurora_restore.demo.facts import SHOP_DATABASE, ShopFacts
from aurora_restore.demo.setup import find_servers, set_up_with
from aurora_restore.demo.shops import Connect, Shop, shop_of
from aurora_restore.demo.views import proof_items, render_next, render_proofs, render_verdict, step_title
from aurora_restore.domain.engines import POSTGRESQL
from aurora_restore.domain.observed import ClusterSnapshot, Credentials, DatabaseEndpoint, DbCluster
from aurora_restore.domain.record import Record
from aurora_restore.domain.states import OperationStatus
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

LATER_ORDERS = 250
READER_SECRET = "aurora-restore/users/reporting"  # noqa: S105 - the name of a secret
WRITER_SECRET = "aurora-restore/users/application"  # noqa: S105
_HOMES = Path(".local")
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds. Shorter than those of a stack that stays: nothing is learned from waiting for a local copy.
_QUICK = {"copy": 2.0, "restore": 2.0, "create": 1.0, "instance": 2.0}
_LIMITS = WatchLimits(timeout=300, interval=0.25, start_grace=10)


@dataclass
class Narration:
    """Says what the demo is at, and keeps how long each part took."""

    screen: Screen
    times: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)
    _number: int = 0

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        self._number += 1
        begun = time.monotonic()
        self.screen.show(heading(step_title(self._number, title, begun - self._begun)))
        yield
        self.times[name] = time.monotonic() - begun
        self.screen.show()

    def say(self, text: str) -> None:
        self.screen.show(Padding(Text(text), (0, 0, 0, 3), expand=False))


@dataclass(frozen=True)
class Scene:
    """Production as it is, with orders in it that are younger than the snapshot."""

    shop: Shop
    cluster: DbCluster
    snapshot: ClusterSnapshot
    day: date
    open_production: Connect
    production_login: Credentials
    newest_before: int
    before: ShopFacts


def run_demo(screen: Screen, keep: bool, engine: str = POSTGRESQL) -> bool:
    """Run it, and say whether every claim was proved.

    Raises:
        LocalStackError, RestoreError: the stack did not come up, or the restore did not begin.
    """
    narration, shop = Narration(screen), shop_of(engine)
    with _stack(narration, keep, shop) as (info, stays):
        clients = Clients(make_session(), info.region)
        with narration.step("production", f"Production, in {info.source_region}"):
            scene = _set_the_scene(narration, info, clients, shop)
        with narration.step("restore", f"Restoring {scene.day} into {info.region}"):
            record = _restore(narration, info, scene)
        restored = Record.read(record).status == OperationStatus.SUCCEEDED
        proofs: tuple[proof.Proof, ...] = ()
        if restored:
            with narration.step("proof", "Proof"):
                proofs = _prove(info, clients, scene, record)
                screen.show(render_proofs(proofs))
    if restored:
        _say_end(narration, record, proofs, stays, engine)
    else:
        screen.show(render_outcome(view_operation(record), utc_now()))
        _say_json(narration, record, ())
    return restored and all(each.holds for each in proofs)


@contextmanager
def _stack(narration: Narration, keep: bool, shop: Shop) -> Iterator[tuple[StackInfo, bool]]:
    """A stack that runs, and whether it stays up. What was started here is taken down again, unless it is kept."""
    with _ended_in_order():
        state = lifecycle.status()
        running = state.info if state.is_complete else None
        if running or keep:
            yield _bring_up(narration, running, None, shop), True
            return
        with _own_home(narration) as home:
            yield _bring_up(narration, None, home, shop), False


def _bring_up(narration: Narration, running: StackInfo | None, home: Path | None, shop: Shop) -> StackInfo:
    with narration.step("stack", "A whole AWS, on this machine"):
        if running is None:
            find_servers((shop.engine,), lambda text: narration.say(f"{text} …"))
        info = running or lifecycle.up(
            lifecycle.UpOptions(home=home, durations=_QUICK),
            lambda text: narration.say(f"{text} …"),
            lambda: set_up_with((shop.engine,)),
        )
        narration.say(
            f"{'It runs already' if running else 'It is up'}: {info.endpoint_url}, account {info.account_id}"
        )
    point_environment_at(info)
    return info


@contextmanager
def _own_home(narration: Narration) -> Iterator[Path]:
    """A folder for the stack of this run alone, so that demos may run beside each other; gone with it at the end."""
    _HOMES.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="demo-", dir=_HOMES)).absolute()
    try:
        yield home
    finally:
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        try:
            narration.say("Taking the stack down …")
            narration.screen.show()
        finally:
            # Also where the output has no reader any more: after SIGHUP the terminal is gone.
            lifecycle.down(home)
            shutil.rmtree(home)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Ended from outside, the demo cleans up as after ctrl-c. A signal that it ignores (`nohup`) stays ignored."""
    before = {number: signal.getsignal(number) for number in _ENDINGS}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _set_the_scene(narration: Narration, info: StackInfo, clients: Clients, shop: Shop) -> Scene:
    rds = AwsRds(clients, info.source_region)
    cluster = rds.find_cluster(shop.cluster)
    if cluster is None:
        raise ProofFailed(
            f"There is no cluster {shop.cluster} in {info.source_region} of the local stack.",
            "Add it: `aurora-restore local up --engine all`.",
        )
    snapshot, day = newest_snapshot_before(rds.list_cluster_snapshots(shop.cluster), utc_now().date())
    login = AwsSecrets(clients, info.source_region).read_credentials(shop.master_secret)
    where = DatabaseEndpoint(cluster.endpoint or "", cluster.port or 0)
    open_production = partial(shop.open, where, login, SHOP_DATABASE, info.ca_bundle)
    with open_production() as session:
        before, newest = shop.filling.facts(session), shop.asking.newest_order_id(session)
        narration.say(
            f"{cluster.db_cluster_identifier}: {before.rows:,} rows ({before.orders:,} orders), "
            f"{cluster.engine} {cluster.engine_version}"
        )
        narration.say(f"{snapshot.db_cluster_snapshot_identifier}: its snapshot of {day}")
        shop.filling.write_later_orders(session, LATER_ORDERS, utc_now().date())
        narration.say(f"{LATER_ORDERS} more orders, written just now: the restored one must not have them")
        after = shop.filling.facts(session)
    return Scene(shop, cluster, snapshot, day, open_production, login, newest, after)


def newest_snapshot_before(snapshots: Sequence[ClusterSnapshot], today: date) -> tuple[ClusterSnapshot, date]:
    """The newest available snapshot of a day before today, with its day (UTC). Raises ProofFailed."""
    dated = [
        (snapshot.snapshot_create_time.astimezone(UTC), snapshot)
        for snapshot in snapshots
        if snapshot.snapshot_create_time and snapshot.status == "available"
    ]
    earlier = [(taken, snapshot) for taken, snapshot in dated if taken.date() < today]
    if not earlier:
        raise ProofFailed(f"Production has no snapshot of a day before {today}.")
    taken, snapshot = max(earlier, key=lambda pair: pair[0])
    return snapshot, taken.date()


def demo_request(info: StackInfo, shop: Shop, scene_day: date, now: datetime) -> dict[str, Any]:
    """What the demo asks of the pipeline: the fields of the operations guide, and two users."""
    return {
        "source_snapshot_date": scene_day.isoformat(),
        "source_region": info.source_region,
        "source_cluster_id": shop.cluster,
        "target_region": info.region,
        "target_cluster_id": f"aurora-restored-demo-{now:%H%M%S}",
        "db_instance_class": "db.r5.large",
        "vpc_security_group_ids": [seed_aws.SECURITY_GROUP_ID],
        "db_subnet_group_name": seed_aws.SUBNET_GROUP,
        "db_users": [
            {"username": seed_aws.USER_SECRETS[secret], "secret_id": secret, "access": access}
            for secret, access in ((READER_SECRET, "read_only"), (WRITER_SECRET, "read_write"))
        ],
        **({"admin_secret_id": shop.admin_secret} if shop.admin_secret else {}),
    }


def _restore(narration: Narration, info: StackInfo, scene: Scene) -> Mapping[str, Any]:
    pipeline = connect(info.region)
    now = utc_now()
    request, operation_id = demo_request(info, scene.shop, scene.day, now), new_operation_id(now)
    pipeline.executions.start(operation_id, request)
    narration.say(f"{operation_id}: {scene.shop.cluster} -> {request['target_cluster_id']}")
    for user in request["db_users"]:
        narration.say(f"with the user {user['username']} ({user['access']})")
    narration.screen.show()
    watcher = Watcher(pipeline, utc_now, sleep, _LIMITS)
    # A stream of records is what `watch --json` is for: the demo prints one document, at its end.
    if narration.screen.json_output:
        return [observation.record for observation in watcher.observations(operation_id)][-1]
    return follow(narration.screen, watcher.observations(operation_id), utc_now, footer="")


def _prove(
    info: StackInfo, clients: Clients, scene: Scene, record: Mapping[str, Any]
) -> tuple[proof.Proof, ...]:
    restored = Record.read(record).restore_details
    secrets = AwsSecrets(clients, info.region)
    reader, writer = secrets.read_credentials(READER_SECRET), secrets.read_credentials(WRITER_SECRET)
    where = DatabaseEndpoint(restored.endpoint or "", restored.port or 0)

    def door(login: Credentials) -> Connect:
        return partial(scene.shop.open, where, login, SHOP_DATABASE, info.ca_bundle)

    doors = proof.Doors(
        production=scene.open_production,
        reader=door(reader),
        writer=door(writer),
        old_master=door(scene.production_login),
    )
    names = reader.username, writer.username
    found = proof.gather(doors, scene.day, LATER_ORDERS, scene.newest_before, scene.before, names, scene.shop)
    return proof.judge(found)


def _say_end(
    narration: Narration,
    record: Mapping[str, Any],
    proofs: tuple[proof.Proof, ...],
    stays: bool,
    engine: str,
) -> None:
    screen = narration.screen
    screen.show(render_verdict(proofs, narration.times))
    screen.show()
    if stays:
        show_connect_command(screen, view_operation(record), SHOP_DATABASE)
        screen.show()
    program = program_name()
    with_engine = f" --engine {short_name(engine)}" if engine != POSTGRESQL else ""
    of_this_stack = [
        ("Point your shell at the stack:", f'eval "$({program} local env)"'),
        ("Everything about this restore:", f"{program} status {Record.read(record).operation_id}"),
        ("A restore of your own:", f"{program} plan --help"),
        ("Take the stack down:", f"{program} local down"),
    ]
    without_a_stack = [
        ("The same, and the stack stays up to look around:", f"{program} demo --keep{with_engine}"),
        ("A local stack of your own:", f"{program} local up{with_engine}"),
        ("The pipeline in your AWS account:", f"{program} deploy --region us-west-2"),
    ]
    screen.show(render_next(of_this_stack if stays else without_a_stack))
    _say_json(narration, record, proofs)


def _say_json(narration: Narration, record: Mapping[str, Any], proofs: tuple[proof.Proof, ...]) -> None:
    if narration.screen.json_output:
        times = {name: round(seconds, 3) for name, seconds in narration.times.items()}
        narration.screen.data({"seconds": times, "proofs": proof_items(proofs), "record": record})
