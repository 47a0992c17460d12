"""Look up whether a create call with a lost answer reached Panelr: list the customer's work orders and match them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from panelr_bridge.application.panelr_caller import SLOT_HOLDS, CallResult, PanelrCaller
from panelr_bridge.application.transactions import rate_gate, record_look_up
from panelr_bridge.application.transactions.call_report import CallReport
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.domain.call_outcome import Done, Outcome, Refused
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.panelr_values import ListedWorkOrder, ProductNames
from panelr_bridge.panelr import request, response
from panelr_bridge.panelr.catalogue import offered_products
from panelr_bridge.panelr.product_names import products_by_name
from panelr_bridge.panelr.work_order_match import (
    LOCAL_TIME_ERROR,
    AmbiguousMatch,
    Match,
    MatchFound,
    NamesNeeded,
    NoMatch,
    fingerprint,
    match,
)
from panelr_bridge.store import orders, owed_calls

CONFLICT_DELAY = timedelta(seconds=5)
"""How long a look-up waits for another order's call whose work order this one could be."""
NAMES_MAX_AGE = timedelta(minutes=5)
"""How long the names of Panelr's products are kept."""


class LostAnswerLookup:
    """Makes the look-ups of one process, and caches the names of Panelr's products."""

    def __init__(self, caller: PanelrCaller, call_policy: CallPolicy) -> None:
        self._caller = caller
        self._call_policy = call_policy
        self._product_names: tuple[datetime, ProductNames] | None = None
        self._needs_names = False

    async def carry_out(self, claim: Claim) -> CallResult:
        """Ask for the customer's work orders, match them with the order, and record the result."""
        if self._needs_names:
            return await self._call_for_names(claim)
        call = request.get_work_orders(customer_email=claim.request.customer_email)
        report = await self._caller.call(claim, call)
        listed = response.listed_work_orders(report.outcome) if isinstance(report.outcome, Done) else report.outcome
        if isinstance(listed, Refused):
            words = (
                f"this Panelr cannot list a customer's work orders ({listed.words}): check in Panelr, then resolve the"
                " order"
            )
            return await self._record_undecided(report, "cannot_look_up", words)
        if not isinstance(listed, tuple):
            return await self._postpone(replace(report, outcome=listed))
        result = await self._match(claim, listed)
        if isinstance(result, MatchFound):
            return await self._adopt(claim, report, result)
        if isinstance(result, AmbiguousMatch):
            return await self._record_ambiguous(report, result)
        if isinstance(result, NoMatch):
            return CallResult(
                await self._caller.record(
                    report, record_look_up.record_not_found, report, call_policy=self._call_policy
                )
            )
        if isinstance(result, NamesNeeded):
            return await self._postpone(report, wait=CONFLICT_DELAY)
        return await self._postpone(replace(report, outcome=result))  # the call for the products' names failed

    async def _match(self, claim: Claim, listed: tuple[ListedWorkOrder, ...]) -> Match | Outcome:
        now, work_orders = self._caller.clock(), [entry.work_order for entry in listed]
        linked = await self._caller.database.read(orders.find_linked, work_orders, besides=claim.order_id)
        match_with = partial(
            match,
            request=claim.request,
            first_attempt_at=claim.first_sent_at,
            listed=listed,
            linked=linked,
            now=now,
        )
        result = match_with(products=None)
        if not isinstance(result, NamesNeeded):
            return result
        products = await self._read_product_names()
        return match_with(products=products) if isinstance(products, Mapping) else products or result

    async def _adopt(self, claim: Claim, report: CallReport, result: MatchFound) -> CallResult:
        """Link the work order, unless it may belong to an order that is being sent or whose answer was lost too.

        The order being sent is checked first: if its answer is lost between the two checks, the second one sees it.
        """
        if await self._has_call_on_the_wire(claim, certain=result.certain):
            return await self._postpone(report, wait=CONFLICT_DELAY)
        if not result.certain and await self._has_lookalike(claim):
            return await self._record_ambiguous(report, AmbiguousMatch((result.work_order.reference_code or "",)))
        return CallResult(await self._caller.record(report, record_look_up.record_adopted, report, result.work_order))

    async def _has_call_on_the_wire(self, claim: Claim, *, certain: bool) -> bool:
        """Return whether the work order could be that of another order of the customer that is being sent."""
        bodies = await self._caller.database.read(owed_calls.requests_on_the_wire, besides=claim.order_id)
        others = [request.load(body) for body in bodies]
        email, order_id = claim.request.customer_email.casefold(), claim.request.wc_order_id
        return any(
            other.customer_email.casefold() == email and (not certain or other.wc_order_id == order_id)
            for other in others
        )

    async def _has_lookalike(self, claim: Claim) -> bool:
        """Return whether another unconfirmed order has the same fingerprint: the work order may be that order's."""
        since = claim.first_sent_at - LOCAL_TIME_ERROR
        lookalike = await self._caller.database.read(
            orders.find_lookalike, fingerprint=fingerprint(claim.request), besides=claim.order_id, since=since
        )
        return lookalike is not None

    async def _read_product_names(self) -> ProductNames | Outcome | None:
        """Return the ids of Panelr's products by name, or the outcome of a call that failed.

        Returns None if no slot is free: the next look-up then spends its call on the names.
        """
        now = self._caller.clock()
        if self._product_names is not None and now - self._product_names[0] < NAMES_MAX_AGE:
            return self._product_names[1]
        slot = await self._caller.write(rate_gate.take_slot, call_policy=self._call_policy)
        if slot is None or self._caller.clock() - now > SLOT_HOLDS:
            self._needs_names = True
            return None
        outcome, *_ = await self._caller.ask(request.get_products(), claimed_at=now)
        await self._caller.write(rate_gate.record_call, slot, claimed_at=now)
        return self._cache_names(outcome)

    async def _call_for_names(self, claim: Claim) -> CallResult:
        """Use a look-up's call to fetch the names that an earlier look-up had no slot for."""
        report = await self._caller.call(claim, request.get_products())
        names = self._cache_names(report.outcome)
        if isinstance(names, Mapping):
            return await self._postpone(report, wait=timedelta(milliseconds=1))
        return await self._postpone(replace(report, outcome=names))

    def _cache_names(self, outcome: Outcome) -> ProductNames | Outcome:
        """Cache and return the names in a get_products response; return the outcome if it has none."""
        self._needs_names = False
        products = offered_products(outcome) if isinstance(outcome, Done) else outcome
        if not isinstance(products, tuple):
            return products
        names = products_by_name(products)
        self._product_names = (self._caller.clock(), names)
        return names

    async def _postpone(self, report: CallReport, *, wait: timedelta | None = None) -> CallResult:
        return CallResult(
            await self._caller.record(
                report, record_look_up.postpone_look_up, report, call_policy=self._call_policy, wait=wait
            )
        )

    async def _record_ambiguous(self, report: CallReport, result: AmbiguousMatch) -> CallResult:
        codes = " or ".join(result.reference_codes)
        words = f"the work order may be {codes}, or none of them: check in Panelr, then resolve the order"
        if not result.reference_codes:
            words = (
                "Panelr may list only the customer's newest work orders: look for the order in Panelr, then resolve it"
            )
        return await self._record_undecided(report, "several_candidates", words)

    async def _record_undecided(self, report: CallReport, code: str, words: str) -> CallResult:
        return CallResult(
            await self._caller.record(report, record_look_up.record_undecided, report, code=code, words=words)
        )
