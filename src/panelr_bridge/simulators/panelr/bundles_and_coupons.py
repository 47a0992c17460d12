"""Discounts that the panel takes off: bundles of products, and coupon codes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr.cart import CartItem
from panelr_bridge.simulators.panelr.money import NOTHING, portion


@dataclass(frozen=True)
class BundleRule:
    """A discount on a combination of products: an amount, or a percentage of their unit prices.

    A product that is in `product_ids` twice is needed twice. The discount applies once for each complete combination.
    """

    name: str
    product_ids: list[int]
    mode: str
    value: Decimal


@dataclass(frozen=True)
class BundleDiscount:
    """A bundle in a cart. `discount` is the discount of all `times` combinations."""

    name: str
    product_ids: list[int]
    times: int
    discount: Decimal

    def as_json(self) -> dict[str, Any]:
        """Return the bundle as a JSON object."""
        return {
            "name": self.name,
            "discount": self.discount,
            "product_ids": self.product_ids,
            "times": self.times,
        }


@dataclass(frozen=True)
class Coupon:
    """A coupon code. With a `reason` it is invalid; with a `customer_email` it is valid for that customer only."""

    code: str
    mode: str
    value: Decimal
    reason: str | None = None
    customer_email: str | None = None


@dataclass(frozen=True)
class CouponDiscount:
    """The effect of a coupon code on a cart. An invalid code has a reason and the discount 0."""

    code: str
    discount: Decimal
    reason: str | None = None

    def quote_json(self) -> dict[str, Any]:
        """Return the coupon in the form of quote_cart."""
        return {"valid": self.reason is None, "discount": self.discount, "reason": self.reason}

    def order_json(self) -> dict[str, Any] | None:
        """Return the coupon in the form of get_work_order; None for an invalid code."""
        return None if self.reason else {"code": self.code, "discount": self.discount}


def find_bundles(rules: Iterable[BundleRule], cart: Sequence[CartItem]) -> tuple[BundleDiscount, ...]:
    """Return the bundles in a cart, in the order of the rules; each unit belongs to one bundle at most.

    If two items have the same product, the price of the first one counts. Items paid with points belong to no bundle.
    """
    paid = [item for item in cart if not item.pay_with_points]
    prices = {item.product_id: item.price for item in reversed(paid)}
    units: Counter[int] = Counter()
    for item in paid:
        units[item.product_id] += item.qty
    applied = (_apply_rule(rule, units, prices) for rule in rules)
    return tuple(each for each in applied if each is not None)


def apply_coupon(code: str, coupons: Mapping[str, Coupon], *, customer_email: str, base: Decimal) -> CouponDiscount:
    """Return the effect of a code on `base`. Letter case does not matter, as in WooCommerce."""
    coupon = coupons.get(code.casefold())
    if coupon is None:
        return CouponDiscount(code, NOTHING, "This code does not exist")
    if coupon.reason:
        return CouponDiscount(code, NOTHING, coupon.reason)
    if coupon.customer_email and coupon.customer_email.casefold() != customer_email.casefold():
        return CouponDiscount(code, NOTHING, "This code belongs to another customer")
    return CouponDiscount(code, min(portion(coupon.mode, coupon.value, base), base))


def _apply_rule(rule: BundleRule, units: Counter[int], prices: Mapping[int, Decimal]) -> BundleDiscount | None:
    """Return the discount of one rule, and take its units out of `units`."""
    needed = Counter(rule.product_ids)
    times = min((units[product_id] // count for product_id, count in needed.items()), default=0)
    if not times:
        return None
    for product_id, count in needed.items():
        units[product_id] -= count * times
    price = sum((prices[product_id] * count for product_id, count in needed.items()), NOTHING)
    return BundleDiscount(rule.name, rule.product_ids, times, min(portion(rule.mode, rule.value, price), price) * times)
