"""The mapping tables: which Panelr product a WooCommerce product is, and which payment method a gateway is.

Every change counts the store's revision up in its own transaction, so that an order which was decided by older
mappings can be told from one that was not, also when both happened at once.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Connection,
    Insert,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)

from panelr_bridge.domain.models import CustomerLine, CustomerLines, ItemIntent, MappingTarget, OnPaid, OrderMappings
from panelr_bridge.errors import Conflict
from panelr_bridge.store import pagination
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.tables import Row, payment_method_mappings, product_mappings

BATCH = 1000

# One statement, so that mappings and revision are of one moment: the revision's row always comes, with the order's
# id where the order is known already, and a row for each mapping that its lines may need, with what Panelr's list
# says of its product.
_FOR_ORDER = (
    "SELECT s.revision, s.order_id, s.payment_method_id, s.on_paid, s.lines,"
    " m.key, m.panelr_product_id, m.intent, m.quantity, c.price, c.currency, c.plugin_id"
    " FROM (SELECT"
    "  coalesce((SELECT r.revision FROM mapping_revisions r WHERE r.store = :store), 0) AS revision,"
    "  (SELECT o.id FROM orders o WHERE o.store = :store AND o.woo_order_id = :woo_order_id) AS order_id,"
    "  (SELECT o.customer_lines FROM orders o WHERE o.store = :store AND o.woo_order_id = :woo_order_id) AS lines,"
    "  (SELECT p.panelr_payment_method_id FROM payment_method_mappings p"
    "   WHERE p.store = :store AND p.woo_payment_method = :payment_method) AS payment_method_id,"
    "  (SELECT p.on_paid FROM payment_method_mappings p"
    "   WHERE p.store = :store AND p.woo_payment_method = :payment_method) AS on_paid"
    " ) s LEFT JOIN product_mappings m ON m.store = :store AND m.key {among}"
    " LEFT JOIN panelr_products c ON c.id = m.panelr_product_id ORDER BY m.id"
)
_STORE_COLUMNS = 5
"""So many columns tell of the store and the order; the others are a mapping's, and null where there is none."""
# However many keys there are, they are one parameter.
FOR_ORDER = CompiledStatement(
    {
        "postgresql": text(_FOR_ORDER.format(among="= ANY(:keys)")).bindparams(bindparam("keys", type_=ARRAY(Text))),
        "sqlite": text(_FOR_ORDER.format(among="IN (SELECT value FROM json_each(:keys))")).bindparams(
            bindparam("keys", type_=JSON)
        ),
    }
)

_COUNT_UP = text(
    "INSERT INTO mapping_revisions (store, revision) VALUES (:store, 1)"
    " ON CONFLICT (store) DO UPDATE SET revision = mapping_revisions.revision + 1"
)


def for_order(
    connection: Connection, *, store: str, woo_order_id: int, keys: Iterable[str], payment_method: str
) -> tuple[OrderMappings, int | None]:
    """Return what the tables know about an order's lines and payment method, and the order's own id if it has one."""
    values = asked(store=store, woo_order_id=woo_order_id, keys=keys, payment_method=payment_method)
    return told(FOR_ORDER.run(connection, values))


def asked(*, store: str, woo_order_id: int, keys: Iterable[str], payment_method: str) -> Row:
    """Return the values of FOR_ORDER."""
    return {"store": store, "woo_order_id": woo_order_id, "keys": sorted(keys), "payment_method": payment_method}


def told(found: Sequence[Sequence[Any]]) -> tuple[OrderMappings, int | None]:
    """Return what the rows of FOR_ORDER say, as `for_order` does."""
    mappings = tuple(_mapping(*row[_STORE_COLUMNS:]) for row in found if row[_STORE_COLUMNS] is not None)
    revision, order_id, payment_method_id, on_paid, lines = found[0][:_STORE_COLUMNS]
    catalogue = OrderMappings(
        mappings=mappings,
        payment_method_id=payment_method_id,
        revision=revision,
        on_paid=OnPaid(on_paid or OnPaid.NONE),
        lines=_lines(lines),
    )
    return catalogue, order_id


def _lines(told: Any) -> CustomerLines | None:
    """Read a customer's lines: asyncpg has read the JSON already, SQLite's driver has not."""
    read = json.loads(told) if isinstance(told, str) else told
    return None if read is None else CustomerLines(read["email"], tuple(CustomerLine(**line) for line in read["lines"]))


def _mapping(
    key: str,
    product_id: int | None,
    intent: str,
    quantity: int,
    price: Decimal | str | None,
    currency: str | None,
    plugin_id: int | None,
) -> MappingTarget:
    """A mapping of the driver's own values: SQLite keeps money as text."""
    return MappingTarget(
        key=key,
        panelr_product_id=product_id,
        intent=ItemIntent(intent),
        quantity=quantity,
        price=None if price is None else Decimal(price),
        currency=currency,
        plugin_id=plugin_id,
    )


def add_product(
    connection: Connection,
    now: datetime,
    values: Row,
) -> Row:
    """Add a product mapping and return it; raises Conflict when the product is mapped so, or otherwise, already."""
    count_up(connection, values["store"])
    _refuse_contradiction(connection, values, ignoring=None)
    return _insert(connection, product_mappings, values, now)


def change_product(
    connection: Connection,
    now: datetime,
    mapping_id: int,
    values: Row,
) -> Row | None:
    """Change a product mapping and return it, None if there is none; raises Conflict as `add_product` does.

    `values` holds the whole mapping.
    """
    count_up(connection, values["store"], *_left(connection, product_mappings, mapping_id))
    _refuse_contradiction(connection, values, ignoring=mapping_id)
    return _update(connection, product_mappings, mapping_id, values, now)


def count_up(connection: Connection, *stores: str) -> None:
    """Count the stores' revisions up.

    First in its transaction: it makes changes of one store's mappings wait for each other.
    """
    for store in sorted(set(stores)):
        connection.execute(_COUNT_UP, {"store": store})


def known(connection: Connection, stores: Iterable[str]) -> list[Row]:
    """Return of every product mapping of these stores what tells whether an import has it already."""
    c = product_mappings.c
    wanted = select(c.id, c.store, c.key, c.panelr_product_id, c.intent, c.quantity).where(c.store.in_(sorted(stores)))
    return [dict(row) for row in connection.execute(wanted).mappings()]


def add_products(connection: Connection, now: datetime, rows: list[Row]) -> None:
    """Add product mappings that contradict none, after `count_up`."""
    stamps = {"created_at": now, "updated_at": now}
    _run_for_each(connection, insert(product_mappings), [row | stamps for row in rows])


def change_products(connection: Connection, now: datetime, rows: dict[int, Row]) -> None:
    """Change product mappings to these rows, by their ids, after `count_up`."""
    changed = update(product_mappings).where(product_mappings.c.id == bindparam("of_id"))
    values = [row | {"updated_at": now, "of_id": number} for number, row in rows.items()]
    _run_for_each(connection, changed, values)


def add_payment_method(
    connection: Connection,
    now: datetime,
    values: Row,
) -> Row:
    """Add a payment method mapping and return it; raises Conflict when the method has one."""
    count_up(connection, values["store"])
    _refuse_second(connection, values, ignoring=None)
    return _insert(connection, payment_method_mappings, values, now)


def change_payment_method(
    connection: Connection,
    now: datetime,
    mapping_id: int,
    values: Row,
) -> Row | None:
    """Change a payment method mapping and return it, None if there is none; `values` holds the whole mapping."""
    count_up(connection, values["store"], *_left(connection, payment_method_mappings, mapping_id))
    _refuse_second(connection, values, ignoring=mapping_id)
    return _update(connection, payment_method_mappings, mapping_id, values, now)


def get(connection: Connection, table: Table, mapping_id: int) -> Row | None:
    """Return one row of a mapping table."""
    found = connection.execute(select(table).where(table.c.id == mapping_id)).mappings().one_or_none()
    return None if found is None else dict(found)


def page(connection: Connection, table: Table, query: PageQuery) -> ResultPage:
    """Return a page of a mapping table; its filters are the names of columns. Mappings are numbered as they come."""
    if query.by == "created_at":
        query = replace(query, sort=query.sort.replace("created_at", "id"))
    branches = [[_column(connection, table, name) == value for name, value in query.given.items()]]
    rows = pagination.merged(connection, select(table), table, branches, query)
    return pagination.counted(rows, pagination.count(connection, table, branches))


def _column(connection: Connection, table: Table, name: str) -> ColumnElement[Any]:
    """The column of a filter. Most mappings are of one store, which SQLite would take for a way to find few."""
    column: ColumnElement[Any] = table.c[name]
    return column.concat("") if name == "store" and connection.dialect.name == "sqlite" else column


def export(connection: Connection, *, store: str | None) -> list[Row]:
    """Return every product mapping, of one store or of all, in the order of their making."""
    wanted = select(product_mappings).order_by(product_mappings.c.id)
    if store is not None:
        wanted = wanted.where(product_mappings.c.store == store)
    return [dict(row) for row in connection.execute(wanted).mappings()]


def a_payment_method(connection: Connection, *, store: str) -> str | None:
    """Return a payment method of the store that is mapped, the first one."""
    c = payment_method_mappings.c
    return connection.execute(select(c.woo_payment_method).where(c.store == store).order_by(c.id).limit(1)).scalar()


def remove(connection: Connection, table: Table, mapping_id: int) -> bool:
    """Delete one row of a mapping table; returns whether there was one."""
    store = connection.execute(delete(table).where(table.c.id == mapping_id).returning(table.c.store)).scalar()
    if store is not None:
        count_up(connection, store)
    return store is not None


def _run_for_each(connection: Connection, statement: Insert | Update, values: list[Row]) -> None:
    """Run `statement` for each of `values`, by batches: between two of them, PostgreSQL's event loop takes a turn."""
    for first in range(0, len(values), BATCH):
        connection.execute(statement, values[first : first + BATCH])


def _left(connection: Connection, table: Table, mapping_id: int) -> list[str]:
    """The store that a mapping belongs to before it is changed: its orders may be decided otherwise, too."""
    return list(connection.execute(select(table.c.store).where(table.c.id == mapping_id)).scalars())


def _refuse_contradiction(connection: Connection, values: Row, *, ignoring: int | None) -> None:
    """Raise Conflict when the key has this mapping already, or is both mapped to nothing and to something."""
    table = product_mappings
    others = connection.execute(
        select(table.c.id, table.c.panelr_product_id, table.c.intent).where(
            table.c.store == values["store"], table.c.key == values["key"], table.c.id != (ignoring or 0)
        )
    ).all()
    wanted = values["panelr_product_id"]
    for other in others:
        if other.panelr_product_id == wanted and (wanted is None or other.intent == values["intent"]):
            raise Conflict(f"mapping {other.id} says this already: change its quantity instead")
        if None in (other.panelr_product_id, wanted):
            raise Conflict(f"mapping {other.id} contradicts this: a product is for Panelr or it is not; delete one")


def _refuse_second(connection: Connection, values: Row, *, ignoring: int | None) -> None:
    table = payment_method_mappings
    other = connection.execute(
        select(table.c.id).where(
            table.c.store == values["store"],
            table.c.woo_payment_method == values["woo_payment_method"],
            table.c.id != (ignoring or 0),
        )
    ).scalar()
    if other is not None:
        raise Conflict(f"mapping {other} is for this payment method already: change it instead")


def _insert(connection: Connection, table: Table, values: Row, now: datetime) -> Row:
    stamped = values | {"created_at": now, "updated_at": now}
    return dict(connection.execute(insert(table).values(stamped).returning(table)).mappings().one())


def _update(connection: Connection, table: Table, mapping_id: int, values: Row, now: datetime) -> Row | None:
    changed = update(table).where(table.c.id == mapping_id).values(values | {"updated_at": now}).returning(table)
    found = connection.execute(changed).mappings().one_or_none()
    return None if found is None else dict(found)
