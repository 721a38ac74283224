"""What a planned run will cost, and why: the plan, prices and sizes go in, lines come out.

What is charged for, by the Aurora User Guide:

- A copy to another Region is a full copy, and is always charged for at its full size; its transfer is charged for what
  was changed since the last copy (aurora-copy-snapshot, aurora-storage-backup).
- Automated backups are free up to the latest size of the volume, and with a retention of one day; what is charged for
  never exceeds the size of the volume on each day of the retention (aurora-storage-backup).
- A snapshot is full, and is charged for at its full size once its cluster is deleted (aurora-storage-backup).
- While a cluster is stopped, its storage and backups are charged for, its instance hours are not
  (aurora-cluster-stop-start).
- A restore that names no backup retention takes that of the snapshot's cluster (Aurora.Managing.Backups).
- Extended Support is charged for from the day that the release calendar names (extended-support-charges).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any

from aurora_restore.domain.cluster_settings import PAID_SUPPORT
from aurora_restore.domain.prices import Item, Price, Prices
from aurora_restore.domain.record import PlanItem, ReplacedCluster
from aurora_restore.domain.record.parts import NOTHING, Part
from aurora_restore.domain.states import Strategy

HOURS_A_MONTH, DAYS_A_MONTH = Decimal(730), Decimal(30)
SERVERLESS, IO_OPTIMIZED = "db.serverless", "aurora-iopt1"
ZERO = Decimal(0)
PER_GIB, PER_EXTRA_GIB = "GiB", "GiB of backups beyond the size of the volume"
# By the size in the name of a class (Aurora User Guide, Concepts.DBInstanceClass.Summary); an Nxlarge has N times 4.
_VCPUS = {"medium": 2, "large": 2, "xlarge": 4}


class Per(StrEnum):
    """For what an amount is: once for the run, or for each hour, day or month."""

    ONCE = "once"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Whose(StrEnum):
    RUN = "the run"
    NEW = "the new cluster"
    OLD = "the old cluster"


@dataclass(frozen=True)
class Sizes:
    """Sizes of cluster volumes in GiB; None: not known.

    `source`: of the snapshot, which is that of its cluster's volume when it was made. `replaced`: of the old cluster.
    """

    source: Decimal | None = None
    replaced: Decimal | None = None


@dataclass(frozen=True)
class CostLine:
    """One line, in US dollars.

    `least` and `most`: the amount for `per`, the same where it is known exactly; None: not known, for `unknown`.
    `for_each`: the amounts are for each of these, since their number is not known; empty: they are whole.
    """

    what: str
    whose: Whose
    per: Per
    quantity: str
    price: Price | None
    least: Decimal | None
    most: Decimal | None
    why: str
    for_each: str = ""
    unknown: str = ""

    def to_item(self, on: date) -> dict[str, Any]:
        price = self.price
        return {
            "what": self.what,
            "whose": self.whose.value,
            "quantity": self.quantity,
            "unit_price": price and price.usd,
            "unit": price and price.unit,
            "least": self.least,
            "most": self.most,
            "per": self.per.value,
            "for_each": self.for_each or None,
            "why": self.why,
            "not_known": self.unknown or None,
            "price_date": price and price.as_of.isoformat(),
            "price_is_old": bool(price and price.is_old(on)),
            "price_source": price and price.source,
        }


@dataclass(frozen=True)
class Total:
    """A sum. None: nothing of it is known. `is_whole`: no line that belongs to it is missing from it."""

    least: Decimal | None
    most: Decimal | None
    is_whole: bool


@dataclass(frozen=True)
class Costs:
    """What a run will cost. `on`: the day of the plan, by which the age of the prices is judged."""

    lines: tuple[CostLine, ...]
    on: date
    notes: tuple[str, ...] = ()

    @property
    def for_the_run(self) -> Total:
        return _total(self.lines, {Per.ONCE: Decimal(1)})

    @property
    def a_month(self) -> Total:
        """Of the new cluster, for as long as it exists."""
        lines = [line for line in self.lines if line.whose is Whose.NEW]
        return _total(lines, {Per.HOUR: HOURS_A_MONTH, Per.MONTH: Decimal(1)})

    def to_item(self) -> dict[str, Any]:
        totals = {"for_the_run": self.for_the_run, "a_month_of_the_new_cluster": self.a_month}
        return {
            "currency": "USD",
            "lines": [line.to_item(self.on) for line in self.lines],
            "totals": {
                name: {"least": total.least, "most": total.most, "is_whole": total.is_whole}
                for name, total in totals.items()
            },
            "notes": list(self.notes),
        }


def _total(lines: Iterable[CostLine], times: Mapping[Per, Decimal]) -> Total:
    concerned = [line for line in lines if line.per in times or (line.per is Per.DAY and Per.ONCE in times)]
    known = [
        (times[line.per], line)
        for line in concerned
        if line.least is not None and not line.for_each and line.per in times
    ]
    # A sum of nothing would look like a run that costs nothing.
    if concerned and not known:
        return Total(None, None, is_whole=False)
    return Total(
        least=sum((number * (line.least or ZERO) for number, line in known), ZERO),
        most=sum((number * (line.most or ZERO) for number, line in known), ZERO),
        is_whole=len(known) == len(concerned),
    )


class _Cluster(Part):
    """Of the planned or of the replaced cluster, what costs depend on."""

    storage_type: str | None = None
    backup_retention_days: int | None = None
    engine_version: str | None = None
    engine_lifecycle_support: str | None = None
    serverless_v2: Mapping[str, float] = NOTHING


class _Replacement(Part):
    final_snapshot_identifier: str | None = None
    final_snapshot_retention_days: int | None = None


@dataclass(frozen=True)
class Costing:
    """One plan, to be priced. `copy_retention_days` None: not known."""

    plan: PlanItem
    replaced: ReplacedCluster
    target_region: str
    sizes: Sizes
    prices: Prices
    on: date
    copy_retention_days: int | None = None
    notes: tuple[str, ...] = field(default=())

    def costs(self) -> Costs:
        """All lines, in the order in which they fall due."""
        classes = [instance.db_instance_class for instance in self.plan.instances]
        lines = (
            *self._copy(),
            *self._instance_hours(classes, self._cluster, Whose.NEW, "instances", "for as long as they run"),
            self._storage(),
            self._backups(),
            *self._support(),
            *self._old_cluster(),
            *self._final_snapshot(),
        )
        notes = list(self.notes)
        if self._cluster.storage_type != IO_OPTIMIZED:
            notes.append(
                "I/O requests of a Standard volume are charged for by the million, and are not estimated"
            )
        notes.append(
            "list prices, without taxes, discounts and reserved instances; the pipeline itself is not in them"
        )
        return Costs(lines, self.on, tuple(notes))

    @cached_property
    def _cluster(self) -> _Cluster:
        return _Cluster.read(self.plan.cluster.item)

    @cached_property
    def _engine_version(self) -> str:
        return self._cluster.engine_version or self.plan.source.engine_version or ""

    def _copy(self) -> Iterator[CostLine]:
        if not self.plan.copy:
            return
        source = self.plan.source.region or ""
        if source != self.target_region:
            yield self._of_size(
                "transfer of the copy", Whose.RUN, Per.ONCE, self.sizes.source, Decimal(1),
                Item.TRANSFER, region=source, of=self.target_region, is_most=True,
                why=f"the snapshot is copied from {source} to {self.target_region}; less where an earlier copy of the "
                "same database is there, since only what was changed is transferred",
            )  # fmt: skip
        days = self.copy_retention_days
        yield self._of_size(
            "storage of the copy", Whose.RUN, Per.ONCE if days else Per.DAY, self.sizes.source,
            Decimal(days or 1) / DAYS_A_MONTH, Item.BACKUP, times=f"{days or 1} days of 30" if days else "a day of 30",
            why="a copy is charged for at its full size, for as long as it is kept"
            + (f" (CopyRetentionDays: {days})" if days else ", which the stack's CopyRetentionDays says"),
        )  # fmt: skip

    def _instance_hours(
        self, classes: Iterable[str], cluster: _Cluster, whose: Whose, what: str, why: str
    ) -> Iterator[CostLine]:
        is_io = cluster.storage_type == IO_OPTIMIZED
        if is_io:
            why += "; I/O-Optimized (aurora-iopt1), whose instance hours cost more and whose I/O is included"
        for name, number in Counter(classes).items():
            if name == SERVERLESS:
                item, of = Item.ACU_HOUR_IO_OPTIMIZED if is_io else Item.ACU_HOUR, ""
                least, most = _capacities(cluster)
                quantity = f"{number} x {least} to {most} ACU"
                if most == 0:
                    # What it may grow to is in no plan, so that nothing can be said of it.
                    yield _unknown(
                        what, whose, Per.HOUR, f"{number} x {name}", why, "the plan has no capacity"
                    )
                    continue
            else:
                item, of = Item.INSTANCE_HOUR_IO_OPTIMIZED if is_io else Item.INSTANCE_HOUR, name
                least, most, quantity = Decimal(1), Decimal(1), f"{number} x {name}"
            price = self.prices.find(item, self.target_region, of)
            if price is None:
                about = f"{name}, I/O-Optimized," if is_io else name
                yield _unknown(
                    what, whose, Per.HOUR, quantity, why, f"no price for {about} in {self.target_region}"
                )
                continue
            yield CostLine(
                what, whose, Per.HOUR, quantity, price,
                number * least * price.usd, number * most * price.usd, why,
            )  # fmt: skip

    def _storage(self) -> CostLine:
        is_io = self._cluster.storage_type == IO_OPTIMIZED
        return self._of_size(
            "storage", Whose.NEW, Per.MONTH, self.sizes.source, Decimal(1),
            Item.STORAGE_IO_OPTIMIZED if is_io else Item.STORAGE,
            why="the new volume has the size of the snapshot at first"
            + ("; I/O-Optimized" if is_io else "; I/O requests come besides"),
        )  # fmt: skip

    def _backups(self) -> CostLine:
        days, what = self._cluster.backup_retention_days, "backups"
        price = self.prices.find(Item.BACKUP, self.target_region)
        if days == 1:
            return CostLine(
                what,
                Whose.NEW,
                Per.MONTH,
                "1 day",
                price,
                ZERO,
                ZERO,
                "backups that are kept for one day are free",
            )
        free = "free up to the size of the volume"
        if days is None:
            why = f"no retention is planned: the new cluster inherits that of the snapshot's cluster; {free}"
            if price is None:
                return _unknown(what, Whose.NEW, Per.MONTH, "", why, self._no_price("backups"))
            return CostLine(
                what, Whose.NEW, Per.MONTH, "", price, price.usd, price.usd, why, for_each=PER_EXTRA_GIB
            )
        return self._of_size(
            what, Whose.NEW, Per.MONTH, self.sizes.source, Decimal(days - 1), Item.BACKUP,
            times=f"{days - 1} further days", is_most=True,
            why=f"kept for {days} days; {free}, then by how much is changed, at most the volume for each further day",
        )  # fmt: skip

    def _support(self) -> Iterator[CostLine]:
        """Extended Support, where it is asked for, or may come without being asked for."""
        what, engine = "Extended Support", self.plan.source.engine or ""
        named = f"{engine} {self._engine_version}"
        is_enrolled = self._cluster.engine_lifecycle_support == PAID_SUPPORT
        dates = self.prices.support_of(engine, self._engine_version)
        if dates is None:
            if is_enrolled:
                yield _unknown(
                    what, Whose.NEW, Per.HOUR, "", "the cluster is enrolled",
                    f"no dates of the standard support of {named}",
                )  # fmt: skip
            return
        if self.on <= dates.standard_until or dates.charged_from is None or self.on < dates.charged_from:
            if is_enrolled:
                begin = (
                    dates.charged_from.isoformat() if dates.charged_from else "a day that AWS has not named"
                )
                why = (
                    f"{named} has standard support until {dates.standard_until}; charged for from {begin} on"
                )
                yield CostLine(what, Whose.NEW, Per.HOUR, "nothing yet", None, ZERO, ZERO, why)
            return
        is_dearer = dates.dearer_from is not None and self.on >= dates.dearer_from
        why = f"the standard support of {named} ended on {dates.standard_until}"
        if is_enrolled:
            why += ", and the cluster is enrolled" + ("; the price of year 3" if is_dearer else "")
        else:
            why += "; the cluster is not enrolled, and is charged for where AWS's own upgrade of it fails"
        yield self._support_hours(what, why, is_dearer=is_dearer, is_enrolled=is_enrolled)

    def _support_hours(self, what: str, why: str, *, is_dearer: bool, is_enrolled: bool) -> CostLine:
        classes = [instance.db_instance_class for instance in self.plan.instances]
        is_serverless = SERVERLESS in classes
        units = [vcpus_of(name) for name in classes]
        if is_serverless:
            item = Item.SUPPORT_ACU_HOUR_YEAR_3 if is_dearer else Item.SUPPORT_ACU_HOUR
        else:
            item = Item.SUPPORT_VCPU_HOUR_YEAR_3 if is_dearer else Item.SUPPORT_VCPU_HOUR
        price = self.prices.find(item, self.target_region)
        if price is None:
            return _unknown(what, Whose.NEW, Per.HOUR, "", why, self._no_price("Extended Support"))
        if is_serverless and set(classes) == {SERVERLESS}:
            low, high = (len(classes) * each for each in _capacities(self._cluster))
            quantity = f"{low} to {high} ACU"
        elif None in units or is_serverless:
            shown = ", ".join(sorted(set(classes)))
            return _unknown(what, Whose.NEW, Per.HOUR, "", why, f"the vCPUs of {shown} are not known")
        else:
            low = high = Decimal(sum(number for number in units if number))
            quantity = f"{high} vCPU"
        least = low * price.usd if is_enrolled else ZERO
        return CostLine(what, Whose.NEW, Per.HOUR, quantity, price, least, high * price.usd, why)

    def _old_cluster(self) -> Iterator[CostLine]:
        """The cluster that is replaced, from the beginning of the run until it goes."""
        planned = self.plan.replacement
        # With delete_first the two never exist at once.
        if not self.replaced or planned.strategy == Strategy.DELETE_FIRST:
            return
        cluster = _Cluster.read(self.replaced.item)
        classes = [member.db_instance_class for member in self.replaced.members]
        yield from self._instance_hours(
            classes, cluster, Whose.OLD, "old instances",
            "both clusters run until the switch; the old one costs this without a run, too",
        )  # fmt: skip
        if hours := planned.keep_hours:
            is_io = cluster.storage_type == IO_OPTIMIZED
            yield self._of_size(
                "old cluster kept", Whose.RUN, Per.ONCE, self.sizes.replaced, Decimal(str(hours)) / HOURS_A_MONTH,
                Item.STORAGE_IO_OPTIMIZED if is_io else Item.STORAGE, times=f"{hours:g} hours of 730",
                why="it is kept stopped after the switch (keep_replaced_hours): its storage is charged for, its "
                "instances are not",
            )  # fmt: skip

    def _final_snapshot(self) -> Iterator[CostLine]:
        final = _Replacement.read(self.plan.replacement.item)
        if not self.replaced or not final.final_snapshot_identifier:
            return
        days = final.final_snapshot_retention_days
        yield self._of_size(
            "final snapshot", Whose.RUN, Per.ONCE if days else Per.MONTH, self.sizes.replaced,
            Decimal(days) / DAYS_A_MONTH if days else Decimal(1), Item.BACKUP,
            times=f"{days} days of 30" if days else "",
            why="charged for at its full size once its cluster is deleted, "
            + (f"for {days} days (final_snapshot_retention_days)" if days else "until an operator deletes it"),
        )  # fmt: skip

    def _of_size(  # noqa: PLR0913 - a line has these parts
        self,
        what: str,
        whose: Whose,
        per: Per,
        size: Decimal | None,
        factor: Decimal,
        item: Item,
        *,
        why: str,
        times: str = "",
        region: str = "",
        of: str = "",
        is_most: bool = False,
    ) -> CostLine:
        """A line whose amount goes with a size; for each GiB where the size is not known."""
        price = self.prices.find(item, region or self.target_region, of)
        quantity = " x ".join(filter(None, (f"{size.normalize():f} GiB" if size is not None else "", times)))
        if price is None:
            about = f"transfer to {of}" if of else {Item.BACKUP: "backup storage"}.get(item, "storage")
            return _unknown(what, whose, per, quantity, why, self._no_price(about, region))
        amount = (Decimal(1) if size is None else size) * factor * price.usd
        return CostLine(
            what, whose, per, quantity, price, ZERO if is_most else amount, amount, why,
            for_each=PER_GIB if size is None else "",
        )  # fmt: skip

    def _no_price(self, about: str, region: str = "") -> str:
        return f"no price for {about} in {region or self.target_region}"


def vcpus_of(instance_class: str) -> int | None:
    """The virtual CPUs of an instance class; None where its name does not say it."""
    size = instance_class.rpartition(".")[2]
    if number := re.fullmatch(r"([0-9]{1,2})xlarge", size):
        return 4 * int(number[1])
    return _VCPUS.get(size)


def gib(volume_bytes: float) -> Decimal:
    """Bytes as GiB, to a hundredth; a volume that is not empty is never shown as 0."""
    return max(Decimal(str(volume_bytes)) / 2**30, Decimal("0.01")).quantize(Decimal("0.01"))


def _capacities(cluster: _Cluster) -> tuple[Decimal, Decimal]:
    values = cluster.serverless_v2
    return Decimal(str(values.get("min_capacity", 0))), Decimal(str(values.get("max_capacity", 0)))


def _unknown(what: str, whose: Whose, per: Per, quantity: str, why: str, reason: str) -> CostLine:
    return CostLine(what, whose, per, quantity, None, None, None, why, unknown=f"not known: {reason}")


def oldest_and_newest(lines: Iterable[CostLine]) -> tuple[date, date] | None:
    """The days of the prices that lines use; None where they use none."""
    days = sorted({line.price.as_of for line in lines if line.price})
    return (days[0], days[-1]) if days else None


# How far back a size is looked for: the metric is collected at intervals, and a cluster may have been stopped.
SIZE_WINDOW = timedelta(hours=24)
