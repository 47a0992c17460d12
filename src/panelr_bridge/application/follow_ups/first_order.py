"""A renewal that waits for the line of its first order: have that order's work order read soon, and look again.

The line may be set up hours after the first order, when its work order is read every six hours only. The schedule of
the status polls begins once more with each renewal that waits.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.application.transactions.continuation import find_awaited
from panelr_bridge.domain.follow_up_rules import FIRST_POLL
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy
from panelr_bridge.store import follow_ups, orders
from panelr_bridge.store.rows import FollowUpRow, OrderRow
from panelr_bridge.woocommerce.order_payload import Order

log = logs.get(__name__)

LOOKED_AGAIN = timedelta(minutes=15)
"""How often a waiting renewal looks whether its first order still leads to a line: it may be closed, or canceled."""


def hasten(connection: Connection, row: OrderRow, order: Order, *, policy: OrderPolicy, now: datetime) -> None:
    """Have the awaited work order read within a minute, or have the locked order `row` evaluated again.

    The latter is for an order that waits no more. Planning is due again while it waits.
    """
    awaited = find_awaited(connection, order, store=row["store"], policy=policy)
    if awaited is None:
        orders.evaluate_again(connection, [row["woo_order_id"]], store=row["store"])
        return
    orders.schedule_planning(connection, row["id"], at=now + LOOKED_AGAIN)
    first = orders.lock(connection, store=row["store"], woo_order_id=awaited.woo_order_id)
    poll = None if first is None else follow_ups.list_for_order(connection, first["id"]).get(FollowUpKind.STATUS)
    if poll is not None and poll["due_at"] is not None and poll["lease_until"] is None:
        changes = _hastened(poll, waits_since=row["created_at"], now=now)
        if changes:
            follow_ups.change(connection, poll["order_id"], FollowUpKind.STATUS, changes)
            log.info("poll.hastened", order=poll["order_id"], waits=row["id"])


def _hastened(poll: FollowUpRow, *, waits_since: datetime, now: datetime) -> dict[str, Any]:
    """Return the columns of a status poll whose schedule begins again; {} if it began after the renewal came."""
    if datetime.fromisoformat(poll["told"]["since"]) >= waits_since:
        return {}
    return {"due_at": min(poll["due_at"] or now, now + FIRST_POLL), "told": poll["told"] | {"since": now.isoformat()}}
