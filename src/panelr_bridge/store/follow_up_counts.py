"""How many follow-ups are due: each kind is a step into the index of what is due."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text

from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.tables import follow_ups

_C = follow_ups.c
_OPEN = text("lease_until IS NULL AND due_at IS NOT NULL")  # in the words of its index, for SQLite
_DUE = select(
    *(
        select(func.count())
        .select_from(follow_ups)
        .where(_OPEN, _C.kind == kind, _C.due_at <= bindparam("now", type_=UtcDateTime()))
        .scalar_subquery()
        .label(str(kind))
        for kind in FollowUpKind
    )
)


def due(connection: Connection, *, now: datetime) -> dict[str, int]:
    """Return how many follow-ups of each kind are due."""
    return {name: int(n) for name, n in connection.execute(_DUE, {"now": now}).mappings().one().items()}
