"""Orders and their notes in the simulated shop's wc/v3."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.woocommerce import Cart, NewOrderLine, open_checkout, order_payload
from tests.support.rest_shop import ORDERS, RestShop, open_shop

ALL_LINES = [{"product_id": 13, "quantity": 2}, {"product_id": 12}]
INVALID_ID = ("woocommerce_rest_shop_order_invalid_id", "Invalid ID.")


@pytest.fixture
async def shop() -> AsyncIterator[RestShop]:
    async with open_shop() as opened:
        yield opened


async def test_a_response_equals_the_body_of_a_webhook(shop: RestShop) -> None:
    made = await shop.client.post(
        ORDERS,
        json={
            "status": "processing",
            "customer_id": 3,
            "billing": {"email": "ada@example.test", "first_name": "Zoë"},
            "line_items": [
                {"product_id": 16, "variation_id": 18, "quantity": 2, "meta_data": [{"key": "a", "value": 1}]}
            ],
            "meta_data": [{"key": "_private", "value": {"deep": [1]}}, {"key": "n", "value": 7}],
            "never_heard_of": True,
        },
    )
    assert (made.status_code, made.headers["location"]) == (201, f"http://127.0.0.1:8000{ORDERS}/20")
    got = await shop.client.get(f"{ORDERS}/20")
    assert got.content == made.content == order_payload(shop.simulator.orders[20])
    order = got.json()
    assert (order["status"], order["total"], order["billing"]["email"]) == ("processing", "194.85", "ada@example.test")
    assert order["meta_data"] == [
        {"id": 1, "key": "_private", "value": {"deep": [1]}},
        {"id": 2, "key": "n", "value": "7"},
    ]
    assert {meta["key"]: meta["value"] for meta in order["line_items"][0]["meta_data"]} == {
        "term": "12 months",
        "a": "1",
    }
    assert order["_links"]["self"][0]["href"].endswith("/wp-json/wc/v3/orders/20")


async def test_meta_is_written_in_place_and_deleted_by_null(shop: RestShop) -> None:
    await shop.create_order(meta_data=[{"key": "_ref", "value": "a"}, {"key": "other", "value": "b"}])
    changed = await shop.update_order(20, meta_data=[{"key": "_ref", "value": "new"}, {"key": "third", "value": "c"}])
    assert changed["meta_data"] == [
        {"id": 1, "key": "_ref", "value": "new"},
        {"id": 2, "key": "other", "value": "b"},
        {"id": 3, "key": "third", "value": "c"},
    ]
    by_id = await shop.update_order(
        20, meta_data=[{"id": 2, "key": "renamed", "value": "B"}, {"key": "gone", "value": None}]
    )
    assert [(meta["id"], meta["key"]) for meta in by_id["meta_data"]] == [(1, "_ref"), (2, "renamed"), (3, "third")]
    less = await shop.update_order(20, meta_data=[{"id": 1, "key": "_ref", "value": None}])
    assert [meta["id"] for meta in less["meta_data"]] == [2, 3]


async def test_status_payment_and_transaction(shop: RestShop) -> None:
    await shop.create_order(line_items=[{"sku": "PANEL-1000"}])
    paid = await shop.update_order(20, set_paid=True, transaction_id="TXN-9")
    assert (paid["status"], paid["transaction_id"]) == ("processing", "TXN-9")
    assert paid["date_paid_gmt"] == "2026-11-21T19:16:41"
    done = await shop.update_order(20, status="completed")
    assert (done["status"], done["date_completed"]) == ("completed", "2026-11-21T14:16:41")


async def test_lines_are_added_changed_and_removed(shop: RestShop) -> None:
    await shop.create_order(line_items=[{"product_id": 12}, {"product_id": 11}], status="processing")
    lines = [
        {"id": 1, "quantity": 3, "total": "100", "meta_data": [{"key": "panelr_line", "value": "x"}]},
        {"id": 2, "quantity": 0},
        {"name": "By hand", "total": "5"},
    ]
    order = await shop.update_order(20, line_items=lines)
    assert [(line["id"], line["name"], line["quantity"], line["total"]) for line in order["line_items"]] == [
        (1, "Panel Credits 1000", 3, "100.00"),
        (4, "By hand", 1, "5.00"),
    ]
    assert order["line_items"][0]["meta_data"][0]["value"] == "x"
    strange = await shop.read_error("PUT", f"{ORDERS}/20", json={"line_items": [{"id": 77}]})
    assert strange[:2] == (400, "woocommerce_rest_invalid_item_id")
    unknown = await shop.read_error("PUT", f"{ORDERS}/20", json={"line_items": [{"product_id": 999}]})
    assert unknown[:2] == (400, "woocommerce_rest_invalid_product_id")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
async def test_an_empty_write_saves_the_order(shop: RestShop, method: str) -> None:
    await shop.create_order()
    shop.clock.advance(60)
    answer = await shop.client.request(method, f"{ORDERS}/20", json={})
    assert (answer.status_code, answer.json()["date_modified_gmt"]) == (200, "2026-11-21T19:17:41")


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("GET", f"{ORDERS}/99", {}, (404, *INVALID_ID)),
        ("PUT", f"{ORDERS}/99", {"json": {"status": "completed"}}, (400, *INVALID_ID)),
        ("DELETE", f"{ORDERS}/99", {}, (404, *INVALID_ID)),
        (
            "PUT",
            f"{ORDERS}/20",
            {"content": b"{", "headers": {"Content-Type": "application/json"}},
            (400, "rest_invalid_json", "Invalid JSON body passed."),
        ),
        (
            "PUT",
            f"{ORDERS}/20",
            {"json": {"status": "lost"}},
            (400, "rest_invalid_param", "Invalid parameter(s): status"),
        ),
        (
            "PUT",
            f"{ORDERS}/20",
            {"json": {"meta_data": 3}},
            (400, "rest_invalid_param", "Invalid parameter(s): meta_data"),
        ),
        ("PUT", f"{ORDERS}/20", {"json": {"billing": 3}}, (400, "rest_invalid_param", "Invalid parameter(s): billing")),
        (
            "POST",
            ORDERS,
            {"json": {"id": 20}},
            (400, "woocommerce_rest_shop_order_exists", "Cannot create existing shop_order."),
        ),
        (
            "GET",
            "/wp-json/wc/v3/nothing",
            {},
            (404, "rest_no_route", "No route was found matching the URL and request method."),
        ),
    ],
)
async def test_refusals(
    shop: RestShop, method: str, path: str, sent: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    await shop.create_order()
    before = order_payload(shop.simulator.orders[20])
    answer = await shop.client.request(method, path, **sent)
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == expected
    assert order_payload(shop.simulator.orders[20]) == before


async def test_delete_moves_to_the_trash_or_deletes_permanently(shop: RestShop) -> None:
    await shop.create_order(status="on-hold")
    gone = await shop.client.delete(f"{ORDERS}/20")
    assert (gone.status_code, gone.json()["status"], shop.simulator.orders[20].status) == (200, "on-hold", "trash")
    again = await shop.read_error("DELETE", f"{ORDERS}/20")
    assert again[:2] == (410, "woocommerce_rest_already_trashed")
    assert (await shop.client.delete(f"{ORDERS}/20", params={"force": "true"})).status_code == 200
    assert shop.simulator.orders == {}


async def test_pages_and_their_headers(shop: RestShop) -> None:
    for _ in range(5):
        await shop.create_order()
    answer = await shop.client.get(ORDERS, params={"per_page": 2, "page": 2, "_fields": "id,billing.email"})
    assert answer.json() == [{"id": number, "billing": {"email": ""}} for number in (22, 21)]
    assert (answer.headers["x-wp-total"], answer.headers["x-wp-totalpages"]) == ("5", "3")
    links = {rel: httpx.URL(link["url"]).params["page"] for rel, link in answer.links.items()}
    assert links == {"prev": "1", "next": "3"}
    last = await shop.client.get(ORDERS, params={"per_page": 2, "page": 3})
    assert [order["id"] for order in last.json()] == [20]
    assert "next" not in last.links
    past = await shop.client.get(ORDERS, params={"per_page": 2, "page": 4})
    assert (past.status_code, past.json(), past.headers["x-wp-total"]) == (200, [], "0")
    one = await shop.client.get(f"{ORDERS}/20", params={"_fields": "id"})
    assert sorted(one.json()) == ["_links", "id"]


@pytest.mark.parametrize(
    "query",
    [
        {"per_page": 101},
        {"per_page": 0},
        {"page": 0},
        {"page": "x"},
        {"status": "wc-completed"},
        {"orderby": "total"},
        {"order": "up"},
        {"include": "1,x"},
        {"dates_are_gmt": "maybe"},
        {"after": "2026-11-21"},
        {"before": "2026-11-21T10:00"},
        {"modified_after": "1795544201"},
        {"modified_before": "2026-13-21T10:00:00"},
    ],
)
async def test_a_bad_parameter_is_named(shop: RestShop, query: dict[str, Any]) -> None:
    answer = await shop.client.get(ORDERS, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")
    assert list(answer.json()["data"]["params"]) == list(query)


async def test_filters_and_sorts(shop: RestShop) -> None:
    statuses = ("pending", "processing", "completed", "failed")
    for number, status in enumerate(statuses):
        await shop.create_order(status=status, customer_id=number, billing={"email": f"{status}@example.test"})
        shop.clock.advance(10)
    await shop.update_order(20, customer_note="later")
    await shop.client.delete(f"{ORDERS}/23")
    open_checkout(shop.simulator, Cart([NewOrderLine(shop.simulator.product(product_id=12))]))
    assert await shop.list_ids() == [22, 21, 20]
    assert await shop.list_ids(status="trash") == [23]
    assert await shop.list_ids(status="processing,completed") == [22, 21]
    assert await shop.list_ids(**{"status[]": ["processing", "checkout-draft"]}) == [24, 21]
    assert await shop.list_ids(include="21,20", orderby="include") == [21, 20]
    assert await shop.list_ids(exclude="21") == [22, 20]
    assert await shop.list_ids(customer=2) == [22]
    assert await shop.list_ids(search="PENDING@") == [20]
    assert await shop.list_ids(orderby="modified") == [20, 22, 21]
    assert await shop.list_ids(orderby="modified", order="asc") == [21, 22, 20]
    assert await shop.list_ids(orderby="id", order="asc") == [20, 21, 22]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # The order was created at 19:16:41 UTC (14:16:41 in the shop's zone) and modified a minute later.
        ({"after": "2026-11-21T14:16:40"}, True),
        ({"after": "2026-11-21T14:16:41"}, False),
        ({"before": "2026-11-21T14:16:42"}, True),
        ({"before": "2026-11-21T14:16:41"}, False),
        ({"modified_after": "2026-11-21T14:17:40"}, True),
        ({"modified_after": "2026-11-21T14:17:41"}, False),
        ({"modified_before": "2026-11-21 14:17:42"}, True),
        ({"modified_before": "2026-11-21T14:17:41"}, False),
        ({"modified_after": "2026-11-21T19:17:40"}, False),
        ({"modified_after": "2026-11-21T19:17:40", "dates_are_gmt": "true"}, True),
        ({"modified_after": "2026-11-21T19:17:41", "dates_are_gmt": "true"}, False),
        ({"modified_after": "2026-11-21T19:17:40Z"}, True),
        ({"modified_after": "2026-11-21T20:17:40+01:00"}, True),
        ({"modified_after": "2026-11-21T19:17:40.000Z"}, False),
        ({"modified_after": "2026-11-21T19:17:40.123456+00:00"}, False),
        ({"modified_after": "2026-11-21T14:17:40.900000"}, True),
    ],
)
async def test_dates(shop: RestShop, query: dict[str, str], found: bool) -> None:
    await shop.create_order()
    shop.clock.advance(60)
    await shop.update_order(20)
    assert await shop.list_ids(**query) == ([20] if found else [])


async def test_notes_do_not_change_the_order(shop: RestShop) -> None:
    await shop.create_order()
    shop.simulator.webhooks.add(topic="order.updated", delivery_url="http://127.0.0.1:9/hook")
    shop.clock.advance(60)
    made = await shop.client.post(f"{ORDERS}/20/notes", json={"note": "Work order WO-1", "customer_note": True})
    assert made.status_code == 201
    assert (
        made.json()
        | {
            "id": 1,
            "author": "WooCommerce",
            "date_created": "2026-11-21T14:17:41",
            "date_created_gmt": "2026-11-21T19:17:41",
            "note": "Work order WO-1",
            "customer_note": True,
        }
        == made.json()
    )
    assert (await shop.client.post(f"{ORDERS}/20/notes/", json={"note": "Private"})).json()["customer_note"] is False
    assert shop.simulator.webhooks.pending == []
    assert (await shop.client.get(f"{ORDERS}/20")).json()["date_modified_gmt"] == "2026-11-21T19:16:41"
    listed = await shop.client.get(f"{ORDERS}/20/notes")
    assert [note["note"] for note in listed.json()] == ["Private", "Work order WO-1"]
    assert not [name for name in listed.headers if name.startswith("x-wp")]
    assert await shop.list_ids(f"{ORDERS}/20/notes", type="customer") == [1]
    assert [note.text for note in shop.simulator.orders[20].notes] == ["Work order WO-1", "Private"]
    assert [note["id"] for note in (await shop.client.get("/_sim/orders/20/notes")).json()] == [1, 2]


async def test_invalid_notes_are_rejected(shop: RestShop) -> None:
    await shop.create_order()
    missing = await shop.read_error("POST", f"{ORDERS}/20/notes", json={"customer_note": True})
    assert missing == (400, "rest_missing_callback_param", "Missing parameter(s): note")
    unknown = await shop.read_error("POST", f"{ORDERS}/99/notes", json={"note": "x"})
    assert unknown == (404, "woocommerce_rest_order_invalid_id", "Invalid order ID.")
    assert shop.simulator.orders[20].notes == []


async def test_a_refund_names_its_lines_in_its_own_resource_alone(shop: RestShop) -> None:
    made = await shop.create_order(status="processing", line_items=ALL_LINES)
    first, second = (line["id"] for line in made["line_items"])
    for body in (
        {"parts": [{"line_id": second}]},
        {"parts": [{"line_id": first, "total": "2.00"}]},
        {"amount": "1.00"},
    ):
        answer = await shop.client.post(f"/_sim/orders/{made['id']}/refund", json=body)
        assert answer.status_code == 200, answer.text
    newest, partly, whole = (await shop.client.get(f"{ORDERS}/{made['id']}/refunds")).json()
    assert (newest["amount"], newest["line_items"]) == ("1.00", [])
    (line,) = partly["line_items"]
    assert (line["quantity"], line["total"], line["total_tax"]) == (0, "-2.00", "-0.17")
    (line,) = whole["line_items"]
    assert (line["quantity"], line["total"]) == (-1, f"-{made['line_items'][1]['total']}")
    assert [(each["key"], each["value"]) for each in line["meta_data"]] == [("_refunded_item_id", str(second))]
    refunds = (await shop.client.get(f"{ORDERS}/{made['id']}")).json()["refunds"]
    assert [each["total"] for each in refunds] == [f"-{each['amount']}" for each in (newest, partly, whole)]
    assert all(each.keys() == {"id", "reason", "total"} for each in refunds)


async def test_a_plugin_shows_refunds_without_their_sign(shop: RestShop) -> None:
    made = await shop.create_order(status="processing", line_items=ALL_LINES)
    body = {"parts": [{"line_id": made["line_items"][0]["id"]}], "unsigned": True}
    order = (await shop.client.post(f"/_sim/orders/{made['id']}/refund", json=body)).json()
    (refund,) = (await shop.client.get(f"{ORDERS}/{made['id']}/refunds", params={"per_page": 100})).json()
    assert order["refunds"][0]["total"] == refund["amount"]
    assert (refund["line_items"][0]["quantity"], refund["line_items"][0]["total"]) == (
        2,
        made["line_items"][0]["total"],
    )


async def test_refunds_of_an_unknown_order_or_line_are_errors(shop: RestShop) -> None:
    assert await shop.read_error("GET", f"{ORDERS}/99/refunds") == (
        404,
        "woocommerce_rest_invalid_order_id",
        "Invalid order ID.",
    )
    made = await shop.create_order(status="processing", line_items=ALL_LINES)
    answer = await shop.client.post(f"/_sim/orders/{made['id']}/refund", json={"parts": [{"line_id": 999}]})
    assert answer.json() == {"error": f"order {made['id']} has no line 999"}
