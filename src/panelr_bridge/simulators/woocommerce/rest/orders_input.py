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


def parse_write(ledger: ShopData, given: Mapping[str, Any], order: Order | None = None) -> OrderWrite:
    """Parse the body of a create, or of an update of `order`. Unknown fields are ignored, as in WooCommerce.

    Raises RestError.
    """
    texts: dict[str, Any] = {name: _read_text(given, name) for name in TEXTS if name in given}
    transaction = texts.pop("transaction_id", None)
    entries = _read_meta(given.get("meta_data", []), "meta_data")
    lines = [
        _parse_line(ledger, line, f"line_items[{n}]", order) for n, line in enumerate(_read_list(given, "line_items"))
    ]
    changes = OrderChanges(
        **texts,
        status=_read_status(ledger, given),
        customer_id=_read_integer(given["customer_id"], "customer_id") if "customer_id" in given else None,
        billing=_read_address(given, "billing"),
        shipping=_read_address(given, "shipping"),
        set_paid=given.get("set_paid") in (True, "true", "1"),
    )

    def write_first(written: Order) -> None:
        written.transaction_id = written.transaction_id if transaction is None else transaction
        write_entries(ledger, written.meta, entries, "meta")
        for write_line in lines:
            write_line(written)
        if written.lines:
            written.tax_line_id = written.tax_line_id or ledger.next_id("item")

    return OrderWrite(changes, write_first)


def write_entries(ledger: ShopData, meta: list[OrderMeta], entries: Sequence[MetaInput], counter: str) -> None:
    """Write `entries` into `meta` as `WC_Data::update_meta_data` does: a known key keeps its id and its place."""
    for entry in entries:
        known = next((each for each in meta if each.id == entry.id), None)
        if known is None:
            known = next((each for each in meta if each.key == entry.key), None)
        if known is not None and entry.value is None:
            meta.remove(known)
        elif known is not None:
            known.key, known.value = entry.key, as_stored_meta(entry.value)
        elif entry.value is not None:
            meta.append(OrderMeta(ledger.next_id(counter), entry.key, as_stored_meta(entry.value)))


def _read_status(ledger: ShopData, given: Mapping[str, Any]) -> str | None:
    known = sorted(ledger.statuses - {"trash"})
    status = given.get("status")
    if status is not None and status not in known:
        raise invalid_parameter("status", f"status is not one of {join_choices(known)}.", "rest_not_in_enum")
    return status


def _parse_line(ledger: ShopData, line: Any, name: str, order: Order | None) -> Callable[[Order], None]:
    """Parse one line: without an id it is added; with an id it is changed, or removed by a quantity of 0."""
    if not isinstance(line, dict):
        raise invalid_parameter(name, f"{name} is not of type object.")
    entries = _read_meta(line.get("meta_data", []), f"{name}[meta_data]")
    if not line.get("id"):
        made = ledger.make_line(_build_new_line(ledger, line, name))
        write_entries(ledger, made.meta, entries, "item_meta")
        return lambda written: written.lines.append(made)
    known = next((each for each in (order.lines if order else []) if each.id == line["id"]), None)
    if known is None:
        raise RestError("woocommerce_rest_invalid_item_id", "Order item ID provided is not associated with order.", 400)
    # A line with product_id null or quantity 0 is removed.
    changed = _change_line(known, line, name)
    if changed.quantity == 0 or line.get("product_id", 0) is None:
        return lambda written: written.lines.remove(known)

    def write(written: Order) -> None:
        place = next(n for n, each in enumerate(written.lines) if each.id == known.id)
        written.lines[place] = changed
        write_entries(ledger, changed.meta, entries, "item_meta")

    return write


def _build_new_line(ledger: ShopData, line: Mapping[str, Any], name: str) -> NewOrderLine:
    wanted = line.get("variation_id") or line.get("product_id")
    sku = line.get("sku")
    try:
        product = ledger.product(product_id=wanted or None, sku=sku) if wanted or sku else None
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


def _change_line(known: OrderLine, line: Mapping[str, Any], name: str) -> OrderLine:
    amounts: dict[str, Any] = {
        field: _read_decimal(line[field], f"{name}[{field}]")
        for field in ("quantity", "subtotal", "total")
        if field in line
    }
    return replace(known, meta=list(known.meta), **amounts)


def _read_meta(value: Any, name: str) -> list[MetaInput]:
    if not isinstance(value, list):
        raise invalid_parameter(name, f"{name} is not of type array.")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise invalid_parameter(name, f"{name}[{index}] is not of type object.")
    # An entry without a key is ignored.
    told = [entry for entry in value if entry.get("key")]
    return [
        MetaInput(_read_integer(entry.get("id") or 0, name), str(entry["key"]), entry.get("value")) for entry in told
    ]


def _read_list(given: Mapping[str, Any], name: str) -> list[Any]:
    value = given.get(name, [])
    if not isinstance(value, list):
        raise invalid_parameter(name, f"{name} is not of type array.")
    return value


def _read_address(given: Mapping[str, Any], name: str) -> dict[str, str]:
    value = given.get(name, {})
    # PHP reads an empty object as an empty array.
    if not isinstance(value, dict) and value != []:
        raise invalid_parameter(name, f"{name} is not of type object.")
    return {part: _read_text(value, part, f"{name}[{part}]") for part in value}


def _read_text(given: Mapping[str, Any], name: str, label: str = "") -> str:
    value = given[name]
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
