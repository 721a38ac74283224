"""Prices of AWS, each with its Region, its unit, its date and its source; when standard support of a version ends.

Nothing here knows a price: they are data (`cli/prices.json`, or an operator's own file). A price that is not there is
not known, and none is derived from that of another Region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

# A list price may have changed by then.
OLD_AFTER = timedelta(days=365)
# More than any price of these, and more digits than any has: what is beyond is a mistake in the file.
PRICE_MOST = Decimal(100_000)


class Item(StrEnum):
    """What is priced. `of` in a price: the instance class, or the Region that a transfer goes to; else empty."""

    INSTANCE_HOUR = "instance_hour"
    INSTANCE_HOUR_IO_OPTIMIZED = "instance_hour_io_optimized"
    ACU_HOUR = "acu_hour"
    ACU_HOUR_IO_OPTIMIZED = "acu_hour_io_optimized"
    STORAGE = "storage_gib_month"
    STORAGE_IO_OPTIMIZED = "storage_gib_month_io_optimized"
    BACKUP = "backup_gib_month"
    TRANSFER = "transfer_gib"
    SUPPORT_VCPU_HOUR = "extended_support_vcpu_hour"
    SUPPORT_VCPU_HOUR_YEAR_3 = "extended_support_vcpu_hour_year_3"
    SUPPORT_ACU_HOUR = "extended_support_acu_hour"
    SUPPORT_ACU_HOUR_YEAR_3 = "extended_support_acu_hour_year_3"


HAS_OF = frozenset({Item.INSTANCE_HOUR, Item.INSTANCE_HOUR_IO_OPTIMIZED, Item.TRANSFER})


class PricesMalformed(ValueError):
    """A file of prices does not say what it has to say; the message names the place."""


@dataclass(frozen=True)
class Price:
    """One price in US dollars for one unit."""

    item: Item
    region: str
    of: str
    unit: str
    usd: Decimal
    as_of: date
    source: str

    def is_old(self, on: date) -> bool:
        return on - self.as_of > OLD_AFTER


@dataclass(frozen=True)
class SupportDates:
    """The standard support of a major version.

    `standard_until`: its last day. `charged_from`, `dearer_from`: the first days of the prices of year 1 and of year 3;
    None: AWS names none.
    """

    engine: str
    major_version: str
    standard_until: date
    charged_from: date | None
    dearer_from: date | None
    source: str


@dataclass(frozen=True)
class Prices:
    """A whole file."""

    prices: Mapping[tuple[Item, str, str], Price]
    support: Mapping[tuple[str, str], SupportDates]

    def find(self, item: Item, region: str, of: str = "") -> Price | None:
        return self.prices.get((item, region, of))

    def support_of(self, engine: str, engine_version: str) -> SupportDates | None:
        """The dates of a version's major version: `17` of 17.7, `5.7` of 5.7.mysql_aurora.2.11.2."""
        parts = engine_version.split(".")
        names = (parts[0], ".".join(parts[:2]))
        return next((found for name in names if (found := self.support.get((engine, name)))), None)


def read_prices(document: object) -> Prices:
    """Read a file of prices, parsed from JSON with numbers as Decimal or int.

    Raises:
        PricesMalformed: something is missing, is of another kind, or is there twice.
    """
    whole = _object(document, "the file")
    if whole.get("currency") != "USD":
        raise PricesMalformed("currency has to be USD")
    prices: dict[tuple[Item, str, str], Price] = {}
    for place, entry in _entries(whole, "prices"):
        price = _price(entry, place)
        key = (price.item, price.region, price.of)
        # Which of two prices holds would depend on their order.
        if key in prices:
            raise PricesMalformed(f"{place}: there is another price of {' '.join(filter(None, key))}")
        prices[key] = price
    support = {}
    for place, entry in _entries(whole, "support"):
        dates = SupportDates(
            engine=_text(entry, "engine", place),
            major_version=_text(entry, "major_version", place),
            standard_until=_date(entry, "standard_until", place),
            charged_from=_date(entry, "charged_from", place) if entry.get("charged_from") else None,
            dearer_from=_date(entry, "dearer_from", place) if entry.get("dearer_from") else None,
            source=_text(entry, "source", place),
        )
        support[dates.engine, dates.major_version] = dates
    return Prices(prices, support)


def _price(entry: Mapping[str, Any], place: str) -> Price:
    name = _text(entry, "item", place)
    if name not in set(Item):
        raise PricesMalformed(f"{place}: {name} is not an item; the items are {', '.join(Item)}")
    item, usd = Item(name), entry.get("usd")
    # A bool is an int in Python, and NaN compares with nothing.
    if isinstance(usd, bool) or not isinstance(usd, int | Decimal) or not 0 <= usd <= PRICE_MOST:
        raise PricesMalformed(f"{place}: usd has to be a number from 0 to {PRICE_MOST}")
    return Price(
        item=item,
        region=_text(entry, "region", place),
        of=_text(entry, "of", place) if item in HAS_OF else "",
        unit=_text(entry, "unit", place),
        usd=Decimal(usd),
        as_of=_date(entry, "date", place),
        source=_text(entry, "source", place),
    )


def _entries(whole: Mapping[str, Any], name: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    entries = whole.get(name)
    if not isinstance(entries, list):
        raise PricesMalformed(f"{name} has to be a list")
    return (
        (f"{name}[{number}]", _object(entry, f"{name}[{number}]")) for number, entry in enumerate(entries)
    )


def _object(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PricesMalformed(f"{place} has to be an object")
    return value


def _text(entry: Mapping[str, Any], name: str, place: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value.strip():
        raise PricesMalformed(f"{place}: {name} has to be a text")
    return value


def _date(entry: Mapping[str, Any], name: str, place: str) -> date:
    try:
        return date.fromisoformat(_text(entry, name, place))
    except ValueError as error:
        raise PricesMalformed(f"{place}: {name} has to be a day, for example 2026-08-20") from error
