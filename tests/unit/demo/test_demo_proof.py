"""The demo's judgement: each claim is proved by what was found, and only by that."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console, RenderableType

from aurora_restore.cli.errors import ProofFailed
from aurora_restore.demo.facts import ShopFacts
from aurora_restore.demo.proof import Evidence, judge
from aurora_restore.demo.run import newest_snapshot_before
from aurora_restore.demo.shops import History
from aurora_restore.demo.views import render_proofs, render_verdict
from aurora_restore.domain.observed import ClusterSnapshot

DAY = date(2026, 11, 21)
PRODUCTION = ShopFacts(2000, 300, 20250, 40000, 18000, datetime(2026, 11, 22, 12, 4, tzinfo=UTC), Decimal(1))
RESTORED = replace(PRODUCTION, orders=20000, newest_order_time=datetime(2026, 11, 21, 23, 59, tzinfo=UTC))
TRUE = Evidence(
    day=DAY,
    later_orders=250,
    production_before=PRODUCTION,
    production_after=PRODUCTION,
    production_history=History(20, "abc"),
    restored=RESTORED,
    restored_history=History(20, "abc"),
    restored_later_orders=0,
    reader="reporting_reader",
    reader_refusal="permission denied",
    writer="application_writer",
    writer_refusal=None,
    old_password_refusal="login refused",
)


def words_of(renderable: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=80, highlight=False, markup=False).print(renderable)
    assert max(len(line) for line in out.getvalue().splitlines()) <= 80
    return " ".join(out.getvalue().split())


def test_every_claim_holds_where_everything_is_as_it_should_be() -> None:
    assert all(proof.holds for proof in judge(TRUE))


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ({"restored_history": History(0, "abc"), "production_history": History(0, "abc")}, "are there"),
        ({"restored_history": History(19, "abc")}, "are there"),
        ({"restored_history": History(20, "xyz")}, "are the same"),
        ({"restored": PRODUCTION}, "newest order is of that day"),
        ({"restored": replace(RESTORED, newest_order_time=None)}, "newest order is of that day"),
        ({"restored_later_orders": 1}, "later orders are not there"),
        ({"later_orders": 0}, "later orders are not there"),
        ({"reader_refusal": None}, "cannot write"),
        ({"reader_refusal": "refused with 08006"}, "cannot write"),
        ({"writer_refusal": "permission denied"}, "can write"),
        ({"old_password_refusal": None}, "password is refused"),
        ({"old_password_refusal": "refused with 53300"}, "password is refused"),
        ({"production_after": replace(PRODUCTION, orders=1)}, "untouched"),
    ],
)
def test_a_claim_falls_with_what_it_rests_on(change: dict[str, Any], claim: str) -> None:
    fallen = [proof.claim for proof in judge(replace(TRUE, **change)) if not proof.holds]
    assert len(fallen) == 1
    assert claim in fallen[0]


def test_the_proof_is_a_table_of_both_sides() -> None:
    seen = words_of(render_proofs(judge(TRUE)))
    assert "orders of 2026-11-21 are there 20 20 proved" in seen
    assert "the later orders are not there 0 250 proved" in seen
    assert "reporting_reader cannot write permission denied proved" in seen


def test_the_verdict_counts_what_holds_and_says_the_times() -> None:
    proofs = judge(TRUE)
    seen = words_of(render_verdict(proofs, {"stack": 8.0, "restore": 20.04}))
    assert f"All {len(proofs)} claims are proved, in 28 s." in seen
    assert "stack 8.0 s, restore 20 s" in seen


def test_the_verdict_does_not_hide_what_does_not_hold() -> None:
    assert "1 of 8 claims do not hold" in words_of(
        render_verdict(judge(replace(TRUE, restored_later_orders=3)), {"stack": 1.0})
    )


def snapshot(name: str, taken: datetime | None, status: str = "available") -> ClusterSnapshot:
    return ClusterSnapshot(
        db_cluster_snapshot_identifier=name,
        db_cluster_snapshot_arn=f"arn:aws:rds:us-east-1:1:cluster-snapshot:{name}",
        db_cluster_identifier="production",
        status=status,
        snapshot_type="automated",
        engine="aurora-postgresql",
        engine_version="17.7",
        master_username="postgres",
        snapshot_create_time=taken,
    )


def test_the_newest_snapshot_of_a_day_before_today_is_taken() -> None:
    today = datetime(2026, 11, 22, 1, tzinfo=UTC)
    found = newest_snapshot_before(
        [
            snapshot("older", datetime(2026, 11, 20, 5, tzinfo=UTC)),
            snapshot("yesterday", datetime(2026, 11, 21, 5, tzinfo=UTC)),
            snapshot("unfinished", datetime(2026, 11, 21, 6, tzinfo=UTC), "creating"),
            snapshot("today", today),
            snapshot("begun", None, "creating"),
        ],
        today.date(),
    )
    assert (found[0].db_cluster_snapshot_identifier, found[1]) == ("yesterday", DAY)


def test_without_such_a_snapshot_the_demo_says_what_to_do() -> None:
    with pytest.raises(ProofFailed, match="no snapshot of a day before 2026-11-22") as failed:
        newest_snapshot_before([], date(2026, 11, 22))
    assert "--fresh" in failed.value.hint
