"""The ordinary order's short cuts: both transactions as one statement each, and a delivery that brings nothing new.

Each does what `receive_delivery.receive` and `record_outcome.record_created` do, or nothing: where it is not so
simple, those are asked. What is remembered here only tells which way to try first; what is written, the database
decides by what it holds.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from panelr_bridge.application.recent_cache import RecentCache
from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.application.transactions.claim_call import CallPolicy, claim_of, follows_at_once, sending_columns
from panelr_bridge.application.transactions.evaluate_order import Evaluation
from panelr_bridge.application.transactions.receive_delivery import ReceiveResult
from panelr_bridge.application.transactions.record_outcome import CallReport, created_attempt, created_columns
from panelr_bridge.domain.cart import lookup_keys
from panelr_bridge.domain.decision import Create, decide
from panelr_bridge.domain.models import OrderMappings, OrderPolicy, WorkOrder
from panelr_bridge.panelr.work_order_match import fingerprint
from panelr_bridge.store import fast_path, order_mappings, orders, rate_limit
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery, StoredDelivery
from panelr_bridge.store.fast_path import InsertedOrder
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.order_payload import ORDER_TOPICS, Order, OrderDeleted

ANY_SLOT = rate_limit.RateSlot(0)
"""Stands for the slot that the statement takes."""
REMEMBERED = 5000
"""How many orders and snapshots are remembered."""
CATALOGUES = 1000
"""How many sets of products, as orders had them, are remembered with their mappings."""
KEYS = 60
"""How many keys of the mapping table such a set has at most."""


class FastPath:
    """One process's short cuts, and what it remembers for them."""

    def __init__(
        self, database: Database, *, policy: OrderPolicy, terms: CallPolicy, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._policy = policy
        self._terms = terms
        self._clock = clock
        self._snapshots = RecentCache[tuple[str, bytes], tuple[int, str]](REMEMBERED)
        self._places = RecentCache[tuple[str, str, bytes], int](REMEMBERED)
        self._orders = RecentCache[tuple[str, int], bool](REMEMBERED)
        self._catalogues = RecentCache[tuple[str, frozenset[str], str], OrderMappings](CATALOGUES)

    def match_repeat(
        self, *, store: str, topic: str, body: bytes, headers: dict[str, str], sha256: bytes
    ) -> Delivery | None:
        """Return the delivery that these bytes are where they have told an order lately, under whatever topic."""
        known = self._snapshots.get((store, sha256)) if topic in ORDER_TOPICS else None
        if known is None:
            return None
        order_id, _ = known
        return Delivery(
            store=store,
            topic=topic,
            body=body,
            headers=headers,
            verdict="order",
            woo_order_id=order_id,
            sha256=sha256,
        )

    async def store_repeat(self, delivery: Delivery) -> ReceiveResult | None:
        """Store what `match_repeat` returned; None, and nothing is written, where the order has changed since."""
        known = self._snapshots.get((delivery.store, delivery.sha256))
        if known is None:
            return None
        told = await fast_path.store_repeat(
            self._database,
            delivery,
            woo_status=known[1],
            stored_id=self._places.get((delivery.store, delivery.topic, delivery.sha256)),
            clock=self._clock,
        )
        if told is None:
            return None
        self._stored(delivery, told.delivery_id)
        return ReceiveResult(StoredDelivery(told.delivery_id, told.times, True, delivery.sha256), told.order)

    async def try_insert(self, delivery: Delivery, event: Order | OrderDeleted | None) -> ReceiveResult | None:
        """Do what `receive_delivery.receive` does with an order that is new and calls for a work order.

        None, and nothing is done, where it is another matter.
        """
        if not isinstance(event, Order):
            return None
        order = (delivery.store, event.id)
        if self._orders.get(order):
            return None
        self._orders.keep(order, True)  # whoever tells it meanwhile goes the other way, and finds it
        catalogue = await self._catalogue(delivery.store, event)
        decision = decide(event, catalogue, self._policy) if catalogue is not None else None
        if catalogue is None or not isinstance(decision, Create):
            return None
        return await self._add(delivery, Evaluation(event, decision, catalogue), decision)

    async def _add(self, delivery: Delivery, weighed: Evaluation, decision: Create) -> ReceiveResult | None:
        terms, now, row = self._terms, self._clock(), Row()
        alike = fingerprint(decision.request)

        def values() -> Row:
            nonlocal now, row
            now = self._clock()
            row = receive_delivery.first_row(delivery.store, weighed, delivery_id=None, sha256=delivery.sha256, now=now)
            row |= sending_columns(row, decision.request, alike=alike, now=now)
            row |= receive_delivery.owed(ANY_SLOT, due=now, terms=terms, now=now)
            leave = rate_limit.take_ahead_values(**receive_delivery.slot_request(alike, terms=terms, now=now))
            return fast_path.insert_order_values(delivery, row, leave, now=now)

        added = await fast_path.insert_order(self._database, values)
        if not isinstance(added, InsertedOrder):
            if added is not None and added != weighed.catalogue.revision:
                self._catalogues.forget()
            return None
        row |= {"id": added.order_id, "delivery_id": added.delivery_id, "sent_delivery_id": added.delivery_id}
        follows = follows_at_once(weighed, store=delivery.store, policy=self._policy)
        claim = claim_of(
            row,
            decision.request,
            attempt=1,
            slot=added.slot,
            terms=terms,
            now=now,
            follows=follows,
            paid_at=weighed.order.date_paid_gmt,
        )
        return ReceiveResult(StoredDelivery(added.delivery_id, 1, False, delivery.sha256), row, claim)

    async def _catalogue(self, store: str, order: Order) -> OrderMappings | None:
        """Return what the mappings say of an order, perhaps as they were; None for an order that is known."""
        keys, method = lookup_keys(order), order.payment_method
        known = self._catalogues.get((store, keys, method))
        if known is not None:
            return known
        asked = order_mappings.build_values(store=store, woo_order_id=order.id, keys=keys, payment_method=method)
        catalogue, order_id = order_mappings.read_rows(
            await self._database.execute_autocommit(order_mappings.STATEMENT, lambda: asked)
        )
        if len(keys) <= KEYS:
            self._catalogues.keep((store, keys, method), replace(catalogue, lines=None))  # lines are one customer's
        return catalogue if order_id is None else None

    def remember(self, delivery: Delivery, event: Order | OrderDeleted | None, received: ReceiveResult) -> None:
        """Remember that these bytes are their order's newest snapshot, for those that come again."""
        row = received.order
        if isinstance(event, Order) and row is not None and row["snapshot_sha256"] == delivery.sha256:
            self._snapshots.keep((delivery.store, delivery.sha256), (event.id, event.status))
            self._stored(delivery, received.stored.id)

    def _stored(self, delivery: Delivery, place: int) -> None:
        self._places.keep((delivery.store, delivery.topic, delivery.sha256), place)

    async def try_record_created(self, report: CallReport, work_order: WorkOrder) -> bool:
        """Do what `record.created` does with a call that took no time and was no probe.

        False, and nothing is done, where it is another matter: the snapshot is newer, the lease has ended.
        """
        claim = report.claim
        if (
            claim.slot.probe
            or self._clock() - claim.claimed_at > rate_limit.SLACK
            or not fast_path.supports_record_created(self._database)
        ):
            return False
        columns = created_columns(claim, work_order, now=self._clock())
        fence: Row = {
            "of_delivery": claim.delivery_id,
            "of_status": claim.woo_status,
            "of_woo_order_id": claim.woo_order_id,
        }

        def values() -> Row:
            now = self._clock()
            attempt = created_attempt(report, work_order, now=now)
            return fence | fast_path.record_created_values(claim.order_id, claim.number, columns, attempt, now=now)

        return await fast_path.record_created_autocommit(self._database, values, orders.shape(columns))
