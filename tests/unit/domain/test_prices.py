"""Prices are read strictly, and ours say where they come from."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from aurora_restore.domain.prices import Item, PricesMalformed, read_prices

PRICE: dict[str, Any] = {
    "item": "instance_hour",
    "region": "us-east-1",
    "of": "db.r6g.large",
    "usd": Decimal("0.26"),
    "unit": "hour",
    "date": "2026-08-20",
    "source": "https://example.com",
}
DATES: dict[str, Any] = {
    "engine": "aurora-postgresql",
    "major_version": "13",
    "standard_until": "2026-02-28",
    "charged_from": "2026-03-01",
    "dearer_from": "2028-03-01",
    "source": "https://example.com",
}


def document(*prices: Any, support: Any = (DATES,), currency: str = "USD") -> dict[str, Any]:
    return {"currency": currency, "prices": list(prices), "support": list(support)}


def test_a_price_holds_for_its_region_and_its_class_alone() -> None:
    prices = read_prices(document(PRICE))
    found = prices.find(Item.INSTANCE_HOUR, "us-east-1", "db.r6g.large")
    assert found
    assert (found.usd, found.as_of) == (Decimal("0.26"), date(2026, 8, 20))
    assert prices.find(Item.INSTANCE_HOUR, "us-west-2", "db.r6g.large") is None
    assert prices.find(Item.INSTANCE_HOUR, "us-east-1", "db.r6g.xlarge") is None
    assert prices.find(Item.INSTANCE_HOUR_IO_OPTIMIZED, "us-east-1", "db.r6g.large") is None


def test_a_price_is_old_after_a_year() -> None:
    [price] = read_prices(document(PRICE)).prices.values()
    assert not price.is_old(date(2027, 8, 20))
    assert price.is_old(date(2027, 8, 21))


@pytest.mark.parametrize(
    ("engine", "version", "until"),
    [
        ("aurora-postgresql", "13.9", date(2026, 2, 28)),
        ("aurora-mysql", "5.7.mysql_aurora.2.11.2", date(2024, 10, 31)),
        ("aurora-postgresql", "1.3", None),
        ("aurora-mysql", "13.9", None),
        ("aurora-postgresql", "", None),
    ],
)
def test_support_is_that_of_the_engines_major_version(engine: str, version: str, until: date | None) -> None:
    mysql = {"engine": "aurora-mysql", "major_version": "5.7", "standard_until": "2024-10-31"}
    found = read_prices(document(support=(DATES, DATES | mysql))).support_of(engine, version)
    assert (found and found.standard_until) == until


@pytest.mark.parametrize(
    ("spoilt", "place"),
    [
        ([], "the file"),
        ({}, "currency"),
        (document(currency="EUR"), "currency"),
        ({"currency": "USD", "prices": {}, "support": []}, "prices"),
        ({"currency": "USD", "prices": []}, "support"),
        (document("0.26"), "prices[0]"),
        (document(PRICE, PRICE), "prices[1]"),
        (document(PRICE | {"item": "instances"}), "prices[0]"),
        (document(PRICE | {"region": ""}), "region"),
        (document({name: value for name, value in PRICE.items() if name != "of"}), "of"),
        (document({name: value for name, value in PRICE.items() if name != "source"}), "source"),
        (document(PRICE | {"usd": "0.26"}), "usd"),
        (document(PRICE | {"usd": True}), "usd"),
        (document(PRICE | {"usd": -1}), "usd"),
        (document(PRICE | {"usd": float("nan")}), "usd"),
        (document(PRICE | {"usd": 1_000_000}), "usd"),
        (document(PRICE | {"date": "last year"}), "date"),
        (document(support=[DATES | {"standard_until": None}]), "standard_until"),
    ],
)
def test_a_file_that_does_not_say_what_it_has_to_say_is_refused_with_the_place(
    spoilt: object, place: str
) -> None:
    with pytest.raises(PricesMalformed) as refused:
        read_prices(spoilt)
    assert place in str(refused.value)


def test_each_of_our_prices_has_a_source_that_can_be_looked_up() -> None:
    text = files("aurora_restore.cli").joinpath("prices.json").read_text()
    ours = read_prices(json.loads(text, parse_float=Decimal))
    assert {price.item for price in ours.prices.values()} >= {
        Item.INSTANCE_HOUR, Item.INSTANCE_HOUR_IO_OPTIMIZED, Item.ACU_HOUR, Item.STORAGE,
        Item.STORAGE_IO_OPTIMIZED, Item.BACKUP, Item.TRANSFER, Item.SUPPORT_VCPU_HOUR,
    }  # fmt: skip
    sources = [price.source for price in ours.prices.values()] + [
        dates.source for dates in ours.support.values()
    ]
    assert all(source.startswith("https://") for source in sources)
