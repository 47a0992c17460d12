"""Find what a worker has to do now and next, in one short statement that locks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from panelr_bridge.domain.models import CallAction, FollowUpKind
from panelr_bridge.store.mapping_tables import mapping_revisions
from panelr_bridge.store.panelr_tables import rate_limits
from panelr_bridge.store.tables import LOOKED_UP, SENDING, WAITS, follow_ups, orders

# Each minimum reads one entry of a partial index, by the index's exact condition for SQLite. A minimum over several
# actions would read the whole index.
_DUE_WORK = select(
    *(
        select(func.min(orders.c.next_attempt_at))
        .where(text(WAITS), orders.c.owes == action)
        .scalar_subquery()
        .label(action)
        for action in CallAction
    ),
    select(func.min(orders.c.call_until)).where(text(SENDING)).scalar_subquery().label("call_ends_at"),
    select(func.min(orders.c.call_until)).where(text(LOOKED_UP)).scalar_subquery().label("look_up_ends_at"),
    # one store at a time: starting from the waiting orders, a plan reads all of them, however few are behind
    select(mapping_revisions.c.store)
    .where(
        select(orders.c.id)
        .where(
            text("awaits_mapping"),
            orders.c.store == mapping_revisions.c.store,
            orders.c.mapping_revision < mapping_revisions.c.revision,
        )
        .correlate(mapping_revisions)
        .exists()
    )
    .exists()
    .label("mapping_changed"),
    select(func.min(orders.c.follow_at)).where(text("follow_at IS NOT NULL")).scalar_subquery().label("follow_at"),
    *(
        select(func.min(follow_ups.c.due_at))
        .where(text("lease_until IS NULL AND due_at IS NOT NULL"), follow_ups.c.kind == kind)
        .scalar_subquery()
        .label(f"follow_up_{kind}")
        for kind in FollowUpKind
    ),
    select(func.min(follow_ups.c.lease_until))
    .where(follow_ups.c.lease_until.is_not(None))
    .scalar_subquery()
    .label("follow_up_lease_ends_at"),
    # one row; with the time of the database
    select(func.min(rate_limits.c.closed_until))
    .where(rate_limits.c.failures > 0)
    .scalar_subquery()
    .label("gate_closed_until"),
)


@dataclass(frozen=True, slots=True)
class DueWork:
    """When the next call, lease and follow-up are due; whether orders must be decided by changed mappings.

    `follow_at` is when the next order's follow-ups are to be planned. `gate_closed_until` is None while the gate
    is open.
    """

    due_at: datetime | None
    lease_ends_at: datetime | None
    mapping_changed: bool
    follow_at: datetime | None = None
    follow_ups: Mapping[FollowUpKind, datetime] = field(default_factory=dict)
    follow_up_lease_ends_at: datetime | None = None
    gate_closed_until: datetime | None = None


def find_due_work(connection: Connection) -> DueWork:
    """Return the due work of every process on the database."""
    row = connection.execute(_DUE_WORK).one()
    follow_ups_due_at = {kind: getattr(row, f"follow_up_{kind}") for kind in FollowUpKind}
    return DueWork(
        due_at=_earliest(*(getattr(row, action) for action in CallAction)),
        lease_ends_at=_earliest(row.call_ends_at, row.look_up_ends_at),
        mapping_changed=bool(row.mapping_changed),
        follow_at=row.follow_at,
        follow_ups={kind: time for kind, time in follow_ups_due_at.items() if time is not None},
        follow_up_lease_ends_at=row.follow_up_lease_ends_at,
        gate_closed_until=row.gate_closed_until,
    )


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
