"""Changes of a write-back that no webhook has reported."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce import OrderChanges
from tests.support.payments import find_follow_up
from tests.support.shops import Rig, rig_of


@pytest.fixture
def dialect() -> str:
    """Use SQLite only."""
    return "sqlite"


@pytest.fixture
async def rig(settings: Settings, panelr: tuple[str, Panel], orders_api: str) -> AsyncIterator[Rig]:
    """A shop whose webhooks are all lost, and a bridge that writes back."""
    async with rig_of(settings, panelr[1], orders_api, write_back=True) as rig:
        yield rig


def is_written(story: dict[str, Any]) -> bool:
    return (find_follow_up(story, "write_back") or {"done_at": None})["done_at"] is not None


@pytest.mark.parametrize("by_webhook", [False, True])
async def test_an_echo_is_no_missed_order(rig: Rig, by_webhook: bool) -> None:
    number = rig.buy()
    if by_webhook:
        await rig.kit.post(rig.webhook_content(number), topic="order.created")
    else:
        await rig.walk()
    rig.clock.advance(5)
    await rig.kit.until(number, is_written)
    assert rig.store.orders[number].modified == rig.clock.now
    assert (await rig.backfill.dry_run("default")).found == 0
    assert await rig.walk() == (1, 0, 0)
    assert await rig.walk() == (1, 0, 0)


async def test_a_change_beside_the_echo_is_found(rig: Rig) -> None:
    number = rig.buy()
    await rig.walk()
    await rig.kit.until(number, is_written)
    rig.clock.advance(5)
    rig.store.update(number, OrderChanges(status="cancelled"))
    assert await rig.walk() == (0, 1, 0)
    assert (await rig.kit.order(number))["woo_status"] == "cancelled"
