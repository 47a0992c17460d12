"""An order fetched from a shop's REST API, compared with what the bridge has stored."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import simplejson

from panelr_bridge import json_codec, logs
from panelr_bridge.application.parse_delivery import Event, RawDelivery, parse_delivery
from panelr_bridge.application.transactions.known_orders import is_known
from panelr_bridge.domain.models import OrderState
from panelr_bridge.domain.snapshot_time import CLOCK_AHEAD, is_older
from panelr_bridge.json_codec import read_time
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.rows import KnownOrderRow
from panelr_bridge.woocommerce.order_payload import Order
from panelr_bridge.woocommerce.rest.models import Payload, UnreadOrder
from panelr_bridge.woocommerce.rest.normalize import as_wc_body
from panelr_bridge.woocommerce.rest.wc_v3 import usable_id

TOPIC = "order.updated"
HEADERS = {"source": "backfill"}
SETTLE = timedelta(minutes=2)
"""How long backfill leaves a modification to its webhook, which carries more fields than an Orders resource."""
UNREADABLE = "this order could not be read because of an internal error: see the log"

log = logs.get(__name__)


class OrderComparison(StrEnum):
    """The result of comparing a fetched order with the stored one."""

    KNOWN = "known"
    """The bridge has this snapshot or a later one."""
    RECENT = "recent"
    """Modified within `SETTLE`: its webhook may still come, so a later run imports it."""
    FOUND = "found"
    """No webhook has reported this snapshot."""
    FAILED = "failed"
    """The order could not be read or processed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedOrder:
    """One fetched order and its comparison.

    `stored_status` is the WooCommerce status in the database, None for an order without a row. `state` is the order's
    state after the import, or the state that an import would give it; `words` say why.
    """

    kind: OrderComparison
    woo_order_id: int | None
    number: str = ""
    status: str = ""
    modified_at: datetime | None = None
    stored_status: str | None = None
    state: OrderState | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class FetchedOrder:
    """An order from the shop's REST API, in the form of a delivery. `event` is None if it could not be read.

    `row` is the order's row in the database, if any. `is_known` means: an import would change nothing.
    """

    delivery: Delivery
    event: Event | None
    sha256: bytes
    row: KnownOrderRow | None = None
    is_known: bool = False

    @property
    def order(self) -> Order | None:
        """The order's snapshot, None if it could not be read."""
        return self.event if isinstance(self.event, Order) else None

    def find_skip_reason(self, *, now: datetime) -> OrderComparison | None:
        """Return why this order need not be imported now, None if it must be."""
        if self.is_known:
            return OrderComparison.KNOWN
        modified = None if self.order is None else self.order.date_modified_gmt
        # a modification further in the future is imported at once
        is_recent = modified is not None and now - SETTLE < modified <= now + CLOCK_AHEAD
        return OrderComparison.RECENT if is_recent else None

    def to_compared(
        self, kind: OrderComparison, *, state: OrderState | None = None, words: str | None = None
    ) -> ComparedOrder:
        """Return this order with the comparison's result."""
        compared = ComparedOrder(
            kind=kind,
            woo_order_id=self.delivery.woo_order_id,
            stored_status=None if self.row is None else self.row["woo_status"],
            state=state,
            words=words or "",
        )
        if state is OrderState.HELD and self.order is not None and self.delivery.words is not None:
            compared = replace(compared, words=f"{compared.words}; {self.delivery.words}")
        order = self.order
        if order is None:
            return compared
        number = order.number or str(order.id)
        return replace(compared, number=number, status=order.status, modified_at=order.date_modified_gmt)


def read_payload(payload: Payload, *, store: str, sku_words: str | None = None) -> FetchedOrder:
    """Convert `payload`, from either kind of API, to the delivery that its webhook would have sent. Never raises.

    `sku_words` say why its lines have no SKUs; they are kept with the delivery.
    """
    try:
        body = as_wc_body(payload)
    except Exception:
        log.exception("backfill.failed", store=store)
        text = simplejson.dumps(payload, use_decimal=True, default=str, ignore_nan=True)
        failed = Delivery(
            store=store, topic=TOPIC, body=text.encode(), headers=dict(HEADERS), verdict="failed", words=UNREADABLE
        )
        return FetchedOrder(failed, None, hashlib.sha256(failed.body).digest())
    delivery, event = parse_delivery(RawDelivery(store=store, topic=TOPIC, body=body, headers=dict(HEADERS)))
    if sku_words is not None and delivery.words is None:
        delivery = replace(delivery, words=sku_words)
    return FetchedOrder(delivery, event, delivery.sha256)


def read_unread(unread: UnreadOrder, *, store: str) -> FetchedOrder:
    """Return a failed delivery for an order that the shop cannot show, so that it is in the list of deliveries."""
    body = json_codec.utf8({"id": unread.order_id} if unread.order_id is not None else {})
    delivery = Delivery(
        store=store,
        topic=TOPIC,
        body=body,
        headers=dict(HEADERS),
        verdict="failed",
        words=unread.words,
        woo_order_id=unread.order_id,
    )
    return FetchedOrder(delivery, None, delivery.sha256)


def has_id(payload: Payload) -> bool:
    """Return whether the payload has an id that the database can hold."""
    return usable_id(payload.get("id")) is not None


def compare_plainly(payload: Payload, row: KnownOrderRow | None, *, now: datetime) -> ComparedOrder | None:
    """Return the comparison of an order whose modification, status and total show that it is known; `row` is its own.

    Returns None for any other, which needs the whole comparison: that costs ten times as much.
    """
    stored = None if row is None else row["woo_modified_at"]
    modified, status = payload.get("date_modified_gmt"), payload.get("status")
    if row is None or stored is None or not isinstance(modified, str) or not isinstance(status, str):
        return None
    moment = read_time(modified)
    if moment is None or (moment != stored and not is_older(received=moment, known=stored, now=now)):
        return None
    is_same_second = moment == stored
    if is_same_second and (status != row["woo_status"] or not _is_amount(payload.get("total"), row["woo_total"])):
        return None
    return ComparedOrder(
        kind=OrderComparison.KNOWN,
        woo_order_id=payload["id"],
        number=str(payload.get("number") or payload["id"]),
        status=status,
        modified_at=moment,
        stored_status=row["woo_status"],
    )


def _is_amount(text: Any, amount: Decimal | None) -> bool:
    try:
        return isinstance(text, str) and Decimal(text) == amount
    except InvalidOperation:
        return False


def with_stored(
    fetched: FetchedOrder,
    rows: Mapping[int, KnownOrderRow],
    verdicts: Mapping[bytes, str],
    *,
    takes: bool,
    now: datetime,
) -> FetchedOrder:
    """Return `fetched` with its row and `is_known`, from the stored orders and verdicts of its page.

    `takes` says that an operator named a date that includes the order, which was ignored because of its age.
    """
    if fetched.order is None:  # "failed" is an error of the bridge or the shop, so the next run tries again
        is_unreadable = verdicts.get(fetched.sha256) == fetched.delivery.verdict == "unreadable"
        return replace(fetched, is_known=is_unreadable or fetched.delivery.verdict == "subscription")
    row = rows.get(fetched.order.id)
    known = row is not None and not takes and is_known(row, fetched.order, sha256=fetched.sha256, now=now)
    return replace(fetched, row=row, is_known=known)
