"""The commands: what they print, and their exit codes."""

import asyncio
from pathlib import Path

import httpx
import pytest
import respx

from panelr_bridge.cli import console
from panelr_bridge.domain.history import Activation
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel, create_app
from panelr_bridge.store import subscriptions
from panelr_bridge.store.database import open_database
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import ADMIN_TOKEN, ORDERS_SINCE, PANELR_KEY, SECRET, kit_of, order
from tests.support.command_runs import PANELR, Run, answers, command
from tests.support.wire_mock import WIRE

__all__ = ["command"]


async def _with_orders(path: Path) -> None:
    """A created order and a held one."""
    settings = Settings(
        webhook_secret=SECRET,
        admin_token=ADMIN_TOKEN,
        panelr_url=PANELR,
        panelr_api_key=PANELR_KEY,
        database_url=f"sqlite:///{path}",
        worker=False,
        orders_since=ORDERS_SINCE,
    )
    panelr = create_app(api_key=PANELR_KEY)
    panel: Panel = panelr.state.panel
    async with respx.mock(assert_all_called=False, using=WIRE) as mock:
        mock.route(host="panel.test").mock(side_effect=httpx.ASGITransport(panelr).handle_async_request)
        async with kit_of(settings, panel) as kit:
            await kit.map(woo_product_id=12, panelr_product_id=3)
            assert (await kit.post(order(id=20))).json()["state"] == "created"
            await kit.runtime.database.write(
                subscriptions.add_activations, [Activation(41, 3), Activation(42)], order_id=1
            )
            line = order()["line_items"][0] | {"product_id": 999, "variation_id": 0, "sku": "OTHER"}
            assert (await kit.post(order(id=21, line_items=[line]))).json()["state"] == "held"


@pytest.fixture
def filled(command: Run) -> Run:
    """The commands in a folder whose database holds two orders."""
    assert command("migrate")[0] == 0
    asyncio.run(_with_orders(Path("data/bridge.db")))
    return command


def test_a_command_that_reads_makes_no_database_where_there_is_none(command: Run, tmp_path: Path) -> None:
    for arguments in (["orders", "list"], ["orders", "show", "1"], ["orders", "retry", "1"], ["mappings", "export"]):
        code, out, err = command(*arguments)
        assert (code, out) == (2, "")
        assert "there is no database data/bridge.db" in err
        assert "panelr-bridge migrate" in err
    assert list(tmp_path.iterdir()) == []


def test_migrate_says_what_it_did(command: Run) -> None:
    assert command("migrate")[:2] == (0, "the tables are now up to date\n")
    assert command("migrate")[:2] == (0, "the tables are already up to date\n")
    assert command("migrate", "--to", "base")[:2] == (0, "all tables are removed\n")
    code, _, err = command("orders", "list")
    assert (code, "run panelr-bridge migrate" in err) == (2, True)


def test_check_says_that_all_is_well(command: Run) -> None:
    command("migrate")
    with respx.mock(assert_all_called=False, using=WIRE) as mock:
        answers(mock)
        code, out, _ = command("check")
    assert code == 0, out
    assert "✘" not in out
    assert f"calls go to {PANELR}/api/api.php: it answers and accepts the key" in out


def test_check_says_which_orders_count_and_which_shop_they_come_from(
    filled: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two orders are stored, and no delivery of theirs names a shop."""
    monkeypatch.setenv("BRIDGE_ORDERS_SINCE", "2026-02-01")
    monkeypatch.setenv("BRIDGE_SHOP_ADDRESSES", "https://www.my-shop.com, https://my-shop.de/")
    with respx.mock(assert_all_called=False, using=WIRE) as mock:
        answers(mock)
        out = filled("check")[1]
    said = "orders come from my-shop.com, my-shop.de; they count if they were made since 2026-02-01 00:00 UTC"
    assert f"✔ orders:default {said} (BRIDGE_ORDERS_SINCE)" in out


def test_check_names_everything_that_is_wrong(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_PANELR_ULR", "x")
    monkeypatch.setenv("BRIDGE_NONSENSE", "x")
    with respx.mock(assert_all_called=False, using=WIRE) as mock:
        mock.get(f"{PANELR}/api/api.php").respond(401, json={"success": False, "data": None, "error": "Invalid key"})
        mock.head(f"{PANELR}/").respond(200)
        code, out, _ = command("check")
    assert code == 1
    assert "BRIDGE_PANELR_ULR is not a setting and has no effect: did you mean BRIDGE_PANELR_URL?" in out
    assert "BRIDGE_NONSENSE is not a setting" in out
    assert "there is no file data/bridge.db yet" in out
    assert "Panelr does not accept the API key (401): Invalid key" in out
    assert not Path("data").exists()


def test_check_counts_its_call_and_makes_none_that_is_too_many(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_PANELR_RATE_PER_MINUTE", "1")
    command("migrate")
    with respx.mock(assert_all_called=False, using=WIRE) as mock:
        answers(mock)
        assert "answers and accepts the key" in command("check")[1]
        code, out, _ = command("check")
        assert code == 0
        assert "was not called: the rate limit is used up" in out
        assert len([call for call in mock.calls if call.request.method == "GET"]) == 1


def test_check_without_secrets_says_how_to_make_them(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRIDGE_ADMIN_TOKEN")
    code, out, _ = command("check")
    assert code == 1
    assert "BRIDGE_ADMIN_TOKEN is missing: make one with: python3 -c" in out


def test_orders_are_listed_and_shown(filled: Run) -> None:
    code, out, _ = filled("orders", "list")
    assert code == 0
    assert "created" in out
    assert "held" in out
    held = filled("orders", "list", "--state", "held")[1]
    assert ("created" in held, "held" in held) == (False, True)
    story = filled("orders", "show", "1")[1]
    assert "WO-2026-00001" in story
    assert "create_work_order no. 1: done" in story
    assert ("activation   41 (product 3)\n" in story, "activation   42\n" in story) == (True, True)
    assert filled("orders", "show", "21", "--woo")[0] == 0


def test_what_is_not_there_is_said_in_a_sentence(filled: Run) -> None:
    code, out, err = filled("orders", "show", "99")
    assert (code, out, err) == (1, "", "there is no order with the bridge's id 99\n")


@pytest.mark.parametrize("action", [("show",), ("retry",), ("close", "--why", "x"), ("show", "--woo")])
def test_a_number_that_no_order_can_have_is_refused_in_words(filled: Run, action: tuple[str, ...]) -> None:
    name, *options = action
    code, _, err = filled("orders", name, str(2**63), *options)
    assert (code, "should be less than" in err) == (2, True), err


def test_a_held_order_is_tried_again_and_a_created_one_is_not(filled: Run) -> None:
    assert filled("orders", "retry", "2")[0] == 0
    code, _, err = filled("orders", "retry", "1")
    assert (code, err) == (1, "the order is created: there is nothing to try again\n")


def test_many_orders_are_retried_at_once(filled: Run) -> None:
    code, out, _ = filled("orders", "retry", "--state", "held,refused", "--dry-run")
    assert (code, out) == (0, "1 order would be retried: 1 held\n")
    code, out, _ = filled("orders", "retry", "--state", "held,refused")
    assert (code, out) == (0, "1 order retried: 1 now held\n")
    code, _, err = filled("orders", "retry", "--state", "created")
    assert (code, err) == (1, "state: created is none of held, queued, refused, unconfirmed\n")


@pytest.mark.parametrize("arguments", [(), ("1", "--state", "held"), ("1", "--dry-run"), ("1", "--limit", "2")])
def test_a_retry_names_one_order_or_states(filled: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = filled("orders", "retry", *arguments)
    assert code == 1
    assert "--state" in err


async def _add_attention(path: Path) -> None:
    async with open_database(f"sqlite:///{path}") as database:
        reason = {"code": "total_changed", "words": "the total was 58.45 and is 60.00 now"}
        await database.write(
            lambda connection: connection.execute(orders.update().where(orders.c.id == 1).values(attention=[reason]))
        )


def test_attention_is_acknowledged_with_a_note(filled: Run) -> None:
    asyncio.run(_add_attention(Path("data/bridge.db")))
    code, out, err = filled("orders", "acknowledge", "20", "--woo", "--note", "the customer paid the rest")
    assert (code, out, err) == (0, "acknowledged\n", "")
    assert "0 of 0 orders" in filled("orders", "list", "--attention")[1]
    story = filled("orders", "show", "1")[1]
    assert "acknowledged the total was 58.45 and is 60.00 now" in story
    assert "the customer paid the rest (command line, 20" in story
    code, _, err = filled("orders", "acknowledge", "1", "--note", "x" * 501)
    assert (code, err) == (1, "note: String should have at most 500 characters\n")


def test_an_order_is_closed_with_a_reason(filled: Run) -> None:
    code, out, _ = filled("orders", "close", "2", "--why", "set up by hand")
    assert (code, out) == (0, "order 20 is now closed (closed by an operator: set up by hand)\n")


def test_an_order_is_resolved_in_words(filled: Run) -> None:
    code, _, err = filled("orders", "resolve", "1", "--not-created")
    assert (code, err[:26]) == (1, "the order is created: its ")
    code, _, err = filled("orders", "resolve", "2", "--reference", "WO-2026-00007")
    assert (code, err[:18]) == (1, "the order is held:")
    code, _, err = filled("orders", "resolve", "2")
    assert (code, err) == (1, 'send one of: work_order_id or reference_code, activation_id, {"not_created": true}\n')
    code, out, _ = filled("orders", "resolve", "1", "--reference", "WO-2026-00007", "--unverified")
    assert (code, "an operator linked work order WO-2026-00007" in out) == (0, True)


def test_a_work_order_is_asked_for_before_it_is_linked(filled: Run) -> None:
    asyncio.run(_lose_work_order(Path("data/bridge.db")))
    panelr = create_app(api_key=PANELR_KEY)
    panel: Panel = panelr.state.panel
    with respx.mock(assert_all_called=False, using=WIRE) as mock:
        mock.route(host="panel.test").mock(side_effect=httpx.ASGITransport(panelr).handle_async_request)
        code, _, err = filled("orders", "resolve", "1", "--reference", "WO-2026-00001")
    assert code == 1
    assert "is not shown by Panelr for this customer's e-mail address" in err.replace("\n", " ")
    assert [entry.action for entry in panel.journal] == ["get_work_order"]


async def _lose_work_order(path: Path) -> None:
    async with open_database(f"sqlite:///{path}") as database:
        values = {"state": "unconfirmed", "reference_code": None, "work_order_id": None}
        await database.write(
            lambda connection: connection.execute(orders.update().where(orders.c.id == 1).values(values))
        )


def test_mappings_go_out_and_come_in(filled: Run, tmp_path: Path) -> None:
    out = filled("mappings", "export")[1]
    assert out.splitlines()[0].startswith("store,woo_product_id")
    (tmp_path / "all.csv").write_text(out)
    assert "1 unchanged" in filled("mappings", "import", "all.csv")[1]
    (tmp_path / "excel.csv").write_text("\ufeffsku;panelr_product_id\r\nIPTV-12M;2\r\nIPTV-1M;1\r\n", encoding="utf-8")
    assert (
        "2 added, 0 changed, 0 unchanged; nothing was stored"
        in filled("mappings", "import", "--dry-run", "excel.csv")[1]
    )
    assert "2 added" in filled("mappings", "import", "excel.csv")[1]
    (tmp_path / "bad.csv").write_text("sku,panelr_product_id\nX,many\n")
    code, _, err = filled("mappings", "import", "bad.csv")
    assert (code, "line 2" in err) == (1, True)


def test_mappings_are_added_listed_and_removed(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ("--product", "101", "--when", "Duration ($50,00)=12 Months", "--when", "Connections=4")
    said = "mapping 2 {}: product 101 when connections=4; duration=12 months is Panelr's product 5\n"
    assert filled("mappings", "add", "5", *plan) == (0, said.format("added"), "")
    assert (
        filled("mappings", "add", "None", "--sku", "T-Shirt")[1] == "mapping 3 added: SKU T-Shirt is not for Panelr\n"
    )
    assert filled("mappings", "add", "4", "--variation", "7", "--intent", "renewal", "--quantity", "2")[0] == 0
    monkeypatch.setattr(console.out, "width", 80)
    code, out, _ = filled("mappings", "list", "--product", "101")
    assert (code, "connections=4" in out, "duration=12 months" in out, "1 of 1 mappings" in out) == (
        0,
        True,
        True,
        True,
    )
    out = filled("mappings", "list", "--store", "default")[1]
    assert max(map(len, out.splitlines())) <= 80
    assert [row in out.replace("\u2502", "") for row in ("variation 7", "SKU T-Shirt", "product 12", "renewal")] == [
        True
    ] * 4
    assert filled("mappings", "remove", "2") == (0, said.format("removed"), "")
    assert filled("mappings", "remove", "2")[2] == "there is no product mapping 2\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("5",), "the mapping: give woo_product_id, woo_variation_id or sku"),
        (("many", "--sku", "A"), "the mapping: panelr_product_id: "),
        (("5", "--sku", "A", "--when", "Duration="), "the condition 'Duration' has no value"),
        (("5", "--sku", "A", "--store", "eu"), "there is no store eu"),
        (("3", "--product", "12"), "mapping 1 says this already"),
        (("none", "--product", "12"), "mapping 1 contradicts this"),
    ],
)
def test_a_mapping_that_cannot_be_added_is_refused_in_words(
    filled: Run, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = filled("mappings", "add", *arguments)
    assert (code, out, words in err) == (1, "", True), err


def test_help_names_every_command(command: Run) -> None:
    code, out, _ = command("--help")
    assert code == 0
    for name in ("serve", "worker", "migrate", "check", "demo", "orders", "mappings", "simulate"):
        assert name in out
