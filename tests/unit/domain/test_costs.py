"""What a plan costs: amounts are computed here on their own, in cents and by hand, from prices that are round."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from aurora_restore.domain.cluster_settings import NO_PAID_SUPPORT, PAID_SUPPORT
from aurora_restore.domain.costs import Costing, CostLine, Costs, Per, Sizes, gib, vcpus_of
from aurora_restore.domain.prices import Prices, read_prices
from aurora_restore.domain.record import PlanItem, ReplacedCluster

ON = date(2026, 11, 22)
HERE, THERE = "us-west-2", "us-east-1"
USD = {
    ("instance_hour", HERE, "db.r6g.large"): "0.26",
    ("instance_hour", HERE, "db.r6g.xlarge"): "0.52",
    ("instance_hour_io_optimized", HERE, "db.r6g.large"): "0.34",
    ("acu_hour", HERE, ""): "0.12",
    ("acu_hour_io_optimized", HERE, ""): "0.16",
    ("storage_gib_month", HERE, ""): "0.10",
    ("storage_gib_month_io_optimized", HERE, ""): "0.225",
    ("backup_gib_month", HERE, ""): "0.021",
    ("transfer_gib", THERE, HERE): "0.02",
    ("extended_support_vcpu_hour", HERE, ""): "0.10",
    ("extended_support_vcpu_hour_year_3", HERE, ""): "0.20",
    ("extended_support_acu_hour", HERE, ""): "0.08",
}
SUPPORT = {
    "engine": "aurora-postgresql", "major_version": "13", "standard_until": "2026-02-28",
    "charged_from": "2026-03-01", "dearer_from": "2028-03-01", "source": "https://example.com",
}  # fmt: skip


def prices(usd: Mapping[tuple[str, str, str], str] = USD, as_of: str = "2026-11-01") -> Prices:
    return read_prices(
        {
            "currency": "USD",
            "prices": [
                {"item": item, "region": region, "of": of, "usd": Decimal(price), "unit": "unit",
                 "date": as_of, "source": "https://example.com"}
                for (item, region, of), price in usd.items()
            ],
            "support": [SUPPORT],
        }
    )  # fmt: skip


def plan(
    *classes: str, replacement: Mapping[str, Any] | None = None, copied: bool = True, **cluster: Any
) -> dict[str, Any]:
    return {
        "source": {"region": THERE, "db_cluster_identifier": "production",
                   "engine": "aurora-postgresql", "engine_version": "17.7"},
        "copy": {"cluster_snapshot_identifier": "copy"} if copied else None,
        "cluster": {"db_cluster_identifier": "staging", "engine_lifecycle_support": NO_PAID_SUPPORT, **cluster},
        "instances": [{"db_instance_class": name} for name in classes or ("db.r6g.large",)],
        "replacement": replacement,
    }  # fmt: skip


def costs_of(
    item: Mapping[str, Any],
    *,
    size: int | None = 500,
    old_size: int | None = 300,
    replaced: Mapping[str, Any] | None = None,
    region: str = HERE,
    on: date = ON,
    usd: Mapping[tuple[str, str, str], str] = USD,
    as_of: str = "2026-11-01",
    copy_retention_days: int | None = 7,
) -> Costs:
    sizes = Sizes(*(None if each is None else Decimal(each) for each in (size, old_size)))
    return Costing(
        PlanItem.read(item), ReplacedCluster.read(replaced), region, sizes, prices(usd, as_of), on, copy_retention_days
    ).costs()  # fmt: skip


def line(costs: Costs, what: str) -> CostLine:
    [found] = [each for each in costs.lines if each.what == what]
    return found


def amounts(found: CostLine) -> tuple[Fraction, Fraction]:
    """As fractions, to compare with exact numbers, to a millionth of a cent: Decimal divides to 28 digits."""
    assert found.least is not None
    assert found.most is not None
    return tuple(Fraction(each).limit_denominator(10**9) for each in (found.least, found.most))  # type: ignore[return-value]


CENT = Fraction(1, 100)


@pytest.mark.parametrize(
    ("what", "per", "least", "most"),
    [
        # 500 GiB at 2 cents; the transfer of what was copied before is not charged for again.
        ("transfer of the copy", Per.ONCE, 0, 500 * 2 * CENT),
        # 500 GiB for 7 of 30 days at 2.1 cents a month.
        ("storage of the copy", Per.ONCE, 500 * Fraction(21, 1000) * Fraction(7, 30), None),
        ("instances", Per.HOUR, 26 * CENT, None),
        ("storage", Per.MONTH, 500 * 10 * CENT, None),
    ],
)
def test_a_new_cluster_from_another_region(
    what: str, per: Per, least: Fraction, most: Fraction | None
) -> None:
    found = line(costs_of(plan()), what)
    assert (found.per, found.for_each, found.unknown) == (per, "", "")
    assert amounts(found) == (least, least if most is None else most)


def test_sums_are_those_of_the_run_and_of_a_month_of_730_hours() -> None:
    costs = costs_of(plan(backup_retention_days=1))
    storage_of_copy = 500 * Fraction(21, 1000) * Fraction(7, 30)
    assert Fraction(costs.for_the_run.least or 0).limit_denominator(10**9) == storage_of_copy
    assert Fraction(costs.for_the_run.most or 0).limit_denominator(10**9) == storage_of_copy + 10
    assert costs.a_month.least == costs.a_month.most == Decimal("239.80")  # 730 x 0.26 + 500 x 0.10
    assert costs.for_the_run.is_whole
    assert costs.a_month.is_whole


def test_instances_are_counted_by_class() -> None:
    costs = costs_of(plan("db.r6g.large", "db.r6g.large", "db.r6g.xlarge"))
    found = [each for each in costs.lines if each.what == "instances"]
    assert [amounts(each)[0] for each in found] == [52 * CENT, 52 * CENT]
    assert "2 x db.r6g.large" in found[0].quantity


def test_serverless_costs_from_its_least_to_its_most_capacity() -> None:
    capacity = {"min_capacity": 0.5, "max_capacity": 8}
    costs = costs_of(plan("db.serverless", "db.serverless", serverless_v2=capacity))
    assert amounts(line(costs, "instances")) == (12 * CENT, 192 * CENT)
    no_capacity = costs_of(plan("db.serverless"))
    assert line(no_capacity, "instances").unknown


def test_io_optimized_has_prices_of_its_own() -> None:
    costs = costs_of(plan(storage_type="aurora-iopt1"))
    assert amounts(line(costs, "instances"))[0] == 34 * CENT
    assert amounts(line(costs, "storage"))[0] == 500 * Fraction(225, 1000)
    assert not any("million" in note for note in costs.notes)
    assert any("million" in note for note in costs_of(plan()).notes)
    serverless = plan(
        "db.serverless", storage_type="aurora-iopt1", serverless_v2={"min_capacity": 1, "max_capacity": 2}
    )
    assert amounts(line(costs_of(serverless), "instances")) == (16 * CENT, 32 * CENT)


@pytest.mark.parametrize(
    ("days", "most"),
    [
        (1, 0),
        # The size of the volume is free: for each further day at most as much is charged for.
        (2, 500 * Fraction(21, 1000)),
        (35, 34 * 500 * Fraction(21, 1000)),
    ],
)
def test_backups_cost_at_most_the_volume_for_each_day_after_the_first(days: int, most: Fraction) -> None:
    found = line(costs_of(plan(backup_retention_days=days)), "backups")
    assert amounts(found) == (Fraction(0), most)


def test_an_inherited_retention_that_no_plan_names_is_not_guessed() -> None:
    costs = costs_of(plan())
    found = line(costs, "backups")
    assert found.for_each
    assert amounts(found) == (Fraction(21, 1000), Fraction(21, 1000))
    assert not costs.a_month.is_whole


def test_without_a_copy_nothing_is_transferred_and_a_copy_in_the_region_is_stored_only() -> None:
    assert not {"transfer of the copy", "storage of the copy"} & {
        each.what for each in costs_of(plan(copied=False)).lines
    }
    again = plan()
    again["source"]["region"] = HERE
    names = [each.what for each in costs_of(again).lines]
    assert "transfer of the copy" not in names
    assert "storage of the copy" in names


def test_without_a_size_amounts_are_for_each_gib_and_in_no_sum() -> None:
    costs = costs_of(plan(), size=None)
    for what, amount in (("transfer of the copy", 2 * CENT), ("storage", 10 * CENT)):
        found = line(costs, what)
        assert (found.for_each, amounts(found)[1]) == ("GiB", amount)
    assert costs.for_the_run.most is None
    assert costs.a_month.most == Decimal("189.80")  # the instances alone
    assert not costs.a_month.is_whole


def test_a_copy_whose_retention_is_not_known_costs_so_much_a_day_and_is_in_no_sum() -> None:
    costs = costs_of(plan(), copy_retention_days=None)
    found = line(costs, "storage of the copy")
    assert found.per is Per.DAY
    assert amounts(found)[0] == 500 * Fraction(21, 1000) / 30
    assert not costs.for_the_run.is_whole


def test_a_price_of_another_region_is_never_taken() -> None:
    costs = costs_of(plan(), region="eu-west-1")
    for found in costs.lines:
        assert found.unknown.startswith("not known: no price for "), found
        assert found.least is None
    assert line(costs, "instances").unknown == "not known: no price for db.r6g.large in eu-west-1"
    # That of a transfer is of the Region that it leaves.
    assert (
        line(costs, "transfer of the copy").unknown
        == "not known: no price for transfer to eu-west-1 in us-east-1"
    )
    assert (costs.for_the_run.most, costs.a_month.most) == (None, None)


def test_a_price_of_more_than_a_year_ago_is_marked() -> None:
    for as_of, is_old in (("2025-11-21", True), ("2025-11-22", False)):
        lines = costs_of(plan(), as_of=as_of).to_item()["lines"]
        assert {each["price_is_old"] for each in lines} == {is_old}, as_of


REPLACED = {
    "db_cluster_identifier": "staging",
    "members": [{"db_instance_class": "db.r6g.large"}, {"db_instance_class": "db.r6g.large"}],
}


def replacing(**replacement: Any) -> dict[str, Any]:
    given = {"strategy": "swap", "keep_hours": 0, "final_snapshot_identifier": "final",
             "final_snapshot_retention_days": 35}  # fmt: skip
    return plan(replacement=given | replacement)


def test_the_old_cluster_costs_its_instances_until_the_switch_and_its_storage_while_it_is_kept_stopped() -> (
    None
):
    costs = costs_of(replacing(keep_hours=73), replaced=REPLACED)
    assert amounts(line(costs, "old instances"))[0] == 52 * CENT
    # 300 GiB for 73 of 730 hours at 10 cents a month, and no instance hours.
    assert amounts(line(costs, "old cluster kept"))[0] == 300 * 10 * CENT / 10
    # What it costs without a run is in no sum.
    assert costs.a_month.least == Decimal("239.80")


def test_a_cluster_that_goes_at_once_is_not_kept_and_one_that_goes_first_costs_nothing_beside_the_new_one() -> (
    None
):
    assert "old cluster kept" not in {each.what for each in costs_of(replacing(), replaced=REPLACED).lines}
    names = {each.what for each in costs_of(replacing(strategy="delete_first"), replaced=REPLACED).lines}
    assert "old instances" not in names
    assert "final snapshot" in names


@pytest.mark.parametrize(
    ("days", "per", "amount"),
    [
        (35, Per.ONCE, 300 * Fraction(21, 1000) * Fraction(35, 30)),
        (None, Per.MONTH, 300 * Fraction(21, 1000)),
    ],
)
def test_the_final_snapshot_has_the_size_of_the_old_cluster(
    days: int | None, per: Per, amount: Fraction
) -> None:
    found = line(costs_of(replacing(final_snapshot_retention_days=days), replaced=REPLACED), "final snapshot")
    assert (found.per, amounts(found)[0]) == (per, amount)
    none = costs_of(replacing(final_snapshot_identifier=None), replaced=REPLACED)
    assert "final snapshot" not in {each.what for each in none.lines}


def test_a_final_snapshot_that_is_kept_for_good_is_no_cost_of_the_new_cluster() -> None:
    costs = costs_of(replacing(final_snapshot_retention_days=None), replaced=REPLACED)
    assert costs.a_month.least == Decimal("239.80")


VERSION_13: dict[str, Any] = {"engine_version": "13.9"}


@pytest.mark.parametrize(
    ("cluster", "on", "least", "most"),
    [
        # Two vCPUs at 10 cents, from March 2028 on at 20.
        (VERSION_13 | {"engine_lifecycle_support": PAID_SUPPORT}, ON, 20 * CENT, 20 * CENT),
        (VERSION_13 | {"engine_lifecycle_support": PAID_SUPPORT}, date(2028, 3, 1), 40 * CENT, 40 * CENT),
        (VERSION_13 | {"engine_lifecycle_support": PAID_SUPPORT}, date(2028, 2, 29), 20 * CENT, 20 * CENT),
        # Enrolled while standard support lasts: nothing yet.
        (VERSION_13 | {"engine_lifecycle_support": PAID_SUPPORT}, date(2026, 2, 28), 0, 0),
        # Not enrolled: only where the upgrade that AWS makes by itself fails.
        (VERSION_13, ON, 0, 20 * CENT),
    ],
)
def test_extended_support_is_charged_for_by_the_vcpu_once_standard_support_has_ended(
    cluster: Mapping[str, Any], on: date, least: Fraction, most: Fraction
) -> None:
    found = line(costs_of(plan(**cluster), on=on), "Extended Support")
    assert found.per is Per.HOUR
    assert amounts(found) == (least, most)


def test_a_version_with_standard_support_that_is_not_enrolled_has_no_line_of_extended_support() -> None:
    nothing: dict[str, Any] = {}
    for cluster in (nothing, VERSION_13):
        costs = costs_of(plan(**cluster), on=date(2026, 2, 28))
        assert "Extended Support" not in {each.what for each in costs.lines}


@pytest.mark.parametrize(
    "item",
    [
        plan(engine_version="9.6", engine_lifecycle_support=PAID_SUPPORT),
        plan("db.unheard-of", **VERSION_13, engine_lifecycle_support=PAID_SUPPORT),
        plan("db.serverless", "db.r6g.large", **VERSION_13, engine_lifecycle_support=PAID_SUPPORT),
    ],
    ids=["no dates of the version", "no vCPUs of the class", "two kinds of instances"],
)
def test_extended_support_that_cannot_be_known_is_not_guessed(item: Mapping[str, Any]) -> None:
    costs = costs_of(item)
    assert line(costs, "Extended Support").unknown
    assert not costs.a_month.is_whole


def test_extended_support_of_serverless_is_charged_for_by_the_capacity_unit() -> None:
    capacity = {"min_capacity": 0.5, "max_capacity": 8}
    item = plan("db.serverless", serverless_v2=capacity, **VERSION_13, engine_lifecycle_support=PAID_SUPPORT)
    assert amounts(line(costs_of(item), "Extended Support")) == (4 * CENT, 64 * CENT)


@pytest.mark.parametrize(
    ("name", "vcpus"),
    [
        ("db.t4g.medium", 2),
        ("db.r6g.large", 2),
        ("db.r6g.xlarge", 4),
        ("db.r5.24xlarge", 96),
        ("db.serverless", None),
    ],
)
def test_a_class_says_its_vcpus_by_its_size(name: str, vcpus: int | None) -> None:
    assert vcpus_of(name) == vcpus


def test_a_size_in_bytes_is_one_in_gib_and_never_nothing() -> None:
    assert gib(500 * 1024**3) == 500
    assert gib(346_311_966_720) == Decimal("322.53")
    assert gib(1) == Decimal("0.01")
