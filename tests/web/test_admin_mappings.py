"""The admin API of the mapping tables: changes, contradictions, and imports."""

import json
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from panelr_bridge.settings import Settings, StoreSettings
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, order

PRODUCTS, METHODS = "/product-mappings", "/payment-method-mappings"
PRODUCT = {
    "store": "default",
    "woo_product_id": None,
    "woo_variation_id": None,
    "sku": "PANEL-1000",
    "panelr_product_id": 3,
    "intent": "new_activation",
    "quantity": 1,
}
METHOD = {"store": "default", "woo_payment_method": "bacs", "panelr_payment_method_id": 1, "on_paid": "submit_payment"}
AS_JSON = {"Content-Type": "application/json"}
HEADER = "store,woo_product_id,woo_variation_id,sku,panelr_product_id,intent,quantity\n"


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a second store."""
    return settings.model_copy(update={"stores": {"eu": StoreSettings(webhook_secret=SecretStr("secret-of-eu"))}})


async def total(kit: Kit, path: str = PRODUCTS) -> int:
    """Return the number of mappings."""
    number: int = (await kit.api("GET", path)).json()["meta"]["total"]
    return number


async def audited(kit: Kit) -> list[tuple[str, str, str]]:
    """Return the audit log in its order."""

    def read(connection: Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(text("SELECT actor, action, subject FROM audit_log ORDER BY id"))
        return [(row.actor, row.action, row.subject) for row in rows]

    return await kit.runtime.database.read(read)


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
    assert await audited(kit) == [("admin", action, f"{name} 1") for action in ("add", "change", "remove")]


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
    assert (await total(kit), await total(kit, METHODS)) == (0, 0)


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
    assert await total(kit) == 4


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
    assert await total(kit, METHODS) == 3


# Import and export


@BOTH_DATABASES
async def test_what_is_exported_is_imported_as_the_same(kit: Kit) -> None:
    await kit.map(sku='with "quotes", comma', panelr_product_id=None)
    await kit.map(woo_product_id=12, panelr_product_id=3, quantity=2)
    await kit.map(woo_product_id=16, woo_variation_id=18, sku="\u00fc", panelr_product_id=2, intent="renewal")
    await kit.map(store="eu", sku="none", panelr_product_id=5)
    exported = await kit.api("GET", f"{PRODUCTS}/export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="product-mappings.csv"'
    rows = [
        'default,,,"with ""quotes"", comma",none,new_activation,1\n',
        "default,12,,,3,new_activation,2\n",
        "default,16,18,\u00fc,2,renewal,1\n",
        "eu,,,none,5,new_activation,1\n",
    ]
    assert exported.text == HEADER + "".join(rows)
    assert (await kit.api("GET", f"{PRODUCTS}/export?store=eu")).text == HEADER + rows[3]
    again = await kit.api("POST", f"{PRODUCTS}/import", content=exported.content, headers={"Content-Type": "text/csv"})
    assert again.json() == {"data": {"added": 0, "changed": 0, "unchanged": 4, "dry_run": False}}
    for number in range(1, 5):
        await kit.api("DELETE", f"{PRODUCTS}/{number}")
    back = await kit.api("POST", f"{PRODUCTS}/import", content=exported.content)
    assert back.json()["data"]["added"] == 4
    assert (await kit.api("GET", f"{PRODUCTS}/export")).text == exported.text


@BOTH_DATABASES
async def test_an_import_adds_and_changes_and_a_dry_run_only_tells(kit: Kit) -> None:
    await kit.map(sku="A", panelr_product_id=3)
    await kit.map(sku="B", panelr_product_id=3)
    wanted = [
        {"sku": "A", "panelr_product_id": 3, "quantity": 5},
        {"sku": "B", "panelr_product_id": 3},
        {"sku": "C", "panelr_product_id": None},
    ]
    lines = "\ufeffpanelr_product_id, sku ,quantity\r\n3,A,5\r\n3,B,\r\n\r\nNone,C,\r\n"
    before = (await kit.api("GET", PRODUCTS)).json()
    for more in ({"json": wanted}, {"content": lines.encode(), "headers": {"Content-Type": "text/csv"}}):
        dry = await kit.api("POST", f"{PRODUCTS}/import?dry_run=true", **more)
        assert dry.json() == {"data": {"added": 1, "changed": 1, "unchanged": 1, "dry_run": True}}
    assert (await kit.api("GET", PRODUCTS)).json() == before
    done = await kit.api("POST", f"{PRODUCTS}/import", json=wanted)
    assert done.json() == {"data": {"added": 1, "changed": 1, "unchanged": 1, "dry_run": False}}
    assert (await kit.api("GET", f"{PRODUCTS}/export")).text == HEADER + (
        "default,,,A,3,new_activation,5\ndefault,,,B,3,new_activation,1\ndefault,,,C,none,new_activation,1\n"
    )
    assert ("admin", "import", "product mappings") in await audited(kit)


@BOTH_DATABASES
async def test_an_import_with_a_contradiction_changes_nothing(kit: Kit) -> None:
    await kit.map(sku="A", panelr_product_id=3)
    wanted = [{"sku": "B", "panelr_product_id": 3}, {"sku": "A", "panelr_product_id": None}]
    for query in ("", "?dry_run=true"):
        problem(await kit.api("POST", f"{PRODUCTS}/import{query}", json=wanted), 409)
    twice = [{"sku": "C", "panelr_product_id": 3}, {"sku": "C", "panelr_product_id": None}]
    problem(await kit.api("POST", f"{PRODUCTS}/import", json=twice), 409)
    assert await total(kit) == 1


@BOTH_DATABASES
async def test_an_import_of_thousands_is_counted_kept_in_its_order_and_named_where_it_contradicts(kit: Kit) -> None:
    await kit.map(sku="S-3", panelr_product_id=3, quantity=9)
    await kit.map(sku="S-4", panelr_product_id=3)
    rows: list[dict[str, Any]] = [{"sku": f"S-{number}", "panelr_product_id": 3} for number in range(2500)]
    rows += [{"sku": "S-7", "panelr_product_id": 4}, {"sku": "S-9", "panelr_product_id": 3, "quantity": 2}]
    for entry, words in (
        ({"sku": "s-4", "panelr_product_id": None}, "entry 2503 (sku:s-4): mapping 2 contradicts this: "),
        ({"sku": "S-8", "panelr_product_id": None}, "entry 2503 (sku:s-8): entry 9 contradicts this: "),
    ):
        for query in ("", "?dry_run=true"):
            refused = problem(await kit.api("POST", f"{PRODUCTS}/import{query}", json=[*rows, entry]), 409)
            assert refused["detail"].startswith(words)
    assert await total(kit) == 2
    counts = {"added": 2499, "changed": 2, "unchanged": 1}
    for dry in (True, False):
        answer = await kit.api("POST", f"{PRODUCTS}/import?dry_run={dry}", json=rows)
        assert answer.json() == {"data": counts | {"dry_run": dry}}
    exported = (await kit.api("GET", f"{PRODUCTS}/export")).text.splitlines()[1:]
    others = [f"default,,,S-{number},3,new_activation,{2 if number == 9 else 1}" for number in range(2500)]
    first = [others.pop(3), others.pop(3)]
    assert exported == [*first, *others, "default,,,S-7,4,new_activation,1"]
    again = await kit.api("POST", f"{PRODUCTS}/import", json=rows[:2500])
    assert again.json()["data"] == {"added": 0, "changed": 1, "unchanged": 2499, "dry_run": False}


async def test_an_import_that_changes_nothing_wakes_nobody(kit: Kit) -> None:
    await kit.map(sku="A", panelr_product_id=3)
    wanted = [{"sku": "A", "panelr_product_id": 3}]
    before = await kit.runtime.database.read(_revisions)
    await kit.api("POST", f"{PRODUCTS}/import", json=wanted)
    await kit.api("POST", f"{PRODUCTS}/import?dry_run=true", json=[*wanted, {"sku": "B", "panelr_product_id": 3}])
    assert await kit.runtime.database.read(_revisions) == before
    await kit.api("POST", f"{PRODUCTS}/import", json=[*wanted, {"sku": "B", "panelr_product_id": 3}])
    assert await kit.runtime.database.read(_revisions) == [("default", before[0][1] + 1)]


def _revisions(connection: Connection) -> list[Any]:
    return [tuple(row) for row in connection.execute(text("SELECT store, revision FROM mapping_revisions"))]


async def refused_file(kit: Kit, content: bytes) -> str:
    """Import a CSV file with and without `dry_run`; return the error, which must be the same."""
    as_csv = {"Content-Type": "text/csv"}
    answers = [
        await kit.api("POST", f"{PRODUCTS}/import{query}", content=content, headers=as_csv)
        for query in ("?dry_run=true", "")
    ]
    first, second = (problem(answer, 422)["detail"] for answer in answers)
    assert first == second
    assert await total(kit) == 0
    return str(first)


async def test_a_csv_file_that_cannot_be_used_is_422_and_says_where(kit: Kit) -> None:
    for content, words in (
        (b"", "line 1: "),
        (b"sku\nA\n", "line 1: "),
        (b"sku|panelr_product_id\nA|3\n", "line 1: "),
        (b"sku,colour,panelr_product_id\nA,red,3\n", "line 1: "),
        (b"sku,panelr_product_id\nA,3\nB,\n", "line 3: panelr_product_id: is missing; write none"),
        (b"sku,panelr_product_id\nA,3,4\n", "line 2: the line has more cells"),
        (b"sku,panelr_product_id,quantity\nA,3,0\n,3,1\n", "line 2: quantity: "),
        (b"sku,panelr_product_id\nA,99999999999999999999\n", "line 2: panelr_product_id: "),
        ("sku,panelr_product_id\n\u00fc,3\n".encode("latin-1"), "the file is not UTF-8"),
    ):
        assert (await refused_file(kit, content)).startswith(words), content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'"sku"x,panelr_product_id\nA,3\n', "line 1: "),
        (b'sku,panelr_product_id\n"A"x,3\n', "line 2: "),
        (b"sku,panelr_product_id\n" + b"A" * 200_000 + b",3\n", "line 2: "),
    ],
)
async def test_a_csv_file_that_is_none_is_422_and_says_where(kit: Kit, content: bytes, words: str) -> None:
    assert (await refused_file(kit, content)).startswith(words)


async def test_a_json_list_that_cannot_be_used_is_422_and_says_where(kit: Kit) -> None:
    for content, words in (
        (b"", "the body is no JSON"),
        (b"{", "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b'{"sku": "A", "panelr_product_id": 3}', "the body is JSON, but no list of mappings"),
        (b"[7]", "entry 1: "),
        (b'[{"sku": "A", "panelr_product_id": 3}, {"sku": "B"}]', "entry 2: panelr_product_id: is missing"),
    ):
        answer = await kit.api("POST", f"{PRODUCTS}/import", content=content, headers=AS_JSON)
        assert problem(answer, 422)["detail"].startswith(words), content[:40]
    assert await total(kit) == 0


async def test_a_json_list_that_is_nested_too_deeply_is_422(kit: Kit) -> None:
    problem(await kit.api("POST", f"{PRODUCTS}/import", content=b"[" * 100_000, headers=AS_JSON), 422)


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
