"""The shop's client with the simulated shop's Orders resource, with answers that get lost."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from panelr_bridge.errors import ShopMisconfigured, ShopNotFound, ShopRefused, ShopUnclear, ShopUnsupported
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import create_app
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from panelr_bridge.woocommerce.rest.normalize import as_order
from tests.support.shop_client import Losing, resource

NEW = {
    "status": "processing",
    "billing": {"first_name": "Zoë", "email": "zoe@mail.test"},
    "line_items": [{"product_id": 12, "quantity": 2}],
    "meta_data": [{"key": "panelr_intent", "value": "renewal"}],
}


class Shop:
    """A shop, its address, and the rule which answers get lost."""

    def __init__(self) -> None:
        self.app = create_app()
        self.store: Any = self.app.state.shop
        self.lose: Callable[[str, int], str] = lambda _, __: ""
        self.losing = Losing(self.app, lambda method, number: self.lose(method, number))  # noqa: PLW0108  lose changes
        self.url = ""


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with running(shop.losing) as url:
        shop.url = url
        yield shop


async def test_an_order_is_made_read_listed_changed_and_deleted(shop: Shop) -> None:
    async with resource(shop.url) as client:
        made = await client.create_order(NEW)
        read = as_order(await client.get_order(made["id"]))
        assert (read.status, read.billing.email, read.line_items[0].product_id) == ("processing", "zoe@mail.test", 12)
        assert read.meta("panelr_intent") == "renewal"
        assert read.date_modified_gmt == shop.store.order(made["id"]).modified.replace(microsecond=0)
        page = await client.list_orders(query=OrdersQuery(statuses=("processing",), fields=("id", "status")))
        assert (page.orders, page.total, page.has_more) == (({"id": made["id"], "status": "processing"},), 1, False)
        changed = await client.update_order(
            made["id"], {"status": "completed", "meta_data": [{"key": "panelr_reference_code", "value": "WO-1"}]}
        )
        assert as_order(changed).meta("panelr_reference_code") == "WO-1"
        assert await client.delete_order(made["id"], force=False) == {"id": made["id"], "deleted": True}
        with pytest.raises(ShopNotFound):
            await client.get_order(made["id"])


async def test_writes_carry_an_idempotency_key_and_reads_none(shop: Shop) -> None:
    async with resource(shop.url) as client:
        order = (await client.create_order({"status": "pending"}))["id"]
        await client.update_order(order, {"status": "processing"})
        await client.get_order(order)
        await client.delete_order(order, force=True)
    keys = [headers.get("idempotency-key") for _, headers, _ in shop.losing.requests]
    assert (keys[2], len(set(keys))) == (None, 4)


@pytest.mark.parametrize("how", ["after", "before", "504", "200"])
async def test_an_order_is_made_exactly_once_whatever_becomes_of_the_first_answer(shop: Shop, how: str) -> None:
    shop.lose = lambda method, number: how if (method, number) == ("POST", 1) else ""
    async with resource(shop.url) as client:
        made = await client.create_order(NEW)
        assert list(shop.store.orders) == [made["id"]]
        assert made["line_items"]
    posted = [headers["idempotency-key"] for method, headers, _ in shop.losing.requests if method == "POST"]
    assert posted == posted[:1] * (2 if how == "before" else 1)


async def test_an_order_whose_answers_are_always_lost_is_found(shop: Shop) -> None:
    shop.lose = lambda method, _: "after" if method == "POST" else ""
    async with resource(shop.url) as client:
        made = await client.create_order(NEW)
    assert list(shop.store.orders) == [made["id"]]


@pytest.mark.parametrize("how", ["after", "before", "502"])
async def test_a_change_happens_whatever_becomes_of_the_first_answer(shop: Shop, how: str) -> None:
    order = shop.store.new_order("rest-api").id
    shop.lose = lambda method, number: how if (method, number) == ("PATCH", 1) else ""
    async with resource(shop.url) as client:
        changed = await client.update_order(order, {"status": "completed", "meta_data": [{"key": "a", "value": "b"}]})
    assert (changed["status"], shop.store.order(order).status) == ("completed", "completed")
    assert shop.losing.count("PATCH") == (2 if how == "before" else 1)


async def test_a_change_that_never_gets_through_is_unclear(shop: Shop) -> None:
    order = shop.store.new_order("rest-api").id
    shop.lose = lambda method, _: "before" if method == "PATCH" else ""
    async with resource(shop.url) as client:
        with pytest.raises(ShopUnclear):
            await client.update_order(order, {"status": "completed"})


@pytest.mark.parametrize("how", ["after", "before"])
async def test_a_deletion_happens_whatever_becomes_of_the_first_answer(shop: Shop, how: str) -> None:
    order = shop.store.new_order("rest-api").id
    shop.lose = lambda method, number: how if (method, number) == ("DELETE", 1) else ""
    async with resource(shop.url) as client:
        await client.delete_order(order, force=True)
    assert order not in shop.store.orders


async def test_what_the_resource_refuses_is_reported_by_its_field(shop: Shop) -> None:
    async with resource(shop.url) as client:
        with pytest.raises(ShopRefused, match=r"colour: field not allowed"):
            await client.create_order({"colour": "blue"})
        with pytest.raises(ShopRefused, match=r"protected meta key"):
            await client.create_order({"meta_data": [{"key": "_a", "value": "b"}]})
        with pytest.raises(ShopNotFound):
            await client.update_order(999, {"status": "completed"})


async def test_a_wrong_password_is_a_matter_for_a_person(shop: Shop) -> None:
    async with resource(shop.url, secret="wrong") as client:
        with pytest.raises(ShopMisconfigured, match="application password") as caught:
            await client.list_orders(query=OrdersQuery())
    assert caught.value.status == 401


async def test_a_path_that_is_none_of_the_shops(shop: Shop) -> None:
    async with resource(shop.url, orders_api="other/v1/woo") as client:
        with pytest.raises(ShopMisconfigured, match="WOO_ORDERS_API"):
            await client.list_orders(query=OrdersQuery())


async def test_it_has_no_notes_where_wc_v3_does_not_take_the_password(shop: Shop) -> None:
    order = shop.store.new_order("rest-api").id
    async with resource(shop.url) as client:
        with pytest.raises(ShopUnsupported, match="no notes"):
            await client.add_note(order, note="x")
