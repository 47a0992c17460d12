"""The state of each store's webhooks in its shop, as of the last check: one row a store, in `shop_states`."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from panelr_bridge.store.rows import WebhookHealthRow, fetch_all
from panelr_bridge.store.tables import shop_states

_C = shop_states.c


def list_all(connection: Connection) -> list[WebhookHealthRow]:
    """Return the last check of each store."""
    return fetch_all(connection, select(shop_states).order_by(_C.store), {}, WebhookHealthRow)


def looked_at(connection: Connection, store: str) -> datetime | None:
    """Return when a store was last checked; None if it never was."""
    return connection.execute(select(_C.looked_at).where(_C.store == store)).scalar()


def save(connection: Connection, now: datetime, *, store: str, ok: bool, words: str) -> None:
    """Store the result of a check in place of the last one."""
    values = {"looked_at": now, "ok": ok, "words": words}
    if connection.execute(update(shop_states).where(_C.store == store).values(values)).rowcount == 0:
        connection.execute(insert(shop_states).values(values | {"store": store}))


def remove_others(connection: Connection, *, besides: Iterable[str]) -> None:
    """Delete the stores that are no longer checked: all but `besides`."""
    connection.execute(delete(shop_states).where(_C.store.not_in(sorted(besides))))
