"""The inbox: every authentic delivery, byte for byte."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BindParameter, Connection, LargeBinary, bindparam, select, text, update

from panelr_bridge.store.column_types import UtcDateTime, ZstdBytes
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import Row, deliveries

# Written once in SQL that both databases share: the same body told again under the same topic is one row.
INTO = (
    "INSERT INTO deliveries (store, topic, body, body_sha256, headers, verdict, words, woo_order_id, times,"
    " repeated, received_at, last_received_at)"
)
VALUES = ":store, :topic, :body, :body_sha256, :headers, :verdict, :words, :woo_order_id, 1, FALSE, :now, :now"
ONCE_MORE = (
    "times = deliveries.times + 1, repeated = (deliveries.verdict = {verdict}), verdict = {verdict}, words = {words},"
    " last_received_at = {now}"
)
COUNTED = (
    " ON CONFLICT (store, topic, body_sha256) DO UPDATE SET "
    + ONCE_MORE.format(verdict="excluded.verdict", words="excluded.words", now="excluded.last_received_at")
    + " RETURNING id, times, repeated"
)
TYPES: tuple["BindParameter[Any]", ...] = (
    bindparam("body", type_=ZstdBytes),
    bindparam("body_sha256", type_=LargeBinary),
    bindparam("headers", type_=JSON),
    bindparam("now", type_=UtcDateTime),
)
ADD = CompiledStatement(text(f"{INTO} VALUES ({VALUES}){COUNTED}").bindparams(*TYPES))
PROBLEMS = ("woocommerce_error", "unreadable", "failed")
_BODY = select(deliveries.c.body).where(deliveries.c.id == bindparam("id"))
_CAME_AT = select(deliveries.c.last_received_at).where(deliveries.c.id == bindparam("id"))
_KEPT = select(deliveries.c.body_sha256, deliveries.c.verdict).where(
    deliveries.c.store == bindparam("of_store"),
    deliveries.c.topic == bindparam("of_topic"),
    deliveries.c.body_sha256.in_(bindparam("digests", expanding=True)),
)
_LOCK = select(deliveries).where(deliveries.c.id == bindparam("id")).with_for_update(key_share=True)
LISTED = [column for column in deliveries.c if column.name not in {"body", "body_sha256", "repeated"}]


SENT_BY = "x-wc-webhook-id"
"""A header that every delivery of a webhook has, and no other."""


def digest(body: bytes) -> bytes:
    """Return the SHA-256 of `body`."""
    return hashlib.sha256(body).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An authentic delivery as it came, with what its body turned out to be.

    `verdict` is order, deleted, other_topic, woocommerce_error, unreadable or failed; `words` says more where it is
    not order.
    """

    store: str
    topic: str
    body: bytes
    headers: dict[str, str]
    verdict: str
    words: str | None = None
    woo_order_id: int | None = None
    sha256: bytes = b""
    """The body's, by which its bytes are known again; taken where it is not given."""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", digest(self.body))


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """Where a delivery was stored, how often its bytes have come, and their SHA-256.

    `repeated` says whether they had been understood just so before; where that had failed they are as good as new.
    """

    id: int
    times: int
    repeated: bool
    sha256: bytes


def row(delivery: Delivery, *, now: datetime) -> Row:
    """Return the values of `VALUES`."""
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
    }


def add(connection: Connection, delivery: Delivery, *, now: datetime) -> StoredDelivery:
    """Store `delivery`, or count it when these bytes have come under this topic before."""
    ((delivery_id, times, repeated),) = ADD.run(connection, row(delivery, now=now))
    return StoredDelivery(id=delivery_id, times=times, repeated=bool(repeated), sha256=delivery.sha256)


def replay(connection: Connection, delivery_id: int, delivery: Delivery) -> StoredDelivery:
    """Note what a stored delivery is understood to be now; how often it came stays as it is. Raises NoResultFound."""
    before = connection.execute(_LOCK, {"id": delivery_id}).one()
    values = {"verdict": delivery.verdict, "words": delivery.words, "woo_order_id": delivery.woo_order_id}
    connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))
    repeated = before.verdict == delivery.verdict
    return StoredDelivery(id=delivery_id, times=before.times, repeated=repeated, sha256=before.body_sha256)


def body(connection: Connection, delivery_id: int) -> bytes:
    """Return the bytes of a delivery; raises NoResultFound."""
    found: bytes = connection.execute(_BODY, {"id": delivery_id}).scalar_one()
    return found


def received_at(connection: Connection, delivery_id: int) -> datetime:
    """Return when a delivery came last; raises NoResultFound."""
    found: datetime = connection.execute(_CAME_AT, {"id": delivery_id}).scalar_one()
    return found


def stored_verdicts(connection: Connection, *, store: str, topic: str, digests: list[bytes]) -> dict[bytes, str]:
    """Return the verdicts of those deliveries that are stored already, by their bodies' SHA-256."""
    rows = connection.execute(_KEPT, {"of_store": store, "of_topic": topic, "digests": digests})
    return {row.body_sha256: row.verdict for row in rows}


def source(connection: Connection, delivery_id: int) -> str | None:
    """Return what the shop of a delivery calls itself: the address in its X-WC-Webhook-Source."""
    headers = connection.execute(select(deliveries.c.headers).where(deliveries.c.id == delivery_id)).scalar()
    address = (headers or {}).get("x-wc-webhook-source")
    return address if isinstance(address, str) and address.startswith(("http://", "https://")) else None


def get(connection: Connection, delivery_id: int) -> Row | None:
    """Return one delivery with its body."""
    found = connection.execute(select(deliveries).where(deliveries.c.id == delivery_id)).mappings().one_or_none()
    return None if found is None else dict(found)


def list_for_order(connection: Connection, *, store: str, woo_order_id: int) -> list[Row]:
    """Return the deliveries that told of an order, the first first, without their bodies."""
    wanted = (
        select(*LISTED)
        .where(deliveries.c.store == store, deliveries.c.woo_order_id == woo_order_id)
        .order_by(deliveries.c.id)
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]


def last_sent(connection: Connection, *, store: str, topic: str) -> datetime | None:
    """Return when the newest delivery came that a webhook has sent; None where the newest thousand are no such ones."""
    wanted = (
        select(deliveries.c.received_at, deliveries.c.headers)
        .where(deliveries.c.store == store, deliveries.c.topic == topic)
        .order_by(deliveries.c.id.desc())
        .limit(1000)
    )
    sent = (row.received_at for row in connection.execute(wanted) if SENT_BY in row.headers)
    return next(sent, None)


def problems(connection: Connection, *, since: datetime) -> list[Row]:
    """Return the deliveries since `since` that brought an error of WooCommerce's or could not be read."""
    wanted = (
        select(*LISTED)
        .where(
            deliveries.c.verdict.in_(PROBLEMS),
            deliveries.c.last_received_at >= since,
        )
        .order_by(deliveries.c.last_received_at.desc())
        .limit(20)
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]
