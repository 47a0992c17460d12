"""Mappings are imported and exported as CSV and JSON files."""

from typing import Any

import pytest
from sqlalchemy import Connection, text

from panelr_bridge.settings import Settings
from tests.support.api_answers import BOTH_DATABASES, count_listed, problem, read_audit_log
from tests.support.bridge_kit import Kit, with_second_store

PRODUCTS = "/product-mappings"
AS_JSON = {"Content-Type": "application/json"}
HEADER = "store,woo_product_id,woo_variation_id,sku,panelr_product_id,intent,quantity,conditions\n"


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a second store."""
    return with_second_store(settings)


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
        'default,,,"with ""quotes"", comma",none,new_activation,1,\n',
        "default,12,,,3,new_activation,2,\n",
        "default,16,18,\u00fc,2,renewal,1,\n",
        "eu,,,none,5,new_activation,1,\n",
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
        "default,,,A,3,new_activation,5,\ndefault,,,B,3,new_activation,1,\ndefault,,,C,none,new_activation,1,\n"
    )
    assert ("admin", "import", "product mappings") in await read_audit_log(kit)


@BOTH_DATABASES
async def test_an_import_with_a_contradiction_changes_nothing(kit: Kit) -> None:
    await kit.map(sku="A", panelr_product_id=3)
    wanted = [{"sku": "B", "panelr_product_id": 3}, {"sku": "A", "panelr_product_id": None}]
    for query in ("", "?dry_run=true"):
        problem(await kit.api("POST", f"{PRODUCTS}/import{query}", json=wanted), 409)
    twice = [{"sku": "C", "panelr_product_id": 3}, {"sku": "C", "panelr_product_id": None}]
    problem(await kit.api("POST", f"{PRODUCTS}/import", json=twice), 409)
    assert await count_listed(kit, PRODUCTS) == 1


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
    assert await count_listed(kit, PRODUCTS) == 2
    counts = {"added": 2499, "changed": 2, "unchanged": 1}
    for dry in (True, False):
        answer = await kit.api("POST", f"{PRODUCTS}/import?dry_run={dry}", json=rows)
        assert answer.json() == {"data": counts | {"dry_run": dry}}
    exported = (await kit.api("GET", f"{PRODUCTS}/export")).text.splitlines()[1:]
    others = [f"default,,,S-{number},3,new_activation,{2 if number == 9 else 1}," for number in range(2500)]
    first = [others.pop(3), others.pop(3)]
    assert exported == [*first, *others, "default,,,S-7,4,new_activation,1,"]
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
    assert await count_listed(kit, PRODUCTS) == 0
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
    assert await count_listed(kit, PRODUCTS) == 0


async def test_a_json_list_that_is_nested_too_deeply_is_422(kit: Kit) -> None:
    problem(await kit.api("POST", f"{PRODUCTS}/import", content=b"[" * 100_000, headers=AS_JSON), 422)
