"""The bridge's statistics. Only small sets are counted row by row: owed calls, slots, problems, mappings."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, bindparam, text

from panelr_bridge.domain.models import CallAction
from panelr_bridge.store import database, order_counts, owed_calls, rate_limit
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.deliveries import PROBLEM_VERDICTS
from panelr_bridge.store.order_counts import OrderCount
from panelr_bridge.store.rate_limit import MINUTE, GateStatus
from panelr_bridge.store.tables import LOOKED_UP, SENDING, WAITS

DAY = timedelta(days=1)
_TIME_TYPES = [bindparam(name, type_=UtcDateTime) for name in ("now", "minute_ago", "day_ago")]
# Each part states its partial index's exact condition, for SQLite.
_COUNT_WAITING = (
    f"SELECT count(*) FROM orders WHERE {WAITS} AND owes IN ('create_work_order', 'look_up')"  # noqa: S608
    " AND next_attempt_at {} :now"
)
_OLDEST_DUE = f"(SELECT min(next_attempt_at) FROM orders WHERE {WAITS} AND owes = '{{}}')"  # noqa: S608
_NUMBERS = (
    text(
        f"SELECT ({_COUNT_WAITING.format('<=')}) AS due, ({_COUNT_WAITING.format('>')}) AS later,"  # noqa: S608  our own words
        f" (SELECT count(*) FROM orders WHERE {SENDING}) AS sending,"
        f" (SELECT count(*) FROM orders WHERE {LOOKED_UP}) AS looked_up,"
        + ", ".join(f"{_OLDEST_DUE.format(action)} AS oldest_{action}" for action in CallAction)
        + ", (SELECT count(*) FROM rate_slots WHERE name = :name AND used_at > :minute_ago) AS used,"
        " (SELECT count(*) FROM deliveries WHERE verdict IN :problems AND last_received_at >= :day_ago) AS problems,"
        " (SELECT count(*) FROM deliveries WHERE unresolved_since IS NOT NULL) AS unread,"
        " (SELECT count(*) FROM product_mappings) AS products,"
        " (SELECT count(*) FROM payment_method_mappings) AS payment_methods"
    )
    .bindparams(*_TIME_TYPES, bindparam("problems", expanding=True))
    .columns(
        **{f"oldest_{action}": UtcDateTime for action in CallAction},
        **dict.fromkeys(
            ("due", "later", "sending", "looked_up", "used", "problems", "unread", "products", "payment_methods"),
            BigInteger,
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeStats:
    """The statistics. `oldest_due` is when the longest waiting call became due; None if no call is due.

    `oldest_owed` is since when the oldest call has been owed of those that are not under way.
    """

    groups: list[OrderCount]
    due: int
    later: int
    on_the_wire: int
    oldest_due: datetime | None
    calls_in_the_last_minute: int
    gate: GateStatus | None
    oldest_owed: datetime | None
    delivery_problems: int
    unread_deliveries: int
    product_mappings: int
    payment_method_mappings: int


def read_stats(connection: Connection, *, rate_name: str, now: datetime) -> BridgeStats:
    """Read the statistics; slots of the rate limit `rate_name` are counted by the database's clock."""
    values = {
        "now": now,
        "minute_ago": (database.database_time(connection) or now) - MINUTE,
        "day_ago": now - DAY,
        "name": rate_name,
        "problems": PROBLEM_VERDICTS,
    }
    numbers = connection.execute(_NUMBERS, values).mappings().one()
    oldest = [numbers[f"oldest_{action}"] for action in CallAction]
    return BridgeStats(
        groups=order_counts.count_orders(connection),
        due=numbers["due"],
        later=numbers["later"],
        on_the_wire=numbers["sending"] + numbers["looked_up"],
        oldest_due=min((time for time in oldest if time is not None and time <= now), default=None),
        calls_in_the_last_minute=numbers["used"],
        gate=rate_limit.gate(connection, name=rate_name),
        oldest_owed=owed_calls.oldest_owed(connection),
        delivery_problems=numbers["problems"],
        unread_deliveries=numbers["unread"],
        product_mappings=numbers["products"],
        payment_method_mappings=numbers["payment_methods"],
    )
