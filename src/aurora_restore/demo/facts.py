"""What a shop of the local stack holds, whichever engine it is on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

SHOP_DATABASE = "shop"
ANALYTICS_DATABASE = "analytics"
APPLICATION_LOGIN = "shop_app"
REPORTING_LOGIN = "shop_reporting"
PRODUCTS = 300


@dataclass(frozen=True)
class ShopFacts:
    """What distinguishes two states of the shop. `revenue` leaves out cancelled orders."""

    customers: int
    products: int
    orders: int
    order_items: int
    payments: int
    newest_order_time: datetime | None
    revenue: Decimal

    @property
    def rows(self) -> int:
        return self.customers + self.products + self.orders + self.order_items + self.payments
