"""Creating, changing and deleting orders with the simulated shop's Orders resource, over a real socket."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import create_app
from tests.support.orders_resource import AUTH, PATH, create_order, list_ids, open_orders_resource, read_field_errors
from tests.support.rest_shop import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def shop(clock: FixedClock) -> AsyncIterator[httpx.AsyncClient]:
    async with open_orders_resource(clock) as client:
        yield client


async def test_created_order_in_full(shop: httpx.AsyncClient) -> None:
    payload = {
        "status": "processing",
        "customer_id": 12,
        "payment_method": "bacs",
        "payment_method_title": "Direct Bank Transfer",
        "billing": {"first_name": "John", "last_name": "Doe", "email": "john@example.test"},
        "shipping": {},
        "customer_note": "Leave at door",
        "line_items": [{"product_id": 12, "quantity": 2}],
        "meta_data": [{"key": "source", "value": "mobile-app"}, {"key": "n", "value": 7}],
    }
    answer = await shop.post(PATH, json=payload)
    assert answer.status_code == 201
    empty = {"company": "", "address_1": "", "address_2": "", "city": "", "state": "", "postcode": "", "country": ""}
    assert answer.json() == {
        "data": {
            "id": 20,
            "number": "20",
            "status": "processing",
            "currency": "USD",
            "total": "106.09",
            "total_tax": "8.09",
            "customer_id": 12,
            "billing_email": "john@example.test",
            "payment_method": "bacs",
            "payment_method_title": "Direct Bank Transfer",
            "date_created": "2026-11-21T14:16:41-05:00",
            "date_modified": "2026-11-21T14:16:41-05:00",
            "billing": {"first_name": "John", "last_name": "Doe", "email": "john@example.test", "phone": "", **empty},
            "shipping": {"first_name": "", "last_name": "", "phone": "", **empty},
            "customer_note": "Leave at door",
            "meta_data": [
                {"key": "source", "value": "mobile-app", "id": 1},
                {"key": "n", "value": "7", "id": 2},
            ],
            "line_items": [
                {
                    "id": 1,
                    "product_id": 12,
                    "variation_id": 0,
                    "name": "Panel Credits 1000",
                    "quantity": 2,
                    "subtotal": "98.00",
                    "total": "98.00",
                    "meta_data": [],
                }
            ],
        }
    }


async def test_lines_with_variation_fraction_totals_and_meta(shop: httpx.AsyncClient) -> None:
    lines = [
        {
            "product_id": 16,
            "variation_id": 18,
            "quantity": 1.5,
            "meta_data": {"panelr_activation_id": 77, "nested": {"a": [1]}},
        },
        {"product_id": 12, "quantity": "2", "subtotal": "10", "total": 7.777},
        {"product_id": 11, "total": "20"},
    ]
    order = await create_order(shop, line_items=lines)
    assert [(line["quantity"], line["subtotal"], line["total"]) for line in order["line_items"]] == [
        (1.5, "135.00", "135.00"),
        (2, "10.00", "7.777"),
        (1, "20.00", "20.00"),
    ]
    first = order["line_items"][0]
    assert (first["product_id"], first["variation_id"]) == (16, 18)
    assert first["name"] == "IPTV Subscription - 12 months"
    assert first["meta_data"] == [
        {"key": "term", "value": "12 months", "id": 1},
        {"key": "panelr_activation_id", "value": "77", "id": 2},
        {"key": "nested", "value": {"a": [1]}, "id": 3},
    ]
    # 135 + 7.777 + 20, and the tax of each line: 11.14 + 0.64 + 1.65
    assert (order["total_tax"], order["total"]) == ("13.43", "176.21")


REFUSED: list[tuple[Any, dict[str, list[str]]]] = [
    ({}, {"payload": ["at least one field is required"]}),
    ([], {"payload": ["at least one field is required"]}),
    ({"order_key": "x", "date_paid": 1}, {"order_key": ["field not allowed"], "date_paid": ["field not allowed"]}),
    ({"status": 1}, {"status": ["must be a string"]}),
    ({"customer_id": "x"}, {"customer_id": ["must be an integer"]}),
    ({"customer_id": -1}, {"customer_id": ["must be greater than or equal to 0"]}),
    ({"set_paid": "yes"}, {"set_paid": ["must be boolean"]}),
    ({"billing": "x"}, {"billing": ["must be an object"]}),
    ({"billing": {"vat": "x"}}, {"billing.vat": ["field not allowed"]}),
    ({"shipping": {"city": 1}}, {"shipping.city": ["must be a string"]}),
    ({"meta_data": "x"}, {"meta_data": ["must be an array"]}),
    ({"meta_data": ["x"]}, {"meta_data.0": ["must be an object with key/value"]}),
    ({"meta_data": [{"value": 1}]}, {"meta_data.0.key": ["must be a non-empty string"]}),
    ({"meta_data": [{"key": "_total", "value": 1}]}, {"meta_data.0.key": ["protected meta key not allowed"]}),
    ({"line_items": {"product_id": 12}}, {"line_items": ["must be an array"]}),
    ({"line_items": [12]}, {"line_items.0": ["must be an object"]}),
    ({"line_items": [{"quantity": 1}]}, {"line_items.0.product_id": ["must be an integer"]}),
    ({"line_items": [{"product_id": 0}]}, {"line_items.0.product_id": ["must be a positive integer"]}),
    ({"line_items": [{"product_id": 999}]}, {"line_items.0.product_id": ["product not found"]}),
    ({"line_items": [{"product_id": 12, "sku": "x"}]}, {"line_items.0.sku": ["field not allowed"]}),
    (
        {"line_items": [{"product_id": 12, "variation_id": 18}]},
        {"line_items.0.variation_id": ["must be a variation of the given product"]},
    ),
    (
        {"line_items": [{"product_id": 12, "quantity": 0}]},
        {"line_items.0.quantity": ["must be a positive finite number"]},
    ),
    (
        {"line_items": [{"product_id": 12, "quantity": "two"}]},
        {"line_items.0.quantity": ["must be a finite number"]},
    ),
    (
        {"line_items": [{"product_id": 12, "total": -1}]},
        {"line_items.0.total": ["must be a non-negative number"]},
    ),
    (
        {"line_items": [{"product_id": 12, "meta_data": [{"key": "_hidden", "value": 1}]}]},
        {"line_items.0.meta_data.0.key": ["protected meta key not allowed"]},
    ),
]


async def test_an_invalid_write_changes_nothing(shop: httpx.AsyncClient) -> None:
    for payload, errors in REFUSED:
        assert read_field_errors(await shop.post(PATH, json=payload)) == errors
    assert await list_ids(shop) == []
    before = await create_order(shop, customer_note="as it was")
    for payload, errors in REFUSED:
        assert read_field_errors(await shop.put(f"{PATH}/20", json=payload)) == errors
    assert (await shop.get(f"{PATH}/20")).json()["data"] == before


async def test_broken_json_is_wordpress_own_error(shop: httpx.AsyncClient) -> None:
    for content in (b"{", b"\xff{}", b'{"customer_note": "\\ud800"}', b'{"meta_data": {"a": NaN}}'):
        answer = await shop.post(PATH, content=content)
        assert answer.status_code == 400
        assert answer.json()["code"] == "rest_invalid_json"
    assert read_field_errors(await shop.post(PATH, content=b"")) == {"payload": ["at least one field is required"]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_update_changes_what_is_named(shop: httpx.AsyncClient, clock: FixedClock, method: str) -> None:
    created = await create_order(
        shop, billing={"city": "Bonn", "phone": "1"}, meta_data=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    )
    clock.advance(2)
    change = {"billing": {"city": "Ulm"}, "meta_data": [{"key": "a", "value": "9"}, {"key": "b", "value": None}]}
    answer = await shop.request(method, f"{PATH}/20", json=change)
    assert answer.status_code == 200
    assert answer.json()["data"] == created | {
        "billing": created["billing"] | {"city": "Ulm"},
        "meta_data": [{"key": "a", "value": "9", "id": 1}],
        "date_modified": "2026-11-21T14:16:43-05:00",
    }
    assert (await shop.request(method, f"{PATH}/99", json=change)).status_code == 404


async def test_update_replaces_lines_until_stock_was_reduced(shop: httpx.AsyncClient) -> None:
    await create_order(shop, line_items=[{"product_id": 12}, {"product_id": 11}])
    answer = await shop.put(f"{PATH}/20", json={"line_items": [{"product_id": 13}]})
    data = answer.json()["data"]
    assert [(line["id"], line["product_id"]) for line in data["line_items"]] == [(4, 13)]
    assert data["total"] == "21.64"
    await shop.put(f"{PATH}/20", json={"status": "on-hold"})
    locked = await shop.put(f"{PATH}/20", json={"line_items": []})
    assert locked.status_code == 409
    assert locked.json()["error"]["code"] == "woo_line_items_locked"
    assert locked.json()["error"]["message"] == (
        "Line items cannot be modified on an order that has already reduced stock."
    )
    await shop.put(f"{PATH}/20", json={"status": "cancelled"})
    assert (await shop.put(f"{PATH}/20", json={"line_items": []})).json()["data"]["total"] == "0.00"


@pytest.mark.parametrize(
    ("line", "status"),
    [({"product_id": 12}, "processing"), ({"product_id": 13}, "processing"), ({"product_id": 14}, "completed")],
)
async def test_set_paid_completes_the_payment(shop: httpx.AsyncClient, line: dict[str, int], status: str) -> None:
    paid = await create_order(shop, line_items=[line], set_paid=True)
    assert paid["status"] == status
    later = await create_order(shop, line_items=[line])
    updated = await shop.put(f"{PATH}/{later['id']}", json={"set_paid": True})
    assert updated.json()["data"]["status"] == status
    body = (await shop.get(f"/_sim/orders/{later['id']}")).json()
    assert body["date_paid"] == "2026-11-21T14:16:41"
    assert body["date_completed"] == ("2026-11-21T14:16:41" if status == "completed" else None)


async def test_set_paid_ignores_an_order_that_needs_no_payment(shop: httpx.AsyncClient) -> None:
    await create_order(shop, status="on-hold", line_items=[{"product_id": 12}])
    updated = await shop.put(f"{PATH}/20", json={"set_paid": True})
    assert updated.json()["data"]["status"] == "on-hold"


async def test_stock_goes_down_once_and_comes_back(shop: httpx.AsyncClient) -> None:
    added = (await shop.post("/_sim/products", json={"name": "Box", "price": "3", "stock": 10})).json()
    order = await create_order(shop, line_items=[{"product_id": added["id"], "quantity": 2.5}], set_paid=True)
    path = f"{PATH}/{order['id']}"

    async def stock() -> str:
        catalogue = (await shop.get("/_sim/products")).json()
        return next(str(product["stock"]) for product in catalogue if product["id"] == added["id"])

    assert await stock() == "7.5"
    await shop.put(path, json={"status": "completed"})
    assert await stock() == "7.5"
    await shop.put(path, json={"status": "cancelled"})
    assert await stock() == "10.0"


async def test_unknown_status(shop: httpx.AsyncClient) -> None:
    assert (await create_order(shop, status="packed"))["status"] == "pending"
    await shop.post("/_sim/orders/20/status", json={"status": "packed"})
    assert await list_ids(shop, status="packed") == [20]
    assert (await create_order(shop, status="wc-packed"))["status"] == "packed"


async def test_protected_meta_is_not_shown(shop: httpx.AsyncClient) -> None:
    await create_order(shop, meta_data=[{"key": "shown", "value": "1"}])
    await shop.post("/_sim/orders/20/meta", json={"_panelr_ref": "abc"})
    data = (await shop.get(f"{PATH}/20")).json()["data"]
    assert data["meta_data"] == [{"key": "shown", "value": "1", "id": 1}]


async def test_delete_permanently(shop: httpx.AsyncClient) -> None:
    await create_order(shop)
    answer = await shop.delete(f"{PATH}/20")
    assert (answer.status_code, answer.json()) == (200, {"data": {"id": 20, "deleted": True}})
    assert (await shop.get(f"{PATH}/20")).status_code == 404
    assert (await shop.delete(f"{PATH}/20")).status_code == 404
    assert (await create_order(shop))["id"] == 21


async def test_delete_into_the_trash() -> None:
    async with running(create_app(delete_mode="trash")) as url, httpx.AsyncClient(base_url=url, auth=AUTH) as shop:
        await create_order(shop)
        answer = await shop.delete(f"{PATH}/20")
        assert (answer.status_code, answer.json()) == (200, {"data": {"id": 20, "deleted": True}})
        assert (await shop.get(f"{PATH}/20")).json()["data"]["status"] == "trash"
        assert await list_ids(shop) == []
