"""Read what decides one order: the mappings of its lines and payment method, and what is known of it and its store."""

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, JSON, Connection, Text, bindparam, text

from panelr_bridge.domain.mapping_conditions import parse_conditions
from panelr_bridge.domain.models import ItemIntent, KnownStore, MappingTarget, OnPaid, OrderMappings
from panelr_bridge.domain.panelr_values import CustomerLine, CustomerLines, MethodAdjustment
from panelr_bridge.store import panelr_facts
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import Columns
from panelr_bridge.woocommerce.refund_payload import ShopRefunds

# One statement, so that mappings and revision are consistent. It returns a row for each mapping of the order's lines,
# with the mapping's product from Panelr's list; without mappings it returns one row. Each row has the store's revision
# and the order's id, which is null for a new order.
_SQL = (
    "SELECT s.revision, o.id, o.customer_lines, o.shop_refunds, o.overridden, o.woo_source,"
    " k.first_seen_at, k.source, s.reckoning, p.panelr_payment_method_id, p.on_paid,"
    " a.adjustment_direction, a.adjustment_mode, a.adjustment_value,"
    " m.key, m.panelr_product_id, m.intent, m.quantity, m.conditions, c.price, c.currency, c.plugin_id, c.connections"
    " FROM (SELECT"
    "  coalesce((SELECT r.revision FROM mapping_revisions r WHERE r.store = :store), 0) AS revision,"
    "  (SELECT f.value FROM panelr_facts f WHERE f.name = 'reckoning') AS reckoning"
    " ) s LEFT JOIN orders o ON o.store = :store AND o.woo_order_id = :woo_order_id"
    " LEFT JOIN known_stores k ON k.store = :store"
    " LEFT JOIN payment_method_mappings p ON p.store = :store AND p.woo_payment_method = :payment_method"
    " LEFT JOIN panelr_payment_methods a ON a.id = p.panelr_payment_method_id"
    " LEFT JOIN product_mappings m ON m.store = :store AND m.key {matches_key}"
    " LEFT JOIN panelr_products c ON c.id = m.panelr_product_id ORDER BY m.id"
)
_ORDER_COLUMNS = 14
"""The first columns describe the store and the order; the others a mapping, and are null if there is none."""
# The keys are one parameter, however many there are.
STATEMENT = CompiledStatement(
    {
        "postgresql": text(_SQL.format(matches_key="= ANY(:keys)")).bindparams(bindparam("keys", type_=ARRAY(Text))),
        "sqlite": text(_SQL.format(matches_key="IN (SELECT value FROM json_each(:keys))")).bindparams(
            bindparam("keys", type_=JSON)
        ),
    }
)


def find(
    connection: Connection, *, store: str, woo_order_id: int, keys: Iterable[str], payment_method: str
) -> tuple[OrderMappings, int | None]:
    """Return the mappings of an order with these line keys and payment method, and the order's id if it exists."""
    values = build_values(store=store, woo_order_id=woo_order_id, keys=keys, payment_method=payment_method)
    return read_rows(STATEMENT.run(connection, values), store=store)


def build_values(*, store: str, woo_order_id: int, keys: Iterable[str], payment_method: str) -> Columns:
    """Return the values of `STATEMENT`."""
    return {"store": store, "woo_order_id": woo_order_id, "keys": sorted(keys), "payment_method": payment_method}


def read_rows(rows: Sequence[Sequence[Any]], *, store: str) -> tuple[OrderMappings, int | None]:
    """Return what the rows of `STATEMENT` hold, as `find` does."""
    targets = tuple(_build_target(row[_ORDER_COLUMNS:]) for row in rows if row[_ORDER_COLUMNS] is not None)
    revision, order_id, lines, refunds, overridden, source, *of_store, reckoning, method_id, on_paid = rows[0][:11]
    adjustment = rows[0][11:_ORDER_COLUMNS]
    mappings = OrderMappings(
        mappings=targets,
        payment_method_id=method_id,
        revision=revision,
        on_paid=OnPaid(on_paid or OnPaid.NONE),
        lines=_read_lines(_read_json(lines)),
        refunds=None if refunds is None else ShopRefunds.from_json(_read_json(refunds)),
        overridden=frozenset(_read_json(overridden) or ()),
        method_adjustment=_read_adjustment(*adjustment),
        facts=panelr_facts.read_reckoning(reckoning),
        store=_build_store(store, *of_store),
        source=source or "",
    )
    return mappings, order_id


@functools.lru_cache(maxsize=1000)  # it changes once or twice in a store's life
def _build_store(name: str, first_seen_at: datetime | str | None, source: str | None) -> KnownStore:
    """Return what is known of a store; SQLite stores times as text, in UTC."""
    if isinstance(first_seen_at, str):
        first_seen_at = datetime.fromisoformat(first_seen_at).replace(tzinfo=UTC)
    return KnownStore(name, first_seen_at, source)


def _read_json(value: Any) -> Any:
    """Return the value of a JSON column; asyncpg has decoded it, SQLite's driver has not."""
    return json.loads(value) if isinstance(value, str) else value


def _read_lines(lines: Any) -> CustomerLines | None:
    """Return a customer's lines from their stored form."""
    if lines is None:
        return None
    return CustomerLines(lines["email"], tuple(_read_line(line) for line in lines["lines"]))


def _read_line(line: dict[str, Any]) -> CustomerLine:
    """Return a stored line. An older version stored fewer fields, a newer one may have stored more."""
    known = {field.name: line[field.name] for field in fields(CustomerLine) if field.name in line}
    return CustomerLine(**known | {"usernames": tuple(known.get("usernames", ()))})


def _read_adjustment(direction: str | None, mode: str | None, value: Decimal | str | None) -> MethodAdjustment | None:
    """Return what Panelr adds with the payment method; SQLite stores money as text."""
    if direction is None or mode is None or value is None:
        return None
    amount = Decimal(value)
    return MethodAdjustment(value=amount if direction == "fee" else -amount, percent=mode == "percent")


def _build_target(row: Sequence[Any]) -> MappingTarget:
    """Return a mapping from the driver's values; SQLite stores money as text."""
    key, product_id, intent, quantity, conditions, price, currency, plugin_id, connections = row
    return MappingTarget(
        key=key,
        panelr_product_id=product_id,
        intent=ItemIntent(intent),
        quantity=quantity,
        conditions=parse_conditions(conditions) if conditions else (),
        price=None if price is None else Decimal(price),
        currency=currency,
        plugin_id=plugin_id,
        connections=connections,
    )
