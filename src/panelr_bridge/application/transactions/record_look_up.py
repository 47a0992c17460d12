"""Record the outcome of a look-up: the work order was found, was not found, or a person decides."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions.call_report import (
    GAVE_UP,
    CallReport,
    count_creates,
    next_delay,
    reason_json,
    record_attempt,
    update_attention,
)
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.evaluate_order import (
    lasting_attention,
    unhandled_attention,
    work_order_columns,
)
from panelr_bridge.domain import outage, retry_policy
from panelr_bridge.domain.call_outcome import Blocked, Outcome, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.store import orders, owed_calls
from panelr_bridge.store.rows import OrderRow, not_null
from panelr_bridge.store.tables import Columns


def record_adopted(connection: Connection, now: datetime, report: CallReport, work_order: WorkOrder) -> OrderState:
    """Link the work order that a look-up found.

    Its confirmation token is unknown. Reference code and e-mail address prove the order to Panelr instead.
    """

    def link(row: OrderRow) -> OrderState:
        if orders.find_owner(connection, work_order) not in {None, row["id"]}:  # another order linked it meanwhile
            orders.change_quietly(connection, row["id"], owed_calls.release_columns(due=now + timedelta(seconds=1)))
            return OrderState.UNCONFIRMED
        words = f"the answer was lost; a look-up found work order {work_order.reference_code}"
        values = work_order_columns(work_order, adopted=True) | {
            "state": OrderState.CREATED,
            "reasons": reason_json("adopted_by_look_up", words),
            "attention": lasting_attention(row, handled=True) or None,
            "follow_at": now,
        }
        orders.change(connection, row["id"], values | owed_calls.NO_OWED_CALL, now=now)
        update_attention(connection, row["id"], now=now)
        return OrderState.CREATED

    return _record_look_up(connection, report, link, now=now, words=f"found {work_order.reference_code}")


def record_not_found(
    connection: Connection, now: datetime, report: CallReport, *, call_policy: CallPolicy
) -> OrderState:
    """Record that a look-up found no work order. The second one, six grace periods later, sends the order again.

    Panelr may still be working on the first call, so one look-up is not enough. Extra look-ups do not shorten the wait.
    """

    def wait_or_send(row: OrderRow) -> OrderState:
        since = report.claim.empty_since or now
        if now < since + 6 * call_policy.grace:
            found_nothing = owed_calls.not_found_columns(since=since, due=since + 6 * call_policy.grace)
            orders.change_quietly(connection, row["id"], found_nothing)
            return OrderState.UNCONFIRMED
        values = _not_there_columns(connection, row, call_policy=call_policy, now=now)
        orders.change(connection, row["id"], values, now=now)
        return OrderState(values["state"])

    return _record_look_up(connection, report, wait_or_send, now=now, words="found none")


def _not_there_columns(connection: Connection, row: OrderRow, *, call_policy: CallPolicy, now: datetime) -> Columns:
    """Return the columns of an order that Panelr certainly does not have: it is sent again.

    At once after its first lost answer, then by the retry schedule. An order whose request was blocked is sent again
    slowly, and held after the last try.
    """
    owed_since = not_null(row["owes_since"])
    blocked = [reason for reason in row["reasons"] if reason["code"] == "blocked"]
    outcome: Outcome = Blocked(words="") if blocked else Unknown(words="")
    tries = count_creates(connection, row["id"], outcome, since=owed_since)
    if blocked and tries >= outage.BLOCKED_TRIES:
        return _held(reason_json("blocked", f"{blocked[0]['words']} ({tries} tries, and Panelr does not have it)"))
    repeated = tries if blocked else tries - 1
    wait: timedelta | None = timedelta(0)
    if repeated > 0:
        schedule, owed_for = call_policy.retry_schedule, now - owed_since
        wait = retry_policy.retry_delay(attempt=repeated, outcome=outcome, schedule=schedule, owed_for=owed_for)
    if wait is None:
        return _held(reason_json("gave_up", GAVE_UP))
    return {"state": OrderState.QUEUED, "reasons": blocked or _not_there(repeated)} | owed_calls.switch_columns(
        action=CallAction.CREATE_WORK_ORDER, due=now + wait
    )


def _held(reasons: list[dict[str, str]]) -> Columns:
    """Return the columns of an order that Panelr does not have and that is not sent again by the schedule."""
    held: Columns = {"state": OrderState.HELD, "reasons": reasons, "awaits_mapping": True}
    return held | {"first_sent_at": None, "sent_delivery_id": None} | owed_calls.NO_OWED_CALL


def _not_there(repeated: int) -> list[dict[str, str]]:
    words = "two look-ups found no work order for the lost answer: it is sent again"
    more = f", later each time. Panelr has failed on it {repeated + 1} times: its own log may say why"
    return reason_json("not_there", words + (more if repeated > 0 else ""))


def record_undecided(connection: Connection, now: datetime, report: CallReport, *, code: str, words: str) -> OrderState:
    """Record that look-ups cannot settle the order: an operator decides."""

    def ask(row: OrderRow) -> OrderState:
        values = {"attention": [*lasting_attention(row), *reason_json(code, words)]}
        orders.change(connection, row["id"], values | owed_calls.NO_OWED_CALL, now=now)
        return OrderState.UNCONFIRMED

    return _record_look_up(connection, report, ask, now=now, words=words)


def postpone_look_up(
    connection: Connection,
    now: datetime,
    report: CallReport,
    *,
    call_policy: CallPolicy,
    wait: timedelta | None = None,
) -> OrderState:
    """Repeat a look-up later: after `wait` if it could not be judged yet, by the schedule if its call failed."""

    def postpone(row: OrderRow) -> OrderState:
        pause = wait or next_delay(report, call_policy, now=now)
        if pause is None:
            values = {"attention": [*lasting_attention(row), *reason_json("gave_up", GAVE_UP)]}
            orders.change(connection, row["id"], values | owed_calls.NO_OWED_CALL, now=now)
            return OrderState.UNCONFIRMED
        not_counted = {} if wait is None else {"tries": not_null(row["tries"]) - 1}
        is_outage = wait is None and outage.is_outage(report.outcome)
        released = owed_calls.release_columns(due=now + pause, waits_for_outage=is_outage)
        orders.change_quietly(connection, row["id"], released | not_counted)
        return OrderState.UNCONFIRMED

    words = "cannot be judged yet: asked again soon" if wait is not None else None
    return _record_look_up(connection, report, postpone, now=now, words=words)


def record_failure(connection: Connection, now: datetime, claim: Claim) -> OrderState:
    """Record that the bridge failed to process a look-up's result: an operator may retry."""
    row = orders.lock_by_id(connection, claim.order_id)
    if row is None or not owed_calls.holds(row, lease_until=claim.lease_until):
        return OrderState(row["state"]) if row else OrderState.CLOSED
    values = {"attention": unhandled_attention(row)}
    orders.change(connection, claim.order_id, values | owed_calls.NO_OWED_CALL, now=now)
    return OrderState.UNCONFIRMED


def _record_look_up(
    connection: Connection,
    report: CallReport,
    apply: Callable[[OrderRow], OrderState],
    *,
    now: datetime,
    words: str | None,
) -> OrderState:
    """Record a look-up's attempt, then `apply` its result unless the order was settled meanwhile."""
    row = orders.lock_by_id(connection, report.claim.order_id)
    record_attempt(connection, report, now=now, words=words)
    if row is None or not owed_calls.holds(row, lease_until=report.claim.lease_until):
        return OrderState(row["state"]) if row else OrderState.CLOSED
    return apply(row)
