"""The mapping tables: Panelr's product for a WooCommerce product, Panelr's payment method for a WooCommerce gateway.

Each change increments its store's revision in its own transaction. An order keeps the revision by which it was
decided, so orders that were decided by older mappings are found, even if both happened at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Table,
    Update,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)

from panelr_bridge.errors import Conflict
from panelr_bridge.store import pagination
from panelr_bridge.store.mapping_tables import payment_method_mappings, product_mappings
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.rows import (
    ImportedMappingRow,
    MappingRow,
    PaymentMethodMappingRow,
    ProductMappingRow,
    fetch_all,
    fetch_one,
)
from panelr_bridge.store.tables import Columns

M = TypeVar("M", bound=MappingRow)
BATCH = 1000
"""How many rows of an import one statement writes."""
_INCREMENT_REVISION = text(
    "INSERT INTO mapping_revisions (store, revision) VALUES (:store, 1)"
    " ON CONFLICT (store) DO UPDATE SET revision = mapping_revisions.revision + 1"
)


@dataclass(frozen=True, slots=True)
class MappingTable(Generic[M]):
    """One of the two mapping tables.

    `name` is what messages call a row. `check` raises Conflict if the given values contradict a row other than the
    one with the given id.
    """

    name: str
    table: Table
    row_type: type[M]
    check: Callable[[Connection, Columns, int | None], None]


def add(connection: Connection, now: datetime, mapping_table: MappingTable[M], values: Columns) -> M:
    """Insert a mapping and return it; raises Conflict if it contradicts another one."""
    increment_revision(connection, values["store"])
    mapping_table.check(connection, values, None)
    stamped = values | {"created_at": now, "updated_at": now}
    statement = insert(mapping_table.table).values(stamped).returning(mapping_table.table)
    return fetch_all(connection, statement, {}, mapping_table.row_type)[0]


def change(
    connection: Connection, now: datetime, mapping_table: MappingTable[M], mapping_id: int, values: Columns
) -> M | None:
    """Replace a mapping by `values`, which holds all of it, and return it; raises Conflict as `add` does.

    Returns None if there is no such mapping.
    """
    table = mapping_table.table
    # the mapping may move to another store: the orders of the one that it leaves may be decided differently, too
    old_stores = connection.execute(select(table.c.store).where(table.c.id == mapping_id)).scalars()
    increment_revision(connection, values["store"], *old_stores)
    mapping_table.check(connection, values, mapping_id)
    statement = update(table).where(table.c.id == mapping_id).values(values | {"updated_at": now}).returning(table)
    return fetch_one(connection, statement, {}, mapping_table.row_type)


def remove(connection: Connection, mapping_table: MappingTable[Any], mapping_id: int) -> bool:
    """Delete a mapping; returns whether there was one."""
    table = mapping_table.table
    store = connection.execute(delete(table).where(table.c.id == mapping_id).returning(table.c.store)).scalar()
    if store is not None:
        increment_revision(connection, store)
    return store is not None


def get(connection: Connection, mapping_table: MappingTable[M], mapping_id: int) -> M | None:
    """Return one mapping; None if there is no such one."""
    table = mapping_table.table
    return fetch_one(connection, select(table).where(table.c.id == mapping_id), {}, mapping_table.row_type)


def page(connection: Connection, mapping_table: MappingTable[M], query: PageQuery) -> ResultPage[M]:
    """Return a page of mappings; the filters are column names."""
    table = mapping_table.table
    if query.sort_column == "created_at":  # ids ascend with it
        query = replace(query, sort=query.sort.replace("created_at", "id"))
    branches = [[_filter_column(connection, table, name) == value for name, value in query.filters.items()]]
    rows = pagination.read_page(connection, select(table), table, branches, query, mapping_table.row_type)
    return pagination.build_page(rows, pagination.count_rows(connection, table, branches))


def increment_revision(connection: Connection, *stores: str) -> None:
    """Increment the mapping revision of these stores.

    Call this first in a transaction: it makes concurrent changes of one store's mappings wait for each other.
    """
    for store in sorted(set(stores)):
        connection.execute(_INCREMENT_REVISION, {"store": store})


def list_for_import(connection: Connection, stores: Iterable[str]) -> list[ImportedMappingRow]:
    """Return the product mappings of these stores, with the columns that an import compares."""
    c = product_mappings.c
    columns = (c.id, c.store, c.key, c.conditions, c.panelr_product_id, c.intent, c.quantity)
    return fetch_all(connection, select(*columns).where(c.store.in_(sorted(stores))), {}, ImportedMappingRow)


def add_products(connection: Connection, now: datetime, rows: list[Columns]) -> None:
    """Insert product mappings that were checked, after `increment_revision`."""
    stamps = {"created_at": now, "updated_at": now}
    _execute_in_batches(connection, insert(product_mappings), [row | stamps for row in rows])


def change_products(connection: Connection, now: datetime, rows: dict[int, Columns]) -> None:
    """Replace product mappings, given by their ids, after `increment_revision`."""
    statement = update(product_mappings).where(product_mappings.c.id == bindparam("of_id"))
    values = [row | {"updated_at": now, "of_id": mapping_id} for mapping_id, row in rows.items()]
    _execute_in_batches(connection, statement, values)


def export(connection: Connection, *, store: str | None) -> list[ProductMappingRow]:
    """Return every product mapping of one store or of all, oldest first."""
    query = select(product_mappings).order_by(product_mappings.c.id)
    if store is not None:
        query = query.where(product_mappings.c.store == store)
    return fetch_all(connection, query, {}, ProductMappingRow)


def first_payment_method(connection: Connection, *, store: str) -> str | None:
    """Return the WooCommerce payment method of the store's first mapping."""
    c = payment_method_mappings.c
    return connection.execute(select(c.woo_payment_method).where(c.store == store).order_by(c.id).limit(1)).scalar()


def _filter_column(connection: Connection, table: Table, name: str) -> ColumnElement[Any]:
    """Return the column of a filter.

    Most mappings belong to one store. Concatenation keeps SQLite from filtering by an index on the store.
    """
    column: ColumnElement[Any] = table.c[name]
    return column.concat("") if name == "store" and connection.dialect.name == "sqlite" else column


def _execute_in_batches(connection: Connection, statement: Insert | Update, values: list[Columns]) -> None:
    """Execute `statement` with each of `values`; between two batches, PostgreSQL's event loop does other work."""
    for first in range(0, len(values), BATCH):
        connection.execute(statement, values[first : first + BATCH])


def _check_product(connection: Connection, values: Columns, own_id: int | None) -> None:
    """Raise Conflict if the key with these conditions has this mapping, or is mapped to nothing and to a product."""
    c = product_mappings.c
    others = connection.execute(
        select(c.id, c.panelr_product_id, c.intent).where(
            c.store == values["store"],
            c.key == values["key"],
            c.conditions == values["conditions"],
            c.id != (own_id or 0),
        )
    ).all()
    product_id = values["panelr_product_id"]
    for other in others:
        if other.panelr_product_id == product_id and (product_id is None or other.intent == values["intent"]):
            raise Conflict(f"mapping {other.id} says this already: change its quantity instead")
        if None in (other.panelr_product_id, product_id):
            raise Conflict(f"mapping {other.id} contradicts this: a product is for Panelr or it is not; delete one")


def _check_payment_method(connection: Connection, values: Columns, own_id: int | None) -> None:
    """Raise Conflict if the payment method has a mapping."""
    c = payment_method_mappings.c
    other = connection.execute(
        select(c.id).where(
            c.store == values["store"],
            c.woo_payment_method == values["woo_payment_method"],
            c.id != (own_id or 0),
        )
    ).scalar()
    if other is not None:
        raise Conflict(f"mapping {other} is for this payment method already: change it instead")


PRODUCT = MappingTable("product mapping", product_mappings, ProductMappingRow, _check_product)
PAYMENT_METHOD = MappingTable(
    "payment method mapping", payment_method_mappings, PaymentMethodMappingRow, _check_payment_method
)
