"""Lists, single orders and access of the simulated shop's Orders resource, over a real socket."""

from collections.abc import AsyncIterator

import httpx
import pytest

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import create_app
from tests.support.orders_resource import PATH, create_order, list_ids, open_orders_resource, read_field_errors
from tests.support.rest_shop import FixedClock

FORBIDDEN = {
    "code": "rest_forbidden",
    "message": "Sorry, you are not allowed to do that.",
    "data": {"status": 401},
}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def shop(clock: FixedClock) -> AsyncIterator[httpx.AsyncClient]:
    async with open_orders_resource(clock) as client:
        yield client


async def test_list_shows_its_default_fields_and_pages(shop: httpx.AsyncClient, clock: FixedClock) -> None:
    for _ in range(3):
        await create_order(shop)
        clock.advance(1)
    answer = await shop.get(PATH, params={"per_page": 2, "page": 2})
    assert answer.json() == {
        "data": [
            {
                "id": 20,
                "number": "20",
                "status": "pending",
                "currency": "USD",
                "total": "0.00",
                "customer_id": 0,
                "date_created": "2026-11-21T14:16:41-05:00",
                "date_modified": "2026-11-21T14:16:41-05:00",
            }
        ],
        "meta": {"page": 2, "perPage": 2, "total": 3},
    }
    past = await shop.get(PATH, params={"page": 9})
    assert past.json() == {"data": [], "meta": {"page": 9, "perPage": 20, "total": 3}}


async def test_sorts(shop: httpx.AsyncClient, clock: FixedClock) -> None:
    for product in (12, 11, 18):
        line = {"product_id": product} if product != 18 else {"product_id": 16, "variation_id": 18}
        await create_order(shop, line_items=[line])
        clock.advance(1)
    await shop.patch(f"{PATH}/21", json={"customer_note": "moved"})
    assert await list_ids(shop) == [22, 21, 20]
    assert await list_ids(shop, sort="date_created") == [20, 21, 22]
    assert await list_ids(shop, sort="-date_modified") == [21, 22, 20]
    assert await list_ids(shop, sort="id") == [20, 21, 22]
    assert await list_ids(shop, sort="total") == [21, 20, 22]
    assert await list_ids(shop, sort="-total") == [22, 20, 21]


async def test_filters(shop: httpx.AsyncClient) -> None:
    await create_order(shop, status="processing", customer_id=5, billing={"last_name": "Lovelace"})
    await create_order(shop, status="on-hold", line_items=[{"product_id": 12}])
    await create_order(shop, status="completed", billing={"email": "zoe+tag@example.test"})
    await create_order(shop, status="checkout-draft")
    await create_order(shop, status="trash")
    assert await list_ids(shop) == [22, 21, 20]
    assert await list_ids(shop, status="processing,completed") == [22, 20]
    assert await list_ids(shop, status=["processing", "on-hold"]) == [21, 20]
    assert await list_ids(shop, **{"status[]": ["trash", "wc-checkout-draft"]}) == [24, 23]
    assert await list_ids(shop, customer_id=5) == [20]
    assert await list_ids(shop, search="LOVE") == [20]
    assert await list_ids(shop, search="zoe*example") == [22]
    assert await list_ids(shop, search="panel credits") == [21]
    assert await list_ids(shop, search=".") == [22]
    assert await list_ids(shop, search="", status="", customer_id="") == [22, 21, 20]


async def test_list_errors(shop: httpx.AsyncClient) -> None:
    refused: list[tuple[dict[str, str], dict[str, list[str]]]] = [
        ({"after": "2026-01-01"}, {"after": ["unknown parameter"]}),
        ({"per_page": "101"}, {"per_page": ["max 100"]}),
        ({"per_page": "0"}, {"per_page": ["must be greater than 0"]}),
        ({"page": "x"}, {"page": ["must be a positive integer"]}),
        ({"fields": "id,date_paid"}, {"date_paid": ["field not allowed"]}),
        ({"sort": "status"}, {"sort": ["unsupported sort field"]}),
        ({"customer_id": "-1"}, {"customer_id": ["must be a positive integer"]}),
    ]
    for query, errors in refused:
        assert read_field_errors(await shop.get(PATH, params=query)) == errors


async def test_one_hundred_a_page_and_chosen_fields(shop: httpx.AsyncClient) -> None:
    await create_order(shop)
    answer = await shop.get(PATH, params={"per_page": 100, "fields": "id, billing_email"})
    assert answer.json()["data"] == [{"id": 20, "billing_email": ""}]
    one = await shop.get(f"{PATH}/20", params={"fields": "status,number"})
    assert one.json() == {"data": {"status": "pending", "number": "20"}}


async def test_get_errors(shop: httpx.AsyncClient) -> None:
    await create_order(shop)
    assert read_field_errors(await shop.get(f"{PATH}/20", params={"page": 1})) == {"page": ["unknown parameter"]}
    assert read_field_errors(await shop.get(f"{PATH}/20", params={"fields": "x"})) == {"x": ["field not allowed"]}
    answer = await shop.get(f"{PATH}/99")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert answer.json()["error"]["message"] == "Resource not found."


@pytest.mark.parametrize("auth", [None, ("bridge", "wrong"), ("other", "application-password")])
async def test_only_the_manager_gets_in(shop: httpx.AsyncClient, auth: tuple[str, str] | None) -> None:
    async with httpx.AsyncClient(base_url=shop.base_url) as other_client:
        for method, path in [("GET", PATH), ("POST", PATH), ("PUT", f"{PATH}/1"), ("DELETE", f"{PATH}/1")]:
            answer = await other_client.request(method, path, auth=auth)
            assert (answer.status_code, answer.json()) == (401, FORBIDDEN)
        for header in ("Bearer abc", "Basic !!!", "Basic"):
            answer = await other_client.get(PATH, headers={"Authorization": header})
            assert (answer.status_code, answer.json()) == (401, FORBIDDEN)


async def test_other_routes_and_methods_do_not_exist(shop: httpx.AsyncClient) -> None:
    for method, path in [("GET", "/wp-json/myplugin/v1/woo/coupons"), ("DELETE", PATH), ("GET", f"{PATH}/abc")]:
        answer = await shop.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "rest_no_route")


async def test_vendor_and_credentials_are_configurable() -> None:
    app = create_app(vendor="acme/v2", user="me", password="pass word")
    async with running(app) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get("/wp-json/acme/v2/woo/orders", auth=("me", "pass word"))
        assert answer.status_code == 200
