"""Parse the body of a POST or PUT of an order in wc/v3."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from panelr_bridge.simulators.woocommerce.models import Order, OrderLine, OrderMeta
from panelr_bridge.simulators.woocommerce.rest.call import join_choices
from panelr_bridge.simulators.woocommerce.rest.errors import RestError, invalid_parameter
from panelr_bridge.simulators.woocommerce.shop_data import (
    NewOrderLine,
    NotFoundError,
    OrderChanges,
    ShopData,
    as_stored_meta,
)

TEXTS = ("currency", "payment_method", "payment_method_title", "customer_note", "transaction_id")


@dataclass(frozen=True, slots=True)
class OrderWrite:
    """The writes of a request: `write_first` sets lines, meta and the transaction id, then `changes` are applied."""

    changes: OrderChanges
    write_first: Callable[[Order], None]


@dataclass(frozen=True, slots=True)
class MetaInput:
    """One entry of `meta_data`. It names an entry of the order by a known id, otherwise by its key; None deletes."""

    id: int
    key: str
    value: Any


def parse_write(shop: ShopData, body: Mapping[str, Any], order: Order | None = None) -> OrderWrite:
    """Parse the body of a create, or of an update of `order`. Unknown fields are ignored, as in WooCommerce.

    Raises RestError.
    """
    texts: dict[str, Any] = {name: _read_text(body, name) for name in TEXTS if name in body}
    transaction = texts.pop("transaction_id", None)
    entries = _read_meta(body.get("meta_data", []), "meta_data")
    lines = [
        _parse_line(shop, line, f"line_items[{n}]", order) for n, line in enumerate(_read_list(body, "line_items"))
    ]
    changes = OrderChanges(
        **texts,
        status=_read_status(shop, body),
        customer_id=_read_integer(body["customer_id"], "customer_id") if "customer_id" in body else None,
        billing=_read_address(body, "billing"),
        shipping=_read_address(body, "shipping"),
        set_paid=body.get("set_paid") in (True, "true", "1"),
    )

    def write_first(target: Order) -> None:
        target.transaction_id = target.transaction_id if transaction is None else transaction
        write_entries(shop, target.meta, entries, "meta")
        for write_line in lines:
            write_line(target)
        if target.lines:
            target.tax_line_id = target.tax_line_id or shop.next_id("item")

    return OrderWrite(changes, write_first)


def write_entries(shop: ShopData, meta: list[OrderMeta], entries: Sequence[MetaInput], counter: str) -> None:
    """Write `entries` into `meta` as `WC_Data::update_meta_data` does: a known key keeps its id and its place."""
    for entry in entries:
        existing = next((each for each in meta if each.id == entry.id), None)
        if existing is None:
            existing = next((each for each in meta if each.key == entry.key), None)
        if existing is not None and entry.value is None:
            meta.remove(existing)
        elif existing is not None:
            existing.key, existing.value = entry.key, as_stored_meta(entry.value)
        elif entry.value is not None:
            meta.append(OrderMeta(shop.next_id(counter), entry.key, as_stored_meta(entry.value)))


def _read_status(shop: ShopData, body: Mapping[str, Any]) -> str | None:
    statuses = sorted(shop.statuses - {"trash"})
    status = body.get("status")
    if status is not None and status not in statuses:
        raise invalid_parameter("status", f"status is not one of {join_choices(statuses)}.", "rest_not_in_enum")
    return status


def _parse_line(shop: ShopData, line: Any, name: str, order: Order | None) -> Callable[[Order], None]:
    """Parse one line: without an id it is added; with an id it is changed, or removed by a quantity of 0."""
    if not isinstance(line, dict):
        raise invalid_parameter(name, f"{name} is not of type object.")
    entries = _read_meta(line.get("meta_data", []), f"{name}[meta_data]")
    if not line.get("id"):
        new_line = shop.make_line(_build_new_line(shop, line, name))
        write_entries(shop, new_line.meta, entries, "item_meta")
        return lambda target: target.lines.append(new_line)
    existing = next((each for each in (order.lines if order else []) if each.id == line["id"]), None)
    if existing is None:
        raise RestError("woocommerce_rest_invalid_item_id", "Order item ID provided is not associated with order.", 400)
    # A line with product_id null or quantity 0 is removed.
    changed_line = _change_line(existing, line, name)
    if changed_line.quantity == 0 or line.get("product_id", 0) is None:
        return lambda target: target.lines.remove(existing)

    def write(target: Order) -> None:
        place = next(n for n, each in enumerate(target.lines) if each.id == existing.id)
        target.lines[place] = changed_line
        write_entries(shop, changed_line.meta, entries, "item_meta")

    return write


def _build_new_line(shop: ShopData, line: Mapping[str, Any], name: str) -> NewOrderLine:
    product_id = line.get("variation_id") or line.get("product_id")
    sku = line.get("sku")
    try:
        product = shop.product(product_id=product_id or None, sku=sku) if product_id or sku else None
    except NotFoundError as error:
        raise RestError("woocommerce_rest_invalid_product_id", "Invalid product ID.", 400) from error
    quantity = _read_decimal(line.get("quantity", 1), f"{name}[quantity]")
    if quantity <= 0:
        raise invalid_parameter("line_items", f"{name}[quantity] must be above 0", "rest_out_of_bounds")
    return NewOrderLine(
        product,
        quantity,
        subtotal=_read_decimal(line["subtotal"], f"{name}[subtotal]") if "subtotal" in line else None,
        total=_read_decimal(line["total"], f"{name}[total]") if "total" in line else None,
        name=str(line.get("name") or "Custom line"),
    )


def _change_line(existing: OrderLine, line: Mapping[str, Any], name: str) -> OrderLine:
    amounts: dict[str, Any] = {
        field: _read_decimal(line[field], f"{name}[{field}]")
        for field in ("quantity", "subtotal", "total")
        if field in line
    }
    return replace(existing, meta=list(existing.meta), **amounts)


def _read_meta(value: Any, name: str) -> list[MetaInput]:
    if not isinstance(value, list):
        raise invalid_parameter(name, f"{name} is not of type array.")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise invalid_parameter(name, f"{name}[{index}] is not of type object.")
    # An entry without a key is ignored.
    with_key = [entry for entry in value if entry.get("key")]
    return [
        MetaInput(_read_integer(entry.get("id") or 0, name), str(entry["key"]), entry.get("value"))
        for entry in with_key
    ]


def _read_list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name, [])
    if not isinstance(value, list):
        raise invalid_parameter(name, f"{name} is not of type array.")
    return value


def _read_address(body: Mapping[str, Any], name: str) -> dict[str, str]:
    value = body.get(name, {})
    # PHP reads an empty object as an empty array.
    if not isinstance(value, dict) and value != []:
        raise invalid_parameter(name, f"{name} is not of type object.")
    return {part: _read_text(value, part, f"{name}[{part}]") for part in value}


def _read_text(body: Mapping[str, Any], name: str, label: str = "") -> str:
    value = body[name]
    if not isinstance(value, str):
        raise invalid_parameter((label or name).partition("[")[0], f"{label or name} is not of type string.")
    return value


def _read_integer(value: Any, name: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_parameter(name, f"{name} is not of type integer.")
    return value


def _read_decimal(value: Any, name: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise invalid_parameter(name.partition("[")[0], f"{name} is not of type number.")
    return amount
