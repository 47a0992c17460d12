"""Make a follow-up due."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.store import follow_ups, orders


async def plan_now(runtime: BridgeContainer, order_id: int) -> None:
    """Have an order's follow-ups planned now, and wake the worker."""

    def change(connection: Connection, now: datetime) -> None:
        orders.lock_by_id(connection, order_id)
        orders.schedule_planning(connection, order_id, at=now)

    await runtime.bridge.write(change)
    runtime.bridge.wake_worker.set()


async def due_now(runtime: BridgeContainer, order_id: int, kind: str) -> None:
    """Make an order's follow-up of a kind due now, and wake the worker."""

    def change(connection: Connection, now: datetime) -> None:
        orders.lock_by_id(connection, order_id)
        follow_ups.change(connection, order_id, FollowUpKind(kind), {"due_at": now})

    await runtime.bridge.write(change)
    runtime.bridge.wake_worker.set()
