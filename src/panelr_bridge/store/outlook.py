"""Whether there is anything for a worker to do, and when there will be: one short statement that locks nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from panelr_bridge.store.tables import mapping_revisions, orders, outbox
from panelr_bridge.values import Action

# Each is one step into an index; a least one over several actions would read the whole of it.
_OUTLOOK = select(
    *(
        select(func.min(outbox.c.next_attempt_at))
        .where(outbox.c.lease_until.is_(None), outbox.c.action == action)
        .scalar_subquery()
        .label(action)
        for action in Action
    ),
    select(func.min(outbox.c.lease_until))
    .where(outbox.c.lease_until.is_not(None))
    .scalar_subquery()
    .label("lease_ends_at"),
    select(orders.c.id)
    .join(mapping_revisions, mapping_revisions.c.store == orders.c.store)
    .where(orders.c.awaits_mapping, orders.c.mapping_revision < mapping_revisions.c.revision)
    .exists()
    .label("mapping_changed"),
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a worker would find: the next due call, the next lease to end, orders to decide anew."""

    due_at: datetime | None
    lease_ends_at: datetime | None
    mapping_changed: bool


def look(connection: Connection) -> Outlook:
    """Look at what is owed by every process on the database."""
    row = connection.execute(_OUTLOOK).one()
    due = [moment for moment in (getattr(row, action) for action in Action) if moment is not None]
    return Outlook(min(due, default=None), row.lease_ends_at, bool(row.mapping_changed))
