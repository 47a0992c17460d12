"""The action quote_cart: the discounts and the method's adjustment of a cart, without a work order."""

from typing import Any

from panelr_bridge.simulators.panelr.api_call import ApiCall, read_json_object
from panelr_bridge.simulators.panelr.field_checks import (
    check_unknown_fields,
    read_email,
    read_existing_id,
    read_text,
)
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.renewals import check_renewals
from panelr_bridge.simulators.panelr.work_order_input import parse_items

FIELDS = ("items", "coupon_code", "customer_email", "payment_method_id")


def quote_cart(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Return the bundles, the coupon and the adjustment of a cart. Nothing is stored.

    Assumption: nothing is ever dropped, so `dropped_which` is empty.
    """
    body, settings = read_json_object(panel, call), panel.rules
    if settings.strict:
        check_unknown_fields(body, FIELDS)
    items = parse_items(body, panel.products, strict=settings.strict)
    if settings.checks_renewals:
        check_renewals(items, panel.lines)
    charges = panel.price_cart(
        panel.build_cart(items),
        customer_email=read_email(body) if "customer_email" in body else "",
        coupon_code=read_text(body, "coupon_code") if "coupon_code" in body else None,
        payment_method_id=_read_method(panel, body),
    )
    adjustment = charges.method_adjustment
    return {
        "bundles": [each.as_json() for each in charges.bundles],
        "coupon": charges.coupon.quote_json() if charges.coupon else None,
        "adjustment": adjustment.as_json() if adjustment else None,
        "dropped_which": [],
    }


def _read_method(panel: Panel, body: dict[str, Any]) -> int | None:
    if "payment_method_id" not in body:
        return None
    return read_existing_id(body, "payment_method_id", panel.payment_methods)
