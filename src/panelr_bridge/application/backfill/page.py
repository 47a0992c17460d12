"""Import one page of a shop's orders: store each difference from the database as if its webhook had come.

The worker makes the calls of imported orders. They fall due one after the other at half of Panelr's rate limit, so new
orders never wait behind the backlog of an outage.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

from panelr_bridge import logs
from panelr_bridge.application.backfill.compared_order import (
    TOPIC,
    ComparedOrder,
    FetchedOrder,
    OrderComparison,
    read_payload,
    with_stored,
)
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions import known_orders, receive_delivery
from panelr_bridge.application.transactions.receive_delivery import BackfillContext, ReceiveResult
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.woocommerce.rest.models import Payload
from panelr_bridge.woocommerce.rest.request import MAX_PER_PAGE

SHARE = 0.5
"""The share of Panelr's rate limit that imported orders may use, over all stores."""
UNPROCESSED = "this order could not be processed because of an internal error: see the log"

log = logs.get(__name__)


async def group_pages(payloads: AsyncIterator[Payload]) -> AsyncGenerator[list[Payload], None]:
    """Group `payloads` into pages of `MAX_PER_PAGE`."""
    page: list[Payload] = []
    try:
        async for payload in payloads:
            page.append(payload)
            if len(page) == MAX_PER_PAGE:
                yield page
                page = []
        if page:
            yield page
    finally:
        if isinstance(payloads, AsyncGenerator):
            with contextlib.suppress(RuntimeError):  # a read is in progress; its cancellation closes the generator
                await payloads.aclose()


def newest(page: Iterable[ComparedOrder], *, until: datetime) -> datetime | None:
    """Return the latest modification of a page up to `until`; later ones may come from a shop's wrong clock."""
    moments = (each.modified_at for each in page if each.modified_at is not None)
    return max((moment for moment in moments if moment <= until), default=None)


class PageImporter:
    """Imports pages of one store's orders. All `stores` together use half of Panelr's rate limit."""

    def __init__(
        self, caller: PanelrCaller, *, store: str, policy: OrderPolicy, call_policy: CallPolicy, stores: int = 1
    ) -> None:
        self._caller = caller
        self._store = store
        self._policy = policy
        self._call_policy = call_policy
        self._pace = timedelta(seconds=60 * stores / (call_policy.rate_per_minute * SHARE))

    async def import_page(
        self, page: Sequence[Payload], *, since: datetime, paced_until: datetime | None
    ) -> tuple[list[ComparedOrder], datetime | None]:
        """Store the orders of a page that the bridge does not know.

        `since` is when the backfill run began, `paced_until` when the last imported order's call falls due. Returns
        the compared orders and the new `paced_until`. Raises only if the database is unavailable.
        """
        compared = []
        for fetched in await self._match_stored(page):
            now = self._caller.clock()
            if (skip_reason := fetched.find_skip_reason(now=now)) is not None:
                compared.append(fetched.to_compared(skip_reason))
                continue
            due = now if paced_until is None else max(now, paced_until + self._pace)
            imported = await self._import_order(fetched, BackfillContext(since, due))
            was_queued = fetched.row is not None and fetched.row["state"] == OrderState.QUEUED
            if imported.state is OrderState.QUEUED and not was_queued:
                paced_until = due
            compared.append(imported)
        return compared, paced_until

    async def compare_page(self, page: Sequence[Payload]) -> list[ComparedOrder]:
        """Return what `import_page` would do by the current mappings, and store nothing."""
        return [await self._compare_order(fetched) for fetched in await self._match_stored(page)]

    async def _match_stored(self, page: Sequence[Payload]) -> list[FetchedOrder]:
        fetched = [read_payload(payload, store=self._store) for payload in page]
        stored = await self._caller.database.read(
            known_orders.read_known_orders,
            store=self._store,
            topic=TOPIC,
            ids=[each.order.id for each in fetched if each.order is not None],
            unreadable=[each.sha256 for each in fetched if each.order is None],
        )
        return [with_stored(each, stored) for each in fetched]

    async def _compare_order(self, fetched: FetchedOrder) -> ComparedOrder:
        if (skip_reason := fetched.find_skip_reason(now=self._caller.clock())) is not None:
            return fetched.to_compared(skip_reason)
        order = fetched.order
        if order is None:
            return fetched.to_compared(OrderComparison.FAILED, words=fetched.delivery.words)
        state, reasons = await self._caller.database.read(
            known_orders.preview_state,
            order,
            fetched.row,
            store=self._store,
            policy=self._policy,
            now=self._caller.clock(),
        )
        words = "; ".join(reason.words for reason in reasons)
        return fetched.to_compared(OrderComparison.FOUND, state=state, words=words)

    async def _import_order(self, fetched: FetchedOrder, context: BackfillContext) -> ComparedOrder:
        """Store one order. One that cannot be processed is stored as a failed delivery and stops no other order."""
        delivery = fetched.delivery
        try:
            received = await self._caller.write(
                receive_delivery.receive,
                delivery,
                fetched.event,
                policy=self._policy,
                call_policy=self._call_policy,
                backfill=context,
            )
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("backfill.failed", store=self._store, woo_order_id=delivery.woo_order_id)
            await self._caller.write(receive_delivery.store_as_failed, delivery)
            return fetched.to_compared(OrderComparison.FAILED, words=UNPROCESSED)
        if fetched.order is None:
            log.warning("backfill.failed", store=self._store, verdict=delivery.verdict, delivery=received.stored.id)
            return fetched.to_compared(OrderComparison.FAILED, words=delivery.words)
        return self._finish_import(fetched, received)

    def _finish_import(self, fetched: FetchedOrder, received: ReceiveResult) -> ComparedOrder:
        order = received.order
        if order is None or order["delivery_id"] != received.stored.id:  # its webhook arrived during the import
            return fetched.to_compared(OrderComparison.KNOWN)
        state = OrderState(order["state"])
        log.info(
            "backfill.found",
            store=self._store,
            woo_order_id=fetched.delivery.woo_order_id,
            delivery=received.stored.id,
            unknown=fetched.row is None,
            state=state,
            reason=(order["reasons"] or [{}])[0].get("code"),
        )
        words = "; ".join(reason["words"] for reason in order["reasons"])
        return fetched.to_compared(OrderComparison.FOUND, state=state, words=words)
