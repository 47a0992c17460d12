"""Compares a work order that an operator names with the order that it is to be linked to. No I/O."""

from collections.abc import Collection
from decimal import Decimal

from panelr_bridge.domain.models import WorkOrderRequest
from panelr_bridge.domain.panelr_values import ListedWorkOrder, ProductNames
from panelr_bridge.panelr.work_order_match import has_same_items, named_orders

UNPAID = frozenset({"pending", "pending_payment", "awaiting_webhook", "payment_failed"})
ENDED = frozenset({"canceled", "cancelled"})


def find_other_order(shown: ListedWorkOrder, own_ids: Collection[str]) -> str | None:
    """Return the WooCommerce order that the work order names, if it is none of the order's `own_ids`."""
    named = named_orders(shown)
    return None if named & set(own_ids) else next(iter(sorted(named)), None)


def describe(
    shown: ListedWorkOrder,
    *,
    request: WorkOrderRequest | None,
    products: ProductNames,
    woo_total: Decimal | None,
    is_paid: bool,
) -> str:
    """Return what Panelr shows of a work order, and what differs from the order, as words for the operator."""
    total, status = shown.work_order.order_total, shown.work_order.status
    sum_words = "" if total is None else f", total {total:f}"
    words = f"Panelr shows it as {status or 'without a status'}{sum_words}"
    differences = []
    if status in ENDED:
        differences.append("it is canceled in Panelr")
    elif is_paid and status in UNPAID:
        differences.append("the order is paid in WooCommerce, the work order is not")
    if request is not None and has_same_items(shown, request, products) is False:
        listed = ", ".join(f"{item.qty or '?'} x {item.name or 'an item without a name'}" for item in shown.items)
        differences.append(f"its items are not those that the order called for: {listed}")
    if total is not None and woo_total is not None and total != woo_total:
        differences.append(f"the order's total is {woo_total:f}")
    return f"{words}. It differs: {'; '.join(differences)}" if differences else words
