"""What Panelr offers, asked for when it matters: within the rate limit, never for long, and once for all who ask.

What was had last is in the tables. Where Panelr cannot be asked, that is what there is, however old.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic

from panelr_bridge import logs
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions import claim_call, save_catalogue
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain import call_outcome, mapping_check
from panelr_bridge.domain.call_outcome import Done, Outcome, Unknown
from panelr_bridge.domain.mapping_input import PaymentMethodMapping, ProductMapping
from panelr_bridge.domain.models import CatalogueList, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.panelr import request
from panelr_bridge.panelr.catalogue import offered_payment_methods, offered_products
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store import catalogue
from panelr_bridge.store.catalogue import Offered
from panelr_bridge.store.database import is_unavailable

FRESH = timedelta(minutes=5)
"""How long a list is taken to be what it was."""
RENEWED = timedelta(hours=1)
"""How old a list becomes at most while the worker runs and Panelr answers."""
LET_BE = timedelta(seconds=10)
"""How long Panelr is not asked again where it could not be, unless a person wants it asked now."""
LONGEST_CALL = 5.0
"""Seconds: a person waits for the answer."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _List(Generic[Offered]):
    """One of Panelr's lists: what it is called, how it is asked for and read."""

    name: str
    kind: type[Offered]
    call: Callable[[], PanelrRequest]
    read: Callable[[Done], tuple[Offered, ...] | Unknown]


PRODUCTS = _List("products", PanelrProduct, request.get_products, offered_products)
PAYMENT_METHODS = _List("payment methods", PanelrPaymentMethod, request.get_payment_methods, offered_payment_methods)


class PanelrCatalogue:
    """One process's way to Panelr's lists. `changed` is set when orders that wait are to be decided anew."""

    def __init__(self, calls: PanelrCaller, terms: CallPolicy, *, changed: asyncio.Event) -> None:
        self._calls = calls
        self._terms = terms
        self._changed = changed
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._missed: dict[str, datetime] = {}
        self._stopping = asyncio.Event()
        self.hindrance = ""
        """Why a list could not be had when it was asked for last."""

    async def products(self, *, max_age: timedelta = FRESH) -> CatalogueList[PanelrProduct] | None:
        """Return Panelr's products, asked for anew where they are older; None where they never could be had."""
        return (await self._have(PRODUCTS, max_age))[0]

    async def payment_methods(self, *, max_age: timedelta = FRESH) -> CatalogueList[PanelrPaymentMethod] | None:
        """Return Panelr's payment methods, asked for anew where they are older; None where they never could be had."""
        return (await self._have(PAYMENT_METHODS, max_age))[0]

    async def require_products(self, wanted: Sequence[ProductMapping]) -> None:
        """Raise Invalid where one maps to a product that Panelr, asked lately, does not offer."""
        if any(each.panelr_product_id is not None for each in wanted):
            offer, fresh = await self._have(PRODUCTS, FRESH)
            if offer is not None and fresh:
                mapping_check.require_products(wanted, offer.items)

    async def payment_method_values(self, given: PaymentMethodMapping) -> dict[str, Any]:
        """Return a mapping's columns, `on_paid` by the mode of its payment method where it is not given.

        Raises Invalid where Panelr, asked lately, does not know the payment method.
        """
        offer, fresh = await self._have(PAYMENT_METHODS, FRESH)
        known = offer.items if offer is not None else ()
        if offer is not None and fresh:
            mapping_check.require_payment_method(given.panelr_payment_method_id, known)
        on_paid = given.on_paid or mapping_check.default_on_paid(given.panelr_payment_method_id, known)
        return given.model_dump() | {"on_paid": on_paid}

    async def run(self) -> None:
        """Ask now and then for the lists that have been had, until `stop`: decisions go by what they tell."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RENEWED.total_seconds())
                return
            try:
                await self.renew()
            except Exception as error:
                if is_unavailable(error):
                    log.warning("worker.waits", reason="the database is unavailable")
                else:
                    log.exception("worker.failed")

    def stop(self) -> None:
        """Ask for nothing more by itself; `run` returns."""
        self._stopping.set()

    async def renew(self) -> None:
        """Ask for each list that has been had before, where it is old."""
        await self._renew(PRODUCTS)
        await self._renew(PAYMENT_METHODS)

    async def _renew(self, wanted: _List[Offered]) -> None:
        if await self._calls.database.read(catalogue.get, wanted.kind) is not None:
            await self._have(wanted, RENEWED)

    async def drain(self) -> None:
        """Wait for the calls under way: none takes long."""
        if self._asking:
            await asyncio.wait(self._asking.values())

    async def _have(self, wanted: _List[Offered], max_age: timedelta) -> tuple[CatalogueList[Offered] | None, bool]:
        """Return the list, and whether it is not older than `max_age`."""
        now = self._calls.clock()
        stored = await self._calls.database.read(catalogue.get, wanted.kind)
        if stored is not None and stored.seen_at > now - max_age:
            return stored, True
        if not max_age or now - self._missed.get(wanted.name, now - LET_BE) >= LET_BE:
            await self._ask_once(wanted)
            stored = await self._calls.database.read(catalogue.get, wanted.kind)
        return stored, stored is not None and stored.seen_at >= now - max_age

    async def _ask_once(self, wanted: _List[Offered]) -> None:
        """Wait for the one call that is under way; it ends by itself, whether or not anybody waits for it."""
        task = self._asking.get(wanted.name)
        if task is None:
            task = asyncio.create_task(self._ask(wanted), name=f"ask for {wanted.name}")
            self._asking[wanted.name] = task
            task.add_done_callback(lambda _: self._asking.pop(wanted.name))
        await asyncio.shield(task)

    async def _ask(self, wanted: _List[Offered]) -> None:
        """Ask Panelr for a list, if there is leave for a call, and keep what it tells."""
        claimed_at = self._calls.clock()
        slot = await self._calls.write(claim_call.take_slot, terms=self._terms)
        if slot is None:
            self._miss(wanted, "the limit of Panelr's calls leaves none for it at the moment")
            return
        outcome, asked_at = await self._call(wanted.call(), claimed_at=claimed_at)
        await self._calls.write(save_catalogue.record_call, slot, outcome, claimed_at=claimed_at, terms=self._terms)
        items = wanted.read(outcome) if isinstance(outcome, Done) else outcome
        log.info("catalogue.asked", list=wanted.name, outcome=call_outcome.name(outcome), status=outcome.status)
        if not isinstance(items, tuple):
            self._miss(wanted, items.words)
        elif await self._calls.write(save_catalogue.save_list, wanted.kind, items, seen_at=asked_at):
            self._changed.set()

    async def _call(self, call: PanelrRequest, *, claimed_at: datetime) -> tuple[Outcome, datetime]:
        try:
            async with asyncio.timeout(LONGEST_CALL):
                outcome, asked_at, _ = await self._calls.ask(call, claimed_at=claimed_at)
        except TimeoutError:
            return Unknown(words=f"Panelr did not finish its answer within {LONGEST_CALL:g} s"), claimed_at
        return outcome, asked_at

    def _miss(self, wanted: _List[Offered], words: str) -> None:
        self._missed[wanted.name] = self._calls.clock()
        self.hindrance = words
