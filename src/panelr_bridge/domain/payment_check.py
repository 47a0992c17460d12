"""Whether a payment agrees with what Panelr says its work order costs. Pure functions.

Panelr refuses a completion that pays less than the work order costs, and a payment that it has recorded cannot be taken
back. So both are compared before a payment is reported, and again with Panelr's answer.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from panelr_bridge.domain.models import Reason
from panelr_bridge.domain.money import CENT
from panelr_bridge.domain.panelr_values import PaymentReceipt, WorkOrderDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment to report: what the customer `paid`, and the `amount` to add to the work order's payments.

    `amount` is None if Panelr has recorded it already. `coupons` is what the shop's own coupons took off, without and
    with tax, if the work order does not contain them; `store_discount` is what the call sends of it. `order_total` is Panelr's total that the
    payment was compared with.
    """

    paid: Decimal
    amount: Decimal | None
    currency: str = ""
    coupons: tuple[Decimal, ...] = ()
    store_discount: Decimal | None = None
    order_total: Decimal | None = None


def agrees(payment: Payment, order_total: Decimal | None) -> bool:
    """Return whether the payment is exactly Panelr's total, as far as both are known, to the cent."""
    return order_total is not None and abs(order_total - payment.paid) <= CENT


def check_payment(payment: Payment, details: WorkOrderDetails) -> Payment | Reason:
    """Return the payment as it can be reported, or why it cannot.

    Where Panelr has recorded payments already, the rest must be this one, or nothing must be left to pay. A difference
    that the shop's coupons explain becomes the payment's `store_discount`. An unknown total is not compared.
    """
    owed, name = details.order_total, "total"
    if owed is None:
        return payment
    payment = replace(payment, order_total=owed)
    if payment.amount is not None and details.prev_paid:
        owed, name = _balance(details, owed), "balance"
        if abs(owed) <= CENT and details.prev_paid >= payment.paid - CENT:
            return replace(payment, amount=None)
    gap = owed - payment.paid
    if gap > CENT and any(abs(gap - coupons) <= CENT for coupons in payment.coupons):
        return replace(payment, store_discount=gap)
    return payment if abs(gap) <= CENT else _totals_differ(payment, owed, name=name)


def check_receipt(payment: Payment, receipt: PaymentReceipt) -> Reason | None:
    """Return why an operator must look at a payment that was reported: Panelr says that something else is due."""
    balance = receipt.balance_due
    if balance is not None and balance > CENT and not receipt.is_fully_paid:
        return balance_due(balance, payment.currency)
    if receipt.order_total is None:
        return None
    before = payment.paid if payment.order_total is None else payment.order_total
    expected = (before, before - (payment.store_discount or 0))
    if any(abs(receipt.order_total - total) <= CENT for total in expected):
        return None
    return _totals_differ(payment, receipt.order_total, name="total", remedy="the payment is reported")


def balance_due(balance: Decimal, currency: str) -> Reason:
    """Return that Panelr still expects money of an order that is paid."""
    words = f"the payment is reported, and Panelr shows a balance of {_amount(balance, currency)}: decide there"
    return Reason("balance_due", words)


def payment_reset(balance: Decimal | None, currency: str) -> Reason:
    """Return that an administrator set the work order back to unpaid after its payment."""
    rest = "" if balance is None else f": a balance of {_amount(balance, currency)} remains"
    words = f"an administrator set the work order back to pending_payment in Panelr{rest}; no payment is reported again"
    return Reason("payment_reset", words)


def _balance(details: WorkOrderDetails, order_total: Decimal) -> Decimal:
    if details.balance_due is not None:
        return details.balance_due
    return order_total - (details.prev_paid or Decimal(0))


def _totals_differ(
    payment: Payment, owed: Decimal, *, name: str, remedy: str = "correct one of them in Panelr, then retry"
) -> Reason:
    shown, paid = _amount(owed, payment.currency), _amount(payment.paid, payment.currency)
    return Reason("totals_differ", f"Panelr's {name} of the work order is {shown}, the customer paid {paid}: {remedy}")


def _amount(amount: Decimal, currency: str) -> str:
    """Return an amount in words with at least two decimals."""
    exponent = amount.as_tuple().exponent
    digits = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{amount:.{digits}f} {currency}".strip()
