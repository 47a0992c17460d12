"""`/wp-json/wc/v3/orders/{id}/refunds`: the lines of each refund, with negative quantities and totals."""

from collections.abc import Mapping
from typing import Any

from panelr_bridge.simulators.woocommerce.models import (
    FeeLine,
    Order,
    OrderLine,
    Refund,
    RefundedPart,
    ShippingLine,
)
from panelr_bridge.simulators.woocommerce.payload import format_gmt, format_local, format_money, json_number
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, RestHandler, RestReply, build_page
from panelr_bridge.simulators.woocommerce.rest.errors import RestError
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop


async def list_refunds(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET`: the refunds, newest first."""
    order = shop.orders.get(call.number)
    if order is None:
        raise RestError("woocommerce_rest_invalid_order_id", "Invalid order ID.", 404)
    shop.check_readable(order)
    return build_page(shop, call, order.refunds, lambda refund: _refund_json(order, refund))


def _refund_json(order: Order, refund: Refund) -> dict[str, Any]:
    def parts_of(kind: type) -> list[dict[str, Any]]:
        return [_part_json(refund, part) for part in refund.parts if isinstance(part.of, kind)]

    return {
        "id": refund.id,
        "parent_id": order.id,
        "date_created": format_local(order.modified),
        "date_created_gmt": format_gmt(order.modified),
        "amount": format_money(refund.amount),
        "reason": refund.reason,
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [],
        "line_items": parts_of(OrderLine),
        "shipping_lines": parts_of(ShippingLine),
        "tax_lines": [],
        "fee_lines": parts_of(FeeLine),
    }


def _part_json(refund: Refund, part: RefundedPart) -> dict[str, Any]:
    sign = 1 if refund.unsigned else -1
    content: dict[str, Any] = {
        "id": part.id,
        "total": format_money(sign * part.total),
        "total_tax": format_money(sign * part.tax),
        "meta_data": [{"id": part.id, "key": "_refunded_item_id", "value": str(part.of.id)}],
    }
    if isinstance(part.of, OrderLine):
        content |= {
            "name": part.of.name,
            "product_id": part.of.product_id,
            "variation_id": part.of.variation_id,
            "quantity": json_number(sign * part.quantity),
            "subtotal": content["total"],
            "subtotal_tax": content["total_tax"],
        }
    return content


REFUNDS: Mapping[str, RestHandler] = {"refunds.list": list_refunds}
