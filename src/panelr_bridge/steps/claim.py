"""Taking a call that is owed: the row's lease, leave from the rate limit, and what is to be sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge import outcomes
from panelr_bridge.decide import Create
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.steps.weigh import lasting, reweigh, snapshot, standing_values, weigh
from panelr_bridge.store import orders, outbox, rate
from panelr_bridge.store.tables import Row
from panelr_bridge.values import Action, Policy, State, WorkOrderRequest

RATE = "panelr"
ASIDE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How calls are made: how many in a minute, how long one may take, and how long after it one may look."""

    rate_per_minute: int
    lease: timedelta
    grace: timedelta
    retry_schedule: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A call that its holder must make now, or let the lease end.

    `attempt` counts the tries of this action since it is owed; `number` those of the order's create calls, the fence.
    """

    order_id: int
    store: str
    woo_order_id: int
    action: Action
    request: WorkOrderRequest
    attempt: int
    number: int
    empty_since: datetime | None
    delivery_id: int | None
    woo_status: str
    first_sent_at: datetime
    claimed_at: datetime
    lease_until: datetime
    probe: bool


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do before `until`; None while nothing is owed at all."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Moved:
    """An order that was due calls for something else now; there may be more to do."""

    order_id: int
    state: State


def claim_due(connection: Connection, now: datetime, *, policy: Policy, terms: Terms) -> Claim | Moved | Idle:
    """Take the call that has been due the longest, if there is leave for one.

    An order that waits to be sent is decided anew by its newest snapshot and by the mappings of this moment.
    """
    row = outbox.next_due(connection, now=now)
    if row is None:
        return Idle(outbox.next_at(connection))
    weighed = None
    if row["action"] == Action.CREATE_WORK_ORDER and (order := snapshot(connection, row)) is not None:
        weighed, _ = weigh(connection, order, store=row["store"], policy=policy)
        if not isinstance(weighed.decision, Create):
            values = reweigh(connection, row, weighed, now=now)
            orders.change(connection, row["id"], values, now=now)
            return Moved(row["id"], values["state"])
    slot = rate.take(connection, name=RATE, limit=terms.rate_per_minute, now=now)
    if slot is None:
        return Idle(rate.free_at(connection, name=RATE, limit=terms.rate_per_minute, now=now))
    if weighed is None or not isinstance(weighed.decision, Create):
        claim = _look_up(row, slot=slot, terms=terms, now=now)
        outbox.lease(connection, row["id"], attempt=claim.attempt, until=claim.lease_until)
        return claim
    outbox.lease(connection, row["id"], attempt=row["attempt"] + 1, until=now + terms.lease)
    values = sending_values(row, weighed.decision.request, now=now)
    orders.change(
        connection, row["id"], standing_values(weighed, state=State.SENDING, delivery_id=None) | values, now=now
    )
    return claim_of(
        row | values, weighed.decision.request, attempt=row["attempt"] + 1, probe=slot.probe, terms=terms, now=now
    )


def sending_values(row: Row, request: WorkOrderRequest, *, now: datetime) -> Row:
    """Return the columns of an order whose create call goes out now."""
    return {
        "state": State.SENDING,
        "request": panelr_request.dump(request).decode(),
        "attempts": row["attempts"] + 1,
        "first_sent_at": row["first_sent_at"] or now,
        "sent_delivery_id": row["delivery_id"],
    }


def claim_of(row: Row, request: WorkOrderRequest, *, attempt: int, probe: bool, terms: Terms, now: datetime) -> Claim:
    """Return the claim of an order's create call; `row` holds the order as `sending_values` made it."""
    return Claim(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        action=Action.CREATE_WORK_ORDER,
        request=request,
        attempt=attempt,
        number=row["attempts"],
        empty_since=None,
        delivery_id=row["delivery_id"],
        woo_status=row["woo_status"],
        first_sent_at=row["first_sent_at"],
        claimed_at=now,
        lease_until=now + terms.lease,
        probe=probe,
    )


def _look_up(row: Row, *, slot: rate.Slot, terms: Terms, now: datetime) -> Claim:
    return Claim(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        action=Action.LOOK_UP,
        request=panelr_request.load(row["request"]),
        attempt=row["attempt"] + 1,
        number=row["attempts"],
        empty_since=row["empty_since"],
        delivery_id=row["sent_delivery_id"],
        woo_status=row["woo_status"],
        first_sent_at=row["first_sent_at"],
        claimed_at=now,
        lease_until=now + 2 * terms.lease,  # it may take two calls: the work orders, and the products' names
        probe=slot.probe,
    )


def set_aside(connection: Connection, now: datetime) -> int | None:
    """Put the row that is due first off, because handling it has failed: it must not keep the others waiting.

    Returns the order's id, None when nothing is due any more.
    """
    row = outbox.next_due(connection, now=now)
    if row is None:
        return None
    outbox.put_back(connection, row["id"], due=now + ASIDE)
    told = [*lasting(row), {"code": "cannot_be_processed", "words": "handling this order failed; the log says why"}]
    orders.change(connection, row["id"], {"attention": told}, now=now)
    return int(row["id"])


def leave(connection: Connection, now: datetime, *, terms: Terms) -> bool:
    """Take leave for a call that belongs to no order; returns whether there was any."""
    return rate.take(connection, name=RATE, limit=terms.rate_per_minute, now=now) is not None


def end_leases(connection: Connection, now: datetime, *, terms: Terms) -> int | None:
    """Take back one lease that ended without an outcome; returns the order's id, None when there is none.

    Whoever held it was killed or stalls: its create call may have reached Panelr, so it is looked up.
    """
    row = outbox.ended_lease(connection, now=now)
    if row is None:
        return None
    words = "the process that made this call ended before the outcome was recorded"
    outbox.note_attempt(
        connection,
        {
            "order_id": row["id"],
            "action": row["action"],
            "number": row["attempts"] if row["action"] == Action.CREATE_WORK_ORDER else row["attempt"],
            "outcome": outcomes.name(outcomes.Unknown(words=words)),
            "status": None,
            "milliseconds": None,
            "words": words,
            "started_at": row["lease_until"] - terms.lease,
            "recorded_at": now,
        },
    )
    if row["action"] == Action.LOOK_UP:
        outbox.put_back(connection, row["id"], due=now + terms.grace)
    else:
        reasons = [{"code": "unconfirmed", "words": words}]
        orders.change(connection, row["id"], {"state": State.UNCONFIRMED, "reasons": reasons}, now=now)
        outbox.switch(connection, row["id"], action=Action.LOOK_UP, due=now + terms.grace)
    return int(row["id"])
