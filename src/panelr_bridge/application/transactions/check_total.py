"""Compare Panelr's total of a new work order with what the order costs, and learn how Panelr reckons."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.cart_quotes import read_facts, save_facts
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.domain.models import Reason
from panelr_bridge.domain.panelr_values import PanelrFacts, WorkOrder
from panelr_bridge.domain.reckoning import TotalCheck, check_total
from panelr_bridge.store import orders, quotes
from panelr_bridge.store.rows import OrderRow

TOTALS_DIFFER = "totals_differ"


def total_check(claim: Claim, work_order: WorkOrder, *, facts: PanelrFacts | None = None) -> TotalCheck | None:
    """Return what Panelr's total of the work order says; None if it says nothing new, which is usual.

    What is new is judged by `facts`, or by those of the claim.
    """
    if claim.reckoning is None or work_order.order_total is None:
        return None
    check = check_total(claim.reckoning, work_order.order_total, facts or claim.facts or PanelrFacts())
    return check if check.differs or check.learned else None


def record_total_check(connection: Connection, claim: Claim, work_order: WorkOrder, *, now: datetime) -> None:
    """Add attention to the created order if Panelr's total differs, and store what its total has shown.

    Other calls and the discovery may have found facts out since the claim: those stay.
    """
    if total_check(claim, work_order) is None:
        return
    check = total_check(claim, work_order, facts=read_facts(connection))
    if check is None:
        return
    if check.learned is not None:
        save_facts(connection, check.learned, now=now)
    row = orders.lock_by_id(connection, claim.order_id)
    cart = claim.reckoning.cart if claim.reckoning else None
    if check.differs and cart is not None and cart.shape is not None:
        quotes.forget(connection, cart.shape)  # its bundles may have changed
    if check.differs and row is not None:
        found = [each for each in row["attention"] or [] if each["code"] != TOTALS_DIFFER]
        reason = _totals_differ(row, claim, work_order)
        orders.change(connection, row["id"], {"attention": [*found, reason.as_json()]}, now=now)


def _totals_differ(row: OrderRow, claim: Claim, work_order: WorkOrder) -> Reason:
    target = claim.reckoning.target if claim.reckoning else None
    theirs, ours = (f"{total} {row['woo_currency'] or ''}".strip() for total in (work_order.order_total, target))
    words = (
        f"Panelr's total of the work order is {theirs}, and the order's is {ours}:"
        " correct one of them before the payment is confirmed"
    )
    return Reason(TOTALS_DIFFER, words)
