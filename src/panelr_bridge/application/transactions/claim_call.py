"""Taking a call that is owed: the row's lease, leave from the rate limit, and what is to be sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import (
    Evaluation,
    evaluate,
    lasting_attention,
    latest_snapshot,
    reevaluate,
    state_columns,
    unhandled_attention,
)
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import CallAction, OnPaid, OrderPolicy, OrderState, WorkOrderRequest
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.work_order_match import fingerprint
from panelr_bridge.store import orders, owed_calls, rate_limit
from panelr_bridge.store.tables import Row

RATE = "panelr"
ASIDE = timedelta(hours=1)
TWIN_WAIT = timedelta(seconds=5)
LEAVE_FORGOTTEN = timedelta(seconds=4)
"""How long a worker goes by it that there was no leave for a call; then it asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """How calls are made: how many in a minute, how long one may take, and how long after it one may look."""

    rate_per_minute: int
    lease: timedelta
    grace: timedelta
    retry_schedule: tuple[float, ...]

    @property
    def doubt(self) -> timedelta:
        """How long an order waits for one that Panelr's list could not tell it from: as long as look-ups take."""
        return self.lease + 10 * self.grace


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A call that its holder must make now, or let the lease end.

    `body` is the request as the order's row keeps it: what is sent is what is stored. `attempt` counts the tries of
    this action since it is owed; `number` those of the order's create calls, the fence.
    """

    order_id: int
    store: str
    woo_order_id: int
    action: CallAction
    request: WorkOrderRequest
    body: bytes
    attempt: int
    number: int
    empty_since: datetime | None
    delivery_id: int | None
    woo_status: str
    first_sent_at: datetime
    claimed_at: datetime
    lease_until: datetime
    owed_since: datetime
    slot: rate_limit.RateSlot
    follows: bool = False
    """Whether more is to be done as soon as the work order exists."""
    paid_at: datetime | None = None
    """When the customer paid, by WooCommerce; None where it does not say."""


@dataclass(frozen=True, slots=True)
class NothingDue:
    """Nothing to do before `until`; None while nothing is owed at all. `for_leave`: what is due waits for the limit."""

    until: datetime | None
    for_leave: bool = False


@dataclass(frozen=True, slots=True)
class StateChanged:
    """An order that was due calls for something else now; there may be more to do."""

    order_id: int
    state: OrderState


def claim_due(
    connection: Connection,
    now: datetime,
    *,
    policy: OrderPolicy,
    terms: CallPolicy,
    first: CallAction,
    tried: list[int],
) -> Claim | StateChanged | NothingDue:
    """Take the call that has been due the longest, if there is leave for one; those that owe `first` go first.

    `tried` is told which order that is, for the case that handling it raises.
    """
    row = owed_calls.next_due(connection, now=now, first=first)
    if row is None:
        return NothingDue(owed_calls.next_at(connection))
    tried.append(row["id"])
    if row["owes"] == CallAction.CREATE_WORK_ORDER:
        return _claim_create(connection, row, policy=policy, terms=terms, now=now)
    slot = rate_limit.take(connection, name=RATE, limit=terms.rate_per_minute, now=now)
    if slot is None:
        return _idle(connection, terms, now=now)
    claim = _look_up(row, slot=slot, terms=terms, now=now)
    leased = owed_calls.leased(tries=claim.attempt, until=claim.lease_until, slot=slot.number)
    orders.note(connection, row["id"], leased)
    return claim


def _claim_create(
    connection: Connection, row: Row, *, policy: OrderPolicy, terms: CallPolicy, now: datetime
) -> Claim | StateChanged | NothingDue:
    """An order that waits to be sent is decided anew by its newest snapshot and by the mappings of this moment."""
    order = latest_snapshot(connection, row)
    if order is None:
        raise LookupError(f"order {row['id']} owes a call and has no snapshot")
    weighed, _ = evaluate(connection, order, store=row["store"], policy=policy)
    if not isinstance(weighed.decision, Create):
        values = reevaluate(row, weighed, now=now)
        orders.change(connection, row["id"], values, now=now)
        return StateChanged(row["id"], values["state"])
    request = weighed.decision.request
    alike = fingerprint(request)
    if _waits_for_its_twin(connection, row, alike, terms=terms, now=now):
        return StateChanged(row["id"], OrderState.QUEUED)
    slot = rate_limit.take(connection, name=RATE, limit=terms.rate_per_minute, now=now)
    if slot is None:
        return _idle(connection, terms, now=now)
    attempt = row["tries"] + 1
    values = sending_columns(row, request, alike=alike, now=now)
    values |= owed_calls.leased(tries=attempt, until=now + terms.lease, slot=slot.number)
    if row["attention"]:
        values["attention"] = lasting_attention(row, handled=True) or None
    standing = state_columns(weighed, state=OrderState.SENDING, delivery_id=None, now=now)
    orders.change(connection, row["id"], standing | values, now=now)
    follows = follows_at_once(weighed, store=row["store"], policy=policy)
    paid_at = order.date_paid_gmt
    return claim_of(
        row | values, request, attempt=attempt, slot=slot, terms=terms, now=now, follows=follows, paid_at=paid_at
    )


def _idle(connection: Connection, terms: CallPolicy, *, now: datetime) -> NothingDue:
    until = rate_limit.free_at(connection, name=RATE, limit=terms.rate_per_minute, now=now)
    return NothingDue(until, for_leave=True)


def _waits_for_its_twin(connection: Connection, row: Row, alike: str, *, terms: CallPolicy, now: datetime) -> bool:
    """Put an order off while another that Panelr's list could not tell it from is being looked up.

    Sent one after the other, each lost answer has one work order that it can be; two lost at once would need a person.
    """
    twin = orders.find_lookalike(
        connection, fingerprint=alike, besides=row["id"], since=now - terms.doubt, only_unconfirmed=True
    )
    if twin is None:
        return False
    words = f"order {twin['woo_order_number']} of the same customer, with the same items, is looked up first"
    reasons = {"reasons": [{"code": "twin_in_doubt", "words": words}]}
    due = now + min(terms.grace, TWIN_WAIT)
    orders.change(connection, row["id"], reasons | owed_calls.put_back(due=due), now=now)
    return True


def sending_columns(row: Row, request: WorkOrderRequest, *, alike: str, now: datetime) -> Row:
    """Return the columns of an order whose create call goes out now; `alike` is the request's likeness."""
    return {
        "state": OrderState.SENDING,
        "request": panelr_request.dump(request).decode(),
        "likeness": alike,
        "attempts": row["attempts"] + 1,
        "first_sent_at": row["first_sent_at"] or now,
        "sent_delivery_id": row["delivery_id"],
    }


def follows_at_once(weighed: Evaluation, *, store: str, policy: OrderPolicy) -> bool:
    """Return whether the store or Panelr is to be told more as soon as the work order exists."""
    return weighed.catalogue.on_paid is not OnPaid.NONE or store in policy.writes_back


def claim_of(
    row: Row,
    request: WorkOrderRequest,
    *,
    attempt: int,
    slot: rate_limit.RateSlot,
    terms: CallPolicy,
    now: datetime,
    follows: bool,
    paid_at: datetime | None,
) -> Claim:
    """Return the claim of an order's create call; `row` holds the order as `sending_columns` made it."""
    return Claim(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        action=CallAction.CREATE_WORK_ORDER,
        request=request,
        body=row["request"].encode(),
        attempt=attempt,
        number=row["attempts"],
        empty_since=None,
        delivery_id=row["delivery_id"],
        woo_status=row["woo_status"],
        first_sent_at=row["first_sent_at"],
        claimed_at=now,
        lease_until=now + terms.lease,
        owed_since=row["owes_since"],
        slot=slot,
        follows=follows,
        paid_at=paid_at,
    )


def _look_up(row: Row, *, slot: rate_limit.RateSlot, terms: CallPolicy, now: datetime) -> Claim:
    return Claim(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        action=CallAction.LOOK_UP,
        request=panelr_request.load(row["request"]),
        body=row["request"].encode(),
        attempt=row["tries"] + 1,
        number=row["attempts"],
        empty_since=row["not_found_since"],
        delivery_id=row["sent_delivery_id"],
        woo_status=row["woo_status"],
        first_sent_at=row["first_sent_at"],
        claimed_at=now,
        owed_since=row["owes_since"],
        lease_until=now + 2 * terms.lease,  # it may take two calls: the work orders, and the products' names
        slot=slot,
    )


def set_aside(connection: Connection, now: datetime, order_id: int) -> bool:
    """Put off what an order owes, because handling it has failed: the others must not wait for it.

    Returns whether it was still due; another process may have had more luck.
    """
    row = orders.lock_by_id(connection, order_id)
    if row is None or row["owes"] is None or row["call_until"] is not None or row["next_attempt_at"] > now:
        return False
    values = {"attention": unhandled_attention(row)} | owed_calls.put_back(due=now + ASIDE)
    orders.change(connection, order_id, values, now=now)
    return True


def take_slot(connection: Connection, now: datetime, *, terms: CallPolicy) -> rate_limit.RateSlot | None:
    """Take leave for a call that belongs to no order; None when there is none."""
    return rate_limit.take(connection, name=RATE, limit=terms.rate_per_minute, now=now)


def extend_slot(connection: Connection, now: datetime, slot: rate_limit.RateSlot) -> None:
    """Say that a call has taken longer than its slot allows for."""
    rate_limit.keep(connection, slot.number, name=RATE, now=now)


def end_leases(connection: Connection, now: datetime, *, terms: CallPolicy) -> int | None:
    """Take back one lease that ended without an outcome; returns the order's id, None when there is none.

    Whoever held it was killed or stalls: its create call may have reached Panelr, so it is looked up.
    """
    row = owed_calls.ended_lease(connection, now=now)
    if row is None:
        return None
    if row["call_slot"] is not None:  # its call may have left long after it took the slot
        rate_limit.keep(connection, row["call_slot"], name=RATE, now=now)
    words = "the process that made this call ended before the outcome was recorded"
    orders.add_attempt(
        connection,
        {
            "order_id": row["id"],
            "action": row["owes"],
            "number": row["attempts"] if row["owes"] == CallAction.CREATE_WORK_ORDER else row["tries"],
            "outcome": call_outcome.name(call_outcome.Unknown(words=words)),
            "status": None,
            "milliseconds": None,
            "words": words,
            "started_at": row["call_until"] - terms.lease,
            "recorded_at": now,
        },
    )
    due = now + terms.grace
    if row["owes"] == CallAction.LOOK_UP:
        orders.note(connection, row["id"], owed_calls.put_back(due=due))
    else:
        values = {"state": OrderState.UNCONFIRMED, "reasons": [{"code": "unconfirmed", "words": words}]}
        orders.change(connection, row["id"], values | owed_calls.switched(action=CallAction.LOOK_UP, due=due), now=now)
    return int(row["id"])
