"""Whether there is anything for a worker to do, and when there will be: one short statement that locks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from panelr_bridge.domain.models import CallAction, FollowUpKind
from panelr_bridge.store.tables import LOOKED_UP, SENDING, WAITS, follow_ups, mapping_revisions, orders

# Each is one step into an index, in its words for SQLite; a least one over several actions would read the whole of it.
_OUTLOOK = select(
    *(
        select(func.min(orders.c.next_attempt_at))
        .where(text(WAITS), orders.c.owes == action)
        .scalar_subquery()
        .label(action)
        for action in CallAction
    ),
    select(func.min(orders.c.call_until)).where(text(SENDING)).scalar_subquery().label("call_ends_at"),
    select(func.min(orders.c.call_until)).where(text(LOOKED_UP)).scalar_subquery().label("look_up_ends_at"),
    # store by store: whoever begins with the orders that wait reads them all, however few are behind
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
)


@dataclass(frozen=True, slots=True)
class DueWork:
    """What a worker would find: what is due next, the next leases to end, orders to decide anew or to look after."""

    due_at: datetime | None
    lease_ends_at: datetime | None
    mapping_changed: bool
    follow_at: datetime | None = None
    follow_ups: Mapping[FollowUpKind, datetime] = field(default_factory=dict)
    follow_up_lease_ends_at: datetime | None = None


def find_due_work(connection: Connection) -> DueWork:
    """Look at what is owed by every process on the database."""
    row = connection.execute(_OUTLOOK).one()
    each = {kind: getattr(row, f"follow_up_{kind}") for kind in FollowUpKind}
    return DueWork(
        due_at=_first(*(getattr(row, action) for action in CallAction)),
        lease_ends_at=_first(row.call_ends_at, row.look_up_ends_at),
        mapping_changed=bool(row.mapping_changed),
        follow_at=row.follow_at,
        follow_ups={kind: moment for kind, moment in each.items() if moment is not None},
        follow_up_lease_ends_at=row.follow_up_lease_ends_at,
    )


def _first(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
