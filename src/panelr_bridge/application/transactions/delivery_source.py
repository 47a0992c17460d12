"""Which shop sent a delivery, and what its first delivery says of a store."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.domain.models import KnownStore, OrderPolicy
from panelr_bridge.domain.order_identity import SOURCE_HEADER, read_source, source_to_learn
from panelr_bridge.store import known_stores
from panelr_bridge.store.deliveries import Delivery


def source_of(delivery: Delivery) -> str:
    """Return the host of the shop that sent the delivery; empty if the bridge fetched it, or if it names none."""
    return read_source(delivery.headers.get(SOURCE_HEADER, ""))


def tells_of_store(source: str, store: KnownStore, policy: OrderPolicy) -> bool:
    """Return whether a delivery from `source` says something new of its store: its first delivery does."""
    return store.first_seen_at is None or source_to_learn(source, store, policy) is not None


def learn_store(connection: Connection, now: datetime, *, store: KnownStore, source: str, policy: OrderPolicy) -> None:
    """Store what a delivery from `source` says of its store."""
    learnt = source_to_learn(source, store, policy)
    known_stores.save(connection, store=store.name, source=learnt, now=now)
