"""What a store tells when it is asked, beside what the bridge knows: the difference goes the way of a delivery.

An order that is found is stored and decided as if its webhook had come, and its call is left to the worker. Calls of
found orders fall due one after the other, at half of Panelr's limit: newcomers never wait behind an outage's backlog.
"""

import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import simplejson

from panelr_bridge import logs
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.parse_delivery import RawDelivery, parse_delivery
from panelr_bridge.application.transactions import known_orders, receive_delivery
from panelr_bridge.application.transactions.known_orders import KnownOrders, is_known
from panelr_bridge.application.transactions.receive_delivery import BackfillContext, ReceiveResult
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.order_payload import Order, OrderDeleted
from panelr_bridge.woocommerce.rest.models import Payload
from panelr_bridge.woocommerce.rest.normalize import as_wc_body
from panelr_bridge.woocommerce.rest.request import MAX_PER_PAGE

TOPIC = "order.updated"
HEADERS = {"source": "backfill"}
SHARE = 0.5
"""How much of Panelr's limit is for the orders that are found, over all stores."""
SETTLE = timedelta(minutes=2)
"""How long a modification is left to its webhook, which tells more than an Orders resource does."""
CLOCK_AHEAD = timedelta(minutes=10)
"""How far a shop's clock may be ahead; a modification that lies further in the future waits for nothing."""
FAULT = "this order could not be read, for a fault of the bridge; the log says which"

log = logs.get(__name__)


class OrderComparison(StrEnum):
    """What an order that the store told turned out to be. A fresh one is left to its webhook, and to the next walk."""

    KNOWN = "known"
    FRESH = "fresh"
    FOUND = "found"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedOrder:
    """One order that the store told. `before` is the WooCommerce status that the bridge knew; None: no such order.

    `state` is what the order is now, or would be; `words` say why.
    """

    kind: OrderComparison
    woo_order_id: int | None
    number: str = ""
    status: str = ""
    modified_at: datetime | None = None
    before: str | None = None
    state: OrderState | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class FetchedOrder:
    """An order as the store told it, in the form of a delivery."""

    delivery: Delivery
    event: Order | OrderDeleted | None
    sha256: bytes

    @property
    def order(self) -> Order | None:
        """What it says, where it can be read."""
        return self.event if isinstance(self.event, Order) else None


async def group_pages(told: AsyncIterator[Payload]) -> AsyncGenerator[list[Payload], None]:
    """Put what a walk tells together by the page."""
    page: list[Payload] = []
    try:
        async for payload in told:
            page.append(payload)
            if len(page) == MAX_PER_PAGE:
                yield page
                page = []
        if page:
            yield page
    finally:
        if isinstance(told, AsyncGenerator):
            with contextlib.suppress(RuntimeError):  # it is being read, and ends by that
                await told.aclose()


def fetched_order(payload: Payload, *, store: str) -> FetchedOrder:
    """Return `payload`, of either kind of API, as the delivery that it would have been. Never raises."""
    try:
        body = as_wc_body(payload)
    except Exception:
        log.exception("backfill.failed", store=store)
        text = simplejson.dumps(payload, use_decimal=True, default=str, ignore_nan=True)
        failed = Delivery(
            store=store, topic=TOPIC, body=text.encode(), headers=dict(HEADERS), verdict="failed", words=FAULT
        )
        return FetchedOrder(failed, None, hashlib.sha256(failed.body).digest())
    raw = RawDelivery(store=store, topic=TOPIC, body=body, headers=dict(HEADERS))
    delivery, event = parse_delivery(raw)
    return FetchedOrder(delivery, event, hashlib.sha256(body).digest())


class PageImporter:
    """Feeds pages of one store's orders to the steps that the door feeds."""

    def __init__(
        self, calls: PanelrCaller, *, store: str, policy: OrderPolicy, call_policy: CallPolicy, stores: int = 1
    ) -> None:
        self._calls = calls
        self._store = store
        self._policy = policy
        self._call_policy = call_policy
        self._pace = timedelta(seconds=60 * stores / (call_policy.rate_per_minute * SHARE))

    async def feed(
        self, page: Sequence[Payload], *, since: datetime, paced_until: datetime | None
    ) -> tuple[list[ComparedOrder], datetime | None]:
        """Store what the bridge does not know; `since` is when the walk began, `paced_until` the last due call.

        Returns what each order was, and when the last call falls due now. Raises only while the database is away.
        """
        seen = []
        candidates, told = await self._beside(page)
        for each in candidates:
            row = _row(told, each)
            if _is_known(told, each, row):
                seen.append(_seen(each, row, OrderComparison.KNOWN))
                continue
            now = self._calls.clock()
            if _is_fresh(each, now=now):
                seen.append(_seen(each, row, OrderComparison.FRESH))
                continue
            due = now if paced_until is None else max(now, paced_until + self._pace)
            one = await self._received(each, row, BackfillContext(since, due))
            if one.state is OrderState.QUEUED and (row is None or row["state"] != OrderState.QUEUED):
                paced_until = due
            seen.append(one)
        return seen, paced_until

    async def glance(self, page: Sequence[Payload]) -> list[ComparedOrder]:
        """Return what `feed` would do, by the mappings of this moment; nothing is written."""
        seen = []
        candidates, told = await self._beside(page)
        for each in candidates:
            row = _row(told, each)
            if _is_known(told, each, row):
                seen.append(_seen(each, row, OrderComparison.KNOWN))
            elif _is_fresh(each, now=self._calls.clock()):
                seen.append(_seen(each, row, OrderComparison.FRESH))
            elif each.order is None:
                seen.append(_seen(each, row, OrderComparison.FAILED, words=each.delivery.words or ""))
            else:
                state, reasons = await self._calls.database.read(
                    known_orders.would_become, each.order, row, store=self._store, policy=self._policy
                )
                words = "; ".join(reason.words for reason in reasons)
                seen.append(_seen(each, row, OrderComparison.FOUND, state=state, words=words))
        return seen

    async def _beside(self, page: Sequence[Payload]) -> tuple[list[FetchedOrder], KnownOrders]:
        candidates = [fetched_order(payload, store=self._store) for payload in page]
        told = await self._calls.database.read(
            known_orders.read_known_orders,
            store=self._store,
            topic=TOPIC,
            ids=[each.order.id for each in candidates if each.order is not None],
            unreadable=[each.sha256 for each in candidates if each.order is None],
        )
        return candidates, told

    async def _received(self, each: FetchedOrder, row: Row | None, asked: BackfillContext) -> ComparedOrder:
        """Feed one order; one that cannot be processed is kept like a delivery that cannot, and holds up no other."""
        delivery = each.delivery
        try:
            received = await self._calls.write(
                receive_delivery.receive,
                delivery,
                each.event,
                policy=self._policy,
                call_policy=self._call_policy,
                backfill=asked,
            )
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("backfill.failed", store=self._store, woo_order_id=delivery.woo_order_id)
            await self._calls.write(receive_delivery.store_as_failed, delivery)
            return _seen(each, row, OrderComparison.FAILED, words="this order could not be processed; the log says why")
        if each.order is None:
            log.warning("backfill.failed", store=self._store, verdict=delivery.verdict, delivery=received.stored.id)
            return _seen(each, row, OrderComparison.FAILED, words=delivery.words or "")
        return self._found(each, row, received)

    def _found(self, each: FetchedOrder, row: Row | None, received: ReceiveResult) -> ComparedOrder:
        order = received.order or {}
        if order.get("delivery_id") != received.stored.id:  # its webhook has come meanwhile
            return _seen(each, row, OrderComparison.KNOWN)
        state = OrderState(order["state"])
        log.info(
            "backfill.found",
            store=self._store,
            woo_order_id=each.delivery.woo_order_id,
            delivery=received.stored.id,
            unknown=row is None,
            state=state,
            reason=(order["reasons"] or [{}])[0].get("code"),
        )
        words = "; ".join(reason["words"] for reason in order["reasons"])
        return _seen(each, row, OrderComparison.FOUND, state=state, words=words)


def newest(page: Iterable[ComparedOrder], *, until: datetime) -> datetime | None:
    """Return the last modification in a page that is not after `until`: a clock may have been wrong for a while."""
    moments = (each.modified_at for each in page if each.modified_at is not None)
    return max((moment for moment in moments if moment <= until), default=None)


def _row(told: KnownOrders, each: FetchedOrder) -> Row | None:
    return None if each.order is None else told.rows.get(each.order.id)


def _is_known(told: KnownOrders, each: FetchedOrder, row: Row | None) -> bool:
    if each.order is None:  # what failed for a fault of ours is tried again
        return told.verdicts.get(each.sha256) == each.delivery.verdict == "unreadable"
    return row is not None and is_known(row, each.order, sha256=each.sha256)


def _is_fresh(each: FetchedOrder, *, now: datetime) -> bool:
    modified = None if each.order is None else each.order.date_modified_gmt
    return modified is not None and now - SETTLE < modified <= now + CLOCK_AHEAD


def _seen(
    each: FetchedOrder, row: Row | None, kind: OrderComparison, *, state: OrderState | None = None, words: str = ""
) -> ComparedOrder:
    seen = ComparedOrder(
        kind=kind,
        woo_order_id=each.delivery.woo_order_id,
        before=None if row is None else row["woo_status"],
        state=state,
        words=words,
    )
    order = each.order
    if order is None:
        return seen
    number = order.number or str(order.id)
    return replace(seen, number=number, status=order.status, modified_at=order.date_modified_gmt)
