"""The commands woo orders: their requests to the shop, their output, and their exit codes."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import respx

from panelr_bridge import cli
from panelr_bridge.cli import console
from tests.support.shop_client import SHOP, WC

Run = Callable[..., tuple[int, str, str]]
ORDER = {
    "id": 41,
    "number": "41",
    "status": "processing",
    "total": "19.10",
    "currency": "USD",
    "customer_id": 0,
    "billing": {"first_name": "Zoë", "email": "zoe@mail.test"},
    "line_items": [{"id": 1, "product_id": 16, "variation_id": 18, "name": "A [thing]", "quantity": 1, "total": "9"}],
    "meta_data": [{"id": 1, "key": "panelr_intent", "value": "renewal"}],
}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command in an empty folder; return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"URL": f"{SHOP}/wp-json/", "KEY": "ck_demo", "SECRET": "cs_demo"}.items():
        monkeypatch.setenv(f"BRIDGE_WOO_{name}", value)
    monkeypatch.setattr(console.out, "width", 200)
    monkeypatch.setattr(console.err, "width", 200)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["panelr-bridge", "woo", "orders", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return run


@pytest.fixture
def shop() -> Iterator[respx.MockRouter]:
    """A shop with one order."""
    with respx.mock(assert_all_called=False) as mock:
        mock.get(f"{WC}/orders").respond(200, json=[ORDER], headers={"X-WP-Total": "57", "X-WP-TotalPages": "3"})
        mock.get(f"{WC}/orders/41").respond(200, json=ORDER)
        mock.post(f"{WC}/orders").respond(201, json=ORDER)
        mock.put(f"{WC}/orders/41").respond(200, json=ORDER | {"status": "completed"})
        mock.delete(f"{WC}/orders/41").respond(200, json=ORDER)
        yield mock


def sent(shop: respx.MockRouter) -> httpx.Request:
    request: httpx.Request = shop.calls[-1].request
    return request


def test_orders_are_listed(command: Run, shop: respx.MockRouter) -> None:
    code, out, _ = command("list", "--status", "processing,on-hold", "--search", "zoë", "--sort", "-id", "--page", "2")
    assert code == 0
    assert "19.10" in out
    assert "1 of 57 orders; see the next ones with --page" in out
    asked = dict(sent(shop).url.params)
    assert (asked["status"], asked["search"], asked["orderby"]) == ("processing,on-hold", "zoë", "id")
    assert (asked["page"], asked["per_page"]) == ("2", "20")


@pytest.mark.parametrize("moment", ["2026-11-21T14:16:41-0500", "2026-11-21T19:16:41", "2026-11-21T19:16:41Z"])
def test_orders_modified_since(command: Run, shop: respx.MockRouter, moment: str) -> None:
    assert command("list", "--modified-since", moment)[0] == 0
    assert sent(shop).url.params["modified_after"] == "2026-11-21T19:16:40"


def test_a_list_for_programs(command: Run, shop: respx.MockRouter) -> None:
    code, out, _ = command("list", "--fields", "id,status", "--json", "--per-page", "5")
    assert code == 0
    told = json.loads(out)
    assert told["meta"] == {"page": 1, "per_page": 5, "total": 57, "has_more": True}
    assert told["data"] == [ORDER]
    assert sent(shop).url.params["_fields"] == "id,status"


def test_an_order_is_shown(command: Run, shop: respx.MockRouter) -> None:
    assert shop
    code, out, _ = command("get", "41")
    assert code == 0
    for part in ("Order 41", "processing", "A [thing]", "Zoë, zoe@mail.test", "panelr_intent"):
        assert part in out
    assert json.loads(command("get", "41", "--json")[1]) == ORDER


def test_an_order_is_made_from_a_file_or_from_standard_input(
    command: Run, shop: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("new.json").write_text('\ufeff{"status": "pending", "line_items": [{"total": 0.10}]}', encoding="utf-8")
    shop.post(f"{WC}/orders").respond(201, json=ORDER | {"status": "pending"})
    assert command("create", "new.json")[0] == 0
    assert b'"line_items":[{"total":0.10}]' in sent(shop).content
    monkeypatch.setattr("sys.stdin", io.StringIO('{"status": "failed"}'))
    shop.post(f"{WC}/orders").respond(201, json=ORDER | {"status": "failed"})
    assert command("create", "-")[0] == 0
    assert json.loads(sent(shop).content)["status"] == "failed"


def test_an_order_is_changed_by_options_and_a_file(command: Run, shop: respx.MockRouter) -> None:
    Path("change.json").write_text('{"customer_note": "x", "meta_data": [{"key": "c", "value": 1}]}')
    code, out, _ = command("update", "41", "change.json", "--status", "completed", "--meta", "a=b=c", "--meta", "d=")
    assert (code, "completed" in out) == (0, True)
    assert json.loads(sent(shop).content) == {
        "customer_note": "x",
        "meta_data": [{"key": "c", "value": 1}, {"key": "a", "value": "b=c"}, {"key": "d", "value": ""}],
        "status": "completed",
    }


def test_a_deletion_is_confirmed(command: Run, shop: respx.MockRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert command("delete", "41")[0] == 1
    assert len(shop.calls) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    code, out, err = command("delete", "41")
    assert (code, out.strip()) == (0, "order 41 is in the trash")
    assert "Delete order 41 from the shop?" in err
    assert command("delete", "41", "--yes", "--force", "--json")[0] == 0
    assert sent(shop).url.params["force"] == "true"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["update", "41"], "there is nothing to change"),
        (["update", "41", "--meta", "a"], "--meta a is not of the form key=value"),
        (["create", "missing.json"], "missing.json cannot be read"),
        (["create", "bad.json"], "bad.json is not valid JSON"),
        (["create", "list.json"], "must contain one JSON object"),
        (["update", "41", "meta.json", "--meta", "a=b"], "is not a list"),
        (["list", "--sort", "total"], "does not sort orders by total"),
        (["list", "--store", "second"], "there is no store second; the stores are default"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_sent(
    command: Run, shop: respx.MockRouter, arguments: list[str], words: str
) -> None:
    Path("bad.json").write_text("{")
    Path("list.json").write_text("[]")
    Path("meta.json").write_text('{"meta_data": 7}')
    code, out, err = command(*arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert len(shop.calls) == 0


def test_what_the_shop_says_no_to_is_said_in_words(command: Run) -> None:
    gone = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
    with respx.mock() as mock:
        mock.get(f"{WC}/orders/9").respond(404, json=gone)
        code, out, err = command("get", "9")
    assert (code, out, err) == (1, "", "the shop does not have this (404): Invalid ID.\n")


def test_without_an_address_it_says_what_to_set(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "KEY", "SECRET"):
        monkeypatch.delenv(f"BRIDGE_WOO_{name}")
    code, _, err = command("list")
    assert code == 2
    assert "BRIDGE_WOO_URL is missing" in err


def test_a_store_by_name(command: Run, shop: respx.MockRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "URL": "https://two.test",
        "KEY": "user",
        "SECRET": "pass word",
        "ORDERS_API": "x/v1/w",
    }.items():
        monkeypatch.setenv(f"BRIDGE_STORES__two__WOO_{name}", value)
    shop.get("https://two.test/wp-json/").respond(200, json={"gmt_offset": 0, "timezone_string": ""})
    shop.get("https://two.test/wp-json/x/v1/w/orders/41").respond(200, json={"data": ORDER})
    assert command("get", "41", "--store", "two")[0] == 0
    assert sent(shop).headers["authorization"] == httpx.BasicAuth("user", "pass word")._auth_header


@pytest.mark.parametrize("arguments", [("update", "41", "--status", "cancelled"), ("create", "-")])
def test_a_status_that_the_shop_did_not_take_is_an_error(
    command: Run, shop: respx.MockRouter, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    assert shop
    monkeypatch.setattr("sys.stdin", io.StringIO('{"status": "wc-cancelled"}'))
    code, out, err = command(*arguments)
    assert code == 1
    assert "41" in out
    assert "not" in err
    assert "cancelled" in err


def test_a_status_with_its_prefix_is_the_same(command: Run, shop: respx.MockRouter) -> None:
    assert shop
    assert command("update", "41", "--status", "wc-completed")[0] == 0
