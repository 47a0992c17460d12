"""Two shops behind one address: a staging copy, a rebuilt shop, a shop that moved. Nothing of theirs is merged."""

from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection

from panelr_bridge.settings import Settings, StoreSettings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import ORDERS_SINCE, Kit, kit_of, order
from tests.support.payments import map_bank_transfer

SHOP, STAGING = {"X-WC-Webhook-Source": "https://www.shop.test/"}, {"X-WC-Webhook-Source": "https://staging.test/"}
LATER = "2026-11-21T20:00:00"
REBUILT = {"order_key": "wc_order_rebuilt", "billing": order()["billing"] | {"email": "second@example.test"}}
UNPAID = {"status": "pending", "date_paid_gmt": None}


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000, whose shop is known."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    assert (await kit.post(order(id=1, order_key="wc_order_1"), headers=SHOP)).json()["state"] == "created"
    return kit


async def deliveries(kit: Kit, woo_order_id: int) -> list[tuple[str, str]]:
    return [(each["topic"], each["verdict"]) for each in (await kit.order(woo_order_id))["deliveries"]]


def codes(story: dict[str, Any], of: str = "attention") -> list[str]:
    return [each["code"] for each in story[of]]


@pytest.mark.parametrize("headers", [SHOP, STAGING, {}], ids=["the same host", "another host", "no host"])
@pytest.mark.parametrize("topic", ["order.created", "order.updated", "order.restored"])
async def test_an_order_with_another_key_leaves_the_known_one_as_it_is(
    mapped: Kit, headers: dict[str, str], topic: str
) -> None:
    await mapped.post(order(), headers=SHOP)
    before = await mapped.order(20)
    changes = {"status": "cancelled", "total": "1.00", "date_modified_gmt": LATER} | REBUILT
    answer = await mapped.post(order(**changes), topic=topic, headers=headers)
    assert (answer.status_code, answer.json()["state"], answer.json()["order_id"]) == (200, None, 20)
    assert "holds order 20 of another shop" in answer.json()["reason"]
    after = await mapped.order(20)
    assert codes(after) == ["another_order_same_id"]
    ignored = {"attention", "needs_person", "updated_at", "deliveries"}
    assert {k: v for k, v in after.items() if k not in ignored} == {k: v for k, v in before.items() if k not in ignored}
    assert (await deliveries(mapped, 20))[-1] == (topic, "another_order")
    assert len(mapped.panel.work_orders) == 2


async def test_a_payment_of_another_order_pays_nothing(mapped: Kit) -> None:
    await map_bank_transfer(mapped, "submit_payment")
    await mapped.post(order(status="on-hold", date_paid_gmt=None, payment_method="bacs"), headers=SHOP)
    await mapped.post(order(payment_method="bacs", date_modified_gmt=LATER, **REBUILT), headers=SHOP)
    story = await mapped.order(20)
    assert (story["state"], story["woo_status"]) == ("created", "on-hold")
    assert mapped.panel.of_wc_order("20")[0].payments == []


async def test_a_waiting_order_is_not_paid_by_another_one(mapped: Kit) -> None:
    await mapped.post(order(**UNPAID), headers=SHOP)
    await mapped.post(order(date_modified_gmt=LATER, **REBUILT), headers=SHOP)
    story = await mapped.order(20)
    assert (story["state"], codes(story)) == ("waiting", ["another_order_same_id"])
    await mapped.post(order(date_modified_gmt=LATER), headers=SHOP)
    assert (await mapped.order(20))["state"] == "created"


async def test_while_two_orders_have_an_id_a_deletion_changes_neither(mapped: Kit) -> None:
    await mapped.post(order(), headers=SHOP)
    await mapped.post(order(date_modified_gmt=LATER, **REBUILT), headers=SHOP)
    answer = await mapped.post(b'{"id":20}', topic="order.deleted", headers=SHOP)
    assert (answer.status_code, answer.json()["state"]) == (200, None)
    assert (await mapped.order(20))["woo_status"] == "processing"
    story = await mapped.order(20)
    await mapped.api("POST", f"/orders/{story['id']}/acknowledge", json={"note": "the shop has a name of its own now"})
    await mapped.post(b'{"id": 20}', topic="order.deleted", headers=SHOP)
    assert (await mapped.order(20))["woo_status"] == "processing"


async def test_many_deliveries_of_another_order_are_one_attention_that_can_be_acknowledged(mapped: Kit) -> None:
    await mapped.post(order(), headers=SHOP)
    for second in range(3):
        await mapped.post(order(date_modified_gmt=f"2026-11-21T20:00:0{second}", **REBUILT), headers=SHOP)
    story = await mapped.order(20)
    assert codes(story) == ["another_order_same_id"]
    await mapped.api("POST", f"/orders/{story['id']}/acknowledge", json={"note": "seen"})
    await mapped.post(order(date_modified_gmt="2026-11-21T20:00:05", **REBUILT), headers=SHOP)
    assert codes(await mapped.order(20)) == []


async def test_the_same_bytes_again_are_judged_the_same_and_counted(mapped: Kit) -> None:
    await mapped.post(order(), headers=SHOP)
    foreign = order(date_modified_gmt=LATER, **REBUILT)
    first = await mapped.post(foreign, headers=SHOP)
    again = await mapped.post(foreign, headers=SHOP)
    assert again.json() == first.json()
    assert [each["times"] for each in (await mapped.order(20))["deliveries"]] == [1, 2]


async def test_an_order_without_a_key_is_the_known_one(mapped: Kit) -> None:
    await mapped.post(order(), headers=SHOP)
    await mapped.post(order(order_key="", status="completed", date_modified_gmt=LATER), headers=SHOP)
    story = await mapped.order(20)
    assert (story["woo_status"], story["attention"]) == ("completed", [])
    await mapped.post(order(date_modified_gmt="2026-11-21T21:00:00", **REBUILT), headers=SHOP)
    assert codes(await mapped.order(20)) == ["another_order_same_id"]


async def test_an_order_of_an_older_version_has_the_key_of_its_snapshot(mapped: Kit) -> None:
    await mapped.post(order(), headers=SHOP)
    await mapped.runtime.bridge.write(_forget_keys)
    await mapped.post(order(date_modified_gmt=LATER, **REBUILT), headers=SHOP)
    assert codes(await mapped.order(20)) == ["another_order_same_id"]
    await mapped.post(order(status="completed", date_modified_gmt=LATER), headers=SHOP)
    assert (await mapped.order(20))["woo_status"] == "completed"


def _forget_keys(connection: Connection, _: datetime) -> None:
    connection.execute(orders.update().values(woo_order_key="", woo_source=""))


async def test_an_order_gets_the_first_key_that_is_shown(mapped: Kit) -> None:
    await mapped.post(order(order_key=""), headers=SHOP)
    await mapped.post(order(status="completed", date_modified_gmt=LATER), headers=SHOP)
    assert (await mapped.order(20))["woo_status"] == "completed"
    await mapped.post(order(date_modified_gmt="2026-11-21T21:00:00", **REBUILT), headers=SHOP)
    assert codes(await mapped.order(20)) == ["another_order_same_id"]


async def test_a_staging_copys_own_orders_are_held_even_if_a_person_retries_them(mapped: Kit) -> None:
    answer = await mapped.post(order(), headers=STAGING)
    assert (answer.status_code, answer.json()["state"]) == (200, "held")
    story = await mapped.order(20)
    assert codes(story, "reasons") == ["other_source"]
    await mapped.map(sku="ANOTHER", panelr_product_id=4)
    await mapped.api("POST", f"/orders/{story['id']}/retry")
    await mapped.post(order(status="completed", date_modified_gmt=LATER), headers=STAGING)
    story = await mapped.order(20)
    assert (story["state"], story["woo_status"], codes(story, "reasons")) == ("held", "completed", ["other_source"])
    assert len(mapped.panel.work_orders) == 1


@pytest.mark.parametrize(
    ("status", "attention"), [("processing", []), ("cancelled", ["other_source"])], ids=["saved", "cancelled"]
)
async def test_a_staging_copys_change_of_a_real_order_changes_nothing(
    mapped: Kit, status: str, attention: list[str]
) -> None:
    await mapped.post(order(), headers=SHOP)
    answer = await mapped.post(order(status=status, total="1.00", date_modified_gmt=LATER), headers=STAGING)
    assert (answer.status_code, answer.json()["state"]) == (200, None)
    story = await mapped.order(20)
    assert (story["woo_status"], story["woo_total"], codes(story)) == ("processing", "58.45", attention)
    assert (await deliveries(mapped, 20))[-1] == ("order.updated", "other_source")


async def test_a_staging_copys_deletions_delete_nothing(mapped: Kit) -> None:
    await mapped.post(order(), headers=SHOP)
    await mapped.post(b'{"id":20}', topic="order.deleted", headers=STAGING)
    story = await mapped.order(20)
    assert (story["woo_status"], codes(story)) == ("processing", ["other_source"])
    await mapped.post(b'{"id":21}', topic="order.deleted", headers=STAGING)
    assert (await mapped.api("GET", "/orders?woo_order_id=21")).json()["data"] == []
    assert (await mapped.post(order(id=21), headers=SHOP)).json()["state"] == "created"


async def test_what_the_shop_itself_sends_settles_what_its_copy_said(mapped: Kit) -> None:
    await mapped.post(order(), headers=SHOP)
    await mapped.post(order(status="cancelled", date_modified_gmt=LATER), headers=STAGING)
    await mapped.post(order(status="completed", date_modified_gmt=LATER), headers=SHOP)
    story = await mapped.order(20)
    assert (story["woo_status"], story["attention"]) == ("completed", [])


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("key", [{}, REBUILT], ids=["the same order", "another order"])
async def test_the_shops_own_order_takes_the_place_of_its_copys_that_was_never_sent(
    mapped: Kit, key: dict[str, Any], closed: bool
) -> None:
    await mapped.post(order(), headers=STAGING)
    if closed:
        await mapped.api("POST", f"/orders/{(await mapped.order(20))['id']}/close", json={"reason": "a copy's"})
    answer = await mapped.post(order(**key), headers=SHOP)
    assert answer.json()["state"] == "created"
    (made,) = mapped.panel.of_wc_order("20")
    assert made.customer_email == order(**key)["billing"]["email"]
    assert (await mapped.order(20))["attention"] == []


async def test_a_shop_that_moved_goes_on_by_its_new_address_in_the_settings(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    moved = {"X-WC-Webhook-Source": "https://new-shop.test"}
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await kit.post(order(id=1, **UNPAID), headers=SHOP)
        assert (await kit.post(order(id=1, date_modified_gmt=LATER), headers=moved)).json()["state"] is None
        assert (await kit.post(order(id=2), headers=moved)).json()["state"] == "held"
        left_out = (await kit.order(1))["deliveries"][-1]["id"]
    known = settings.model_copy(update={"shop_addresses": ("https://new-shop.test",)})
    async with kit_of(known, panelr[1]) as kit:
        assert (await kit.post(order(id=3), headers=moved)).json()["state"] == "created"
        await kit.api("POST", f"/orders/{(await kit.order(2))['id']}/retry")
        await kit.until(2, "created")
        assert (await kit.api("POST", f"/deliveries/{left_out}/replay")).status_code == 200
        story = await kit.until(1, "created")
        assert story["attention"] == []
        assert (await kit.post(order(id=4), headers=SHOP)).json()["state"] == "held"  # the domain that it left


async def test_the_settings_say_which_shop_it_is_before_the_first_delivery(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    known = settings.model_copy(update={"shop_addresses": ("https://shop.test", "https://shop.example")})
    async with kit_of(known, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        states = [
            (await kit.post(order(id=number), headers=headers)).json()["state"]
            for number, headers in enumerate([STAGING, SHOP, {"X-WC-Webhook-Source": "http://shop.example/de"}, {}], 1)
        ]
    assert states == ["held", "created", "created", "created"]


async def test_each_store_has_a_shop_of_its_own(settings: Settings, panelr: tuple[str, Panel]) -> None:
    stores = {"eu": StoreSettings(webhook_secret=SecretStr("secret-of-eu"), orders_since=ORDERS_SINCE)}
    async with kit_of(settings.model_copy(update={"stores": stores}), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await kit.map(store="eu", sku="PANEL-1000", panelr_product_id=3)
        first = await kit.post(order(), headers=SHOP)
        rebuilt = order(date_modified_gmt=LATER, **REBUILT)
        second = await kit.post(rebuilt, store="eu", secret="secret-of-eu", headers=STAGING)
        assert (first.json()["state"], second.json()["state"]) == ("created", "created")
        assert len(kit.panel.of_wc_order("20")) == 2


def test_a_private_address_of_the_api_is_not_what_the_shop_calls_itself(settings: Settings) -> None:
    for url, sources in (
        ("http://127.0.0.1:8000", {}),
        ("http://wordpress.internal", {}),
        ("https://www.my-shop.com/wp-json", {"default": {"my-shop.com"}}),
    ):
        assert settings.model_copy(update={"woo_url": url}).policy.sources == sources
