"""The audit log: operators' decisions, and every display of a confirmation token."""

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
    """Add an entry to the audit log, in the transaction of the action that it records."""
    connection.execute(
        insert(audit_log).values(at=now, actor=actor, action=action, subject=subject, store=store, details=details)
    )
