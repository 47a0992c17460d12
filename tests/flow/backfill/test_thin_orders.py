"""Orders of an Orders resource: their dates, SKUs and missing fields."""

from datetime import timedelta

import pytest

from panelr_bridge.simulators.woocommerce import Cart, NewOrderLine, OrderChanges, place_order
from tests.support.shops import RESOURCE, Rig


@pytest.fixture
def dialect() -> str:
    """Use SQLite only."""
    return "sqlite"


@pytest.fixture
def orders_api() -> str:
    """Use the Orders resource only."""
    return RESOURCE


async def test_local_times_are_read_by_the_sites_offset(rig: Rig) -> None:
    rig.store.switches.local_dates = True
    number = rig.buy()
    assert await rig.walk() == (0, 1, 0)
    assert rig.seen[0].modified_at == rig.store.orders[number].modified
    assert (await rig.cursor())["moment"] == rig.store.orders[number].modified
    assert await rig.walk() == (1, 0, 0)


async def test_a_resource_that_shows_utc_is_recognised_by_a_webhook(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "panelr_bridge.simulators.woocommerce.orders_resource.fields._format_atom", lambda moment: moment.isoformat()
    )
    known, missed = rig.buy_many(2)
    await rig.kit.post(rig.webhook_content(known), topic="order.created")
    assert await rig.walk() == (1, 1, 0)
    assert {each.woo_order_id: each.modified_at for each in rig.seen}[missed] == rig.store.orders[missed].modified


async def test_a_thin_snapshot_replaces_no_full_one_of_its_second(rig: Rig) -> None:
    number = rig.buy()
    await rig.kit.post(rig.webhook_content(number), topic="order.created")
    await rig.kit.until(number, "created")
    before = await rig.kit.order(number)
    rig.store.update(number, OrderChanges(status="completed"))
    assert await rig.walk() == (1, 0, 0)
    after = await rig.kit.order(number)
    assert after["woo_status"] == before["woo_status"]
    rig.clock.advance(1)
    rig.store.touch(number)
    assert await rig.walk() == (0, 1, 0)
    assert (await rig.kit.order(number))["woo_status"] == "completed"


def buy_by_sku(rig: Rig, sku: str) -> int:
    rig.clock.advance(1)
    line = NewOrderLine(rig.store.product(sku=sku))
    return place_order(rig.store, Cart([line], payment_method="stripe")).id


async def test_skus_come_from_wc_v3_where_the_user_may_read_it(rig: Rig) -> None:
    skus = [product.sku for product in rig.store.products.values() if product.sku and product.sku != "PANEL-1000"]
    variation = next(each.sku for each in rig.store.products.values() if each.parent_id and each.sku)
    numbers = []
    for sku in {skus[0], variation}:
        await rig.kit.map(sku=sku, panelr_product_id=3)
        numbers.append(buy_by_sku(rig, sku))
    assert await rig.walk() == (0, len(numbers), 0)
    await rig.all_created(sorted(numbers))
    rig.store.requests.clear()
    for sku in {skus[0], variation}:
        buy_by_sku(rig, sku)
    await rig.walk(since=rig.clock.now - timedelta(minutes=1))
    assert not [each for each in rig.store.requests if each.action.startswith(("products", "variations"))]


async def test_words_say_that_there_are_no_skus(rig: Rig) -> None:
    rig.store.switches.local_environment = False
    sku = next(each.sku for each in rig.store.products.values() if each.sku and each.sku != "PANEL-1000")
    await rig.kit.map(sku=sku, panelr_product_id=3)
    number = buy_by_sku(rig, sku)
    assert await rig.walk() == (0, 1, 0)
    assert (await rig.kit.order(number))["state"] == "held"
    assert "shows no SKUs" in rig.seen[0].words
    (kept,) = (await rig.kit.api("GET", "/deliveries")).json()["data"]
    assert "shows no SKUs" in kept["words"]
