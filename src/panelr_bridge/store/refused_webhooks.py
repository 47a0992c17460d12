"""The deliveries that were refused because of their signature: one small row a store, a few numbers a webhook.

Anybody can send such requests, so neither their number nor their contents make this table grow.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from panelr_bridge.store.rows import RefusedWebhook
from panelr_bridge.store.tables import refused_webhooks

MAX_WEBHOOKS = 5
"""How many webhooks of a store are told apart. The others are counted together."""
MAX_COUNT = 10**9
_C = refused_webhooks.c
_INSERTS = {
    "postgresql": postgresql.insert(refused_webhooks).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(refused_webhooks).on_conflict_do_nothing(),
}


def merge(known: Sequence[RefusedWebhook], more: Sequence[RefusedWebhook]) -> list[RefusedWebhook]:
    """Return both together, at most MAX_WEBHOOKS of them and one for all others."""
    merged = {(each["webhook"], each["host"]): each for each in known}
    for each in more:
        key = (each["webhook"], each["host"])
        if key not in merged and len(merged) >= MAX_WEBHOOKS:
            key, each = (None, None), RefusedWebhook(**each | {"webhook": None, "host": None})  # noqa: PLW2901
        before = merged.get(key)
        merged[key] = each if before is None else _sum(before, each)
    return list(merged.values())


def _sum(before: RefusedWebhook, more: RefusedWebhook) -> RefusedWebhook:
    return {
        "webhook": before["webhook"],
        "host": before["host"],
        "count": min(before["count"] + more["count"], MAX_COUNT),
        "since": min(before["since"], more["since"]),
        "last": max(before["last"], more["last"]),
    }


def add(connection: Connection, *, store: str, webhooks: Sequence[RefusedWebhook]) -> None:
    """Add to a store's row."""
    connection.execute(_INSERTS[connection.dialect.name], {"store": store, "webhooks": []})
    _save(connection, store=store, webhooks=merge(_lock(connection, store), webhooks))


def list_all(connection: Connection) -> dict[str, list[RefusedWebhook]]:
    """Return the refused webhooks by store; a store without any is left out."""
    rows = connection.execute(select(refused_webhooks).order_by(_C.store))
    return {row.store: row.webhooks for row in rows if row.webhooks}


def remove(connection: Connection, *, store: str, webhooks: Sequence[RefusedWebhook] | None = None) -> int:
    """Remove these webhooks from a store's row, or all of them; return how many.

    One with which deliveries came since is kept.
    """
    known = _lock(connection, store)
    kept = [] if webhooks is None else [each for each in known if each not in webhooks]
    if len(kept) < len(known):
        _save(connection, store=store, webhooks=kept)
    return len(known) - len(kept)


def _save(connection: Connection, *, store: str, webhooks: Sequence[RefusedWebhook]) -> None:
    connection.execute(update(refused_webhooks).where(_C.store == store).values(webhooks=list(webhooks)))


def _lock(connection: Connection, store: str) -> list[RefusedWebhook]:
    row = connection.execute(select(_C.webhooks).where(_C.store == store).with_for_update()).first()
    return [] if row is None else list(row.webhooks)
