"""The shop's client with the simulated shop's wc/v3 over plain http: every request is signed."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from panelr_bridge.errors import ShopMisconfigured, ShopNotFound, ShopRefused
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import create_app
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from panelr_bridge.woocommerce.rest.normalize import as_order
from tests.support.shop_client import Losing, changed_orders, client, resource

NEW = {
    "status": "processing",
    "billing": {"first_name": "Zoë", "email": "zoe@mail.test"},
    "line_items": [{"product_id": 12, "quantity": 2}],
    "meta_data": [{"key": "_panelr_customer_name", "value": "Zoë"}],
}


class Shop:
    """A shop, its address, its clock, and the rule which answers get lost."""

    def __init__(self, **options: Any) -> None:
        self.now = datetime(2026, 11, 21, 19, 16, 41, tzinfo=UTC)
        self.app = create_app(clock=lambda: self.now, **options)
        self.store: Any = self.app.state.shop
        self.lose: Callable[[str, int], str] = lambda _, __: ""
        self.losing = Losing(self.app, lambda method, number: self.lose(method, number))  # noqa: PLW0108  lose changes
        self.url = ""

    def made(self, count: int, *, apart: float = 1.0) -> list[int]:
        """Make orders one by one."""
        found = []
        for _ in range(count):
            self.now += timedelta(seconds=apart)
            found.append(self.store.new_order("rest-api").id)
        return found


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with running(shop.losing) as url:
        shop.url = url
        yield shop


async def test_an_order_is_made_read_listed_changed_and_deleted(shop: Shop) -> None:
    async with client(shop.url) as caller:
        made = await caller.create_order(NEW)
        read = as_order(await caller.get_order(made["id"]))
        assert (read.status, read.billing.email, read.line_items[0].product_id) == ("processing", "zoe@mail.test", 12)
        assert read.meta("_panelr_customer_name") == "Zoë"
        page = await caller.list_orders(query=OrdersQuery(statuses=("processing",), search="Zoë", fields=("id",)))
        assert ([order["id"] for order in page.orders], page.total, page.has_more) == ([made["id"]], 1, False)
        change = {"status": "completed", "meta_data": [{"key": "panelr_reference_code", "value": "WO-1"}]}
        assert as_order(await caller.update_order(made["id"], change)).meta("panelr_reference_code") == "WO-1"
        assert (await caller.delete_order(made["id"], force=False))["id"] == made["id"]
        assert shop.store.order(made["id"]).status == "trash"
        with pytest.raises(ShopRefused, match="already been"):
            await caller.delete_order(made["id"], force=False)
        await caller.delete_order(made["id"], force=True)
        with pytest.raises(ShopNotFound):
            await caller.get_order(made["id"])
        with pytest.raises(ShopNotFound):
            await caller.update_order(made["id"], change)


@pytest.mark.parametrize("how", ["after", "before", "504"])
async def test_writes_happen_once_whatever_becomes_of_the_first_answer(shop: Shop, how: str) -> None:
    shop.lose = lambda method, number: how if number == 1 and method != "GET" else ""
    async with client(shop.url) as caller:
        made = await caller.create_order(NEW)
        assert list(shop.store.orders) == [made["id"]]
        assert (await caller.update_order(made["id"], {"status": "completed"}))["status"] == "completed"
        await caller.delete_order(made["id"], force=False)
    assert shop.store.order(made["id"]).status == "trash"
    assert [shop.losing.count(method) for method in ("POST", "PUT", "DELETE")] == [2 if how == "before" else 1] * 3


@pytest.mark.parametrize("how", ["after", "before"])
async def test_a_note_is_written_once(shop: Shop, how: str) -> None:
    (order,) = shop.made(1)
    shop.lose = lambda method, number: how if (method, number) == ("POST", 1) else ""
    async with client(shop.url) as caller:
        await caller.add_note(order, note="Sent to Panelr: WO-1 & more")
    assert shop.losing.count("POST") == (2 if how == "before" else 1)


async def test_notes_of_a_shop_with_an_orders_resource_go_to_wc_v3_with_the_same_password() -> None:
    shop = Shop(local_environment=True)
    (order,) = shop.made(1)
    async with running(shop.losing) as url, resource(url) as caller:
        await caller.add_note(order, note="Sent to Panelr")
        with pytest.raises(ShopNotFound):
            await caller.add_note(order + 1, note="Sent to Panelr")


@pytest.mark.parametrize("per_page", [1, 2, 3, 100])
@pytest.mark.parametrize("apart", [0, 0.4, 1])
async def test_what_was_changed_is_reported_from_the_very_second(shop: Shop, apart: float, per_page: int) -> None:
    shop.made(2)
    shop.now += timedelta(seconds=5)
    moment = shop.now
    newer = shop.made(5, apart=apart)
    async with client(shop.url) as caller:
        found = [order["id"] for order in await changed_orders(caller, moment, per_page=per_page)]
    assert sorted(set(found)) == newer


async def test_a_list_of_what_was_modified_since(shop: Shop) -> None:
    older, newer = shop.made(2)
    async with client(shop.url) as caller:
        page = await caller.list_orders(query=OrdersQuery(modified_since=shop.now, sort="date_modified"))
        assert [order["id"] for order in page.orders] == [newer]
        both = OrdersQuery(modified_since=shop.now - timedelta(seconds=1), sort="id")
        assert [order["id"] for order in (await caller.list_orders(query=both)).orders] == [older, newer]


async def test_webhooks_products_and_variations(shop: Shop) -> None:
    async with client(shop.url) as caller:
        hook = await caller.create_webhook(
            name="Panelr", topic="order.created", delivery_url="https://bridge.test:443/w", secret="s3cret"
        )
        assert [each["id"] for each in await caller.list_webhooks()] == [hook["id"]]
        assert (await caller.update_webhook(hook["id"], {"status": "paused"}))["status"] == "paused"
        products = await caller.list_products()
        assert {product["id"] for product in products.items} >= {12, 16}
        assert 18 in {variation["id"] for variation in (await caller.list_variations(16)).items}
        with pytest.raises(ShopNotFound):
            await caller.list_variations(999)


@pytest.mark.parametrize("wrong", [{"secret": "cs_wrong"}, {"key": "ck_wrong"}, {"key": "somebody"}])
async def test_a_wrong_key_is_a_matter_for_a_person(shop: Shop, wrong: dict[str, str]) -> None:
    async with client(shop.url, **wrong) as caller:
        with pytest.raises(ShopMisconfigured, match="WOO_KEY and WOO_SECRET must be") as caught:
            await caller.list_orders(query=OrdersQuery())
    assert caught.value.status == 401
    assert not any(word in str(caught.value) for word in ("cs_", "ck_"))


async def test_text_of_any_kind_can_be_searched_for(shop: Shop) -> None:
    async with client(shop.url) as caller:
        for text in ("100%41", "50% off", "a b&c=d+é~*'()!", "\N{SNOWMAN}"):
            assert (await caller.list_orders(query=OrdersQuery(search=text))).total == 0
