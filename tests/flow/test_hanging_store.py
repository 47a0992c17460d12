"""A shop that hangs delays no payment, and a write-back to it is repeated."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from panelr_bridge.application.follow_ups import lease, write_back
from panelr_bridge.application.follow_ups.runner import FollowUpRunner, FollowUpStores
from panelr_bridge.application.follow_ups.write_back import WRITE_TIMEOUT
from panelr_bridge.domain.follow_up_rules import StoreOptions
from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.store import due_work
from panelr_bridge.store.tables import follow_ups
from tests.support.bridge_kit import Kit
from tests.support.panelr_faults import order_of_customer
from tests.support.payments import (
    ON_HOLD,
    PAID,
    amounts_paid,
    attention_codes,
    find_follow_up,
    is_settled,
    map_bank_transfer,
)


class Hanging:
    """A shop that takes every request and answers none."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def update_order(self, order_id: int, changes: dict[str, Any]) -> dict[str, Any]:
        self.asked.set()
        await self.let_go.wait()
        return {"id": order_id} | changes

    async def add_note(self, *_: Any, **__: Any) -> None:
        """Accept a note."""

    async def has_note(self, *_: Any, **__: Any) -> bool:
        return False

    async def list_refunds(self, _: int) -> tuple[dict[str, Any], ...]:
        await self.let_go.wait()
        return ()

    async def list_subscription_orders(self, _: int) -> list[Any]:
        return []


@pytest.fixture
def store() -> Hanging:
    return Hanging()


@pytest.fixture
async def following(stepped: Kit, store: Hanging) -> AsyncIterator[FollowUpRunner]:
    """A follow-up runner for a shop that hangs; the test runs its turns."""
    await map_bank_transfer(stepped, "submit_payment")
    bridge = stepped.runtime.bridge
    stores = FollowUpStores(
        options={"default": StoreOptions(url="https://shop.test", writes_back=True)}, clients={"default": store}
    )
    following = FollowUpRunner(
        bridge, policy=bridge.policy, call_policy=bridge.call_policy, stores=stores, wake_worker=asyncio.Event()
    )
    yield following
    store.let_go.set()
    await following.drain(seconds=60)


async def turn(kit: Kit, following: FollowUpRunner) -> None:
    await following.run_due(await kit.runtime.database.read(due_work.find_due_work), now=kit.runtime.bridge.clock())


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_store_that_hangs_holds_up_no_payment(
    stepped: Kit, following: FollowUpRunner, store: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panelr_bridge.application.follow_ups.runner.AT_ONCE", 1)
    await stepped.post(order_of_customer(20) | ON_HOLD)
    await turn(stepped, following)
    await stepped.until(20, is_settled("instructions"))
    async with asyncio.timeout(60):
        await store.asked.wait()
    await stepped.post(order_of_customer(20) | PAID)
    await turn(stepped, following)
    await stepped.until(20, is_settled("payment"))
    assert [str(amount) for amount in amounts_paid(stepped, 20)] == ["58.45"]


async def test_a_store_that_hangs_is_given_up_in_time_and_written_to_again(
    stepped: Kit, following: FollowUpRunner, store: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_back, "WRITE_TIMEOUT", timedelta(seconds=0.2))
    await stepped.post(order_of_customer(20) | ON_HOLD)
    async with asyncio.timeout(60):
        while not store.asked.is_set():  # an order that another follow-up has locked is skipped until the next turn
            await turn(stepped, following)
    await following.drain(seconds=60)
    story = await stepped.order(20)
    (tried,) = [each for each in story["attempt_log"] if each["action"] == "write_back"]
    assert (tried["outcome"], tried["words"]) == ("unknown", "the shop took longer than 0.2 s")
    owed = find_follow_up(story, "write_back")
    assert owed is not None
    assert (owed["lease_until"], owed["done_at"], attention_codes(story)) == (None, None, ())
    assert owed["due_at"] is not None

    store.let_go.set()
    await stepped.runtime.bridge.write(_due)
    await turn(stepped, following)
    await following.drain(seconds=60)
    story = await stepped.order(20)
    assert [each["outcome"] for each in story["attempt_log"] if each["action"] == "write_back"] == ["unknown", "done"]


def _due(connection: Connection, now: datetime) -> None:
    connection.execute(update(follow_ups).where(follow_ups.c.kind == FollowUpKind.WRITE_BACK).values(due_at=now))


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_no_lease_ends_while_a_store_may_still_be_written_to(
    stepped: Kit, following: FollowUpRunner, store: Hanging
) -> None:
    """Otherwise two processes would write to the shop at once."""
    await stepped.post(order_of_customer(20) | ON_HOLD)
    await turn(stepped, following)
    await store.asked.wait()
    await stepped.until(20, is_settled("instructions"))
    bridge = stepped.runtime.bridge

    def end(connection: Connection, now: datetime, after: timedelta) -> int | None:
        return lease.end_one_lease(connection, now + after, call_policy=bridge.call_policy)

    assert await bridge.write(end, WRITE_TIMEOUT) is None
    assert await bridge.write(end, 2 * WRITE_TIMEOUT) is not None
