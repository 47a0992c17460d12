"""An idle worker: what it reads from the database, what wakes it, and what does not."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from panelr_bridge.application import worker
from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.woocommerce.order_payload import read_order
from tests.support.bridge_kit import Kit, kit_of, order

WRITES = "BEGIN IMMEDIATE"


@pytest.fixture
async def beside(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """Another process on the same database, without a worker."""
    async with kit_of(settings.model_copy(update={"worker": False}), panelr[1]) as kit:
        yield kit


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_at_rest_it_reads_one_statement_a_poll_and_writes_nothing(kit: Kit, statements: list[str]) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    assert (await kit.post(order())).json()["state"] == "created"
    assert (await kit.post(order(id=21, status="pending"))).json()["state"] == "waiting"
    while len(await _poll(statements)) != 2:  # the worker still works for the two orders
        pass
    for _ in range(3):
        begin, look = sorted(await _poll(statements))
        assert (begin, look[:6]) == ("BEGIN", "SELECT")


async def _poll(statements: list[str]) -> set[str]:
    """Return what is executed within the next two polls."""
    statements.clear()
    async with asyncio.timeout(60):
        while len(statements) < 4:  # noqa: ASYNC110  the worker appends to it
            await asyncio.sleep(0.01)
    return set(statements)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_deliveries_that_wait_for_the_limit_do_not_wake_it_one_by_one(
    settings: Settings, panelr: tuple[str, Panel], statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL", timedelta(seconds=60))
    async with kit_of(settings.model_copy(update={"panelr_rate_per_minute": 2}), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)  # this checks the product at Panelr
        states = [(await kit.post(order(id=number))).json()["state"] for number in (20, 21)]
        assert states == ["created", "queued"]
        await asyncio.sleep(0.2)
        statements.clear()
        for number in range(22, 32):
            assert (await kit.post(order(id=number))).json()["state"] == "queued"
            await asyncio.sleep(0.01)
        assert statements.count(WRITES) == 10


async def test_a_mapping_that_another_process_adds_is_found(kit: Kit, beside: Kit) -> None:
    assert (await beside.post(order())).json()["state"] == "held"
    await beside.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.until(20, "created")


async def test_what_another_process_owes_is_found(kit: Kit, beside: Kit) -> None:
    await beside.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.faults.add("status", status=503, retry_after=0, action="create_work_order")
    assert (await beside.post(order())).status_code == 202
    await kit.until(20, "created")


async def test_a_lease_of_another_process_that_ends_is_found(kit: Kit, beside: Kit) -> None:
    await beside.map(sku="PANEL-1000", panelr_product_id=3)
    body = json.dumps(order()).encode()
    delivery = Delivery(store="default", topic="order.updated", body=body, headers={}, verdict="order", woo_order_id=20)
    bridge = beside.runtime.bridge
    call_policy = replace(bridge.call_policy, lease=timedelta(seconds=0.2))
    received = await bridge.write(
        receive_delivery.receive, delivery, read_order(body), policy=bridge.policy, call_policy=call_policy
    )
    assert received.claim is not None  # that call is never made
    story = await kit.until(20, "created")
    assert [each["outcome"] for each in story["attempt_log"][:1]] == ["unknown"]
