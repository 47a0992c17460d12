"""The table `deliveries`: every authentic delivery, byte for byte."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BindParameter,
    Connection,
    Integer,
    LargeBinary,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    text,
    update,
)

from panelr_bridge.store.column_types import UtcDateTime, ZstdBytes
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.rows import DeliveryRow, ListedDeliveryRow, fetch_all, fetch_one
from panelr_bridge.store.tables import Columns, deliveries, orders

# SQL that both databases and the fast path share. The same body received again under the same topic is one row.
INSERT_INTO = (
    "INSERT INTO deliveries (store, topic, body, body_sha256, headers, verdict, words, woo_order_id, times,"
    " repeated, received_at, last_received_at, unresolved_since)"
)
INSERT_VALUES = (
    ":store, :topic, :body, :body_sha256, :headers, :verdict, :words, :woo_order_id, 1, FALSE, :now, :now,"
    " :unresolved_since"
)
COUNT_REPEAT = (
    "times = deliveries.times + 1, repeated = (deliveries.verdict = {verdict}), verdict = {verdict}, words = {words},"
    " last_received_at = {now}, unresolved_since = {unresolved_since}"
)
_STILL_UNRESOLVED = (
    "CASE WHEN excluded.unresolved_since IS NOT NULL"
    " THEN coalesce(deliveries.unresolved_since, excluded.unresolved_since) END"
)
ON_CONFLICT_COUNT = (
    " ON CONFLICT (store, topic, body_sha256) DO UPDATE SET "
    + COUNT_REPEAT.format(
        verdict="excluded.verdict",
        words="excluded.words",
        now="excluded.last_received_at",
        unresolved_since=_STILL_UNRESOLVED,
    )
    + " RETURNING id, times, repeated"
)
INSERT_TYPES: tuple["BindParameter[Any]", ...] = (
    bindparam("body", type_=ZstdBytes),
    bindparam("body_sha256", type_=LargeBinary),
    bindparam("headers", type_=JSON),
    bindparam("now", type_=UtcDateTime),
    bindparam("unresolved_since", type_=UtcDateTime),
)
ADD = CompiledStatement(text(f"{INSERT_INTO} VALUES ({INSERT_VALUES}){ON_CONFLICT_COUNT}").bindparams(*INSERT_TYPES))
ANOTHER_ORDER, OTHER_SOURCE = "another_order", "other_source"
"""The verdicts on a delivery of another shop than that of the order with its id."""


class ResolvedBy(Enum):
    """What makes up for a delivery that brought no order. A replay that reads it, and a person, always do."""

    ORDER = auto()
    """A later delivery of the same order that was read."""
    WEBHOOK = auto()
    """A later delivery of the same webhook that was read."""
    PERSON = auto()
    """Nothing else."""


UNREAD_VERDICTS: Mapping[str, ResolvedBy] = {
    "woocommerce_error": ResolvedBy.WEBHOOK,
    "unreadable": ResolvedBy.ORDER,
    "failed": ResolvedBy.ORDER,
    OTHER_SOURCE: ResolvedBy.ORDER,
    ANOTHER_ORDER: ResolvedBy.PERSON,
}
"""The verdicts of deliveries that brought no order, each with what makes up for it."""
PROBLEM_VERDICTS = tuple(UNREAD_VERDICTS)
READ_VERDICTS = ("order", "deleted", "subscription")
"""The verdicts of deliveries that were read."""
LISTED_COLUMNS = [column for column in deliveries.c if column.name not in {"body", "body_sha256", "repeated"}]
SENT_BY = "x-wc-webhook-id"
"""The header that marks a delivery as sent by a webhook: backfilled and imported ones do not have it."""
_BODY = select(deliveries.c.body).where(deliveries.c.id == bindparam("id"))
_LAST_RECEIVED_AT = select(deliveries.c.last_received_at).where(deliveries.c.id == bindparam("id"))
_VERDICTS = select(deliveries.c.body_sha256, deliveries.c.verdict).where(
    deliveries.c.store == bindparam("of_store"),
    deliveries.c.topic == bindparam("of_topic"),
    deliveries.c.body_sha256.in_(bindparam("digests", expanding=True)),
)
_KEY = "n.store, n.topic, n.verdict"
_NEXT_OF_EACH = [
    f"(SELECT n.id FROM deliveries n WHERE {condition} ORDER BY {_KEY} LIMIT 1)"  # noqa: S608
    for condition in (
        "n.store = d.store AND n.topic = d.topic AND n.verdict > d.verdict",
        "n.store = d.store AND n.topic > d.topic",
        "n.store > d.store",
    )
]
# The next kind. PostgreSQL compares the columns at once in an index; SQLite would read all deliveries of the store for
# that, so there it is the next verdict of the topic, the next topic of the store or the next store.
_NEXT_KIND = {
    "postgresql": f"SELECT n.id FROM deliveries n WHERE ({_KEY}) > (d.store, d.topic, d.verdict)"  # noqa: S608
    f" ORDER BY {_KEY} LIMIT 1",
    "sqlite": f"SELECT coalesce({', '.join(_NEXT_OF_EACH)})",
}
_KINDS = {
    dialect: text(
        f"WITH RECURSIVE kinds (id) AS (SELECT (SELECT n.id FROM deliveries n ORDER BY {_KEY} LIMIT 1)"  # noqa: S608
        f" UNION ALL SELECT ({next_kind}) FROM kinds k JOIN deliveries d ON d.id = k.id)"
        " SELECT d.store, d.topic, d.verdict FROM kinds k JOIN deliveries d ON d.id = k.id"
    )
    for dialect, next_kind in _NEXT_KIND.items()
}
_LOCK = select(deliveries).where(deliveries.c.id == bindparam("id")).with_for_update(key_share=True)


class DeliveryKind(NamedTuple):
    """A store, a topic and a verdict. There are a few dozen kinds, however many deliveries there are."""

    store: str
    topic: str
    verdict: str


def digest(body: bytes) -> bytes:
    """Return the SHA-256 of `body`."""
    return hashlib.sha256(body).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An authentic delivery as it was received, and the verdict on its body.

    `verdict` is order, deleted, subscription, other_topic, woocommerce_error, unreadable, failed, another_order or
    other_source; `words` explains any verdict but order.
    """

    store: str
    topic: str
    body: bytes
    headers: dict[str, str]
    verdict: str
    words: str | None = None
    woo_order_id: int | None = None
    sha256: bytes = b""
    """The body's SHA-256, which identifies repeated deliveries; computed if it is not given."""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", digest(self.body))


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A stored delivery: its id, how often its bytes were received, and their SHA-256.

    `repeated` says that the bytes were stored before with the same verdict. After a failure they count as new.
    """

    id: int
    times: int
    repeated: bool
    sha256: bytes


def insert_values(delivery: Delivery, *, now: datetime) -> Columns:
    """Return the values that `INSERT_VALUES` names."""
    return {
        "store": delivery.store,
        "topic": delivery.topic,
        "body": delivery.body,
        "body_sha256": delivery.sha256,
        "headers": delivery.headers,
        "verdict": delivery.verdict,
        "words": delivery.words,
        "woo_order_id": delivery.woo_order_id,
        "now": now,
        "unresolved_since": now if delivery.verdict in UNREAD_VERDICTS else None,
    }


def add(connection: Connection, delivery: Delivery, *, now: datetime) -> StoredDelivery:
    """Store `delivery`, or count it if these bytes were received before under this topic."""
    ((delivery_id, times, repeated),) = ADD.run(connection, insert_values(delivery, now=now))
    return StoredDelivery(id=delivery_id, times=times, repeated=bool(repeated), sha256=delivery.sha256)


def replay(connection: Connection, delivery_id: int, delivery: Delivery, *, now: datetime) -> StoredDelivery:
    """Store the current verdict on a stored delivery, without counting it again; raises NoResultFound."""
    before = connection.execute(_LOCK, {"id": delivery_id}).one()
    since = before.unresolved_since if before.verdict in UNREAD_VERDICTS else now
    values = {
        "verdict": delivery.verdict,
        "words": delivery.words,
        "woo_order_id": delivery.woo_order_id,
        "unresolved_since": since if delivery.verdict in UNREAD_VERDICTS else None,
    }
    connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))
    is_repeated = before.verdict == delivery.verdict
    return StoredDelivery(id=delivery_id, times=before.times, repeated=is_repeated, sha256=before.body_sha256)


def set_verdict(connection: Connection, delivery_id: int, *, verdict: str, words: str) -> None:
    """Store another verdict on a delivery."""
    values: Columns = {"verdict": verdict, "words": words}
    if verdict in UNREAD_VERDICTS:
        values["unresolved_since"] = func.coalesce(deliveries.c.unresolved_since, deliveries.c.last_received_at)
    connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))


def has_same_body(connection: Connection, delivery_id: int, *, store: str, woo_order_id: int, sha256: bytes) -> bool:
    """Return whether an earlier delivery about the order has this body, under another topic."""
    query = select(deliveries.c.id).where(
        deliveries.c.store == store,
        deliveries.c.woo_order_id == woo_order_id,
        deliveries.c.body_sha256 == sha256,
        deliveries.c.id < delivery_id,
    )
    return connection.execute(query.limit(1)).first() is not None


def body(connection: Connection, delivery_id: int) -> bytes:
    """Return the bytes of a delivery; raises NoResultFound."""
    content: bytes = connection.execute(_BODY, {"id": delivery_id}).scalar_one()
    return content


def newest_snapshots(connection: Connection, *, store: str, before: int, limit: int) -> list[tuple[int, bytes]]:
    """Return the newest snapshots of a store's newest orders below a WooCommerce order id, each with its order's id."""
    query = (
        select(orders.c.woo_order_id, deliveries.c.body)
        .join_from(orders, deliveries, deliveries.c.id == orders.c.delivery_id)
        .where(orders.c.store == store, orders.c.woo_order_id < before)
        .order_by(orders.c.woo_order_id.desc())
        .limit(limit)
    )
    return [(woo_order_id, content) for woo_order_id, content in connection.execute(query)]


def received_at(connection: Connection, delivery_id: int) -> datetime:
    """Return when a delivery was last received; raises NoResultFound."""
    last_received_at: datetime = connection.execute(_LAST_RECEIVED_AT, {"id": delivery_id}).scalar_one()
    return last_received_at


def find_verdicts(connection: Connection, *, store: str, topic: str, digests: list[bytes]) -> dict[bytes, str]:
    """Return the verdicts of the deliveries that are stored already, by the SHA-256 of their bodies."""
    rows = connection.execute(_VERDICTS, {"of_store": store, "of_topic": topic, "digests": digests})
    return {row.body_sha256: row.verdict for row in rows}


def source(connection: Connection, delivery_id: int) -> str | None:
    """Return the shop's own address from a delivery's X-WC-Webhook-Source; None if it is missing or no URL."""
    headers = connection.execute(select(deliveries.c.headers).where(deliveries.c.id == delivery_id)).scalar()
    address = (headers or {}).get("x-wc-webhook-source")
    return address if isinstance(address, str) and address.startswith(("http://", "https://")) else None


def get(connection: Connection, delivery_id: int) -> DeliveryRow | None:
    """Return one delivery with its body."""
    return fetch_one(connection, select(deliveries).where(deliveries.c.id == delivery_id), {}, DeliveryRow)


def list_for_order(connection: Connection, *, store: str, woo_order_id: int) -> list[ListedDeliveryRow]:
    """Return an order's deliveries without their bodies, oldest first."""
    query = (
        select(*LISTED_COLUMNS)
        .where(deliveries.c.store == store, deliveries.c.woo_order_id == woo_order_id)
        .order_by(deliveries.c.id)
    )
    return fetch_all(connection, query, {}, ListedDeliveryRow)


def last_sent(connection: Connection, *, store: str, topic: str) -> datetime | None:
    """Return when a webhook last sent a new delivery; None if the latest thousand deliveries are not a webhook's."""
    query = (
        select(deliveries.c.received_at, deliveries.c.headers)
        .where(deliveries.c.store == store, deliveries.c.topic == topic)
        .order_by(deliveries.c.id.desc())
        .limit(1000)
    )
    sent = (row.received_at for row in connection.execute(query) if SENT_BY in row.headers)
    return next(sent, None)


def list_kinds(connection: Connection) -> list[DeliveryKind]:
    """Return the kinds of deliveries that exist."""
    return [DeliveryKind(*row) for row in connection.execute(_KINDS[connection.dialect.name])]


def newest(connection: Connection, kind: DeliveryKind) -> DeliveryRow | None:
    """Return the newest delivery of a kind with its body."""
    return fetch_one(connection, _select_newest(kind, list(deliveries.c), limit=1), {}, DeliveryRow)


def list_newest(connection: Connection, kind: DeliveryKind, *, limit: int) -> list[ListedDeliveryRow]:
    """Return the newest deliveries of an existing kind without their bodies, newest first."""
    return fetch_all(connection, _select_newest(kind, LISTED_COLUMNS, limit=limit), {}, ListedDeliveryRow)


def _select_newest(kind: DeliveryKind, columns: list[Any], *, limit: int) -> Select[Any]:
    c = deliveries.c
    of_kind = (c.store == kind.store, c.topic == kind.topic, c.verdict == kind.verdict)
    literal = literal_column(str(limit), Integer)  # for a parameter, PostgreSQL plans to read a tenth of all rows
    return select(*columns).where(*of_kind).order_by(c.id.desc()).limit(literal)
