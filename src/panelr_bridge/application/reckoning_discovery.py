"""Find out whether this Panelr knows quotes, before the first order needs to know it: one call, then kept."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.cart_quotes import knows_quotes, learn_about_quotes
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import CartItem, ItemIntent, WorkOrderRequest
from panelr_bridge.domain.panelr_values import PanelrProduct
from panelr_bridge.panelr import request
from panelr_bridge.store import panelr_facts
from panelr_bridge.store.panelr_facts import RECKONING

ASKED_AGAIN = timedelta(days=1)
"""How long the answer counts: Panelr may have been updated, or put back, since."""

log = logs.get(__name__)


def is_reckoning_known(connection: Connection, *, now: datetime) -> bool:
    """Return whether Panelr need not be asked: less than a day ago it was known whether it knows quotes."""
    found = panelr_facts.get(connection, RECKONING)
    if found is None:
        return False
    value, found_at = found
    return panelr_facts.read_reckoning(value).knows_quotes is not None and now - found_at < ASKED_AGAIN


async def discover_reckoning(caller: PanelrCaller, call_policy: CallPolicy, product: PanelrProduct) -> bool:
    """Ask Panelr for the quote of one product; return whether its answer shows whether it knows quotes."""
    now = caller.clock()
    slot = await caller.write(rate_gate.take_slot, call_policy=call_policy)
    if slot is None:
        return False
    outcome, *_ = await caller.ask(request.quote_cart(_cart_of(product)), claimed_at=now)
    await caller.write(rate_gate.record_call, slot, claimed_at=now)
    log.info("quote.asked", outcome=call_outcome.name(outcome), status=outcome.status)
    knows = knows_quotes(outcome)
    if knows is None:
        return False
    await caller.persist(learn_about_quotes, knows=knows)
    return True


def _cart_of(product: PanelrProduct) -> WorkOrderRequest:
    item = CartItem(product_id=product.id, intent=ItemIntent.NEW_ACTIVATION, qty=1, unit_price=product.price)
    return WorkOrderRequest(customer_email="", status="", items=(item,), wc_order_id="")
