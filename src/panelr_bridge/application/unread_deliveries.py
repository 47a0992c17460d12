"""The unread deliveries: those that brought no order. They stay unread until a later delivery, a replay or a person
makes up for them.

What makes up for a delivery depends on its verdict: `UNREAD_VERDICTS` of `store/deliveries.py` says it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.errors import Conflict, NotFound
from panelr_bridge.store import audit_log, deliveries, refused_webhooks, unread_deliveries
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import READ_VERDICTS, SENT_BY, UNREAD_VERDICTS, ResolvedBy
from panelr_bridge.store.rows import ListedDeliveryRow, UnreadDeliveryRow
from panelr_bridge.store.unread_deliveries import BATCH

MOST_BATCHES = 10
"""How many batches of resolved deliveries one reader passes over. The worker marks them within minutes."""
MOST_COMPARED = 100
"""How many of the newest deliveries of one kind are searched for one of a webhook: its id is in no index."""
BRIDGE = "the bridge"
"""Who resolved a delivery, if no person did."""
_Newest = dict[tuple[str, str], list[ListedDeliveryRow]]

log = logs.get(__name__)


@dataclass(slots=True)
class UnreadBatch:
    """Unread deliveries, and those that a later delivery has made up for, each with the reason in words.

    `last_id` is the id to continue after; None at the end.
    """

    unread: list[ListedDeliveryRow] = field(default_factory=list)
    resolved: list[tuple[ListedDeliveryRow, str]] = field(default_factory=list)
    last_id: int | None = None


def read_batch(connection: Connection, *, after: int = 0) -> UnreadBatch:
    """Return the unread deliveries with ids above `after`, up to BATCH. The cost does not grow with the tables."""
    rows = unread_deliveries.list_batch(connection, after=after)
    batch = UnreadBatch(last_id=rows[-1]["id"] if len(rows) == BATCH else None)
    newest: _Newest = {}
    for row in rows:
        words = _find_resolution(connection, row, newest)
        if words is None:
            batch.unread.append(row)
        else:
            batch.resolved.append((row, words))
    return batch


def read_unread(connection: Connection) -> UnreadBatch:
    """Return the first batch with unread deliveries, without those that a later delivery has made up for."""
    batch = read_batch(connection)
    for _ in range(MOST_BATCHES):
        if batch.unread or batch.last_id is None:
            break
        batch = read_batch(connection, after=batch.last_id)
    return batch


def _find_resolution(connection: Connection, row: UnreadDeliveryRow, newest: _Newest) -> str | None:
    """Return in words which later delivery makes up for an unread one; None if none does."""
    if row["read_as"] is not None:
        return f"delivery {row['read_as']} of the same order was read later"
    if UNREAD_VERDICTS.get(row["verdict"]) is not ResolvedBy.WEBHOOK:
        return None
    topic = (row["store"], row["topic"])
    if topic not in newest:
        newest[topic] = _list_newest_read(connection, topic)
    webhook = row["headers"].get(SENT_BY)
    for each in newest[topic]:
        is_later = (each["received_at"], each["id"]) > (row["last_received_at"], row["id"])
        if is_later and webhook in {None, each["headers"].get(SENT_BY)}:
            return f"delivery {each['id']} of the same {'topic' if webhook is None else 'webhook'} was read later"
    return None


def _list_newest_read(connection: Connection, topic: tuple[str, str]) -> list[ListedDeliveryRow]:
    """Return the newest deliveries of a store's topic whose orders were read."""
    kinds = [kind for kind in deliveries.list_kinds(connection) if kind[:2] == topic and kind.verdict in READ_VERDICTS]
    return [each for kind in kinds for each in deliveries.list_newest(connection, kind, limit=MOST_COMPARED)]


class UnreadDeliveriesSweep:
    """Marks what later deliveries have made up for. Each run continues where the last one ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = 0

    async def run(self, *, now: datetime) -> None:
        """Mark the resolved deliveries of a few batches. It writes only if there are any."""
        for _ in range(MOST_BATCHES):
            batch = await self._database.read(read_batch, after=self._after)
            if batch.resolved:
                await self._database.write(mark_resolved, batch.resolved, now=now)
                log.info("delivery.resolved", deliveries=len(batch.resolved))
            self._after = batch.last_id or 0
            if not batch.resolved or batch.last_id is None:
                break


def mark_resolved(connection: Connection, resolved: Iterable[tuple[ListedDeliveryRow, str]], *, now: datetime) -> None:
    """Store that deliveries are resolved by later ones."""
    unread_deliveries.resolve(
        connection,
        [(row, unread_deliveries.resolution(by=BRIDGE, note=words, now=now)) for row, words in resolved],
    )


def resolve_by_hand(connection: Connection, now: datetime, delivery_id: int, *, note: str, actor: str) -> None:
    """Resolve an unread delivery by a person's decision. Raises NotFound, or Conflict if it is not unread."""
    row = unread_deliveries.lock(connection, delivery_id)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    if row["unresolved_since"] is None:
        raise Conflict(f"delivery {delivery_id} is not unread: there is nothing to resolve")
    resolution = unread_deliveries.resolution(by=actor, note=note, now=now)
    unread_deliveries.resolve(connection, [(row, resolution)])
    subject = f"delivery {delivery_id}"
    audit_log.add(
        connection,
        actor=actor,
        action="resolve",
        store=row["store"],
        subject=subject,
        now=now,
        note=note,
        verdict=row["verdict"],
    )


def forget_refused(connection: Connection, now: datetime, *, store: str, note: str, actor: str) -> int:
    """Forget a store's refused deliveries by a person's decision; return of how many webhooks. Raises Conflict."""
    removed = refused_webhooks.remove(connection, store=store)
    if not removed:
        raise Conflict(f"no delivery to the store {store} was refused: there is nothing to resolve")
    subject = f"refused deliveries of {store}"
    audit_log.add(connection, actor=actor, action="resolve", store=store, subject=subject, now=now, note=note)
    return removed
