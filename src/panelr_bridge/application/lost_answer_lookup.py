"""Finding out whether a create call whose answer was lost has reached Panelr: asked, matched, never guessed."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from panelr_bridge.application.panelr_caller import SLOT_HOLDS, CallResult, PanelrCaller
from panelr_bridge.application.transactions import claim_call, record_outcome
from panelr_bridge.application.transactions.claim_call import CallPolicy, Claim
from panelr_bridge.application.transactions.record_outcome import CallReport
from panelr_bridge.domain.call_outcome import Done, Misconfigured, NotSent, Outcome, Refused, Throttled, Unknown
from panelr_bridge.domain.models import ListedWorkOrder
from panelr_bridge.panelr import request, response
from panelr_bridge.panelr.work_order_match import (
    A_DAY,
    AmbiguousMatch,
    Match,
    MatchFound,
    NamesNeeded,
    NoMatch,
    fingerprint,
    match,
)
from panelr_bridge.store import orders, owed_calls

SIBLING_WAIT = timedelta(seconds=5)
NAMES_LAST = timedelta(minutes=5)
"""How long the names of Panelr's products are taken to be what they were."""

_OUTCOMES = (Done, Refused, Misconfigured, Throttled, NotSent, Unknown)
Names = dict[str, frozenset[int]]


class LostAnswerLookup:
    """Carries out look-ups for one process, and remembers the names of Panelr's products for a while."""

    def __init__(self, calls: PanelrCaller, terms: CallPolicy) -> None:
        self._calls = calls
        self._terms = terms
        self._names: tuple[datetime, Names] | None = None
        self._names_wanted = False

    async def carry_out(self, claim: Claim) -> CallResult:
        """Ask for the customer's work orders and record what they say about the order."""
        if self._names_wanted:
            return await self._ask_for_names(claim)
        call = request.get_work_orders(customer_email=claim.request.customer_email)
        report = await self._calls.call(claim, call)
        listed = response.listed_work_orders(report.outcome) if isinstance(report.outcome, Done) else report.outcome
        if isinstance(listed, Refused):
            words = (
                f"this Panelr cannot be asked for a customer's work orders ({listed.words}): look there, then resolve"
            )
            return await self._undecided(report, "cannot_look_up", words)
        if not isinstance(listed, tuple):
            return await self._later(replace(report, outcome=listed))
        found = await self._match(claim, listed)
        if isinstance(found, _OUTCOMES):  # the products' names, which the match needs, could not be had
            return await self._later(replace(report, outcome=found))
        if isinstance(found, MatchFound):
            return await self._found(claim, report, found)
        if isinstance(found, AmbiguousMatch):
            return await self._several(report, found)
        if isinstance(found, NoMatch):
            return CallResult(
                await self._calls.record(report, record_outcome.record_not_found, report, terms=self._terms)
            )
        return await self._later(report, wait=SIBLING_WAIT)

    async def _match(self, claim: Claim, listed: tuple[ListedWorkOrder, ...]) -> Match | Outcome:
        now, told = self._calls.clock(), [entry.work_order for entry in listed]
        linked = await self._calls.database.read(orders.linked, told, besides=claim.order_id)
        look = partial(
            match,
            request=claim.request,
            first_attempt_at=claim.first_sent_at,
            listed=listed,
            linked=linked,
            now=now,
        )
        found = look(products=None)
        if not isinstance(found, NamesNeeded):
            return found
        products = await self._products()
        return look(products=products) if isinstance(products, dict) else products or found

    async def _found(self, claim: Claim, report: CallReport, found: MatchFound) -> CallResult:
        """Adopt it, unless it may be another order's: one on the wire, or one whose answer was lost too.

        The one on the wire is asked for first: when its answer is lost between the two, it is seen in doubt then.
        """
        if await self._sibling_on_the_wire(claim, certain=found.certain):
            return await self._later(report, wait=SIBLING_WAIT)
        if not found.certain and await self._has_twin(claim):
            return await self._several(report, AmbiguousMatch((found.work_order.reference_code or "",)))
        return CallResult(await self._calls.record(report, record_outcome.record_adopted, report, found.work_order))

    async def _sibling_on_the_wire(self, claim: Claim, *, certain: bool) -> bool:
        """Whether another order is just being sent whose work order this one could be: the same customer's."""
        bodies = await self._calls.database.read(owed_calls.requests_on_the_wire, besides=claim.order_id)
        others = [request.load(body) for body in bodies]
        email, name = claim.request.customer_email.casefold(), claim.request.wc_order_id
        return any(
            other.customer_email.casefold() == email and (not certain or other.wc_order_id == name) for other in others
        )

    async def _has_twin(self, claim: Claim) -> bool:
        """Whether the one candidate may as well be another order's, whose answer was lost too."""
        since = claim.first_sent_at - A_DAY
        twin = await self._calls.database.read(
            orders.find_lookalike, fingerprint=fingerprint(claim.request), besides=claim.order_id, since=since
        )
        return twin is not None

    async def _products(self) -> Names | Outcome | None:
        """Panelr's products by their names; None without leave for the call: then the next look-up asks for them."""
        now = self._calls.clock()
        if self._names is not None and now - self._names[0] < NAMES_LAST:
            return self._names[1]
        slot = await self._calls.write(claim_call.take_slot, terms=self._terms)
        if slot is None or self._calls.clock() - now > SLOT_HOLDS:
            self._names_wanted = True
            return None
        outcome, *_ = await self._calls.ask(request.get_products(), claimed_at=now)
        if self._calls.clock() - now > SLOT_HOLDS:
            await self._calls.write(claim_call.extend_slot, slot)
        return self._learn(outcome)

    async def _ask_for_names(self, claim: Claim) -> CallResult:
        """Spend a look-up's turn on the names that an earlier one had no turn left for."""
        report = await self._calls.call(claim, request.get_products())
        names = self._learn(report.outcome)
        if isinstance(names, dict):
            return await self._later(report, wait=timedelta(milliseconds=1))
        return await self._later(replace(report, outcome=names))

    def _learn(self, outcome: Outcome) -> Names | Outcome:
        """Keep the names that get_products told; returns them, or the outcome where it told none."""
        names = response.products_by_name(outcome) if isinstance(outcome, Done) else outcome
        self._names_wanted = False
        if isinstance(names, dict):
            self._names = (self._calls.clock(), names)
        return names

    async def _later(self, report: CallReport, *, wait: timedelta | None = None) -> CallResult:
        return CallResult(
            await self._calls.record(report, record_outcome.postpone_look_up, report, terms=self._terms, wait=wait)
        )

    async def _several(self, report: CallReport, found: AmbiguousMatch) -> CallResult:
        words = f"it may be {' or '.join(found.reference_codes)}, or none of them: look there, then resolve"
        if not found.reference_codes:
            words = "the customer has more work orders than Panelr lists at once: look there, then resolve"
        return await self._undecided(report, "several_candidates", words)

    async def _undecided(self, report: CallReport, code: str, words: str) -> CallResult:
        return CallResult(
            await self._calls.record(report, record_outcome.record_undecided, report, code=code, words=words)
        )
