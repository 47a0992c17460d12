"""When the bridge first saw each store, and the host of its shop: one row a store, in `known_stores`."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from panelr_bridge.domain.models import KnownStore
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.rows import KnownStoreRow, fetch_all, fetch_one
from panelr_bridge.store.tables import known_stores

_C = known_stores.c
_SAVE = text(
    "INSERT INTO known_stores (store, first_seen_at, source) VALUES (:store, :now, :source)"
    " ON CONFLICT (store) DO UPDATE SET source = coalesce(excluded.source, known_stores.source)"
).bindparams(bindparam("now", type_=UtcDateTime))


def save(connection: Connection, *, store: str, source: str | None, now: datetime) -> None:
    """Insert a store that is seen for the first time; of a known one, store only its `source`, if that is not None."""
    connection.execute(_SAVE, {"store": store, "now": now, "source": source})


def find(connection: Connection, store: str) -> KnownStore:
    """Return what is known of a store."""
    row = fetch_one(connection, select(known_stores).where(_C.store == store), {}, KnownStoreRow)
    return KnownStore(store) if row is None else KnownStore(store, row["first_seen_at"], row["source"])


def list_all(connection: Connection) -> list[KnownStoreRow]:
    """Return every known store."""
    return fetch_all(connection, select(known_stores).order_by(_C.store), {}, KnownStoreRow)
