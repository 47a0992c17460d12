"""Who did what: operators' decisions, and every look at a confirmation token."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from panelr_bridge.store.tables import audit_log


def add(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    store: str | None = None,
    **details: Any,
) -> None:
    """Write one line into the audit log, in the transaction of what it tells of."""
    connection.execute(
        insert(audit_log).values(at=now, actor=actor, action=action, subject=subject, store=store, details=details)
    )
