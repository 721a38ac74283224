"""The examples of docs/costs.md are what the code shows for our own prices."""

from __future__ import annotations

import io
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aurora_restore.cli.costing import read_cost_options
from aurora_restore.cli.views.costs import render_costs
from aurora_restore.domain.costs import Costing, Sizes
from aurora_restore.domain.prices import Item
from aurora_restore.domain.record import PlanItem, ReplacedCluster

DOCUMENT = Path(__file__).parents[3] / "docs" / "costs.md"
ON = date(2026, 11, 22)
TWO = [{"db_instance_class": "db.r6g.large"}] * 2


def plan(**parts: Any) -> dict[str, Any]:
    source = {"region": "us-east-1", "engine": "aurora-postgresql", "engine_version": "17.7"}
    cluster = {"db_cluster_identifier": "staging", "backup_retention_days": 7}
    return {"source": source, "copy": {"cluster_snapshot_identifier": "copy"}, "cluster": cluster, **parts}


REPLACEMENT = {
    "strategy": "swap",
    "keep_hours": 24,
    "final_snapshot_identifier": "final",
    "final_snapshot_retention_days": 35,
}
EXAMPLES = {
    "in one Region": ("us-east-1", plan(instances=TWO, replacement=REPLACEMENT), {"members": TWO}),
    "into another Region": ("us-west-2", plan(instances=TWO[:1]), None),
}


def shown(name: str) -> str:
    region, item, replaced = EXAMPLES[name]
    costs = Costing(
        PlanItem.read(item),
        ReplacedCluster.read(replaced),
        region,
        Sizes(Decimal(500), Decimal(300)),
        read_cost_options(None, None).prices,
        ON,
        copy_retention_days=7,
    ).costs()
    out = io.StringIO()
    Console(file=out, width=80, highlight=False, markup=False).print(render_costs(costs), crop=False)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_the_command_shows(name: str) -> None:
    [block] = re.findall(
        rf"^<!-- costs: {re.escape(name)} -->\n```text\n(.*?)^```",
        DOCUMENT.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert block == shown(name)


def test_the_amounts_in_the_text_are_those_of_the_examples() -> None:
    text = re.sub(r"^```.*?^```", "", DOCUMENT.read_text(), flags=re.MULTILINE | re.DOTALL)
    amounts = re.findall(r"`(\$[0-9,.]+)`", text)
    assert amounts
    examples = " ".join(map(shown, EXAMPLES))
    for amount in amounts:
        assert re.search(rf"{re.escape(amount)}(?![0-9])", examples), amount


def test_every_item_of_a_file_of_prices_is_described() -> None:
    described = set(re.findall(r"`([a-z0-9_]+)`", DOCUMENT.read_text()))
    assert {item.value for item in Item} <= described
