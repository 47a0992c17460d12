"""The fast path of ordinary orders: each of the two transactions as one statement, and repeats without parsing.

Each method does what a transaction does, or nothing: then the caller runs that transaction. The process's caches only
choose what to try first. The statements check everything against the database.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from panelr_bridge.application.parse_delivery import Event, RawDelivery
from panelr_bridge.application.recent_cache import RecentCache
from panelr_bridge.application.transactions.call_report import CallReport
from panelr_bridge.application.transactions.check_total import total_check
from panelr_bridge.application.transactions.delivery_source import learn_store, source_of, tells_of_store
from panelr_bridge.application.transactions.evaluate_order import Evaluation, evaluate_with
from panelr_bridge.application.transactions.new_order import NewOrder, new_order, slot_request
from panelr_bridge.application.transactions.receive_delivery import ReceiveResult
from panelr_bridge.application.transactions.record_outcome import created_attempt, created_columns
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.cart import lookup_keys
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import OrderMappings, OrderPolicy
from panelr_bridge.domain.order_identity import SOURCE_HEADER, read_source
from panelr_bridge.domain.panelr_values import CartQuote, WorkOrder
from panelr_bridge.domain.relation import read_relation
from panelr_bridge.store import fast_path, order_mappings, orders, quotes, rate_limit
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery, StoredDelivery
from panelr_bridge.store.fast_path import InsertedOrder, RepeatedDelivery
from panelr_bridge.store.tables import Columns
from panelr_bridge.woocommerce.order_payload import ORDER_TOPICS, Order
from panelr_bridge.woocommerce.subscription_payload import Subscription, is_subscription_topic

ANY_SLOT = rate_limit.RateSlot(0)
"""Stands for the slot that the statement chooses."""
CACHED_ORDERS = 5000
"""How many orders and snapshots are cached."""
CACHED_MAPPINGS = 1000
"""How many sets of mappings are cached, by the products of an order."""
QUOTES_FOR = timedelta(minutes=5)
"""How long a quote is cached."""
CACHED_KEYS = 60
"""The largest set of mapping keys that is cached."""


class FastPath:
    """One process's fast path and its caches."""

    def __init__(
        self, database: Database, *, policy: OrderPolicy, call_policy: CallPolicy, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._policy = policy
        self._call_policy = call_policy
        self._clock = clock
        self._snapshots = RecentCache[tuple[str, bytes], tuple[int, str, str]](CACHED_ORDERS)
        self._subscriptions = RecentCache[tuple[str, bytes], str](CACHED_ORDERS)
        self._delivery_ids = RecentCache[tuple[str, str, bytes], int](CACHED_ORDERS)
        self._orders = RecentCache[tuple[str, int], bool](CACHED_ORDERS)
        self._quotes: dict[bytes, CartQuote] = {}
        self._quotes_since = clock()
        self._mappings = RecentCache[tuple[str, frozenset[str], str], OrderMappings](CACHED_MAPPINGS)

    def match_repeat(self, raw: RawDelivery) -> Delivery | None:
        """Return the delivery if its body repeats a recent snapshot, under any order topic; None otherwise."""
        known = self._snapshots.get((raw.store, raw.sha256)) if raw.topic in ORDER_TOPICS else None
        if known is None:
            return None
        order_id, _, source = known
        if source != read_source(raw.headers.get(SOURCE_HEADER, "")):
            return None
        return raw.with_verdict("order", woo_order_id=order_id)

    def match_subscription(self, raw: RawDelivery) -> Delivery | None:
        """Return the delivery if its body repeats a subscription that is noted already; None otherwise.

        It needs no more than to be stored.
        """
        words = self._subscriptions.get((raw.store, raw.sha256)) if is_subscription_topic(raw.topic) else None
        return None if words is None else raw.with_verdict("subscription", words=words)

    async def store_repeat(self, delivery: Delivery) -> RepeatedDelivery | None:
        """Store what `match_repeat` returned. Returns None and writes nothing if the order has changed since."""
        known = self._snapshots.get((delivery.store, delivery.sha256))
        if known is None:
            return None
        repeat = await fast_path.store_repeat(
            self._database,
            delivery,
            woo_status=known[1],
            stored_id=self._delivery_ids.get((delivery.store, delivery.topic, delivery.sha256)),
            clock=self._clock,
        )
        if repeat is not None:
            self._remember_delivery(delivery, repeat.delivery_id)
        return repeat

    async def try_insert(self, delivery: Delivery, event: Event | None) -> ReceiveResult | None:
        """Do what `receive_delivery.receive` does with a new order to create. None if it is anything else.

        An order that continues another, or may do so, needs what is known of its store's subscriptions.
        """
        if not isinstance(event, Order) or not event.order_key:
            return None
        if read_relation(event, self._policy.relation_keys) is not None:
            return None
        order = (delivery.store, event.id)
        if self._orders.get(order):
            return None
        self._orders.put(order, True)  # a concurrent delivery of it takes the transaction, and finds it
        found = await self._find_mappings(delivery.store, event)
        return None if found is None else await self._try_insert(delivery, event, found)

    async def _try_insert(self, delivery: Delivery, event: Order, found: OrderMappings) -> ReceiveResult | None:
        source = source_of(delivery)
        if tells_of_store(source, found.store, self._policy):
            return await self._learn_and_insert(delivery, event, found, source)
        known = replace(found, quotes=self._recent_quotes(), source=source)
        evaluation = evaluate_with(event, known, store=delivery.store, policy=self._policy)
        shape = evaluation.decision.quote_shape if isinstance(evaluation.decision, Create) else None
        if shape is not None and await self._read_quote(shape):
            return await self._try_insert(delivery, event, found)
        return await self._insert(delivery, evaluation) if evaluation.can_be_sent else None

    async def _learn_and_insert(
        self, delivery: Delivery, event: Order, found: OrderMappings, source: str
    ) -> ReceiveResult | None:
        """Store what the delivery says of its store, then insert the order. This happens once or twice for a store."""
        now = self._clock()
        await self._database.write(learn_store, now, store=found.store, source=source, policy=self._policy)
        self._mappings.clear()
        again = await self._find_mappings(delivery.store, event)
        if again is None or tells_of_store(source, again.store, self._policy):
            return None
        return await self._try_insert(delivery, event, again)

    def _recent_quotes(self) -> dict[bytes, CartQuote]:
        """Return the quotes that were read a short time ago; what another process forgot is read again soon."""
        now = self._clock()
        if not self._quotes_since <= now < self._quotes_since + QUOTES_FOR or len(self._quotes) >= CACHED_MAPPINGS:
            self._quotes, self._quotes_since = {}, now
        return self._quotes

    async def _read_quote(self, shape: bytes) -> bool:
        """Read a quote of Panelr's into the cache; return whether there is one."""
        quote = await self._database.read(quotes.find, shape, now=self._clock())
        if quote is not None:
            self._quotes[shape] = quote
        return quote is not None

    async def _insert(self, delivery: Delivery, evaluation: Evaluation) -> ReceiveResult | None:
        new: NewOrder | None = None

        def values() -> Columns:
            nonlocal new
            now = self._clock()
            new = new_order(
                evaluation,
                delivery_id=None,
                sha256=delivery.sha256,
                slot=ANY_SLOT,
                due=now,
                call_policy=self._call_policy,
                now=now,
            )
            request = slot_request(evaluation, call_policy=self._call_policy, now=now)
            return fast_path.insert_order_values(delivery, new.row, rate_limit.take_ahead_values(**request), now=now)

        inserted = await fast_path.insert_order(self._database, values)
        if not isinstance(inserted, InsertedOrder) or new is None:
            if inserted is not None and inserted != evaluation.mappings.revision:
                self._mappings.clear()
            return None
        stored = StoredDelivery(inserted.delivery_id, 1, False, delivery.sha256)
        order_id, delivery_id = inserted.order_id, inserted.delivery_id
        return ReceiveResult(stored, *new.stored(order_id=order_id, delivery_id=delivery_id, slot=inserted.slot))

    async def _find_mappings(self, store: str, order: Order) -> OrderMappings | None:
        """Return an order's mappings, perhaps outdated; None if the order is stored already."""
        keys, method = lookup_keys(order), order.payment_method
        cached = self._mappings.get((store, keys, method))
        if cached is not None:
            return cached
        lookup = order_mappings.build_values(store=store, woo_order_id=order.id, keys=keys, payment_method=method)
        found, order_id = order_mappings.read_rows(
            await self._database.execute_autocommit(order_mappings.STATEMENT, lambda: lookup), store=store
        )
        if order_id is not None:  # some of it belongs to this order
            return None
        if len(keys) <= CACHED_KEYS:
            self._mappings.put((store, keys, method), found)
        return found

    def remember(self, delivery: Delivery, event: Event | None, received: ReceiveResult) -> None:
        """Cache the delivery's body as its order's latest snapshot, or as a subscription that is noted."""
        row = received.order
        if isinstance(event, Subscription):
            self._subscriptions.put((delivery.store, delivery.sha256), event.words)
        if isinstance(event, Order) and row is not None and row["snapshot_sha256"] == delivery.sha256:
            self._snapshots.put((delivery.store, delivery.sha256), (event.id, event.status, source_of(delivery)))
            self._remember_delivery(delivery, received.stored.id)

    def _remember_delivery(self, delivery: Delivery, delivery_id: int) -> None:
        self._delivery_ids.put((delivery.store, delivery.topic, delivery.sha256), delivery_id)

    async def try_record_created(self, report: CallReport, work_order: WorkOrder) -> bool:
        """Do what `record_outcome.record_created` does after an ordinary call. False if it is anything else.

        A slow call, a newer snapshot, an ended lease and another total than expected are not ordinary.
        """
        claim = report.claim
        slow = self._clock() - claim.claimed_at > rate_limit.SLACK
        is_checked = total_check(claim, work_order) is not None
        if is_checked:
            self._quotes.clear()  # the transaction forgets the quote
        if slow or is_checked or not fast_path.supports_record_created(self._database):
            return False
        columns = created_columns(claim, work_order, now=self._clock())
        fence: Columns = {
            "of_delivery": claim.delivery_id,
            "of_status": claim.woo_status,
            "of_woo_order_id": claim.woo_order_id,
        }

        def values() -> Columns:
            now = self._clock()
            attempt = created_attempt(report, work_order, now=now)
            return fence | fast_path.record_created_values(claim.order_id, claim.number, columns, attempt, now=now)

        return await fast_path.record_created_autocommit(self._database, values, orders.shape(columns))
