"""Reads Panelr's reckoning of a cart from quote_cart. No I/O."""

from decimal import Decimal
from typing import Any

from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.panelr_values import CartQuote
from panelr_bridge.panelr.json_fields import LARGEST_MONEY, flag, money, status

ZERO = Decimal(0)
SIGNS = {"fee": 1, "discount": -1}


def cart_quote(outcome: Done) -> CartQuote | Unknown:
    """Return the quote in quote_cart's data, or Unknown if a part of it cannot be read: a guess costs money."""
    data = outcome.data
    if not isinstance(data, dict):
        return Unknown(words="Panelr's quote of the cart cannot be read", status=outcome.status)
    try:
        coupon_valid, coupon_discount = _read_coupon(data.get("coupon"))
        return CartQuote(
            bundle_discount=_read_bundles(data.get("bundles")),
            coupon_valid=coupon_valid,
            coupon_discount=coupon_discount,
            adjustment=_read_adjustment(data.get("adjustment")),
        )
    except ValueError as error:
        return Unknown(words=f"Panelr's quote of the cart cannot be read: its {error}", status=outcome.status)


def _read_bundles(value: Any) -> Decimal:
    """Return the sum of the bundles' discounts. PHP writes a list with gaps as an object."""
    bundles = list(value.values()) if isinstance(value, dict) else value
    if bundles is None:
        return ZERO
    if not isinstance(bundles, list):
        raise ValueError("bundles are no list")  # noqa: TRY004  the caller reports ValueErrors only
    discounts = [_read_discount(bundle, "discount", "amount", "discount_amount") for bundle in bundles]
    if None in discounts or (discount := sum(filter(None, discounts), ZERO)) >= LARGEST_MONEY:
        raise ValueError("bundles do not show their discount")
    return discount


def _read_coupon(value: Any) -> tuple[bool | None, Decimal]:
    """Return whether the coupon counts, None if none is shown, and its discount."""
    if not value:
        return None, ZERO
    valid = flag(value.get("valid")) if isinstance(value, dict) else None
    if valid is False:
        return False, ZERO
    discount = _read_discount(value, "discount", "amount", "discount_amount")
    if discount is None:
        raise ValueError("coupon does not show its discount")
    return valid, discount


def _read_discount(row: Any, *names: str) -> Decimal | None:
    """Return the first readable amount among the fields `names`, without its sign: a discount may be shown negative."""
    fields = row if isinstance(row, dict) else {}
    amounts = (money(fields.get(name)) for name in names)
    return next((abs(amount) for amount in amounts if amount is not None), None)


def _read_adjustment(value: Any) -> Decimal | None:
    """Return the payment method's adjustment: a fee is positive, a discount negative. None if none is shown."""
    if value is None or value in ([], {}):
        return None
    if not isinstance(value, dict):
        amount, sign = money(value), 1
    else:
        amount = _read_discount(value, "amount", "adjustment_amount")
        direction = status(value.get("direction")) or status(value.get("adjustment_direction"))
        sign = SIGNS.get(direction or "", 0)
    if amount is None or (amount and not sign):
        raise ValueError("adjustment does not show its direction and amount")
    return sign * amount
