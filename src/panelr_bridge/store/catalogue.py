"""What Panelr offers, as it was when its lists were had last. A list is replaced as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Table, delete, insert, select, text
from sqlalchemy.sql import bindparam

from panelr_bridge.domain.models import CatalogueList, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.tables import Row, mapping_revisions, panelr_lists, panelr_payment_methods, panelr_products

Offered = TypeVar("Offered", PanelrProduct, PanelrPaymentMethod)
TABLES: Mapping[type, Table] = {PanelrProduct: panelr_products, PanelrPaymentMethod: panelr_payment_methods}

# It also makes two that bring the same list wait for each other, and lets only the one that was asked for later stay.
_SEEN = text(
    "INSERT INTO panelr_lists (name, seen_at) VALUES (:name, :seen_at)"
    " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at WHERE panelr_lists.seen_at <= excluded.seen_at"
).bindparams(bindparam("seen_at", type_=UtcDateTime()))


def get(connection: Connection, kind: type[Offered]) -> CatalogueList[Offered] | None:
    """Return the list of `kind` that was had last; None where none ever was."""
    wanted = select(panelr_lists.c.seen_at).where(panelr_lists.c.name == TABLES[kind].name)
    seen_at = connection.execute(wanted).scalar_one_or_none()
    return None if seen_at is None else CatalogueList(_items(connection, kind), seen_at)


def replace(
    connection: Connection, kind: type[Offered], items: Sequence[Offered], *, seen_at: datetime
) -> tuple[Offered, ...] | None:
    """Replace the list of `kind` and return what was there; None, and no change, where a later one is there.

    Of two entries with one number the first is kept.
    """
    table = TABLES[kind]
    if connection.execute(_SEEN, {"name": table.name, "seen_at": seen_at}).rowcount == 0:
        return None
    before = _items(connection, kind)
    by_number: dict[int, Row] = {}
    for item in items:
        by_number.setdefault(item.id, asdict(item) | {"seen_at": seen_at})
    connection.execute(delete(table))
    if by_number:
        connection.execute(insert(table), list(by_number.values()))
    return before


def _items(connection: Connection, kind: type[Offered]) -> tuple[Offered, ...]:
    table = TABLES[kind]
    columns = [table.c[field.name] for field in fields(kind)]
    return tuple(kind(**row) for row in connection.execute(select(*columns).order_by(table.c.id)).mappings())


def stores_with_mappings(connection: Connection) -> list[str]:
    """Return the stores that have had a mapping: the list can change the decisions of no other."""
    return list(connection.execute(select(mapping_revisions.c.store)).scalars())
