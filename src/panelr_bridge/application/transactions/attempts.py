"""The row of one attempt: a call that was made for an order, and its outcome."""

from datetime import datetime

from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.store.rows import NewAttemptRow


def attempt_row(
    *,
    order_id: int,
    action: str,
    number: int,
    outcome: Outcome,
    started_at: datetime,
    now: datetime,
    milliseconds: int | None = None,
    words: str | None = None,
) -> NewAttemptRow:
    """Return the row; `words` default to the outcome's. `milliseconds` is None if the process ended during the call."""
    return {
        "order_id": order_id,
        "action": action,
        "number": number,
        "outcome": call_outcome.name(outcome),
        "status": outcome.status,
        "milliseconds": milliseconds,
        "words": outcome.words if words is None else words,
        "started_at": started_at,
        "recorded_at": now,
    }
