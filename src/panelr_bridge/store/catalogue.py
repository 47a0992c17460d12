"""Panelr's lists of products and payment methods, as last fetched. A list is replaced as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Table, delete, insert, select, text
from sqlalchemy.sql import bindparam

from panelr_bridge.domain.panelr_values import CatalogueList, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.mapping_tables import mapping_revisions
from panelr_bridge.store.panelr_tables import panelr_lists, panelr_payment_methods, panelr_products
from panelr_bridge.store.tables import Columns

Offered = TypeVar("Offered", PanelrProduct, PanelrPaymentMethod)
TABLES: Mapping[type, Table] = {PanelrProduct: panelr_products, PanelrPaymentMethod: panelr_payment_methods}

# It also serializes two replacements of one list; only the list that was fetched later stays.
_SET_SEEN_AT = text(
    "INSERT INTO panelr_lists (name, seen_at) VALUES (:name, :seen_at)"
    " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at WHERE panelr_lists.seen_at <= excluded.seen_at"
).bindparams(bindparam("seen_at", type_=UtcDateTime()))


def get(connection: Connection, kind: type[Offered]) -> CatalogueList[Offered] | None:
    """Return the stored list of `kind`; None if it was never fetched."""
    query = select(panelr_lists.c.seen_at).where(panelr_lists.c.name == TABLES[kind].name)
    seen_at = connection.execute(query).scalar_one_or_none()
    return None if seen_at is None else CatalogueList(_list_items(connection, kind), seen_at)


def replace(
    connection: Connection, kind: type[Offered], items: Sequence[Offered], *, seen_at: datetime
) -> tuple[Offered, ...] | None:
    """Replace the list of `kind` and return the previous items; None, with no change, if a later list is stored.

    Of two items with the same id the first one is stored.
    """
    table = TABLES[kind]
    if connection.execute(_SET_SEEN_AT, {"name": table.name, "seen_at": seen_at}).rowcount == 0:
        return None
    before = _list_items(connection, kind)
    by_id: dict[int, Columns] = {}
    for item in items:
        by_id.setdefault(item.id, asdict(item) | {"seen_at": seen_at})
    connection.execute(delete(table))
    if by_id:
        connection.execute(insert(table), list(by_id.values()))
    return before


def _list_items(connection: Connection, kind: type[Offered]) -> tuple[Offered, ...]:
    table = TABLES[kind]
    columns = [table.c[field.name] for field in fields(kind)]
    return tuple(kind(**row) for row in connection.execute(select(*columns).order_by(table.c.id)).mappings())


def stores_with_mappings(connection: Connection) -> list[str]:
    """Return the stores that ever had a mapping: a new list can change only their orders' decisions."""
    return list(connection.execute(select(mapping_revisions.c.store)).scalars())
