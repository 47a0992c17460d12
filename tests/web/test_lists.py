"""The conventions of the whole admin API: tokens, lists, problems."""

import itertools
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.routing import BaseRoute

from panelr_bridge.settings import Settings, StoreSettings
from panelr_bridge.store.pagination import order_list
from tests.support.api_answers import BOTH_DATABASES, Logged, problem
from tests.support.bridge_kit import ADMIN_TOKEN, ORDERS_SINCE, Kit, line, order

LISTS = ["/orders", "/deliveries", "/product-mappings", "/payment-method-mappings"]
HUGE = ["9223372036854775808", "99999999999999999999999999"]


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a second store and without a worker."""
    stores = {"eu": StoreSettings(webhook_secret=SecretStr("secret-of-eu"), orders_since=ORDERS_SINCE)}
    return settings.model_copy(update={"stores": stores, "worker": False})


@pytest.fixture
async def filled(kit: Kit) -> Kit:
    """At least three rows in every list, some with equal or missing sort values."""
    for number, (status, store) in enumerate(
        [("pending", ""), ("pending", "eu"), ("cancelled", ""), ("processing", ""), ("processing", "eu")], start=1
    ):
        content = line(order(id=number, status=status), sku=f"SKU-{number}")
        await kit.post(content, store=store, secret="secret-of-eu" if store else "rig-secret-please-change")
    await kit.post({"id": 6}, topic="order.deleted")
    await kit.post(b"[]", topic="order.created")
    await kit.post(b"[]", topic="product.updated")
    for number in range(1, 5):
        await kit.map(
            sku=f"S{number}", panelr_product_id=None if number == 1 else 3, store="eu" if number > 2 else "default"
        )
    await kit.map(woo_product_id=900, panelr_product_id=4, intent="renewal")
    for method, store in (("bacs", "default"), ("cod", "default"), ("bacs", "eu")):
        body = {"woo_payment_method": method, "panelr_payment_method_id": 1, "store": store}
        await kit.api("POST", "/payment-method-mappings", json=body)
    return kit


async def ids(kit: Kit, path: str) -> list[int]:
    """Return the ids in a page of a list."""
    answer = await kit.api("GET", path)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


# Access


def admin_calls(routes: list[BaseRoute]) -> list[tuple[str, str]]:
    """Return method and path of every route below /api, those of included routers too."""
    calls = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            calls += admin_calls(inner.routes)
        for method in getattr(route, "methods", None) or ():
            path: str = getattr(route, "path", "")
            if path.startswith("/api/"):
                calls.append((method, path))
    return calls


async def test_every_route_of_the_admin_api_wants_the_token(kit: Kit) -> None:
    app: Any = kit.http._transport.app  # type: ignore[attr-defined]
    calls = admin_calls(app.routes)
    assert ("GET", "/api/v1/orders/{order_id}/confirmation-token") in calls
    assert len(calls) >= 20
    wrong = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {ADMIN_TOKEN}x"},
        {"Authorization": f"Bearer {ADMIN_TOKEN[:-1]}"},
        {"Authorization": f"Basic {ADMIN_TOKEN}"},
        {"Authorization": ADMIN_TOKEN},
        {"X-API-Key": ADMIN_TOKEN},
    ]
    for (method, path), headers in itertools.product(calls, wrong):
        address = path.replace("{", "").replace("}", "").replace("order_id", "1")
        answer = await kit.http.request(method, address, headers=headers)
        found = problem(answer, 401)
        assert found["detail"] == "send the admin token: Authorization: Bearer ...", (method, path)
        assert answer.headers["www-authenticate"] == 'Bearer realm="panelr-bridge"'


async def test_a_token_of_other_letters_is_wrong_and_no_error(kit: Kit) -> None:
    for value in (b"Bearer \xff\xfe", "Bearer t\u00f6ken".encode()):
        problem(await kit.http.get("/api/v1/orders", headers=[(b"Authorization", value)]), 401)


async def test_without_the_token_a_body_is_not_even_looked_at(kit: Kit) -> None:
    """A caller without a token learns nothing of a body's form, and the bridge does not read his body."""
    for content in (b"{", b"[]", b"[" * 100_000):
        headers = {"Content-Type": "application/json"}
        problem(await kit.http.post("/api/v1/product-mappings", content=content, headers=headers), 401)


# Parameters


@pytest.mark.parametrize("path", LISTS)
async def test_what_a_list_does_not_know_is_400(kit: Kit, path: str) -> None:
    for query, where in (
        ("colour=red", "query.colour"),
        ("per_page=0", "query.per_page"),
        ("per_page=101", "query.per_page"),
        ("per_page=-1", "query.per_page"),
        ("per_page=ten", "query.per_page"),
        ("page=0", "query.page"),
        ("page=1000001", "query.page"),
        ("page=1.5", "query.page"),
    ):
        found = problem(await kit.api("GET", f"{path}?{query}"), 400)
        assert [each["where"] for each in found["errors"]] == [where]
    for query in (
        "sort=colour",
        "sort=",
        "sort=-",
        "sort=--id",
        "sort=id,store",
        "sort=ID",
        "fields=colour",
        "fields=",
        "fields=,",
        "fields=id,colour",
        "fields=body",
    ):
        name = query.partition("=")[0]
        assert problem(await kit.api("GET", f"{path}?{query}"), 400)["detail"].startswith(f"{name}: "), query


async def test_a_misspelt_filter_is_not_an_export_of_everything(filled: Kit) -> None:
    problem(await filled.api("GET", "/product-mappings/export?stroe=eu"), 400)


async def test_a_misspelt_trial_is_not_an_import(kit: Kit) -> None:
    """A misspelt `dry_run` must not change the tables."""
    body = [{"sku": "A", "panelr_product_id": 3}]
    problem(await kit.api("POST", "/product-mappings/import?dryrun=true", json=body), 400)
    assert await ids(kit, "/product-mappings") == []


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_shows_the_fields_that_are_asked_for(filled: Kit, path: str) -> None:
    whole = (await filled.api("GET", path)).json()["data"]
    some = (await filled.api("GET", f"{path}?fields=store, id")).json()["data"]
    assert [list(row) for row in some] == [["store", "id"]] * len(whole)
    assert some == [{"store": row["store"], "id": row["id"]} for row in whole]
    for name in whole[0]:
        answer = await filled.api("GET", f"{path}?fields={name}")
        assert answer.json()["data"] == [{name: row[name]} for row in whole]


SORTS = {
    "/orders": ["id", "woo_order_id", "state", "created_at", "updated_at"],
    "/deliveries": ["id", "received_at", "last_received_at", "woo_order_id"],
    "/product-mappings": [
        "id",
        "woo_product_id",
        "woo_variation_id",
        "sku",
        "panelr_product_id",
        "created_at",
        "updated_at",
    ],
    "/payment-method-mappings": [
        "id",
        "store",
        "woo_payment_method",
        "panelr_payment_method_id",
        "on_paid",
        "created_at",
        "updated_at",
    ],
}


@BOTH_DATABASES
@pytest.mark.parametrize("path", LISTS)
async def test_a_list_is_sorted_both_ways_with_pages_that_never_overlap(filled: Kit, path: str) -> None:
    newest_first = await ids(filled, path)
    assert newest_first == sorted(newest_first, reverse=True)
    total = len(newest_first)
    assert total >= 3
    for name in SORTS[path]:
        up = (await filled.api("GET", f"{path}?sort={name}")).json()["data"]
        down = (await filled.api("GET", f"{path}?sort=-{name}")).json()["data"]
        assert up == down[::-1], name
        values = [row[name] for row in up if row[name] is not None]
        assert values == sorted(values), name
        pages = [await ids(filled, f"{path}?sort={name}&per_page=2&page={page}") for page in range(1, total)]
        assert list(itertools.chain(*pages)) == [row["id"] for row in up], name
    answer = await filled.api("GET", f"{path}?per_page=2&page=1000000")
    assert answer.json() == {"data": [], "meta": {"page": 1_000_000, "per_page": 2, "total": total}}


FILTERS: list[tuple[str, list[int]]] = [
    ("/orders?state=held", [5, 4]),
    ("/orders?state=waiting,ignored", [6, 3, 2, 1]),
    ("/orders?state= held , created ", [5, 4]),
    ("/orders?store=eu", [5, 2]),
    ("/orders?store=EU", []),
    ("/orders?store=eu&state=held", [5]),
    ("/orders?woo_order_id=3", [3]),
    ("/orders?attention=true", []),
    ("/orders?attention=false&state=held", [5, 4]),
    ("/deliveries?store=eu", [5, 2]),
    ("/deliveries?topic=order.deleted", [6]),
    ("/deliveries?verdict=order", [5, 4, 3, 2, 1]),
    ("/deliveries?verdict=unreadable", [7]),
    ("/deliveries?verdict=other_topic", [8]),
    ("/deliveries?woo_order_id=6", [6]),
    ("/product-mappings?store=eu", [4, 3]),
    ("/product-mappings?sku=S1", [1]),
    ("/product-mappings?panelr_product_id=3&store=eu", [4, 3]),
    ("/product-mappings?woo_product_id=900", [5]),
    ("/product-mappings?woo_variation_id=1", []),
    ("/product-mappings?intent=renewal", [5]),
    ("/payment-method-mappings?woo_payment_method=bacs", [3, 1]),
    ("/payment-method-mappings?store=default", [2, 1]),
    ("/payment-method-mappings?panelr_payment_method_id=2", []),
]


@BOTH_DATABASES
async def test_a_list_is_filtered(filled: Kit) -> None:
    for path, expected in FILTERS:
        answer = await filled.api("GET", path)
        assert [row["id"] for row in answer.json()["data"]] == expected, path
        assert answer.json()["meta"]["total"] == len(expected)


async def test_a_filter_with_a_value_that_cannot_be_is_400(kit: Kit) -> None:
    for path in (
        "/orders?state=",
        "/orders?state=lost",
        "/orders?state=held,lost",
        "/orders?woo_order_id=x",
        "/orders?attention=perhaps",
        "/deliveries?woo_order_id=",
        "/product-mappings?intent=balance_payment",
        "/product-mappings?woo_product_id=1.5",
    ):
        problem(await kit.api("GET", path), 400)


@BOTH_DATABASES
async def test_an_attention_can_be_looked_for(filled: Kit) -> None:
    await filled.map(sku="PANEL-1000", panelr_product_id=3)
    await filled.post(order(id=30))
    await filled.post(order(id=30, status="refunded", date_modified_gmt="2026-11-21T20:00:00"))
    (found,) = (await filled.api("GET", "/orders?attention=true")).json()["data"]
    assert (found["woo_order_id"], found["attention"][0]["code"]) == (30, "ended_after_creation")
    assert found["id"] not in await ids(filled, "/orders?attention=false")


# Values that no database accepts


@BOTH_DATABASES
@pytest.mark.parametrize("number", HUGE)
async def test_a_number_that_no_database_takes_is_no_server_error(kit: Kit, number: str) -> None:
    addresses = [f"{path}/{number}" for path in LISTS]
    addresses += [f"/orders/{number}/confirmation-token", f"/orders/-{number}"]
    addresses += [f"/orders?woo_order_id={number}", f"/deliveries?woo_order_id={number}"]
    names = ("woo_product_id", "woo_variation_id", "panelr_product_id")
    addresses += [f"/product-mappings?{name}={number}" for name in names]
    addresses += [f"/payment-method-mappings?panelr_payment_method_id={number}"]
    answers = {address: (await kit.api("GET", address)).status_code for address in addresses}
    assert {address: status for address, status in answers.items() if status not in {200, 400, 404, 422}} == {}


@BOTH_DATABASES
async def test_a_text_that_no_database_takes_is_no_server_error(kit: Kit) -> None:
    names = {"/deliveries": "topic", "/product-mappings": "sku", "/payment-method-mappings": "woo_payment_method"}
    addresses = [f"{path}?store=%00" for path in LISTS] + [f"{path}?{name}=a%00" for path, name in names.items()]
    addresses += ["/product-mappings/export?store=%00", "/deliveries?verdict=%00"]
    answers = {address: (await kit.api("GET", address)).status_code for address in addresses}
    assert {address: status for address, status in answers.items() if status not in {200, 400, 422}} == {}


# Problems


async def test_an_address_that_does_not_exist_is_a_404_problem(kit: Kit) -> None:
    for path in ("/", "/webhooks", "/webhooks/shopify"):
        problem(await kit.http.get(path), 404)
    for path in ("", "/nothing", "/orders/"):
        problem(await kit.api("GET", path), 404)
        problem(await kit.http.get(f"/api/v1{path}"), 401)


async def test_a_path_that_holds_no_number_is_400(kit: Kit) -> None:
    for path in ("/orders/abc", "/orders/1.5", "/deliveries/x", "/product-mappings/x"):
        found = problem(await kit.api("GET", path), 400)
        assert found["errors"][0]["where"].startswith("path."), path


async def test_a_wrong_method_is_a_405_problem_that_names_the_right_ones(kit: Kit) -> None:
    for method, path, allowed in (
        ("DELETE", "/api/v1/orders", "GET"),
        ("GET", "/api/v1/orders/1/retry", "POST"),
        ("PUT", "/api/v1/payment-method-mappings/1", "PATCH"),
        ("GET", "/webhooks/woocommerce", "POST"),
    ):
        answer = await kit.http.request(method, path, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        problem(answer, 405)
        if path.endswith("/1"):  # several routes share this address
            assert "allow" in answer.headers
        else:
            assert answer.headers["allow"] == allowed


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the list of orders raise an unexpected error."""

    def page(*_: Any, **__: Any) -> None:
        raise KeyError("ada@example.test")

    monkeypatch.setattr(order_list, "page", page)


@pytest.mark.usefixtures("broken")
async def test_an_error_that_nobody_expected_is_a_500_problem_without_its_words(kit: Kit) -> None:
    answer = await kit.api("GET", "/orders")
    assert "ada@example.test" not in answer.text
    problem(answer, 500)


@pytest.mark.usefixtures("broken")
async def test_an_error_that_nobody_expected_is_in_the_log_under_the_answers_id(kit: Kit, logged: Logged) -> None:
    answer = await kit.api("GET", "/orders")
    (failed,) = [entry for entry in logged if entry["event"] == "request.failed"]
    assert failed["path"] == "/api/v1/orders"
    assert failed.get("request_id") == answer.json()["request_id"]


async def test_request_ids_are_never_the_same_and_every_answer_has_one(kit: Kit) -> None:
    paths = ["/healthz", "/api/v1/orders", "/nothing"] * 5
    found = [(await kit.http.get(path)).headers["x-request-id"] for path in paths]
    assert len(set(found)) == len(paths)
