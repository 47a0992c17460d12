"""Panelr's quotes of carts: claim the call for one, and record the answer.

A quote is asked for once for each shape of cart and kept for all processes. An order whose quote is unknown waits for
it in state `queued`. A quote that Panelr does not give delays no order: the order is sent with the reckoning that is
known, and Panelr's total of it shows whether that was right. In an outage the order waits, as it would with any call.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.attempts import attempt_row
from panelr_bridge.domain import call_outcome, outage
from panelr_bridge.domain.call_outcome import Done, Outcome, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import OrderState, WorkOrderRequest
from panelr_bridge.domain.panelr_values import CartQuote, PanelrFacts
from panelr_bridge.panelr.quote import cart_quote
from panelr_bridge.store import catalogue, mappings, orders, owed_calls, panelr_facts, quotes
from panelr_bridge.store.panelr_facts import RECKONING
from panelr_bridge.store.rate_limit import RateSlot
from panelr_bridge.store.rows import OrderRow, not_null
from panelr_bridge.store.tables import Columns

ACTION = "quote_cart"
UNKNOWN_ACTION = 404
KEPT_FOR = timedelta(days=1)
FAILED_FOR = timedelta(minutes=10)
"""How long a quote is used, and how long none is asked for after a failed call."""
ASKED_AGAIN_AFTER = timedelta(seconds=5)
"""When Panelr is asked again if the call was not made. While the gate is closed, no call is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteClaim:
    """A call for a quote that its holder makes now. If the holder ends first, the order is due again at `again_at`."""

    order_id: int
    store: str
    woo_order_id: int
    attempt: int
    shape: bytes
    request: WorkOrderRequest
    slot: RateSlot
    claimed_at: datetime
    again_at: datetime


def quote_claim(
    row: OrderRow, decision: Create, *, slot: RateSlot, call_policy: CallPolicy, now: datetime
) -> QuoteClaim | None:
    """Return the claim of the call for a queued order's quote; None if the order needs none.

    The order must be due again at `again_at`, so that other processes leave it alone meanwhile.
    """
    shape = decision.quote_shape
    if shape is None:
        return None
    return QuoteClaim(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        attempt=row["attempts"] + 1,
        shape=shape,
        request=decision.request,
        slot=slot,
        claimed_at=now,
        again_at=now + call_policy.lease,
    )


def record_quote(
    connection: Connection,
    now: datetime,
    claim: QuoteClaim,
    outcome: Outcome,
    *,
    started_at: datetime,
    milliseconds: int,
) -> bool:
    """Record the answer to a call for a quote, and make the order due again. Returns whether Panelr gave a quote."""
    row = orders.lock_by_id(connection, claim.order_id)
    rate_gate.extend_slot(connection, claim.slot, claimed_at=claim.claimed_at, now=now)
    read = cart_quote(outcome) if isinstance(outcome, Done) else outcome
    quote, failure = (read, None) if isinstance(read, CartQuote) else (CartQuote(), read)
    was_asked = not _waits_like_any_call(outcome)
    if was_asked:
        expires_at = now + (KEPT_FOR if failure is None else FAILED_FOR)
        quotes.save(connection, claim.shape, quote, expires_at=expires_at, now=now)
    if knows_quotes(outcome):  # a refusal may be about this cart: only the neutral cart shows that none is known
        learn_about_quotes(connection, now, knows=True)
    attempt = attempt_row(
        order_id=claim.order_id,
        action=ACTION,
        number=claim.attempt,
        outcome=failure or outcome,
        words=_words(quote) if failure is None else None,
        started_at=started_at,
        milliseconds=milliseconds,
        now=now,
    )
    orders.add_attempt(connection, attempt)
    if row is not None and row["state"] == OrderState.QUEUED and row["next_attempt_at"] == claim.again_at:
        orders.change(connection, row["id"], _next_columns(row, outcome, was_asked=was_asked, now=now), now=now)
    return failure is None


def _waits_like_any_call(outcome: Outcome) -> bool:
    """Return whether Panelr was not asked, or takes no call now: that says nothing about this quote."""
    return outage.is_outage(outcome) and not isinstance(outcome, Unknown)


def _next_columns(row: OrderRow, outcome: Outcome, *, was_asked: bool, now: datetime) -> Columns:
    """Return the columns of an order after its call for a quote: it is due now, or waits for the end of an outage."""
    if was_asked:
        return owed_calls.release_columns(due=min(now, not_null(row["owes_since"])))  # before all that came later
    reasons = [{"code": call_outcome.name(outcome), "words": outcome.words}]
    return {"reasons": reasons} | owed_calls.release_columns(due=now + ASKED_AGAIN_AFTER, waits_for_outage=True)


def knows_quotes(outcome: Outcome) -> bool | None:
    """Return whether this Panelr knows quotes, by the outcome of a call for one; None if it does not show it.

    A 404 without Panelr's envelope is not Panelr's own.
    """
    if isinstance(outcome, Done):
        return True
    return False if isinstance(outcome, Refused) and outcome.status == UNKNOWN_ACTION else None


def learn_about_quotes(connection: Connection, now: datetime, *, knows: bool) -> None:
    """Store whether Panelr knows quotes.

    One that does not is an older one: it ignores unit prices and adds no adjustment of a payment method, unless its
    totals have shown something else. After its update, what was assumed of the older one is forgotten.
    """
    before = read_facts(connection)
    if before.knows_quotes is knows:
        found = panelr_facts.get(connection, RECKONING)
        panelr_facts.save(connection, RECKONING, found[0] if found else "{}", now=now)  # it was confirmed just now
    elif knows:
        kept = PanelrFacts() if before.knows_quotes is False else before
        save_facts(connection, replace(kept, knows_quotes=True), now=now)
    else:
        assumed = PanelrFacts(
            knows_quotes=False,
            honours_unit_price=bool(before.honours_unit_price),
            adds_method_adjustment=bool(before.adds_method_adjustment),
        )
        save_facts(connection, assumed, now=now)


def read_facts(connection: Connection) -> PanelrFacts:
    """Return what is known about Panelr's reckoning."""
    found = panelr_facts.get(connection, RECKONING)
    return panelr_facts.read_reckoning(None if found is None else found[0])


def save_facts(connection: Connection, facts: PanelrFacts, *, now: datetime) -> None:
    """Store how Panelr reckons; orders that wait for a mapping are decided again with it."""
    panelr_facts.save(connection, RECKONING, panelr_facts.dump_reckoning(facts), now=now)
    mappings.increment_revision(connection, *catalogue.stores_with_mappings(connection))


def _words(quote: CartQuote) -> str:
    bundles = f"bundles take off {quote.bundle_discount}" if quote.bundle_discount else "no bundle"
    coupons = {
        None: "no coupon",
        False: "the coupon is not valid",
        True: f"the coupon takes off {quote.coupon_discount}",
    }
    method = f"the payment method adds {quote.adjustment:+}" if quote.adjustment else "no fee of the payment method"
    return f"{bundles}, {coupons[quote.coupon_valid]}, {method}"
