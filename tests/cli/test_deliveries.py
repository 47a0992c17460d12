"""The command deliveries, and what check says of deliveries."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import structlog.testing

from panelr_bridge.application.fast_path import FastPath
from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.cli import console
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import create_app
from tests.support.bridge_kit import ADMIN_TOKEN, ORDERS_SINCE, PANELR_KEY, SECRET, Kit, kit_of, order
from tests.support.command_runs import PANELR, Run, answers, command
from tests.support.wire_mock import WIRE

__all__ = ["command"]


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    """Keep the log out of the output, as the installed program does."""
    with structlog.testing.capture_logs():
        yield


@contextmanager
def panelr() -> Iterator[respx.MockRouter]:
    """Answer as a simulated Panelr."""
    simulated = create_app(api_key=PANELR_KEY)
    with respx.mock(assert_all_called=False, using=WIRE) as mock:
        mock.route(host="panel.test").mock(side_effect=httpx.ASGITransport(simulated).handle_async_request)
        yield mock


async def _deliver(posts: Callable[[Kit], Any]) -> None:
    settings = Settings(
        webhook_secret=SECRET,
        admin_token=ADMIN_TOKEN,
        panelr_url=PANELR,
        panelr_api_key=PANELR_KEY,
        database_url="sqlite:///data/bridge.db",
        worker=False,
        orders_since=ORDERS_SINCE,
    )
    simulated = create_app(api_key=PANELR_KEY)
    async with respx.mock(assert_all_called=False, using=WIRE) as mock:
        mock.route(host="panel.test").mock(side_effect=httpx.ASGITransport(simulated).handle_async_request)
        async with kit_of(settings, simulated.state.panel) as kit:
            await posts(kit)


async def _post_some(kit: Kit) -> None:
    """Deliver one of each kind."""

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("a mistake of ours")

    await kit.map(woo_product_id=12, panelr_product_id=3)
    await kit.post(order(id=20))
    with pytest.MonkeyPatch.context() as fault:
        fault.setattr(FastPath, "try_insert", broken)
        await kit.post(order(id=21))
    await kit.post({"code": "woocommerce_rest_cannot_view", "message": "No.", "data": {}}, topic="order.created")
    await kit.post(order(id=23), topic="order.completed", headers={"X-WC-Webhook-ID": "8"})
    await kit.post(order(id=24), secret="wrong", headers={"X-WC-Webhook-ID": "3"})


@pytest.fixture
def filled(command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands beside a database with deliveries, on a narrow terminal."""
    assert command("migrate")[0] == 0
    asyncio.run(_deliver(_post_some))
    monkeypatch.setattr(console.out, "width", 80)
    return command


def test_deliveries_are_listed_in_80_columns_and_what_is_cut_is_said(filled: Run) -> None:
    code, out, _ = filled("deliveries", "list")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == ["4 of 4 deliveries; ! is unread", "… is cut: panelr-bridge deliveries show ID has all"]
    assert any(each.endswith("21  failed !") for each in lines)
    short = filled("deliveries", "list", "--order", "20")[1].splitlines()
    assert short[-1] == "1 of 1 deliveries"
    assert "1 of 4 deliveries; the next: --page 2" in filled("deliveries", "list", "--per-page", "1")[1]
    assert "2 of 2 deliveries" in filled("deliveries", "list", "--unresolved")[1]


def test_programs_get_json_without_a_body(filled: Run) -> None:
    listed = json.loads(filled("deliveries", "list", "--json", "--unresolved")[1])
    assert [each["verdict"] for each in listed["data"]] == ["woocommerce_error", "failed"]
    assert listed["meta"] == {"page": 1, "per_page": 20, "total": 2}
    shown = json.loads(filled("deliveries", "show", "2", "--json")[1])
    assert (shown["verdict"], shown["woo_order_id"], "body" in shown) == ("failed", 21, False)


def test_a_delivery_is_shown_with_what_to_do(filled: Run) -> None:
    code, out, _ = filled("deliveries", "show", "2")
    assert code == 0
    assert "panelr-bridge deliveries replay 2" in out
    assert "ada" not in out.lower()
    assert json.loads(filled("deliveries", "show", "2", "--body")[1])["id"] == 21
    assert filled("deliveries", "show", "99")[0] == 1
    assert filled("deliveries", "show", "2", "--body", "--json")[0] == 1


def test_a_replay_processes_a_failed_delivery_and_fails_for_one_that_cannot_be_read(filled: Run) -> None:
    with panelr():
        code, out, err = filled("deliveries", "replay", "2")
        assert (code, err) == (0, "")
        assert out.startswith("delivery 2: order 21 is created as WO-")
        code, out, _ = filled("deliveries", "replay", "3", "--json")
    assert (code, json.loads(out)["verdict"]) == (1, "woocommerce_error")
    assert "1 of 1 deliveries" in filled("deliveries", "list", "--unresolved")[1]


def test_a_replay_that_fails_again_is_said_in_a_sentence(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(receive_delivery, "evaluate", broken)
    with panelr():
        code, _, err = filled("deliveries", "replay", "2")
    assert code == 1
    assert "delivery 2 cannot be processed because of a fault in the bridge: KeyError. It stays failed" in err


def test_a_person_resolves_deliveries_with_words(filled: Run) -> None:
    assert filled("deliveries", "resolve", "2", "--note", "entered by hand")[:2] == (0, "delivery 2 is resolved\n")
    assert "entered by hand (command line, " in filled("deliveries", "show", "2")[1]
    code, _, err = filled("deliveries", "resolve", "2", "--note", "again")
    assert (code, err) == (1, "delivery 2 is not unread: there is nothing to resolve\n")
    assert filled("deliveries", "resolve", "--note", "x")[0] == 1
    assert filled("deliveries", "resolve", "2", "--refused", "--note", "x")[0] == 1
    assert filled("deliveries", "resolve", "2", "--note", "")[0] == 1
    assert filled("deliveries", "resolve", "--refused", "--note", "a copy of the shop")[0] == 0
    assert filled("deliveries", "resolve", "--refused", "--note", "a copy of the shop")[0] == 1


def test_check_names_deliveries_secrets_and_topics_in_another_process_than_the_server(filled: Run) -> None:
    with respx.mock(assert_all_called=False, using=WIRE) as mock:
        answers(mock)
        code, out, _ = filled("check")
    assert code == 0, out
    lines = out.splitlines()
    first = next(number for number, each in enumerate(lines) if each.startswith("! webhooks "))
    assert "2 deliveries brought no order, the first " in lines[first]
    assert lines[first + 1].startswith("    delivery 2 (order.updated, order 21): failed: ")
    assert lines[first + 2].startswith("    delivery 3 (order.created): woocommerce_error: ")
    assert lines[first + 3].startswith("    correct the cause, then: panelr-bridge deliveries replay 2")
    assert "the secret of this webhook differs (webhook 3): set BRIDGE_WEBHOOK_SECRET" in out
    assert "the webhook with topic order.completed sends whole orders" in out
    assert Path("data/bridge.db").exists()
