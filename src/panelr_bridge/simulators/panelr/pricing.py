"""What a work order costs: exact Decimals, without I/O.

The order of the steps: items, bundle discounts, coupon, the payment method's fee or discount, the caller's adjustment.
Percentages are rounded half up to two decimals. A total is never below 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from panelr_bridge.simulators.panelr.bundles_and_coupons import BundleDiscount, CouponDiscount
from panelr_bridge.simulators.panelr.cart import CartItem
from panelr_bridge.simulators.panelr.catalogue import PaymentMethod
from panelr_bridge.simulators.panelr.money import NOTHING, portion

SMALLEST_SHOWN = Decimal("0.001")


@dataclass
class PriceAdjustment:
    """A fee or a discount on the whole work order."""

    direction: str
    label: str
    amount: Decimal

    @property
    def signed_amount(self) -> Decimal:
        """Return the change of the total: a discount is negative."""
        return self.amount if self.direction == "fee" else -self.amount

    def as_json(self) -> dict[str, Any]:
        """Return the adjustment as a JSON object."""
        return {"direction": self.direction, "label": self.label, "amount": show_amount(self.amount)}


@dataclass(frozen=True)
class OrderCharges:
    """The parts of a work order's total. `adjustment` is the caller's, `method_adjustment` the payment method's."""

    snap_total: Decimal
    bundles: tuple[BundleDiscount, ...] = ()
    coupon: CouponDiscount | None = None
    method_adjustment: PriceAdjustment | None = None
    adjustment: PriceAdjustment | None = None

    @property
    def bundle_discount(self) -> Decimal:
        """Return the sum of the bundle discounts."""
        return sum((each.discount for each in self.bundles), NOTHING)

    @property
    def coupon_discount(self) -> Decimal:
        """Return the discount of a valid coupon."""
        return NOTHING if self.coupon is None else self.coupon.discount

    @property
    def discounted_total(self) -> Decimal:
        """Return the price of the items after bundles and coupon: the base of a percentage of the payment method."""
        return max(self.snap_total - self.bundle_discount - self.coupon_discount, NOTHING)

    @property
    def order_total(self) -> Decimal:
        """Return what the work order costs."""
        adjustments = (each.signed_amount for each in (self.method_adjustment, self.adjustment) if each)
        return max(sum(adjustments, self.discounted_total), NOTHING)

    @property
    def shown_adjustment(self) -> PriceAdjustment | None:
        """Return the method's and the caller's adjustments as one. Assumption: Panelr has one field for both."""
        return _merge([each for each in (self.method_adjustment, self.adjustment) if each])


def sum_items(cart: Iterable[CartItem]) -> Decimal:
    """Return the sum of the prices; an item that is paid with points costs no money."""
    return sum((item.price * item.qty for item in cart if not item.pay_with_points), NOTHING)


def adjust_for_method(method: PaymentMethod | None, base: Decimal) -> PriceAdjustment | None:
    """Return the fee or discount of a payment method on `base`; None if it has none or it comes to 0."""
    if method is None or not method.adjustment_enabled or method.adjustment_value is None:
        return None
    amount = portion(method.adjustment_mode, method.adjustment_value, base)
    direction = "discount" if method.adjustment_direction == "discount" else "fee"
    return PriceAdjustment(direction, method.display_label, amount) if amount else None


def show_amount(amount: Decimal) -> Decimal:
    """Return an amount as it is shown: rounded half up to three decimals if it has more."""
    exponent = amount.as_tuple().exponent
    is_longer = isinstance(exponent, int) and exponent < -3
    return amount.quantize(SMALLEST_SHOWN, rounding=ROUND_HALF_UP) if is_longer else amount


def _merge(adjustments: list[PriceAdjustment]) -> PriceAdjustment | None:
    if len(adjustments) < 2:
        return adjustments[0] if adjustments else None
    change = sum((each.signed_amount for each in adjustments), NOTHING)
    label = ", ".join(each.label for each in adjustments if each.label)
    return PriceAdjustment("fee" if change > 0 else "discount", label, abs(change)) if change else None
