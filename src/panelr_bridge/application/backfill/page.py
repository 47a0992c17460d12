"""Import one page of a shop's orders: store each difference from the database as if its webhook had come.

The worker makes the calls of imported orders. They fall due one after the other at half of Panelr's rate limit, so new
orders never wait behind the backlog of an outage.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from panelr_bridge import logs
from panelr_bridge.application.backfill.compared_order import (
    TOPIC,
    ComparedOrder,
    FetchedOrder,
    OrderComparison,
    compare_plainly,
    has_id,
    read_payload,
    read_unread,
    with_stored,
)
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions import known_orders, receive_delivery
from panelr_bridge.application.transactions.receive_delivery import ReceiveResult
from panelr_bridge.application.transactions.snapshot_order import BackfillContext, is_included
from panelr_bridge.domain import order_age
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.store import backfill_cursors, deliveries
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import ChangedPage, Payload
from panelr_bridge.woocommerce.rest.wc_v3 import usable_id

SHARE = 0.5
"""The share of Panelr's rate limit that imported orders may use, over all stores."""
UNPROCESSED = "this order could not be processed because of an internal error: see the log"

log = logs.get(__name__)


class PageImporter:
    """Imports pages of one store's orders. All `stores` together use half of Panelr's rate limit."""

    def __init__(
        self,
        caller: PanelrCaller,
        *,
        shop: ShopClient,
        store: str,
        policy: OrderPolicy,
        call_policy: CallPolicy,
        stores: int = 1,
    ) -> None:
        self._caller = caller
        self._shop = shop
        self._store = store
        self._policy = policy
        self._call_policy = call_policy
        self._pace = timedelta(seconds=60 * stores / (call_policy.rate_per_minute * SHARE))

    async def import_page(
        self,
        page: ChangedPage,
        *,
        since: datetime,
        paced_until: datetime | None,
        orders_since: datetime | None = None,
    ) -> tuple[list[ComparedOrder], datetime | None]:
        """Store the orders of a page that the bridge does not know.

        `since` is when the backfill run began, `paced_until` when the last imported order's call falls due. Orders
        made from `orders_since` on count, however old they are. Returns the compared orders and the new `paced_until`.
        Raises only if the database is unavailable, or the shop.
        """
        compared, differing = await self._match_stored(page, orders_since)
        for fetched in differing:
            now = self._caller.clock()
            if (skip_reason := fetched.find_skip_reason(now=now)) is not None:
                compared.append(fetched.to_compared(skip_reason))
                continue
            due = now if paced_until is None else max(now, paced_until + self._pace)
            imported = await self._import_order(fetched, BackfillContext(since, due, orders_since))
            was_queued = fetched.row is not None and fetched.row["state"] == OrderState.QUEUED
            if imported.state is OrderState.QUEUED and not was_queued:
                paced_until = due
            compared.append(imported)
        return compared, paced_until

    async def compare_page(self, page: ChangedPage, *, orders_since: datetime | None = None) -> list[ComparedOrder]:
        """Return what `import_page` would do by the current mappings, and store nothing."""
        known, differing = await self._match_stored(page, orders_since)
        return known + [await self._compare_order(fetched, orders_since) for fetched in differing]

    async def _match_stored(
        self, page: ChangedPage, orders_since: datetime | None
    ) -> tuple[list[ComparedOrder], list[FetchedOrder]]:
        """Return the orders that are plainly known, and the others in a delivery's form with their rows."""
        now, ids = self._caller.clock(), [each["id"] for each in page.orders if has_id(each)]
        rows = await self._caller.database.read(backfill_cursors.known_orders, store=self._store, ids=ids)
        too_old = await self._read_too_old(ids) if orders_since is not None else frozenset()
        known: list[ComparedOrder] = []
        changed: list[Payload] = []
        for payload in page.orders:
            number = usable_id(payload.get("id"))
            row = None if number is None or number in too_old else rows.get(number)
            if (compared := compare_plainly(payload, row, now=now)) is not None:
                known.append(compared)
            else:
                changed.append(payload)
        whole = ChangedPage(tuple(changed))
        if page.is_summary and (ids := [each["id"] for each in changed if has_id(each)]):
            whole = await self._shop.read_whole(ids)
            odd = tuple(each for each in changed if not has_id(each))
            whole = replace(whole, orders=whole.orders + odd)
        differing = [read_unread(each, store=self._store) for each in (*page.unread, *whole.unread)]
        payloads, sku_words = await self._shop.add_skus(whole.orders)
        differing += [read_payload(payload, store=self._store, sku_words=sku_words) for payload in payloads]
        digests = [each.sha256 for each in differing if each.order is None]
        verdicts = await self._read_verdicts(digests) if digests else {}
        return known, [
            with_stored(each, rows, verdicts, takes=_takes(each, too_old, orders_since), now=now) for each in differing
        ]

    async def _read_too_old(self, ids: list[int]) -> frozenset[int]:
        return await self._caller.database.read(
            backfill_cursors.ignored_orders, store=self._store, ids=ids, code=order_age.OLDER
        )

    async def _read_verdicts(self, digests: list[bytes]) -> dict[bytes, str]:
        return await self._caller.database.read(
            deliveries.find_verdicts, store=self._store, topic=TOPIC, digests=digests
        )

    async def _compare_order(self, fetched: FetchedOrder, orders_since: datetime | None) -> ComparedOrder:
        if (skip_reason := fetched.find_skip_reason(now=self._caller.clock())) is not None:
            return fetched.to_compared(skip_reason)
        order = fetched.order
        if order is None:
            return fetched.to_compared(OrderComparison.FAILED, words=fetched.delivery.words)
        if await self._is_echo(fetched):
            return fetched.to_compared(OrderComparison.KNOWN)
        state, reasons = await self._caller.database.read(
            known_orders.preview_state,
            order,
            fetched.row,
            store=self._store,
            policy=self._policy,
            now=self._caller.clock(),
            is_included=is_included(order, orders_since),
        )
        words = "; ".join(reason.words for reason in reasons)
        return fetched.to_compared(OrderComparison.FOUND, state=state, words=words)

    async def _import_order(self, fetched: FetchedOrder, context: BackfillContext) -> ComparedOrder:
        """Store one order. One that cannot be processed is stored as a failed delivery and stops no other order."""
        delivery = fetched.delivery
        is_echo = await self._is_echo(fetched)
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
        if received.verdict is not None:
            log.warning("backfill.failed", store=self._store, verdict=received.verdict, delivery=received.stored.id)
            return fetched.to_compared(OrderComparison.FAILED, words=received.words)
        return fetched.to_compared(OrderComparison.KNOWN) if is_echo else self._finish_import(fetched, received)

    async def _is_echo(self, fetched: FetchedOrder) -> bool:
        if fetched.row is None or fetched.order is None:
            return False
        return await self._caller.database.read(known_orders.is_echo, fetched.order, store=self._store)

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


def _takes(fetched: FetchedOrder, too_old: frozenset[int], orders_since: datetime | None) -> bool:
    """Return whether the order was ignored because of its age, and an operator named a date that includes it."""
    order = fetched.order
    return order is not None and order.id in too_old and is_included(order, orders_since)
