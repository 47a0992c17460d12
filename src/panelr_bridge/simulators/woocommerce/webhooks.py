"""Webhooks as WooCommerce runs them: registry, merging queue, pings and journal.

Source: deliveries recorded from WooCommerce 10.5.0 (tests/captures), and its class-wc-webhook.php.
"""

import asyncio
import contextlib
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import urljoin

from panelr_bridge.simulators.woocommerce.deliveries import (
    EVENTS,
    RESOURCES,
    SUBSCRIPTION_TOPICS,
    Delivery,
    Webhook,
    delivery_body,
    delivery_headers,
    is_topic,
    ping_headers,
    subscription_body,
)
from panelr_bridge.simulators.woocommerce.http_sender import HttpSender
from panelr_bridge.simulators.woocommerce.models import Order, Subscription

PING_TIMEOUT_SECONDS = 5.0
PING_REDIRECTS = 5
JOURNAL_LENGTH = 10_000


class WebhookDispatcher:
    """The registered webhooks, the queue of Action Scheduler, and the journal of deliveries.

    `find_order` or `find_subscription` is called when a delivery is sent, not at its event. `on_delivered` is called
    with the order's id after each of its deliveries.
    """

    def __init__(
        self,
        *,
        find_order: Callable[[int], Order | None],
        find_subscription: Callable[[int], Subscription | None],
        home_url: str,
        clock: Callable[[], datetime],
        on_delivered: Callable[[int], None] = lambda _: None,
        delivery_delay_seconds: float = 0.0,
        timeout_seconds: float = 60.0,
    ) -> None:
        self.registered: dict[int, Webhook] = {}
        self.deliveries: deque[Delivery] = deque(maxlen=JOURNAL_LENGTH)
        self.held = False
        self.delivery_delay_seconds = delivery_delay_seconds
        self.timeout_seconds = timeout_seconds
        self._find_order = find_order
        self._find_subscription = find_subscription
        self.home_url = home_url
        self._clock = clock
        self._on_delivered = on_delivered
        self._queue: OrderedDict[tuple[int, int], float] = OrderedDict()
        self._in_flight = 0
        self._last_webhook_id = 0
        self._last_delivery_id = 0
        self._sender = HttpSender()
        self._delivery_lock = asyncio.Lock()
        self._state_changed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._pings: set[asyncio.Task[Delivery]] = set()

    def register(self, *, topic: str, delivery_url: str, secret: str = "", name: str = "") -> Webhook:
        """Add an active webhook and ping it in the background (once that runs).

        An empty secret becomes a random one. Raises ValueError for a topic that WooCommerce does not
        accept. Topics of other resources than orders never fire.
        """
        webhook = self.add(topic=topic, delivery_url=delivery_url, secret=secret, name=name)
        if self._worker is not None:
            self._start_ping(webhook)
        return webhook

    def add(self, *, topic: str, delivery_url: str, secret: str = "", name: str = "") -> Webhook:
        """Add an active webhook without a ping."""
        if not is_topic(topic) and topic not in SUBSCRIPTION_TOPICS:
            raise ValueError(f"topic must be one of {', '.join(RESOURCES)}, then one of {', '.join(EVENTS)}")
        self._last_webhook_id += 1
        webhook_id = self._last_webhook_id
        secret = secret or secrets.token_urlsafe(50)[:50]
        now = self._clock().replace(microsecond=0)
        name = name or f"Webhook {webhook_id}"
        webhook = Webhook(webhook_id, name, topic, delivery_url, secret, created=now, modified=now)
        self.registered[webhook_id] = webhook
        return webhook

    @property
    def pending(self) -> list[tuple[int, int]]:
        """Return the queue in order, as (webhook id, order id)."""
        return list(self._queue)

    def enqueue(self, topic: str, order_id: int) -> None:
        """Queue a delivery for each active webhook of `topic` without a queued delivery for this order."""
        due = time.monotonic() + self.delivery_delay_seconds
        for webhook in self.registered.values():
            if webhook.topic == topic and webhook.status == "active":
                self._queue.setdefault((webhook.id, order_id), due)
        self._state_changed.set()

    def hold(self) -> None:
        """Stop automatic delivery, as in a shop whose WP-Cron does not run."""
        self.held = True

    def release(self) -> None:
        """Resume automatic delivery."""
        self.held = False
        self._state_changed.set()

    async def run(self, limit: int | None = None) -> list[Delivery]:
        """Deliver the present queue, at most `limit` of it, even if not due or held. Later events stay in the queue."""
        sent: list[Delivery] = []
        async with self._delivery_lock:
            queued = len(self._queue)
            for _ in range(queued if limit is None else min(limit, queued)):
                sent += await self._deliver_next()
        return sent

    async def wait_until_idle(self) -> None:
        """Wait until no delivery is queued or in flight. Raises RuntimeError if nothing would deliver the queue."""
        while self._queue or self._in_flight or self._pings:
            if self._worker is None:
                raise RuntimeError("the shop is not being served, so the queue is not delivered")
            if self._worker.done():
                await self._worker
            if self.held and not self._in_flight and not self._pings:
                raise RuntimeError("deliveries are held: call release() or run()")
            self._state_changed.clear()
            await self._state_changed.wait()

    def clear(self, *, keep_webhooks: bool) -> None:
        """Empty the queue and the journal, and remove the webhooks unless `keep_webhooks`."""
        self._queue.clear()
        self.deliveries.clear()
        if not keep_webhooks:
            self.registered.clear()
        self.release()

    @contextlib.asynccontextmanager
    async def deliver_in_background(self) -> AsyncIterator[None]:
        """Deliver in the background while the context is open."""
        self._worker = asyncio.create_task(self._deliver_forever())
        for webhook in self.registered.values():
            if webhook.pending_delivery:
                self._start_ping(webhook)
        try:
            yield
        finally:
            tasks = [self._worker, *self._pings]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._worker = None
            await self._sender.close()

    async def redeliver(self, original: Delivery, times: int = 1, *, at_once: bool = False) -> list[Delivery]:
        """Send the same bytes again, as a proxy or an attacker can do; one after another, or all `at_once`.

        WooCommerce never does this, so failures are not counted. Returns the new entries of the journal.
        """
        if at_once:
            return list(await asyncio.gather(*(self._send_again(original) for _ in range(times))))
        return [await self._send_again(original) for _ in range(times)]

    async def ping(self, webhook: Webhook) -> Delivery:
        """Send the unsigned ping, a form post. It needs status 200 and follows redirects, unlike a delivery."""
        method, url, body = "POST", webhook.delivery_url, f"webhook_id={webhook.id}".encode()
        with self._count_in_flight():
            for _ in range(1 + PING_REDIRECTS):
                headers = ping_headers(url, body)
                answer = await self._sender.send(method, url, headers, body, timeout_seconds=PING_TIMEOUT_SECONDS)
                delivery = self._record(Delivery(0, webhook.id, "ping", None, url, headers, body, answer))
                if answer.location is None or answer.status not in {301, 302, 303, 307, 308}:
                    break
                method = "GET" if answer.status in {302, 303} else method
                url = urljoin(url, answer.location)
        if delivery.succeeded:
            webhook.pending_delivery = False
        return delivery

    async def update(self, webhook: Webhook, *, status: str, delivery_url: str, secret: str, name: str) -> None:
        """Save a webhook. A new URL is pinged. Reactivation sends no ping and keeps the failure count."""
        is_new_url = delivery_url != webhook.delivery_url
        webhook.status, webhook.delivery_url, webhook.secret, webhook.name = status, delivery_url, secret, name
        webhook.modified = self._clock().replace(microsecond=0)
        webhook.pending_delivery = webhook.pending_delivery or is_new_url
        if is_new_url and status == "active":
            await self.ping(webhook)

    async def _deliver_forever(self) -> None:
        while True:
            while self.held or not self._queue:
                self._state_changed.clear()
                await self._state_changed.wait()
            await asyncio.sleep(next(iter(self._queue.values())) - time.monotonic())
            async with self._delivery_lock:
                if not self.held:
                    await self._deliver_next()

    async def _deliver_next(self) -> list[Delivery]:
        # Action Scheduler has one runner, so deliveries are sent one after another. The caller holds the
        # lock.
        if not self._queue:
            return []
        (webhook_id, order_id), _ = self._queue.popitem(last=False)
        webhook = self.registered.get(webhook_id)
        if webhook is None:
            self._state_changed.set()
            return []
        with self._count_in_flight():
            delivery = await self._deliver(webhook, order_id)
            # Each delivery saves the webhook. Saving an active webhook repeats its ping until one was answered 200.
            if webhook.pending_delivery and webhook.status == "active":
                await self.ping(webhook)
            self._on_delivered(order_id)
        return [delivery]

    async def _deliver(self, webhook: Webhook, order_id: int) -> Delivery:
        url = webhook.delivery_url
        if webhook.topic in SUBSCRIPTION_TOPICS:
            body = subscription_body(self._find_subscription(order_id), home_url=self.home_url)
        else:
            body = delivery_body(webhook, order_id, self._find_order(order_id), home_url=self.home_url)
        second = int(self._clock().timestamp())
        headers = delivery_headers(webhook, body, home_url=self.home_url, unix_second=second)
        answer = await self._sender.send("POST", url, headers, body, timeout_seconds=self.timeout_seconds)
        delivery = self._record(Delivery(0, webhook.id, webhook.topic, order_id, url, headers, body, answer))
        webhook.record_result(delivery)
        return delivery

    async def _send_again(self, original: Delivery) -> Delivery:
        url, headers, body = original.url, original.headers, original.body
        with self._count_in_flight():
            answer = await self._sender.send("POST", url, headers, body, timeout_seconds=self.timeout_seconds)
            return self._record(replace(original, answer=answer, repeats=original.id))

    def _start_ping(self, webhook: Webhook) -> None:
        task = asyncio.create_task(self.ping(webhook))
        self._pings.add(task)
        task.add_done_callback(self._finish_ping)

    def _finish_ping(self, task: asyncio.Task[Delivery]) -> None:
        self._pings.discard(task)
        self._state_changed.set()

    def _record(self, delivery: Delivery) -> Delivery:
        self._last_delivery_id += 1
        numbered = replace(delivery, id=self._last_delivery_id)
        self.deliveries.append(numbered)
        return numbered

    @contextlib.contextmanager
    def _count_in_flight(self) -> Iterator[None]:
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self._state_changed.set()
