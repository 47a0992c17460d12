"""The items of a work order's cart."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass
class CartItem:
    """One item of the cart, with the price at creation: the caller's unit price, otherwise the list price."""

    product_id: int
    name: str
    plugin_id: int
    plugin_name: str
    intent: str
    qty: int
    price: Decimal
    activation_id: int | None
    wc_order_id: str | None
    linked_username: str | None = None
    pay_with_points: bool = False
    points_paid: int = 0

    def list_json(self, *, with_wc_order_id: bool) -> dict[str, Any]:
        """Return the item in the form of get_work_orders, and of get_work_order in an older Panelr."""
        item: dict[str, Any] = {
            "name": self.name,
            "qty": self.qty,
            "price": self.price,
            "intent": self.intent,
            "plugin_name": self.plugin_name,
        }
        return item | {"wc_order_id": self.wc_order_id} if with_wc_order_id else item

    def detail_json(self, *, with_wc_order_id: bool) -> dict[str, Any]:
        """Return the item in the form of get_work_order."""
        return self.list_json(with_wc_order_id=with_wc_order_id) | {
            "product_id": self.product_id,
            "plugin_id": self.plugin_id,
            "activation_id": self.activation_id,
            "linked_username": self.linked_username,
            "points_paid": self.points_paid,
        }
