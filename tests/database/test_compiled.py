"""Compiled statements: the same values, rows, events and errors as through SQLAlchemy."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, event, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.store import fast_path, orders, owed_calls
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.rows import NewAttemptRow, NewOrderRow, SettledOrderRow, with_columns
from panelr_bridge.store.tables import Columns
from panelr_bridge.store.tables import attempts as attempts_table
from panelr_bridge.store.tables import orders as orders_table
from tests.support.owed_rows import standing

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def order_row(number: int = 7, **more: Any) -> NewOrderRow:
    columns = standing(OrderState.SENDING, now=NOW) | {"attempts": 1} | more
    return with_columns(orders.empty_row(store="default", woo_order_id=number, now=NOW), columns)


def attempt_row(order_id: int) -> NewAttemptRow:
    return {
        "order_id": order_id,
        "action": CallAction.CREATE_WORK_ORDER,
        "number": 1,
        "outcome": "done",
        "status": 200,
        "milliseconds": 12,
        "words": "created WO-1",
        "started_at": NOW,
        "recorded_at": NOW,
    }


CREATED: Columns = {
    "state": OrderState.CREATED,
    "reasons": [],
    "reference_code": "WO-1",
    "awaits_mapping": False,
    **owed_calls.NO_OWED_CALL,
}


async def test_what_goes_in_comes_out_as_by_sqlalchemys_own_way(opened: Database) -> None:
    """Values of every column type: numbers, text, bytes, JSON, JSON null, money, times, enums, booleans."""
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    values = order_row(
        woo_total=Decimal("58.450"), snapshot_sha256=b"\x00\xff", reasons=[{"code": "x", "words": "ü"}],
        woo_modified_at=elsewhere, adopted=True, request="{}",
    )  # fmt: skip

    def work(connection: Connection) -> tuple[dict[str, Any], dict[str, Any]]:
        prepared = orders.add(connection, values)
        plain = connection.execute(
            insert(orders_table)
            .values(values | {"woo_order_id": 8, "woo_order_number": "7"})
            .returning(orders_table.c.id)
        ).scalar_one()
        rows = connection.execute(select(orders_table).order_by(orders_table.c.id)).mappings().all()
        assert [row["id"] for row in rows] == [prepared, plain]
        nulls = connection.execute(text("SELECT count(*) FROM orders WHERE attention IS NULL")).scalar_one()
        assert nulls == 2
        return dict(rows[0]), dict(rows[1])

    first, second = await opened.write(work)
    for row in (first, second):
        del row["id"], row["woo_order_id"]
    assert first == second
    assert first["woo_modified_at"] == NOW
    assert first["woo_total"] == Decimal("58.450")


async def test_its_errors_are_sqlalchemys_and_hold_no_values(opened: Database) -> None:
    await opened.write(lambda connection: orders.add(connection, order_row()))

    def of_no_order(connection: Connection) -> None:
        orders.add_attempt(connection, attempt_row(order_id=2))

    with pytest.raises((IntegrityError, DBAPIError)) as raised:
        await opened.write(of_no_order)
    assert isinstance(raised.value, IntegrityError)
    assert not is_unavailable(raised.value)
    assert "2026" not in str(raised.value)


async def test_a_missing_value_is_a_mistake_of_the_caller(opened: Database) -> None:
    incomplete: Any = {"store": "default"}
    with pytest.raises(KeyError):
        await opened.write(lambda connection: orders.add(connection, incomplete))


async def test_constants_stay_and_listeners_are_called(opened: Database) -> None:
    statement = CompiledStatement(
        select(orders_table.c.id).where(
            orders_table.c.state == OrderState.SENDING, orders_table.c.store == bindparam("of_store")
        )
    )
    heard: list[tuple[str, Any]] = []

    def work(connection: Connection) -> list[Any]:
        orders.add(connection, order_row())

        def note(_connection: Any, _cursor: Any, sql: str, _values: Any, context: Any, _many: bool) -> None:
            heard.append((sql, context.compiled_parameters))

        event.listen(connection.engine, "before_cursor_execute", note)
        event.listen(connection.engine, "after_cursor_execute", note)
        return [statement.run(connection, {"of_store": store, "more": 1}) for store in ("default", "other")]

    found, nothing = await opened.write(work)
    assert ([tuple(row) for row in found], nothing) == ([(1,)], [])
    assert [named for _, named in heard] == [
        [{"of_store": store, "more": 1}] for store in ("default",) * 2 + ("other",) * 2
    ]


@pytest.mark.parametrize("fence", [{"attempts": 2}, standing(OrderState.UNCONFIRMED, now=NOW)])
async def test_a_call_that_the_order_does_not_wait_for_concludes_nothing(opened: Database, fence: Columns) -> None:
    order_id = await opened.write(orders.add, with_columns(order_row(), fence))
    assert order_id is not None

    def conclude(connection: Connection) -> SettledOrderRow | None:
        return fast_path.record_created(connection, order_id, 1, CREATED, attempt_row(order_id), now=NOW)

    assert await opened.write(conclude) is None
    assert await opened.read(orders.list_attempts, order_id) == []
    row = await opened.read(orders.get, order_id)
    assert row is not None
    assert row["owes"] is not None


async def test_a_call_concludes_once(opened: Database) -> None:
    order_id = await opened.write(orders.add, order_row(woo_status="processing"))
    assert order_id is not None

    def conclude(connection: Connection) -> SettledOrderRow | None:
        return fast_path.record_created(connection, order_id, 1, CREATED, attempt_row(order_id), now=NOW)

    outcomes = await asyncio.gather(*(opened.write(conclude) for _ in range(5)))
    assert [outcome for outcome in outcomes if outcome is not None] == [
        {"delivery_id": None, "woo_status": "processing"}
    ]
    (attempt,) = await opened.read(orders.list_attempts, order_id)
    assert attempt == {"id": attempt["id"], **attempt_row(order_id)}
    row = await opened.read(orders.get, order_id)
    assert row is not None
    assert (row["state"], row["reference_code"], row["updated_at"]) == ("created", "WO-1", NOW)
    assert owed_calls.call_of(row) is None
    assert {column.name for column in attempts_table.c} - {"id"} == set(attempt_row(order_id))
