"""Two workers and one row, between a statement's snapshot and its row lock."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import Connection, text

from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.store import database, orders, owed_calls
from panelr_bridge.store.database import Database
from panelr_bridge.store.rows import with_columns
from tests.support.postgres import wait_for_lock

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def dialect() -> str:
    """Use PostgreSQL only: SQLite has one writer."""
    return "postgresql"


async def test_a_row_that_another_has_claimed_meanwhile_is_passed_over(opened: Database, database_url: str) -> None:
    owed = owed_calls.owed_columns(action=CallAction.CREATE_WORK_ORDER, due=NOW, now=NOW)
    new = with_columns(orders.empty_row(store="default", woo_order_id=1, now=NOW), {"state": OrderState.QUEUED, **owed})
    order_id = await opened.write(orders.add, new)
    assert order_id is not None

    def claim(connection: Connection) -> None:
        assert owed_calls.next_due(connection, now=NOW) is not None
        sending = {"state": OrderState.SENDING, "attempts": 1}
        sending |= owed_calls.lease_columns(tries=1, until=NOW + timedelta(seconds=30), slot=1)
        orders.change(connection, order_id, sending, now=NOW)

    def claim_with_an_old_snapshot(connection: Connection) -> object:
        """Run the claim's own query, which waits for an advisory lock between its snapshot and its row lock."""
        waiting = owed_calls.DUE.where(text("(SELECT pg_advisory_xact_lock(7)) IS NOT NULL"))
        return connection.execute(waiting, {"now": NOW, "owed": CallAction.CREATE_WORK_ORDER}).first()

    holder = await asyncpg.connect(database_url)
    await holder.execute("SELECT pg_advisory_lock(7)")
    async with database.open_database(database_url) as another:
        late = asyncio.create_task(another.write(claim_with_an_old_snapshot))
        await wait_for_lock(opened)
        await opened.write(claim)
        await holder.close()
        assert await late is None
