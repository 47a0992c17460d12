"""Find out whether this Panelr knows quotes, before the first order needs to know it: one call, then kept."""

from datetime import datetime, timedelta

from panelr_bridge import logs
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.cart_quotes import knows_quotes, learn_about_quotes, read_facts
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import CartItem, ItemIntent, PanelrProduct, WorkOrderRequest
from panelr_bridge.panelr import request
from panelr_bridge.store import panelr_facts
from panelr_bridge.store.panelr_facts import RECKONING

ASKED_AGAIN = timedelta(days=1)
"""How long an older Panelr counts as one: it may have been updated since."""

log = logs.get(__name__)


async def discover_reckoning(
    caller: PanelrCaller, call_policy: CallPolicy, product: PanelrProduct, *, now: datetime
) -> bool:
    """Ask Panelr for the quote of one product, unless the answer is known; return whether it is known now."""
    facts = await caller.database.read(read_facts)
    found = await caller.database.read(panelr_facts.get, RECKONING)
    if facts.knows_quotes or (facts.knows_quotes is False and found is not None and now - found[1] < ASKED_AGAIN):
        return True
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
