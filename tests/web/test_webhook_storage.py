"""The webhook route when the database cannot store, and when a delivery cannot be processed."""

import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from panelr_bridge.application import fast_path
from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.settings import Settings
from panelr_bridge.store.database import Database
from tests.support.api_answers import BOTH_DATABASES, Logged, problem, stored_deliveries
from tests.support.bridge_kit import Kit, order


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a short time budget: the route waits for the database until it ends."""
    return settings.model_copy(update={"sync_budget_seconds": 1.0})


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


# Deliveries that cannot be stored


@contextlib.asynccontextmanager
async def away(database_url: str, database: Database) -> AsyncIterator[None]:
    """Make the database unavailable: a full disk on SQLite, no connections on PostgreSQL."""
    if database.dialect == "sqlite":

        def limit(connection: Connection, pages: int) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        await database.write(limit, 1)  # SQLite uses the free pages first
        yield
        await database.write(limit, 1_000_000)
        return
    url = make_url(database_url)
    admin = create_async_engine(
        url.set(database="postgres", drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT"
    )
    async with admin.connect() as connection:
        await connection.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false'))
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": url.database}
        )
        yield
        await connection.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true'))
    await admin.dispose()


@BOTH_DATABASES
async def test_what_the_database_cannot_store_is_answered_503_and_taken_later(mapped: Kit, database_url: str) -> None:
    large = order(customer_note=hashlib.shake_256().hexdigest(40_000))  # random bytes cannot be compressed
    async with away(database_url, mapped.runtime.database):
        answer = await mapped.post(large)
        assert problem(answer, 503)["detail"] == "the delivery could not be stored"
        assert mapped.panel.work_orders == {}
    answer = await mapped.post(large)
    assert (answer.status_code, answer.json()["state"]) == (200, "created")


@BOTH_DATABASES
async def test_what_an_operator_does_meanwhile_is_answered_503_and_done_later(
    mapped: Kit, database_url: str, logged: Logged
) -> None:
    words = [{"sku": hashlib.shake_256(bytes([n])).hexdigest(90), "panelr_product_id": 3} for n in range(200)]
    async with away(database_url, mapped.runtime.database):
        answer = await mapped.api("POST", "/product-mappings/import", json=words)
        assert problem(answer, 503)["detail"].startswith("the database cannot be used at the moment")
        assert "SQL" not in answer.text
    assert [entry["event"] for entry in logged if entry["event"] == "request.failed"] == ["request.failed"]
    assert (await mapped.api("POST", "/product-mappings/import", json=words)).status_code == 200


@BOTH_DATABASES
async def test_without_its_table_the_delivery_is_answered_503(kit: Kit) -> None:
    def drop(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE deliveries RENAME TO elsewhere")

    await kit.runtime.database.write(drop)
    problem(await kit.post(order()), 503)


# Deliveries that cannot be processed


def break_processing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processing of a delivery raise an unexpected error."""

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("a mistake of ours, with ada@example.test in it")

    monkeypatch.setattr(receive_delivery, "evaluate", broken)
    monkeypatch.setattr(fast_path, "evaluate_with", broken)


@BOTH_DATABASES
async def test_a_delivery_whose_processing_fails_is_kept_and_done_when_it_comes_again(
    mapped: Kit, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    with monkeypatch.context() as broken:
        break_processing(broken)
        answer = await mapped.post(order())
    assert answer.status_code == 200
    assert [each["event"] for each in logged if each["log_level"] == "error"] == ["delivery.failed"]
    words = "stored; it could not be processed: an operator must look at the log"
    assert answer.json() == {
        "order_id": 20,
        "state": None,
        "work_order_id": None,
        "reference_code": None,
        "reason": words,
    }
    (kept,) = await stored_deliveries(mapped)
    assert (kept["verdict"], kept["woo_order_id"], kept["times"]) == ("failed", 20, 1)
    assert json.loads(base64.b64decode(kept["body_base64"])) == order()
    answer = await mapped.post(order())
    assert (answer.status_code, answer.json()["state"]) == (200, "created")
    (kept,) = await stored_deliveries(mapped)
    assert (kept["verdict"], kept["words"], kept["times"]) == ("order", None, 2)


@pytest.mark.parametrize("modified", ["2026-11-21T19:16:44", "2026-11-21T19:16:43"])
async def test_a_later_snapshot_whose_processing_failed_is_done_when_it_comes_again(
    mapped: Kit, monkeypatch: pytest.MonkeyPatch, modified: str
) -> None:
    """WooCommerce's times have whole seconds: a later snapshot may have the same time."""
    await mapped.post(order(status="pending", date_modified_gmt="2026-11-21T19:16:43"))
    paid = order(date_modified_gmt=modified)
    with monkeypatch.context() as broken:
        break_processing(broken)
        assert (await mapped.post(paid)).status_code == 200
    answer = await mapped.post(paid)
    assert (answer.status_code, answer.json()["state"]) == (200, "created")
