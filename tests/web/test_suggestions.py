"""Suggestions of mappings, with a shop's REST API and the simulated Panelr, and the command's output."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from panelr_bridge import cli
from panelr_bridge.cli import console
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.server import running
from tests.support.api_answers import problem
from tests.support.bridge_kit import ADMIN_TOKEN, PANELR_KEY, SECRET, Kit, kit_of, order

SUGGESTIONS = "/product-mappings/suggestions"
MANY = 150
SIMPLE = [
    {"id": 12, "type": "simple", "name": "IPTV 1 Month", "sku": "IPTV-1M", "price": "10.00"},
    {"id": 14, "type": "simple", "name": "IPTV 3 Months", "sku": "MAPPED", "price": "27.00"},
    {"id": 16, "type": "variable", "name": "IPTV Premium", "sku": "", "price": "9.00"},
]
SHIRTS = [{"id": 1000 + n, "type": "simple", "name": f"T-Shirt {n}", "sku": "", "price": "5"} for n in range(MANY)]
VARIATIONS = [
    {"id": 18, "sku": "P-12", "price": "90.00", "attributes": [{"name": "Length", "option": "12 Months"}]},
    {"id": 19, "sku": "P-M", "price": "1.00", "attributes": [{"name": "Length", "option": "6 Months"}]},
]


class Shop:
    """The products of a wc/v3, in pages of a hundred; it counts the requests."""

    def __init__(self) -> None:
        self.products: list[dict[str, Any]] = SHIRTS + SIMPLE
        self.status = 200
        self.asked = 0
        routes = [Route("/wp-json/wc/v3/products", self._products)]
        routes += [Route("/wp-json/wc/v3/products/{number:int}/variations", self._variations)]
        self.app = Starlette(routes=routes)

    async def _products(self, request: Request) -> JSONResponse:
        return self._page(request, self.products)

    async def _variations(self, request: Request) -> JSONResponse:
        return self._page(request, VARIATIONS if request.path_params["number"] == 16 else [])

    def _page(self, request: Request, items: list[dict[str, Any]]) -> JSONResponse:
        self.asked += 1
        if self.status != 200:
            return JSONResponse({"code": "no", "message": "No."}, self.status)
        page, size = int(request.query_params.get("page", 1)), int(request.query_params["per_page"])
        headers = {"X-WP-Total": str(len(items)), "X-WP-TotalPages": str(-(-len(items) // size))}
        return JSONResponse(items[(page - 1) * size : page * size], headers=headers)


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
async def shop() -> AsyncIterator[tuple[str, Shop]]:
    """A shop on loopback: its address, and its state."""
    shop = Shop()
    async with running(shop.app) as url:
        yield url, shop


@pytest.fixture
def settings(settings: Settings, shop: tuple[str, Shop]) -> Settings:
    """A bridge with a key for the shop's REST API and without write-back."""
    api = {"woo_url": shop[0], "woo_key": SecretStr("ck_1"), "woo_secret": SecretStr("cs_1"), "write_back": False}
    return settings.model_copy(update=api)


async def test_what_is_not_mapped_is_suggested_with_a_score_and_reasons(kit: Kit, shop: tuple[str, Shop]) -> None:
    await kit.map(sku="mapped", panelr_product_id=6)
    answer = await kit.api("GET", SUGGESTIONS)
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert content["meta"] == {
        "looked_at": MANY + 4,
        "not_mapped": MANY + 3,
        "choices": 0,
        "suggested": 2,
        "more": False,
    }
    found = content["data"]
    assert [(each["woo_product_id"], each["woo_variation_id"], each["panelr_product_id"]) for each in found] == [
        (12, None, 1),
        (16, 18, 2),
    ]
    assert found[0] == {
        "store": "default",
        "woo_product_id": 12,
        "woo_variation_id": None,
        "sku": "IPTV-1M",
        "panelr_product_id": 1,
        "intent": "new_activation",
        "quantity": 1,
        "conditions": [],
        "name": "IPTV 1 Month",
        "panelr_name": "IPTV 1 Month",
        "score": 100,
        "why": ["the same name"],
    }
    assert (found[1]["name"], found[1]["why"]) == (
        "IPTV Premium 12 Months",
        ["a similar name", "12 months", "the same price"],
    )
    assert shop[1].asked == 3  # two pages of products, one of variations


async def test_a_suggestion_can_be_imported_and_is_none_any_more_then(kit: Kit) -> None:
    found = (await kit.api("GET", SUGGESTIONS)).json()["data"]
    names = ("store", "woo_product_id", "woo_variation_id", "sku", "panelr_product_id", "intent", "quantity")
    rows = [{name: each[name] for name in names} for each in found]
    imported = await kit.api("POST", "/product-mappings/import", json=rows)
    assert imported.json()["data"]["added"] == 3
    again = (await kit.api("GET", SUGGESTIONS)).json()
    assert (again["data"], again["meta"]["not_mapped"]) == ([], MANY + 1)


async def test_the_choices_of_add_ons_in_orders_are_suggested_with_conditions(kit: Kit, shop: tuple[str, Shop]) -> None:
    shop[1].products = [{"id": 101, "type": "simple", "name": "IPTV 1 month", "sku": "", "price": "10.00"}]
    (first,) = order()["line_items"]
    for number, duration in enumerate(("1 month", "12 Months", "9 months"), start=1):
        meta = [
            {"id": 1, "key": "Duration ($50,00)", "value": duration},
            {"id": 2, "key": "Note", "value": str(number)},
        ]
        line = first | {"product_id": 101, "sku": "", "name": "IPTV 1 month", "meta_data": meta}
        assert (await kit.post(order(id=number, line_items=[line]))).json()["state"] == "held"
    content = (await kit.api("GET", SUGGESTIONS)).json()
    assert content["meta"] == {"looked_at": 1, "not_mapped": 1, "choices": 3, "suggested": 2, "more": False}
    assert {each["conditions"][0]["value"]: each["panelr_product_id"] for each in content["data"]} == {
        "1 month": 1,
        "12 months": 2,
    }
    names = ("woo_product_id", "panelr_product_id", "conditions")
    rows = [{name: each[name] for name in names} for each in content["data"]]
    await kit.api("POST", "/product-mappings/import", json=rows)
    assert [(await kit.until(number, "created"))["state"] for number in (1, 2)] == ["created"] * 2
    assert [kit.panel.of_wc_order(str(number))[0].cart[0].product_id for number in (1, 2)] == [1, 2]
    assert (await kit.order(3))["reasons"][0]["code"] == "no_fitting_mapping"
    assert (await kit.api("GET", SUGGESTIONS)).json()["meta"]["choices"] == 1


async def test_no_more_than_a_bounded_number_is_looked_at(
    kit: Kit, shop: tuple[str, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panelr_bridge.application.suggest_mappings.MAX_ITEMS", 100)
    meta = (await kit.api("GET", SUGGESTIONS)).json()["meta"]
    assert (meta["looked_at"], meta["more"], shop[1].asked) == (100, True, 2)


async def test_a_store_without_an_api_is_409_and_names_the_setting(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    none = settings.model_copy(update={"woo_url": "", "woo_key": SecretStr(""), "woo_secret": SecretStr("")})
    async with kit_of(none, panelr[1]) as kit:
        assert "BRIDGE_WOO_URL is missing" in problem(await kit.api("GET", SUGGESTIONS), 409)["detail"]


async def test_what_cannot_be_asked_is_reported(kit: Kit, shop: tuple[str, Shop]) -> None:
    assert "the stores are default" in problem(await kit.api("GET", f"{SUGGESTIONS}?store=eu"), 422)["detail"]
    problem(await kit.api("GET", f"{SUGGESTIONS}?colour=red"), 400)
    shop[1].status = 401
    assert "the store's products cannot be read" in problem(await kit.api("GET", SUGGESTIONS), 503)["detail"]


async def test_without_panelrs_products_there_is_nothing_to_suggest(kit: Kit, shop: tuple[str, Shop]) -> None:
    kit.panel.faults.add("reset", action="get_products", times=None)
    assert "the bridge has not read Panelr's products yet" in problem(await kit.api("GET", SUGGESTIONS), 503)["detail"]
    assert shop[1].asked == 0


# The commands


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Settings
) -> Callable[..., Any]:
    """Run a command with the shop and Panelr; return its exit code, output and errors."""
    for name, value in {
        "BRIDGE_WEBHOOK_SECRET": SECRET,
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "BRIDGE_PANELR_URL": settings.panelr_url,
        "BRIDGE_PANELR_API_KEY": PANELR_KEY,
        "BRIDGE_DATABASE_URL": settings.database_url,
        "BRIDGE_WOO_URL": settings.woo_url,
        "BRIDGE_WOO_KEY": "ck_1",
        "BRIDGE_WOO_SECRET": "cs_1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console.out, "width", 200)
    monkeypatch.setattr(console.err, "width", 200)

    def once(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["panelr-bridge", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code if isinstance(ended.value.code, int) else 0

    async def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(once, *arguments)  # the servers' event loop runs meanwhile
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


async def test_the_command_prints_suggestions_and_a_file_that_the_import_takes(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    code, out, err = await command("mappings", "suggest")
    assert (code, err) == (0, "")
    assert "IPTV Premium 12 Months" in out
    assert f"3 suggestions for {MANY + 4} products that are not mapped" in out
    code, out, err = await command("mappings", "suggest", "--csv")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "store,woo_product_id,woo_variation_id,sku,panelr_product_id,intent,quantity,conditions",
        "default,12,,IPTV-1M,1,new_activation,1,",
        "default,14,,MAPPED,6,new_activation,1,",
        "default,16,18,P-12,2,new_activation,1,",
    ]
    (tmp_path / "suggested.csv").write_text(out)
    code, out, err = await command("mappings", "import", str(tmp_path / "suggested.csv"))
    assert (code, out.strip(), err) == (0, "3 added, 0 changed, 0 unchanged", "")


async def test_the_command_refuses_what_panelr_does_not_offer(
    command: Callable[..., Any], tmp_path: Path, panelr: tuple[str, Panel]
) -> None:
    (tmp_path / "wrong.csv").write_text("sku,panelr_product_id\nA,77\n")
    for arguments in ([], ["--dry-run"]):
        code, out, err = await command("mappings", "import", str(tmp_path / "wrong.csv"), *arguments)
        assert (code, out) == (1, "")
        assert "Panelr offers no product 77; it offers " in err
    assert len(panelr[1].journal) == 1


async def test_the_command_imports_all_the_same_where_panelr_cannot_be_asked(
    command: Callable[..., Any], tmp_path: Path, panelr: tuple[str, Panel], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "early.csv").write_text("sku,panelr_product_id\nA,77\n")
    panelr[1].faults.add("reset", action="get_products", times=None)
    code, out, _ = await command("mappings", "import", str(tmp_path / "early.csv"))
    assert (code, out.strip()) == (0, "1 added, 0 changed, 0 unchanged")
    monkeypatch.setenv("BRIDGE_PANELR_URL", "")
    code, out, _ = await command("mappings", "import", str(tmp_path / "early.csv"))
    assert (code, out.strip(), len(panelr[1].journal)) == (0, "0 added, 0 changed, 1 unchanged", 2)
