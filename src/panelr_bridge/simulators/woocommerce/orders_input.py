"""What the Orders resource accepts: the body of a write, checked and turned into `Changes`. No HTTP.

Source: reference/woo-orders-resource.md; the words of the field errors are the library's own (better-route 1.1).
"""

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from panelr_bridge.simulators.woocommerce.ledger import Changes, Ledger, NewLine, UnknownError
from panelr_bridge.simulators.woocommerce.values import BILLING_FIELDS, Product

TEXTS = ("status", "currency", "payment_method", "payment_method_title", "customer_note")
WRITABLE = (*TEXTS, "customer_id", "billing", "shipping", "meta_data", "line_items", "set_paid")
LINE_FIELDS = ("product_id", "variation_id", "quantity", "subtotal", "total", "meta_data")
NOT_ALLOWED = "field not allowed"


class FieldError(Exception):
    """Fields of the request that are wrong: `fields` maps each to its words."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(str(fields))
        self.fields = fields


def wrong(field: str, words: str) -> FieldError:
    """Make the error of one field."""
    return FieldError({field: [words]})


def parse_changes(payload: Any, ledger: Ledger) -> Changes:
    """Read the JSON body of a create or update. Raises FieldError."""
    if not isinstance(payload, dict) or not payload:
        raise wrong("payload", "at least one field is required")
    _known_only(payload, WRITABLE)
    texts = {name: _text(payload[name], name) for name in TEXTS if name in payload}
    customer = _integer(payload["customer_id"], "customer_id") if "customer_id" in payload else None
    set_paid = payload.get("set_paid", False)
    if not isinstance(set_paid, bool):
        raise wrong("set_paid", "must be boolean")
    lines = payload.get("line_items")
    return Changes(
        **texts,
        customer_id=customer,
        billing=_address(payload.get("billing", {}), "billing"),
        shipping=_address(payload.get("shipping", {}), "shipping"),
        meta=_meta(payload.get("meta_data"), "meta_data"),
        lines=_lines(lines, ledger) if "line_items" in payload else None,
        set_paid=set_paid,
    )


def _known_only(given: Iterable[str], allowed: Iterable[str], prefix: str = "") -> None:
    unknown = [name for name in given if name not in tuple(allowed)]
    if unknown:
        raise FieldError({prefix + name: [NOT_ALLOWED] for name in unknown})


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise wrong(field, "must be a string")
    return value


def _integer(value: Any, field: str, least: int = 0) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(field, "must be an integer")
    if value < least:
        raise wrong(field, "must be a positive integer" if least else "must be greater than or equal to 0")
    return value


def _decimal(value: Any) -> Decimal | None:
    """Read a finite number, or a text that PHP's `is_numeric` takes for one; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() and math.isfinite(float(parsed)) else None


def _amount(line: dict[str, Any], name: str, prefix: str) -> Decimal | None:
    if name not in line:
        return None
    amount = _decimal(line[name])
    if amount is None or amount < 0:
        raise wrong(f"{prefix}.{name}", "must be a non-negative number")
    return amount


def _quantity(value: Any, field: str) -> Decimal:
    quantity = _decimal(value)
    if quantity is None:
        raise wrong(field, "must be a finite number")
    if quantity <= 0:
        raise wrong(field, "must be a positive finite number")
    return quantity


def _address(value: Any, field: str) -> dict[str, str]:
    # An empty JSON object is an empty array to PHP, which is why `"shipping": {}` and `[]` are the same.
    if not isinstance(value, dict):
        if value == []:
            return {}
        raise wrong(field, "must be an object")
    _known_only(value, BILLING_FIELDS, f"{field}.")
    return {name: _text(text, f"{field}.{name}") for name, text in value.items()}


def _meta(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        value = [{"key": key, "value": content} for key, content in value.items()]
    if not isinstance(value, list):
        raise wrong(field, "must be an array")
    meta = {}
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise wrong(f"{field}.{index}", "must be an object with key/value")
        key = entry.get("key")
        if not isinstance(key, str) or not key:
            raise wrong(f"{field}.{index}.key", "must be a non-empty string")
        if key.startswith("_"):
            raise wrong(f"{field}.{index}.key", "protected meta key not allowed")
        meta[key] = entry.get("value")
    return meta


def _lines(value: Any, ledger: Ledger) -> list[NewLine]:
    if not isinstance(value, list):
        raise wrong("line_items", "must be an array")
    return [_line(line, f"line_items.{index}", ledger) for index, line in enumerate(value)]


def _line(line: Any, prefix: str, ledger: Ledger) -> NewLine:
    if not isinstance(line, dict):
        raise wrong(prefix, "must be an object")
    _known_only(line, LINE_FIELDS, f"{prefix}.")
    return NewLine(
        product=_product(line, prefix, ledger),
        quantity=_quantity(line.get("quantity", 1), f"{prefix}.quantity"),
        subtotal=_amount(line, "subtotal", prefix),
        total=_amount(line, "total", prefix),
        meta=_meta(line.get("meta_data"), f"{prefix}.meta_data"),
    )


def _product(line: dict[str, Any], prefix: str, ledger: Ledger) -> Product:
    product_id = _integer(line.get("product_id"), f"{prefix}.product_id", least=1)
    try:
        product = ledger.product(product_id=product_id)
    except UnknownError as error:
        raise wrong(f"{prefix}.product_id", "product not found") from error
    variation_id = _integer(line.get("variation_id", 0), f"{prefix}.variation_id")
    if not variation_id:
        return product
    variation = ledger.products.get(variation_id)
    if variation is None or variation.parent_id != product_id:
        raise wrong(f"{prefix}.variation_id", "must be a variation of the given product")
    return variation
