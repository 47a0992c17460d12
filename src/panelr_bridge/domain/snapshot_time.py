"""What a snapshot means that claims to be older than the newest one: a shop's clock may be wrong. Pure."""

from datetime import datetime, timedelta

from panelr_bridge.domain.decision import ENDED
from panelr_bridge.domain.models import OrderPolicy, Reason
from panelr_bridge.woocommerce.order_payload import Order

OLDER_SNAPSHOT = "older_snapshot"
CLOCK_AHEAD = timedelta(minutes=5)
"""How far a shop's clock may be ahead. A modification further in the future says nothing about the order of events."""
_FINAL = ENDED - {"failed"}
"""A failed order is often paid a moment later."""


def is_ahead(moment: datetime | None, *, now: datetime) -> bool:
    """Return whether `moment` lies in the future, so that a clock was wrong."""
    return moment is not None and moment > now + CLOCK_AHEAD


def is_older(*, received: datetime | None, known: datetime | None, now: datetime) -> bool:
    """Return whether a snapshot modified at `received` is older than the known one. Unknown times are not older.

    A known time in the future fences nothing, unless both were written by that clock.
    """
    if received is None or known is None or received >= known:
        return False
    return not is_ahead(known, now=now) or is_ahead(received, now=now)


def moves_on(older: Order, newest: Order, policy: OrderPolicy, *, is_created: bool) -> bool:
    """Return whether an older snapshot brings the order nearer to its work order, or to its payment.

    Of an order whose work order exists or may exist, only the payment counts.
    """
    if newest.status in ENDED:
        return False
    if is_created:
        return older.is_paid and not newest.is_paid and older.status not in ENDED
    return _progress(older, policy) > _progress(newest, policy)


def contradiction(older: Order, newest: Order, policy: OrderPolicy, *, is_created: bool) -> Reason | None:
    """Return the reason for attention if an older snapshot tells of an end or a refund that the newest lacks.

    Of an order that ended before its creation, also if it tells of a status that calls for a work order.
    """
    if older.status in _FINAL and newest.status not in ENDED:
        what = f"is {older.status}"
    elif older.refunded > newest.refunded:
        what = f"has refunds of {older.refunded}"
    elif newest.status in ENDED and not is_created and older.status in policy.create_on:
        what = f"is {older.status}"
    else:
        return None
    words = (
        f"a delivery says that the order {what}, but it is older than the newest one, which says that it is"
        f" {newest.status}: compare with WooCommerce. If the newest is wrong, save the order there"
    )
    return Reason("older_snapshot", words)


def _progress(order: Order, policy: OrderPolicy) -> int:
    return (1 + order.is_paid) if order.status in policy.create_on else 0
