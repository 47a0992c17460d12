"""Retry many orders by hand: the oldest first, each in a transaction of its own."""

from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application import bulk_retry, operator_actions
from panelr_bridge.errors import BadQuery
from panelr_bridge.settings import Settings
from panelr_bridge.store.tables import orders
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, order


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
async def refused(kit: Kit) -> Kit:
    """A bridge with three refused orders and one that is held."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.faults.add("refuse", action="create_work_order", times=3)
    for number in (20, 21, 22):
        await kit.post(order(id=number))
    line = order()["line_items"][0] | {"product_id": 99, "variation_id": 0, "sku": "ELSE"}
    await kit.post(order(id=23, line_items=[line]))
    return kit


async def retry(kit: Kit, **body: Any) -> dict[str, Any]:
    answer = await kit.api("POST", "/orders/retry", json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@BOTH_DATABASES
async def test_all_orders_in_these_states_are_retried(refused: Kit) -> None:
    answer = await retry(refused, state=["refused", "held"])
    assert answer == {
        "matching": None,
        "retried": {"queued": 3, "held": 1},
        "skipped": [],
        "left": 0,
        "last_id": 4,
    }
    for number in (20, 21, 22):
        await refused.until(number, "created")
    assert len(refused.panel.work_orders) == 3


async def test_a_dry_run_counts_and_changes_nothing(refused: Kit) -> None:
    before = [await refused.order(number) for number in (20, 21, 22, 23)]
    answer = await retry(refused, state=["refused", "held", "queued"], dry_run=True)
    assert answer["matching"] == {"refused": 3, "held": 1}
    assert (await retry(refused, state=["refused"], store="eu", dry_run=True))["matching"] == {}
    assert [await refused.order(number) for number in (20, 21, 22, 23)] == before


@BOTH_DATABASES
async def test_a_limit_takes_the_oldest_and_says_where_to_continue(refused: Kit) -> None:
    first = await retry(refused, state=["refused", "held"], limit=2)
    assert (first["retried"], first["left"], first["last_id"]) == ({"queued": 2}, 2, 2)
    rest = await retry(refused, state=["refused", "held"], after_id=first["last_id"])
    assert (rest["retried"], rest["left"], rest["last_id"]) == ({"queued": 1, "held": 1}, 0, 4)


async def test_an_order_that_cannot_be_retried_stops_no_other(refused: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    await refused.runtime.database.write(_forget_snapshot, 20)
    plain = operator_actions.retry

    def fail_for_the_second(connection: Connection, now: Any, order_id: int, **more: Any) -> Any:
        if order_id == 2:
            raise ValueError("unexpected")
        return plain(connection, now, order_id, **more)

    monkeypatch.setattr(operator_actions, "retry", fail_for_the_second)
    answer = await retry(refused, state=["refused"])
    assert answer["retried"] == {"queued": 1}
    assert answer["skipped"] == [
        {"id": 1, "words": "the order was deleted before the bridge ever saw it"},
        {"id": 2, "words": "retrying this order failed: the log says why"},
    ]


def _forget_snapshot(connection: Connection, woo_order_id: int) -> None:
    connection.execute(
        orders.update().where(orders.c.woo_order_id == woo_order_id).values(delivery_id=None, sent_delivery_id=None)
    )


@pytest.mark.parametrize(
    "body",
    [{}, {"state": []}, {"state": ["created"]}, {"state": ["refused"], "limit": 0}, {"state": ["refused"], "x": 1}],
)
async def test_what_cannot_be_retried_in_bulk_is_422(kit: Kit, body: dict[str, Any]) -> None:
    problem(await kit.api("POST", "/orders/retry", json=body), 422)


async def test_the_allowed_states_are_named(kit: Kit) -> None:
    detail = problem(await kit.api("POST", "/orders/retry", json={"state": ["created"]}), 422)["detail"]
    assert "'held', 'queued', 'refused' or 'unconfirmed'" in detail
    with pytest.raises(BadQuery, match="state: created is none of held, queued, refused, unconfirmed"):
        bulk_retry.parse_retryable("created")


async def test_batches_cover_every_order(refused: Kit, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_retry, "BATCH", 1)
    result = await bulk_retry.retry_many(
        refused.runtime.database,
        refused.runtime.bridge.write,
        states=bulk_retry.RETRYABLE,
        store=None,
        limit=None,
        policy=settings.policy,
        actor="test",
    )
    assert result.retried == {"queued": 3, "held": 1}
