"""A claimed call after it was made, and what every record of an outcome needs: its attempt, attention, next try."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.acknowledgements import without_acknowledged
from panelr_bridge.application.transactions.attempts import attempt_row
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.evaluate_order import (
    attention,
    latest_snapshot,
)
from panelr_bridge.domain import call_outcome, retry_policy
from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import CallAction
from panelr_bridge.store import orders
from panelr_bridge.store.rows import NewAttemptRow, OrderRow

GAVE_UP = "seven days of trying have passed: see what is wrong, then retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """A claimed call after it was made: its outcome, start and duration."""

    claim: Claim
    outcome: Outcome
    started_at: datetime
    milliseconds: int


def record_attempt(connection: Connection, report: CallReport, *, now: datetime, words: str | None = None) -> None:
    """Insert the attempt's row, and extend the slot of a slow call."""
    rate_gate.extend_slot(connection, report.claim.slot, claimed_at=report.claim.claimed_at, now=now)
    orders.add_attempt(connection, build_attempt(report, words, now=now))


def build_attempt(report: CallReport, words: str | None, *, now: datetime) -> NewAttemptRow:
    """Return the attempt's row; `words` default to the outcome's."""
    claim = report.claim
    return attempt_row(
        order_id=claim.order_id,
        action=claim.action,
        number=claim.number if claim.action is CallAction.CREATE_WORK_ORDER else claim.attempt,
        outcome=report.outcome,
        words=words,
        started_at=report.started_at,
        milliseconds=report.milliseconds,
        now=now,
    )


def add_attention(connection: Connection, row: OrderRow, code: str, words: str, *, now: datetime) -> None:
    """Add attention that lasts until an operator acts, unless one has acknowledged it already."""
    found = [*(row["attention"] or []), *without_acknowledged(row, reason_json(code, words))]
    orders.change(connection, row["id"], {"attention": found or None}, now=now)


def update_attention(connection: Connection, order_id: int, *, now: datetime) -> None:
    """Compare the latest snapshot with the one that was sent: the order may have changed during the call."""
    row = orders.lock_by_id(connection, order_id)
    order = latest_snapshot(connection, row) if row else None
    if row is not None and order is not None:
        orders.change(connection, order_id, {"attention": attention(connection, row, order)}, now=now)


def count_creates(connection: Connection, order_id: int, outcome: Outcome, *, since: datetime) -> int:
    """Return how many create calls of an order ended like `outcome`."""
    action, name = CallAction.CREATE_WORK_ORDER, call_outcome.name(outcome)
    return orders.count_attempts(connection, order_id, action=action, outcome=name, since=since)


def next_delay(report: CallReport, call_policy: CallPolicy, *, now: datetime) -> timedelta | None:
    """Return the wait before the call's next try; None to give up."""
    return retry_policy.retry_delay(
        owed_for=now - report.claim.owed_since,
        attempt=report.claim.attempt,
        outcome=report.outcome,
        schedule=call_policy.retry_schedule,
        jitter=random.random(),  # noqa: S311  spreads retries, guards nothing
    )


def reason_json(code: str, words: str) -> list[dict[str, str]]:
    """Return one reason in the form in which an order's row stores it."""
    return [{"code": code, "words": words}]
