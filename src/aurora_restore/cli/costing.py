"""What a plan will cost: the options, the file of prices, and the looks at AWS, none of which a plan waits for long."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import click

from aurora_restore.cli.connection import connect_looks
from aurora_restore.cli.errors import PricesUnusable
from aurora_restore.cli.looks import Looks
from aurora_restore.cli.parameters import Decorator, combined, option
from aurora_restore.cli.views.record import OperationView, view_operation
from aurora_restore.domain.costs import SIZE_WINDOW, Costing, Costs, Sizes, gib
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.prices import Prices, PricesMalformed, read_prices
from aurora_restore.domain.times import time_if_readable

Seen = TypeVar("Seen")
COPY_RETENTION_PARAMETER = "CopyRetentionDays"
# Aurora's largest volume is 256 TiB (Aurora User Guide, quotas): a larger number is a mistake.
SIZE_GIB_MOST = 256 * 1024
_HEADING = "What it will cost"


@dataclass(frozen=True)
class CostOptions:
    """What an operator says about costs. `size_gib`: of the snapshot's volume."""

    prices: Prices
    size_gib: Decimal | None = None


def _finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    # NaN is neither below nor above a limit.
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a size.")
    return value


def cost_options() -> Decorator:
    return combined(
        option(
            "--prices",
            "prices_file",
            metavar="FILE",
            heading=_HEADING,
            type=click.Path(path_type=Path),
            help="A file of prices (JSON) in the place of ours; docs/costs.md describes it.",
        ),
        option(
            "--size-gib",
            metavar="GIB",
            heading=_HEADING,
            type=click.FloatRange(min=0, min_open=True, max=SIZE_GIB_MOST),
            callback=_finite,
            help="Size of the snapshot's volume. Default: as CloudWatch knows it, in the source Region.",
        ),
    )


def read_cost_options(prices_file: Path | None, size_gib: float | None) -> CostOptions:
    """Read the options before anything is started.

    Raises:
        PricesUnusable: the file cannot be read, or does not say what it has to say.
    """
    size = None if size_gib is None else Decimal(str(size_gib))
    if prices_file is None:
        return CostOptions(
            _parsed(files("aurora_restore.cli").joinpath("prices.json").read_text("utf-8"), "ours"), size
        )
    try:
        text = prices_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PricesUnusable(f"{prices_file} cannot be read: {error}") from error
    return CostOptions(_parsed(text, str(prices_file)), size)


def _parsed(text: str, name: str) -> Prices:
    try:
        return read_prices(json.loads(text, parse_float=Decimal))
    except (PricesMalformed, json.JSONDecodeError, RecursionError) as error:
        raise PricesUnusable(f"The prices of {name} cannot be used: {error}.") from error


def costs_of(record: Mapping[str, Any], options: CostOptions, region: str, now: datetime) -> Costs | None:
    """What the planned run will cost; None where no restore is planned.

    A look at AWS that is refused, fails or finds nothing is a note, and holds nothing up.
    """
    view = view_operation(record)
    # An undo makes nothing, and a request that was refused has no plan.
    if view.undoes or not view.record.plan.instances:
        return None
    return _Finder(view, options, connect_looks(region), region, now).costs()


class _Finder:
    """The looks for one plan."""

    def __init__(
        self, view: OperationView, options: CostOptions, looks: Looks, region: str, now: datetime
    ) -> None:
        self._view = view
        self._options = options
        self._looks = looks
        self._region = view.record.parameters.target_region or region
        self._now = now
        self._notes: list[str] = []

    def costs(self) -> Costs:
        plan, replaced = self._view.record.plan, self._view.record.replaced
        source = self._options.size_gib
        if source is None:
            made = time_if_readable(plan.source.snapshot_create_time) or self._now
            source = self._size(plan.source.region or self._region, plan.source.db_cluster_identifier, made)
            if source is None:
                self._notes.append(
                    "the size is not known, so that amounts are for each GiB: say it with --size-gib"
                )
        old = self._size(self._region, replaced.db_cluster_identifier, self._now) if replaced else None
        days = None
        if plan.copy:
            name = self._looks.stack_name
            about = f"{COPY_RETENTION_PARAMETER} of the stack {name}"
            seen = self._look(about, lambda: self._looks.deployed.stack(name))
            given = (seen.parameters if seen else {}).get(COPY_RETENTION_PARAMETER, "")
            days = int(given) if given.isdecimal() else None
        return Costing(
            plan=plan,
            replaced=replaced,
            target_region=self._region,
            sizes=Sizes(source, old),
            prices=self._options.prices,
            on=self._now.date(),
            copy_retention_days=days,
            notes=tuple(self._notes),
        ).costs()

    def _size(self, region: str, cluster: str | None, at: datetime) -> Decimal | None:
        if not cluster:
            return None
        about = f"the size of {cluster} in {region}"
        found = self._look(about, lambda: self._looks.volumes.bytes_used(region, cluster, at))
        if found is not None:
            return gib(found)
        hours = SIZE_WINDOW.total_seconds() / 3600
        if not self._notes or not self._notes[-1].startswith(about):
            self._notes.append(
                f"{about}: CloudWatch has no VolumeBytesUsed of the {hours:g} hours before {at:%Y-%m-%d %H:%M}"
            )
        return None

    def _look(self, about: str, look: Callable[[], Seen]) -> Seen | None:
        """What AWS answers; what keeps it from answering becomes a note."""
        try:
            return look()
        except RestoreError as error:
            self._notes.append(f"{about} could not be looked up: {error.message}")
            return None
