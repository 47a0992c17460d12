"""Panelr's lists of products and payment methods: fetched on demand, within the rate limit, and stored.

Concurrent requests for a list share one call. If Panelr cannot be asked, the stored list is used, whatever its age.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic

from panelr_bridge import logs
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.reckoning_discovery import discover_reckoning, is_reckoning_known
from panelr_bridge.application.transactions import rate_gate, save_catalogue
from panelr_bridge.domain import call_outcome, mapping_check
from panelr_bridge.domain.call_outcome import Done, Outcome, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.mapping_input import PaymentMethodMapping, ProductMapping
from panelr_bridge.domain.panelr_values import CatalogueList, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.panelr import request
from panelr_bridge.panelr.catalogue import offered_payment_methods, offered_products
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store import catalogue
from panelr_bridge.store.catalogue import Offered
from panelr_bridge.store.database import is_unavailable

MAX_AGE = timedelta(minutes=5)
"""How old a list may be when a person reads it or a mapping is checked against it."""
REFRESH_INTERVAL = timedelta(hours=1)
"""How old a list becomes at most while the worker runs and Panelr answers."""
DISCOVERY_INTERVAL = timedelta(minutes=1)
"""How often Panelr is asked how it reckons, until it answers."""
RETRY_DELAY = timedelta(seconds=10)
"""How long Panelr is not asked again after a failure, unless a person requests a refresh."""
CALL_TIMEOUT = 5.0
"""Seconds: a person waits for the result."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _ListKind(Generic[Offered]):
    """One of Panelr's lists: its name, its items' type, how to request it and how to read the response."""

    name: str
    item_type: type[Offered]
    build_request: Callable[[], PanelrRequest]
    read_response: Callable[[Done], tuple[Offered, ...] | Unknown]


PRODUCTS = _ListKind("products", PanelrProduct, request.get_products, offered_products)
PAYMENT_METHODS = _ListKind(
    "payment methods", PanelrPaymentMethod, request.get_payment_methods, offered_payment_methods
)


class PanelrCatalogue:
    """One process's access to Panelr's lists. It sets `wake_worker` when waiting orders must be decided again."""

    def __init__(
        self, caller: PanelrCaller, call_policy: CallPolicy, *, wake_worker: asyncio.Event, reckons: bool = False
    ) -> None:
        """Use `caller` for the calls. With `reckons`, `run` also finds out how Panelr adds up a work order."""
        self._caller = caller
        self._reckons = reckons
        self._call_policy = call_policy
        self._wake_worker = wake_worker
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._failed_at: dict[str, datetime] = {}
        self._stopping = asyncio.Event()
        self.last_error = ""
        """Why the last failed call for a list failed."""

    async def products(self, *, max_age: timedelta = MAX_AGE) -> CatalogueList[PanelrProduct] | None:
        """Return Panelr's products, fetched again if older than `max_age`; None if they were never fetched."""
        return (await self._read_list(PRODUCTS, max_age))[0]

    async def payment_methods(self, *, max_age: timedelta = MAX_AGE) -> CatalogueList[PanelrPaymentMethod] | None:
        """Return Panelr's payment methods, fetched again if older than `max_age`; None if they were never fetched."""
        return (await self._read_list(PAYMENT_METHODS, max_age))[0]

    async def require_products(self, wanted: Sequence[ProductMapping]) -> None:
        """Raise InvalidValue if a mapping's product is missing from Panelr's list; pass if the list may be outdated."""
        if any(each.panelr_product_id is not None for each in wanted):
            offer, is_current = await self._read_list(PRODUCTS, MAX_AGE)
            if offer is not None and is_current:
                mapping_check.require_products(wanted, offer.items)

    async def payment_method_values(self, given: PaymentMethodMapping) -> dict[str, Any]:
        """Return a mapping's columns; `on_paid` defaults to what its payment method's mode calls for.

        Raises InvalidValue if the payment method is missing from Panelr's list and the list is up to date.
        """
        offer, is_current = await self._read_list(PAYMENT_METHODS, MAX_AGE)
        methods = offer.items if offer is not None else ()
        if offer is not None and is_current:
            mapping_check.require_payment_method(given.panelr_payment_method_id, methods)
        on_paid = given.on_paid or mapping_check.default_on_paid(given.panelr_payment_method_id, methods)
        return given.model_dump() | {"on_paid": on_paid}

    async def run(self) -> None:
        """Refresh the stored lists periodically until `stop`: decisions use their prices and currencies."""
        interval = timedelta(0)
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), interval.total_seconds())
                return
            interval = min(DISCOVERY_INTERVAL, REFRESH_INTERVAL)
            try:
                await self.refresh()
                interval = REFRESH_INTERVAL if await self.discover() else interval
            except Exception as error:
                if is_unavailable(error):
                    log.warning("worker.waits", reason="the database is unavailable")
                else:
                    log.exception("worker.failed")

    def stop(self) -> None:
        """End `run`: refresh no list any more."""
        self._stopping.set()

    async def refresh(self) -> None:
        """Fetch each stored list older than `REFRESH_INTERVAL` again."""
        await self._refresh(PRODUCTS)
        await self._refresh(PAYMENT_METHODS)

    async def discover(self) -> bool:
        """Find out how Panelr adds up a work order, and fetch the lists that this needs; return whether it is known."""
        if not self._reckons or await self._caller.database.read(is_reckoning_known, now=self._caller.clock()):
            return True
        products, methods = (
            await self.products(max_age=REFRESH_INTERVAL),
            await self.payment_methods(max_age=REFRESH_INTERVAL),
        )
        if products is None or methods is None:
            return False
        if not products.items:
            return True
        return await discover_reckoning(self._caller, self._call_policy, products.items[0])

    async def _refresh(self, kind: _ListKind[Offered]) -> None:
        if await self._caller.database.read(catalogue.get, kind.item_type) is not None:
            await self._read_list(kind, REFRESH_INTERVAL)

    async def drain(self) -> None:
        """Wait for the calls in progress, at most `CALL_TIMEOUT`."""
        if self._fetches:
            await asyncio.wait(self._fetches.values())

    async def _read_list(
        self, kind: _ListKind[Offered], max_age: timedelta
    ) -> tuple[CatalogueList[Offered] | None, bool]:
        """Return the list and whether it is at most `max_age` old; fetch it first if it is older."""
        now = self._caller.clock()
        stored = await self._caller.database.read(catalogue.get, kind.item_type)
        if stored is not None and stored.seen_at > now - max_age:
            return stored, True
        if not max_age or now - self._failed_at.get(kind.name, now - RETRY_DELAY) >= RETRY_DELAY:
            await self._fetch_shared(kind)
            stored = await self._caller.database.read(catalogue.get, kind.item_type)
        return stored, stored is not None and stored.seen_at >= now - max_age

    async def _fetch_shared(self, kind: _ListKind[Offered]) -> None:
        """Wait for the list's call in progress, or start one. The call finishes even if its callers are cancelled."""
        task = self._fetches.get(kind.name)
        if task is None:
            task = asyncio.create_task(self._fetch(kind), name=f"fetch {kind.name}")
            self._fetches[kind.name] = task
            task.add_done_callback(lambda _: self._fetches.pop(kind.name))
        await asyncio.shield(task)

    async def _fetch(self, kind: _ListKind[Offered]) -> None:
        """Ask Panelr for a list if a slot is free, and store it."""
        claimed_at = self._caller.clock()
        slot = await self._caller.write(rate_gate.take_slot, call_policy=self._call_policy)
        if slot is None:
            self._record_failure(kind, "Panelr's rate limit has no free slot at the moment")
            return
        outcome, asked_at = await self._call(kind.build_request(), claimed_at=claimed_at)
        await self._caller.write(rate_gate.record_call, slot, claimed_at=claimed_at)
        items = kind.read_response(outcome) if isinstance(outcome, Done) else outcome
        log.info("catalogue.asked", list=kind.name, outcome=call_outcome.name(outcome), status=outcome.status)
        if not isinstance(items, tuple):
            self._record_failure(kind, items.words)
        elif await self._caller.write(save_catalogue.save_list, kind.item_type, items, seen_at=asked_at):
            self._wake_worker.set()

    async def _call(self, call: PanelrRequest, *, claimed_at: datetime) -> tuple[Outcome, datetime]:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                outcome, asked_at, _ = await self._caller.ask(call, claimed_at=claimed_at)
        except TimeoutError:
            return Unknown(words=f"Panelr did not finish its answer within {CALL_TIMEOUT:g} s"), claimed_at
        return outcome, asked_at

    def _record_failure(self, kind: _ListKind[Offered], words: str) -> None:
        self._failed_at[kind.name] = self._caller.clock()
        self.last_error = words
