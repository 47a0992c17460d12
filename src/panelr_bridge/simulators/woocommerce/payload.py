"""An order in the JSON of wc/v3, which is the body of a webhook. Key order and formats are those of the captures."""

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.woocommerce.catalogue import COUPON_ID
from panelr_bridge.simulators.woocommerce.models import (
    EDITABLE,
    SHOP_ZONE,
    TAX_PERCENT,
    CouponLine,
    FeeLine,
    Order,
    OrderLine,
    OrderMeta,
    ShippingLine,
    Subscription,
    round_cents,
    tax_on,
)

HOME_URL = "http://127.0.0.1:8000"
CURRENCY_SYMBOLS = {"USD": "$", "EUR": "\u20ac", "GBP": "\u00a3"}
LONE_AMPERSAND = re.compile(r"&(?!#?\w+;)")
TAG = re.compile(r"<[^>]*>")


def encode_json(value: Any) -> bytes:
    """Return JSON as PHP's `wp_json_encode` writes it: one line, pure ASCII, escaped slashes."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def order_payload(order: Order, *, home_url: str = HOME_URL) -> bytes:
    """Return the exact body of a delivery for `order`; `home_url` has no trailing slash."""
    return encode_json(order_json(order, home_url=home_url))


def order_json(order: Order, *, home_url: str = HOME_URL) -> dict[str, Any]:
    """Return `order` as `GET /wc/v3/orders/{id}` does, before it is encoded."""
    return {
        "id": order.id,
        "parent_id": order.parent_id,
        "status": order.status,
        "currency": order.currency,
        "version": "10.5.0",
        "prices_include_tax": False,
        "date_created": format_local(order.created),
        "date_modified": format_local(order.modified),
        "discount_total": format_money(order.discount_total),
        "discount_tax": format_money(order.discount_tax),
        "shipping_total": format_money(order.shipping_total),
        "shipping_tax": format_money(order.shipping_tax),
        "cart_tax": format_money(order.cart_tax),
        "total": format_money(order.total),
        "total_tax": format_money(order.cart_tax + order.shipping_tax),
        "customer_id": order.customer_id,
        "order_key": order.order_key,
        "billing": order.billing,
        "shipping": order.shipping,
        "payment_method": order.payment_method,
        "payment_method_title": order.payment_method_title,
        "transaction_id": order.transaction_id,
        "customer_ip_address": order.customer_ip_address,
        "customer_user_agent": "",
        "created_via": order.created_via,
        "customer_note": order.customer_note,
        "date_completed": format_local(order.completed),
        "date_paid": format_local(order.paid),
        "cart_hash": order.cart_hash,
        "number": str(order.id),
        "meta_data": [{"id": meta.id, "key": meta.key, "value": meta.value} for meta in order.meta],
        "line_items": [_line_json(line) for line in order.lines],
        "tax_lines": _tax_lines_json(order),
        "shipping_lines": [_shipping_line_json(line) for line in order.shipping_lines],
        "fee_lines": [_fee_line_json(line) for line in order.fee_lines],
        "coupon_lines": [_coupon_line_json(line) for line in order.coupon_lines],
        "refunds": [
            {
                "id": refund.id,
                "reason": refund.reason,
                "total": format_money(refund.amount if refund.unsigned else -refund.amount),
            }
            for refund in order.refunds
        ],
        "payment_url": f"{home_url}/checkout/order-pay/{order.id}/?pay_for_order=true&key={order.order_key}",
        "is_editable": order.status in EDITABLE,
        "needs_payment": order.needs_payment,
        "needs_processing": order.needs_processing,
        "date_created_gmt": format_gmt(order.created),
        "date_modified_gmt": format_gmt(order.modified),
        "date_completed_gmt": format_gmt(order.completed),
        "date_paid_gmt": format_gmt(order.paid),
        "currency_symbol": CURRENCY_SYMBOLS.get(order.currency, order.currency),
        **({"gift_cards": [{"amount": format_money(order.gift_card)}]} if order.gift_card else {}),
        "_links": _links_json(order, home_url),
    }


def subscription_json(subscription: Subscription, *, home_url: str = HOME_URL) -> dict[str, Any]:
    """Return `subscription` as `GET /wc/v3/subscriptions/{id}` does: an order's fields and its own."""
    order = subscription.order
    return order_json(order, home_url=home_url) | {
        "billing_period": "month",
        "billing_interval": "1",
        "trial_period": "",
        "suspension_count": 0,
        "requires_manual_renewal": False,
        "start_date_gmt": format_gmt(order.created),
        "trial_end_date_gmt": "",
        "next_payment_date_gmt": format_gmt(order.created + timedelta(days=30)),
        "last_payment_date_gmt": format_gmt(order.paid) or "",
        "payment_retry_date_gmt": "",
        "cancelled_date_gmt": "",
        "end_date_gmt": "",
        "resubscribed_from": str(subscription.resubscribed_from or ""),
        "resubscribed_subscription": "",
        "removed_line_items": [],
    }


def format_money(amount: Decimal) -> str:
    """Return an amount with two decimals."""
    return str(round_cents(amount))


def format_unrounded(amount: Decimal) -> str:
    """Return an amount as it is stored, without trailing zeros ("9.8")."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def json_number(value: Decimal | float) -> int | float:
    """Return a JSON number as PHP prints it: without a fraction if it is an integer."""
    as_float = float(value)
    return int(as_float) if as_float.is_integer() else as_float


def format_gmt(moment: datetime | None) -> str | None:
    """Return a time in UTC, without a zone, in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") if moment else None


def format_local(moment: datetime | None) -> str | None:
    """Return a time in the shop's zone, without the zone, in whole seconds."""
    return format_gmt(moment.astimezone(SHOP_ZONE)) if moment else None


def _line_json(line: OrderLine) -> dict[str, Any]:
    product = line.product
    image: int | str = "" if product and not product.parent_id else 0
    return {
        "id": line.id,
        "name": line.name,
        "product_id": line.product_id,
        "variation_id": line.variation_id,
        "quantity": json_number(line.quantity),
        "tax_class": "",
        "subtotal": format_money(line.subtotal),
        "subtotal_tax": format_money(tax_on(line.subtotal)),
        "total": format_money(line.total),
        "total_tax": format_money(tax_on(line.total)),
        "taxes": [
            {"id": 1, "total": format_money(tax_on(line.total)), "subtotal": format_money(tax_on(line.subtotal))}
        ],
        "meta_data": [_meta_json(meta, product.attributes if product else {}) for meta in line.meta],
        "sku": product.sku if product else None,
        "global_unique_id": "" if product else None,
        # The unrounded total divided by the quantity, in PHP's floating point: 7.777 for 2 is 3.8885.
        "price": json_number(float(line.total) / float(line.quantity)),
        "image": {"id": image, "src": ""},
        "parent_name": product.parent_name if product else None,
    }


def _meta_json(meta: OrderMeta, attributes: dict[str, str]) -> dict[str, Any]:
    display_value = meta.value
    if isinstance(display_value, str):
        display_value = LONE_AMPERSAND.sub("&amp;", TAG.sub("", display_value.replace("\0", ""))).strip()
    display_key = meta.key.capitalize() if meta.key in attributes else meta.key
    return {
        "id": meta.id,
        "key": meta.key,
        "value": meta.value,
        "display_key": display_key,
        "display_value": display_value,
    }


def _tax_lines_json(order: Order) -> list[dict[str, Any]]:
    if not order.lines and not order.shipping_lines:
        return []
    line = {
        "id": order.tax_line_id,
        "rate_code": "US-CA-CA TAX-1",
        "rate_id": 1,
        "label": "CA Tax",
        "compound": False,
        "tax_total": format_money(order.cart_tax),
        "shipping_tax_total": format_money(order.shipping_tax),
        "rate_percent": float(TAX_PERCENT),
        "meta_data": [],
    }
    return [line]


def _shipping_line_json(line: ShippingLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "method_title": "Flat rate",
        "method_id": "flat_rate",
        "instance_id": "1",
        "total": format_money(line.total),
        "total_tax": format_money(tax_on(line.total)),
        "taxes": [{"id": 1, "total": format_money(tax_on(line.total)), "subtotal": ""}],
        "tax_status": "taxable",
        "meta_data": [_meta_json(line.contents, {})],
    }


def _fee_line_json(line: FeeLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "name": line.name,
        "tax_class": "",
        "tax_status": "none",
        "amount": format_unrounded(line.amount),
        "total": format_money(line.amount),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [],
    }


def _coupon_line_json(line: CouponLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "code": line.code,
        "discount": format_unrounded(line.discount),
        "discount_tax": format_unrounded(line.discount_tax),
        "meta_data": [_meta_json(line.info, {})],
        "discount_type": "percent",
        "nominal_amount": line.percent,
        "free_shipping": False,
    }


def coupon_info_text(code: str, percent: int) -> str:
    """Return the value of a coupon line's meta `coupon_info`."""
    return json.dumps([COUPON_ID, code, "percent", percent], separators=(",", ":"))


def _links_json(order: Order, home_url: str) -> dict[str, Any]:
    collection = f"{home_url}/wp-json/wc/v3/orders"
    itself = f"{collection}/{order.id}"
    return {
        "self": [{"href": itself, "targetHints": {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}}],
        "collection": [{"href": collection}],
        "email_templates": [{"embeddable": True, "href": f"{itself}/actions/email_templates"}],
    }
