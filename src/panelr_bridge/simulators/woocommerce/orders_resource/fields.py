"""Output fields and sort keys of the Orders resource. No HTTP.

Source: the documentation of the better-route library 1.1.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.woocommerce.models import SHOP_ZONE, Order, OrderLine, OrderMeta
from panelr_bridge.simulators.woocommerce.payload import format_money, format_unrounded, json_number

DATES = frozenset({"date_created", "date_modified"})
LIST_FIELDS = ("id", "number", "status", "currency", "total", "customer_id", "date_created", "date_modified")

FIELDS: dict[str, Callable[[Order], Any]] = {
    "id": lambda order: order.id,
    "number": lambda order: str(order.id),
    "status": lambda order: order.status,
    "currency": lambda order: order.currency,
    "total": lambda order: format_money(order.total),
    "total_tax": lambda order: format_money(order.cart_tax + order.shipping_tax),
    "customer_id": lambda order: order.customer_id,
    "billing_email": lambda order: order.billing["email"],
    "payment_method": lambda order: order.payment_method,
    "payment_method_title": lambda order: order.payment_method_title,
    "date_created": lambda order: _format_atom(order.created),
    "date_modified": lambda order: _format_atom(order.modified),
    "billing": lambda order: order.billing,
    "shipping": lambda order: order.shipping,
    "customer_note": lambda order: order.customer_note,
    "meta_data": lambda order: _meta_json(order.meta),
    "line_items": lambda order: [_line_json(line) for line in order.lines],
}
# Each sort key ends with the id in the same direction, so that pages do not overlap.
SORTS: dict[str, Callable[[Order], Any]] = {
    "date_created": lambda order: (order.created, order.id),
    "date_modified": lambda order: (order.modified, order.id),
    "id": lambda order: order.id,
    "total": lambda order: (order.total, order.id),
}
TIED_SORTS: dict[Callable[[Order], Any], Callable[[Order], Any]] = {
    SORTS["date_created"]: lambda order: order.created,
    SORTS["date_modified"]: lambda order: order.modified.replace(microsecond=0),
    SORTS["total"]: lambda order: order.total,
}
"""The same sorts without the id, of a shop whose database breaks no ties."""


def select_fields(order: Order, fields: tuple[str, ...], *, local_dates: bool = False) -> dict[str, Any]:
    """Return the named fields of `order`; with `local_dates`, local times carry the offset +00:00."""
    selected = {name: FIELDS[name](order) for name in fields}
    if local_dates:
        for name in DATES & selected.keys():
            selected[name] = datetime.fromisoformat(selected[name]).replace(tzinfo=UTC).isoformat()
    return selected


def _line_json(line: OrderLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "product_id": line.product_id,
        "variation_id": line.variation_id,
        "name": line.name,
        "quantity": json_number(line.quantity),
        "subtotal": _format_stored_money(line.subtotal),
        "total": _format_stored_money(line.total),
        "meta_data": _meta_json(line.meta),
    }


def _format_stored_money(amount: Decimal) -> str:
    """Return a line's amount with two decimals, or with more if it is stored with more."""
    rounded = format_money(amount)
    return rounded if Decimal(rounded) == amount else format_unrounded(amount)


def _meta_json(meta: list[OrderMeta]) -> list[dict[str, Any]]:
    visible = (entry for entry in meta if not entry.key.startswith("_"))
    return [{"key": entry.key, "value": entry.value, "id": entry.id} for entry in visible]


def _format_atom(moment: datetime) -> str:
    return moment.astimezone(SHOP_ZONE).isoformat()
