"""Parse the body of a write to the Orders resource into `OrderChanges`. No HTTP.

Source: the better-route library 1.1; the field errors are its own texts.
"""

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from panelr_bridge.simulators.woocommerce.models import BILLING_FIELDS, Product
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine, NotFoundError, OrderChanges, ShopData

TEXTS = ("status", "currency", "payment_method", "payment_method_title", "customer_note")
WRITABLE = (*TEXTS, "customer_id", "billing", "shipping", "meta_data", "line_items", "set_paid")
LINE_FIELDS = ("product_id", "variation_id", "quantity", "subtotal", "total", "meta_data")
NOT_ALLOWED = "field not allowed"


class FieldError(Exception):
    """Invalid fields of the request; `fields` maps each to its error texts."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(str(fields))
        self.fields = fields


def field_error(field: str, words: str) -> FieldError:
    """Return the error of one field."""
    return FieldError({field: [words]})


def parse_changes(payload: Any, shop: ShopData) -> OrderChanges:
    """Parse the JSON body of a create or update. Raises FieldError."""
    if not isinstance(payload, dict) or not payload:
        raise field_error("payload", "at least one field is required")
    _check_fields(payload, WRITABLE)
    texts = {name: _read_text(payload[name], name) for name in TEXTS if name in payload}
    customer = _read_integer(payload["customer_id"], "customer_id") if "customer_id" in payload else None
    set_paid = payload.get("set_paid", False)
    if not isinstance(set_paid, bool):
        raise field_error("set_paid", "must be boolean")
    lines = payload.get("line_items")
    return OrderChanges(
        **texts,
        customer_id=customer,
        billing=_read_address(payload.get("billing", {}), "billing"),
        shipping=_read_address(payload.get("shipping", {}), "shipping"),
        meta=_read_meta(payload.get("meta_data"), "meta_data"),
        lines=_read_lines(lines, shop) if "line_items" in payload else None,
        set_paid=set_paid,
    )


def _check_fields(names: Iterable[str], allowed: Iterable[str], prefix: str = "") -> None:
    unknown = [name for name in names if name not in tuple(allowed)]
    if unknown:
        raise FieldError({prefix + name: [NOT_ALLOWED] for name in unknown})


def _read_text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise field_error(field, "must be a string")
    return value


def _read_integer(value: Any, field: str, least: int = 0) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise field_error(field, "must be an integer")
    if value < least:
        raise field_error(field, "must be a positive integer" if least else "must be greater than or equal to 0")
    return value


def _parse_decimal(value: Any) -> Decimal | None:
    """Return a finite number, also from a text that PHP's `is_numeric` accepts; otherwise None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() and math.isfinite(float(parsed)) else None


def _read_amount(line: dict[str, Any], name: str, prefix: str) -> Decimal | None:
    if name not in line:
        return None
    amount = _parse_decimal(line[name])
    if amount is None or amount < 0:
        raise field_error(f"{prefix}.{name}", "must be a non-negative number")
    return amount


def _read_quantity(value: Any, field: str) -> Decimal:
    quantity = _parse_decimal(value)
    if quantity is None:
        raise field_error(field, "must be a finite number")
    if quantity <= 0:
        raise field_error(field, "must be a positive finite number")
    return quantity


def _read_address(value: Any, field: str) -> dict[str, str]:
    # PHP reads an empty JSON object as an empty array, so `"shipping": {}` equals `[]`.
    if not isinstance(value, dict):
        if value == []:
            return {}
        raise field_error(field, "must be an object")
    _check_fields(value, BILLING_FIELDS, f"{field}.")
    return {name: _read_text(text, f"{field}.{name}") for name, text in value.items()}


def _read_meta(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        value = [{"key": key, "value": content} for key, content in value.items()]
    if not isinstance(value, list):
        raise field_error(field, "must be an array")
    meta = {}
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise field_error(f"{field}.{index}", "must be an object with key/value")
        key = entry.get("key")
        if not isinstance(key, str) or not key:
            raise field_error(f"{field}.{index}.key", "must be a non-empty string")
        if key.startswith("_"):
            raise field_error(f"{field}.{index}.key", "protected meta key not allowed")
        meta[key] = entry.get("value")
    return meta


def _read_lines(value: Any, shop: ShopData) -> list[NewOrderLine]:
    if not isinstance(value, list):
        raise field_error("line_items", "must be an array")
    return [_read_line(line, f"line_items.{index}", shop) for index, line in enumerate(value)]


def _read_line(line: Any, prefix: str, shop: ShopData) -> NewOrderLine:
    if not isinstance(line, dict):
        raise field_error(prefix, "must be an object")
    _check_fields(line, LINE_FIELDS, f"{prefix}.")
    return NewOrderLine(
        product=_find_product(line, prefix, shop),
        quantity=_read_quantity(line.get("quantity", 1), f"{prefix}.quantity"),
        subtotal=_read_amount(line, "subtotal", prefix),
        total=_read_amount(line, "total", prefix),
        meta=_read_meta(line.get("meta_data"), f"{prefix}.meta_data"),
    )


def _find_product(line: dict[str, Any], prefix: str, shop: ShopData) -> Product:
    product_id = _read_integer(line.get("product_id"), f"{prefix}.product_id", least=1)
    try:
        product = shop.product(product_id=product_id)
    except NotFoundError as error:
        raise field_error(f"{prefix}.product_id", "product not found") from error
    variation_id = _read_integer(line.get("variation_id", 0), f"{prefix}.variation_id")
    if not variation_id:
        return product
    variation = shop.products.get(variation_id)
    if variation is None or variation.parent_id != product_id:
        raise field_error(f"{prefix}.variation_id", "must be a variation of the given product")
    return variation
