"""What becomes of an answer to the question what Panelr offers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain.call_outcome import Outcome, Throttled
from panelr_bridge.domain.models import PanelrProduct
from panelr_bridge.store import catalogue, mappings
from panelr_bridge.store.catalogue import Offered
from panelr_bridge.store.rate_limit import RateSlot

UNAUTHORIZED = 401


def record_call(
    connection: Connection, now: datetime, slot: RateSlot, outcome: Outcome, *, claimed_at: datetime, terms: CallPolicy
) -> None:
    """Tell the rate limit how a call ended that belongs to no order.

    A key that may not see the lists may create work orders all the same: that stops nobody.
    """
    rate_gate.extend_slot(connection, slot, claimed_at=claimed_at, now=now)
    rate_gate.reopen_gate(connection, slot, outcome, now=now)
    if isinstance(outcome, Throttled) or outcome.status == UNAUTHORIZED:
        rate_gate.close_gate(connection, slot, outcome, schedule=terms.retry_schedule, now=now)


def save_list(
    connection: Connection, _: datetime, kind: type[Offered], items: Sequence[Offered], *, seen_at: datetime
) -> bool:
    """Replace one of Panelr's lists; returns whether orders that wait for a mapping are to be decided anew.

    That is so where the list says otherwise what decisions go by. The list's row is locked before the revisions.
    """
    before = catalogue.replace(connection, kind, items, seen_at=seen_at)
    if before is None or kind is not PanelrProduct or _told(before) == _told(items):
        return False
    mappings.increment_revision(connection, *catalogue.stores_with_mappings(connection))
    return True


def _told(items: Sequence[object]) -> dict[int, tuple[object, ...]]:
    """What decisions go by, of each product."""
    return {item.id: (item.price, item.currency, item.plugin_id) for item in items if isinstance(item, PanelrProduct)}
