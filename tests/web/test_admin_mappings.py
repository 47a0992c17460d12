"""The admin API of the mapping tables: changes, contradictions, and imports."""

import json
from typing import Any

import pytest

from panelr_bridge.settings import Settings
from tests.support.api_answers import BOTH_DATABASES, count_listed, problem, read_audit_log
from tests.support.bridge_kit import Kit, order, with_second_store

PRODUCTS, METHODS = "/product-mappings", "/payment-method-mappings"
PRODUCT: dict[str, Any] = {
    "store": "default",
    "woo_product_id": None,
    "woo_variation_id": None,
    "sku": "PANEL-1000",
    "panelr_product_id": 3,
    "intent": "new_activation",
    "quantity": 1,
    "conditions": [],
}
METHOD = {"store": "default", "woo_payment_method": "bacs", "panelr_payment_method_id": 1, "on_paid": "submit_payment"}
AS_JSON = {"Content-Type": "application/json"}


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a second store."""
    return with_second_store(settings)


@BOTH_DATABASES
@pytest.mark.parametrize(
    ("path", "name", "given", "whole", "change"),
    [
        (PRODUCTS, "product mapping", {"sku": "PANEL-1000", "panelr_product_id": 3}, PRODUCT, {"quantity": 7}),
        (
            METHODS,
            "payment method mapping",
            {"woo_payment_method": "bacs", "panelr_payment_method_id": 1},
            METHOD,
            {"on_paid": "none"},
        ),
    ],
)
async def test_a_mapping_from_its_making_to_its_end(
    kit: Kit, path: str, name: str, given: dict[str, Any], whole: dict[str, Any], change: dict[str, Any]
) -> None:
    made = await kit.api("POST", path, json=given)
    assert made.status_code == 201
    data = made.json()["data"]
    assert data == whole | {"id": 1, "created_at": data["created_at"], "updated_at": data["created_at"]}
    assert data["created_at"].endswith("Z")
    assert (await kit.api("GET", f"{path}/1")).json() == {"data": data}
    assert (await kit.api("GET", path)).json() == {"data": [data], "meta": {"page": 1, "per_page": 20, "total": 1}}

    changed = await kit.api("PATCH", f"{path}/1", json=change)
    assert changed.status_code == 200
    assert changed.json()["data"] == data | change | {"updated_at": changed.json()["data"]["updated_at"]}
    assert changed.json()["data"]["updated_at"] > data["updated_at"]
    assert (await kit.api("GET", f"{path}/1")).json() == changed.json()

    gone = await kit.api("DELETE", f"{path}/1")
    assert (gone.status_code, gone.content) == (204, b"")
    for method, body in (("GET", None), ("PATCH", change), ("DELETE", None)):
        answer = await kit.api(method, f"{path}/1", json=body)
        assert problem(answer, 404)["detail"] == f"there is no {name} 1"
    assert await read_audit_log(kit) == [("admin", action, f"{name} 1") for action in ("add", "change", "remove")]


UNUSABLE: list[tuple[str, dict[str, Any], str]] = [
    (PRODUCTS, {"panelr_product_id": 3}, "body"),
    (PRODUCTS, {"sku": "A"}, "body.panelr_product_id"),
    (PRODUCTS, {"sku": "", "panelr_product_id": 3}, "body"),
    (PRODUCTS, {"woo_product_id": 0, "woo_variation_id": 0, "panelr_product_id": 3}, "body"),
    (PRODUCTS, {"woo_product_id": -1, "panelr_product_id": 3}, "body.woo_product_id"),
    (PRODUCTS, {"woo_product_id": 2**63, "panelr_product_id": 3}, "body.woo_product_id"),
    (PRODUCTS, {"woo_product_id": 1.5, "panelr_product_id": 3}, "body.woo_product_id"),
    (PRODUCTS, {"sku": "A", "panelr_product_id": 0}, "body.panelr_product_id"),
    (PRODUCTS, {"sku": "A", "panelr_product_id": 2**31}, "body.panelr_product_id"),
    (PRODUCTS, {"sku": "A", "panelr_product_id": 3, "quantity": 0}, "body.quantity"),
    (PRODUCTS, {"sku": "A", "panelr_product_id": 3, "quantity": None}, "body.quantity"),
    (PRODUCTS, {"sku": "A", "panelr_product_id": 3, "intent": "balance_payment"}, "body.intent"),
    (PRODUCTS, {"sku": "A" * 201, "panelr_product_id": 3}, "body.sku"),
    (PRODUCTS, {"sku": "A", "panelr_product_id": 3, "colour": "red"}, "body.colour"),
    (PRODUCTS, {"id": 9, "sku": "A", "panelr_product_id": 3}, "body.id"),
    (METHODS, {"woo_payment_method": "", "panelr_payment_method_id": 1}, "body.woo_payment_method"),
    (METHODS, {"woo_payment_method": "bacs"}, "body.panelr_payment_method_id"),
    (METHODS, {"woo_payment_method": "bacs", "panelr_payment_method_id": None}, "body.panelr_payment_method_id"),
    (METHODS, {"woo_payment_method": "bacs", "panelr_payment_method_id": 1, "on_paid": "pay"}, "body.on_paid"),
    (METHODS, {"woo_payment_method": "bacs", "panelr_payment_method_id": 1, "mode": "x"}, "body.mode"),
]


async def test_what_cannot_be_a_mapping_is_422_and_says_where(kit: Kit) -> None:
    for path, body, where in UNUSABLE:
        found = problem(await kit.api("POST", path, json=body), 422)
        assert [each["where"] for each in found["errors"]] == [where], body
    assert (await count_listed(kit, PRODUCTS), await count_listed(kit, METHODS)) == (0, 0)


async def test_a_change_is_judged_like_a_new_mapping_and_leaves_the_old_one(kit: Kit) -> None:
    before = await kit.map(sku="A", panelr_product_id=3, quantity=2)
    for body in ({"quantity": 0}, {"sku": None}, {"id": 5}, {"colour": "red"}, {"panelr_product_id": "x"}):
        problem(await kit.api("PATCH", f"{PRODUCTS}/1", json=body), 422)
    problem(await kit.api("PATCH", f"{PRODUCTS}/1", json={"store": "nowhere"}), 422)
    problem(await kit.api("PATCH", f"{PRODUCTS}/1", json=[1]), 422)
    assert (await kit.api("GET", f"{PRODUCTS}/1")).json()["data"] == before


async def test_a_body_that_is_no_json_is_refused_without_repeating_it(kit: Kit) -> None:
    for content in (b"", b"{", b"\xff", b"[" * 100_000):
        answer = await kit.api("POST", PRODUCTS, content=content, headers=AS_JSON)
        assert answer.status_code in {400, 422}, content[:10]
        problem(answer, answer.status_code)


async def test_an_unknown_store_is_422_and_names_those_there_are(kit: Kit) -> None:
    words = "there is no store 'nowhere'; the stores are default, eu"
    product = {"store": "nowhere", "sku": "A", "panelr_product_id": 3}
    method = {"store": "nowhere", "woo_payment_method": "bacs", "panelr_payment_method_id": 1}
    assert problem(await kit.api("POST", PRODUCTS, json=product), 422)["detail"] == words
    assert problem(await kit.api("POST", METHODS, json=method), 422)["detail"] == words
    assert problem(await kit.api("POST", f"{PRODUCTS}/import", json=[product]), 422)["detail"] == words


@BOTH_DATABASES
async def test_text_that_no_database_takes_is_422(kit: Kit) -> None:
    for sku in ("A\x00B", "A\ud800B"):
        body = json.dumps({"sku": sku, "panelr_product_id": 3})  # escaped by hand: httpx would not do it
        headers = {"Content-Type": "application/json"}
        problem(await kit.api("POST", PRODUCTS, content=body, headers=headers), 422)
        problem(await kit.api("POST", f"{PRODUCTS}/import", content=f"[{body}]", headers=headers), 422)
    problem(await kit.api("POST", METHODS, json={"woo_payment_method": "\x00", "panelr_payment_method_id": 1}), 422)


# Contradictions


@BOTH_DATABASES
async def test_a_bundle_is_several_mappings_of_one_product(kit: Kit) -> None:
    await kit.map(sku="A", panelr_product_id=3)
    await kit.map(sku="A", panelr_product_id=4)
    await kit.map(sku="A", panelr_product_id=3, intent="renewal")
    await kit.map(sku="A", panelr_product_id=3, store="eu")
    answer = await kit.api("POST", PRODUCTS, json={"sku": " a ", "panelr_product_id": 3, "quantity": 9})
    assert problem(answer, 409)["detail"] == "mapping 1 says this already: change its quantity instead"
    answer = await kit.api("PATCH", f"{PRODUCTS}/2", json={"panelr_product_id": 3})
    assert problem(answer, 409)["detail"] == "mapping 1 says this already: change its quantity instead"
    assert await count_listed(kit, PRODUCTS) == 4


@BOTH_DATABASES
async def test_a_product_is_for_panelr_or_it_is_not(kit: Kit) -> None:
    await kit.map(sku="A", panelr_product_id=3)
    await kit.map(sku="B", panelr_product_id=None)
    words = "mapping {} contradicts this: a product is for Panelr or it is not; delete one"
    for body, words_of in (
        ({"sku": "A", "panelr_product_id": None}, words.format(1)),
        ({"sku": "B", "panelr_product_id": 3}, words.format(2)),
        ({"sku": "B", "panelr_product_id": None}, "mapping 2 says this already: change its quantity instead"),
        ({"sku": "B", "panelr_product_id": None, "intent": "renewal"}, "mapping 2 says this already"),
    ):
        answer = await kit.api("POST", PRODUCTS, json=body)
        assert problem(answer, 409)["detail"].startswith(words_of)
    answer = await kit.api("PATCH", f"{PRODUCTS}/2", json={"sku": "A"})
    assert problem(answer, 409)["detail"] == words.format(1)
    assert (await kit.api("PATCH", f"{PRODUCTS}/2", json={"panelr_product_id": 4})).status_code == 200
    assert (await kit.api("PATCH", f"{PRODUCTS}/1", json={"panelr_product_id": None})).status_code == 200


@BOTH_DATABASES
async def test_a_payment_method_has_one_mapping_in_a_store(kit: Kit) -> None:
    bacs = {"woo_payment_method": "bacs", "panelr_payment_method_id": 1}
    for body in (bacs, bacs | {"store": "eu"}, bacs | {"woo_payment_method": "cod"}):
        assert (await kit.api("POST", METHODS, json=body)).status_code == 201
    words = "mapping 1 is for this payment method already: change it instead"
    answer = await kit.api("POST", METHODS, json=bacs | {"panelr_payment_method_id": 2})
    assert problem(answer, 409)["detail"] == words
    answer = await kit.api("PATCH", f"{METHODS}/3", json={"woo_payment_method": "bacs"})
    assert problem(answer, 409)["detail"] == words
    assert await count_listed(kit, METHODS) == 3


# Effects of a mapping


async def test_a_mapping_wakes_the_order_that_was_held_for_it(kit: Kit) -> None:
    assert (await kit.post(order())).json()["state"] == "held"
    story = await kit.order(20)
    assert [reason["code"] for reason in story["reasons"]] == ["unmapped_product"]
    await kit.map(sku="panel-1000", panelr_product_id=3, quantity=2)
    await kit.until(20, "created")
    assert [(item.product_id, item.qty) for item in kit.panel.work_orders[1].cart] == [(3, 2)]


async def test_an_import_wakes_held_orders_and_a_dry_run_does_not(kit: Kit) -> None:
    await kit.post(order())
    wanted = [{"woo_product_id": 12, "panelr_product_id": 3}]
    await kit.api("POST", f"{PRODUCTS}/import?dry_run=true", json=wanted)
    await kit.map(sku="OTHER", panelr_product_id=3)  # wakes the worker
    assert (await kit.order(20))["state"] == "held"
    await kit.api("POST", f"{PRODUCTS}/import", json=wanted)
    await kit.until(20, "created")


async def test_a_mapping_that_moves_to_another_store_wakes_the_store_that_it_leaves(kit: Kit) -> None:
    """An order that was ignored because of the mapping becomes unmapped, as after a deletion."""
    mapping = await kit.map(sku="PANEL-1000", panelr_product_id=None)
    assert (await kit.post(order())).json()["state"] == "ignored"
    await kit.api("PATCH", f"{PRODUCTS}/{mapping['id']}", json={"store": "eu"})
    await kit.until(20, "held", seconds=2)


async def test_a_payment_method_mapping_is_sent_along(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.api("POST", METHODS, json={"woo_payment_method": "bacs", "panelr_payment_method_id": 2})
    await kit.post(order(payment_method="bacs"))
    await kit.post(order(id=21, payment_method="cod"))
    assert [each.payment_method_id for each in kit.panel.work_orders.values()] == [2, None]
