"""Reads Panelr's lists of products and payment methods. No I/O."""

from typing import Any

from panelr_bridge import text_limits
from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.panelr_values import PanelrPaymentMethod, PanelrProduct
from panelr_bridge.panelr.json_fields import flag, integer, label, natural, rows, string, total


def offered_products(outcome: Done) -> tuple[PanelrProduct, ...] | Unknown:
    """Return Panelr's products in their order, or Unknown if the list cannot be read.

    The list may be the data itself or its `products`. An entry without an id is left out: it cannot be mapped.
    """
    listed = rows(outcome.data, "products")
    if listed is None:
        return Unknown(words="Panelr's list of products cannot be read", status=outcome.status)
    products = (_read_product(row) for row in listed)
    return tuple(product for product in products if product is not None)


def offered_payment_methods(outcome: Done) -> tuple[PanelrPaymentMethod, ...] | Unknown:
    """Return Panelr's payment methods in their order, or Unknown if the list cannot be read.

    The list may be the data itself, its `payment_methods` or its `methods`. An entry without an id is left out.
    """
    listed = rows(outcome.data, "payment_methods", "methods")
    if listed is None:
        return Unknown(words="Panelr's list of payment methods cannot be read", status=outcome.status)
    methods = (_read_payment_method(row) for row in listed)
    return tuple(method for method in methods if method is not None)


def _read_product(row: Any) -> PanelrProduct | None:
    number = integer(row.get("id")) if isinstance(row, dict) else None
    if number is None:
        return None
    return PanelrProduct(
        id=number,
        name=label(row.get("name")) or "",
        alternate_name=label(row.get("alternate_name")),
        price=total(row.get("price_decimal")),
        currency=string(row.get("currency"), text_limits.CURRENCY),
        duration_months=natural(row.get("duration_months")),
        connections=natural(row.get("connections")),
        plugin_id=integer(row.get("plugin_id")),
        plugin_name=label(row.get("plugin_name")),
        is_trial=flag(row.get("is_trial")),
    )


def _read_payment_method(row: Any) -> PanelrPaymentMethod | None:
    number = integer(row.get("id")) if isinstance(row, dict) else None
    if number is None:
        return None
    return PanelrPaymentMethod(
        id=number,
        name=label(row.get("name")) or "",
        display_label=label(row.get("display_label")),
        mode=label(row.get("mode")),
        processor=label(row.get("processor")),
        **_read_adjustment(row),
    )


def _read_adjustment(row: dict[str, Any]) -> dict[str, Any]:
    """Return what Panelr adds to a work order with this method; nothing if it is off or cannot be read."""
    direction, mode = label(row.get("adjustment_direction")), label(row.get("adjustment_mode"))
    value = total(row.get("adjustment_value"))
    usable = direction in {"fee", "discount"} and mode in {"fixed", "percent"} and value is not None
    if not usable or not flag(row.get("adjustment_enabled")):
        return {}
    return {"adjustment_direction": direction, "adjustment_mode": mode, "adjustment_value": value}
