"""The money of an order on both sides: the shop's total, Panelr's total, and the payment that Panelr knows of."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from panelr_bridge.domain.models import FollowUpKind, OrderState
from panelr_bridge.panelr import request
from panelr_bridge.store.rows import FollowUpRow, ShownOrderRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMoney:
    """An order's amounts, in `currency`; None for what is not known."""

    currency: str | None
    woo_total: Decimal | None
    order_total: Decimal | None
    reported_paid: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """Panelr's total less what was reported as paid, or less the shop's total if nothing was; None if equal."""
        other = self.woo_total if self.reported_paid is None else self.reported_paid
        if self.order_total is None or other is None:
            return None
        return self.order_total - other or None


def money_of(order: ShownOrderRow, follow_ups: Mapping[FollowUpKind, FollowUpRow]) -> OrderMoney:
    """Return the amounts of an order."""
    return OrderMoney(
        currency=order["woo_currency"],
        woo_total=order["woo_total"],
        order_total=order["order_total"],
        reported_paid=_reported_paid(order, follow_ups.get(FollowUpKind.PAYMENT)),
    )


def _reported_paid(order: ShownOrderRow, payment: FollowUpRow | None) -> Decimal | None:
    """Return the amount that the create call or the payment follow-up reported; None if neither did."""
    if order["state"] != OrderState.CREATED:
        return None
    amount = payment["told"].get("amount") if payment is not None and payment["done_at"] is not None else None
    if amount is not None:
        return Decimal(amount)
    linked = any(reason["code"] == "linked_by_person" for reason in order["reasons"])
    if order["request"] is None or linked:  # the work order was made by another request
        return None
    return request.load(order["request"]).payment_amount
