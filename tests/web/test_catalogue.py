"""Panelr's product list in the admin API: fetched when it is old; mappings to other products are refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text, update

from panelr_bridge.application.panelr_catalogue import PanelrCatalogue
from panelr_bridge.domain.models import AdjustmentMode
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr.catalogue import Product
from panelr_bridge.store.panelr_tables import panelr_lists
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, kit_of, order

PRODUCTS, METHODS = "/panelr/products", "/panelr/payment-methods"
MAPPINGS, METHOD_MAPPINGS = "/product-mappings", "/payment-method-mappings"
BACS: dict[str, Any] = {"woo_payment_method": "bacs", "panelr_payment_method_id": 1}
NO_77 = (
    "Panelr offers no product 77; it offers 2 IPTV 12 Months, 3 Panel Credits 1000, 4 VIP Add-on, 5 Trial 24h,"
    " 6 IPTV 3 Months, ..."
)


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


def asked(kit: Kit, action: str = "get_products") -> int:
    """Return the number of requests to Panelr."""
    return sum(entry.action == action for entry in kit.panel.journal)


def down(kit: Kit, kind: str = "reset", **more: Any) -> None:
    """Let every request to Panelr fail."""
    for action in ("get_products", "get_payment_methods"):
        kit.panel.faults.add(kind, action=action, times=None, **more)


async def grow_old(kit: Kit, seconds: float = 301) -> str:
    """Make the stored lists older; return their new time."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds)

    def work(connection: Connection, _: datetime) -> None:
        connection.execute(update(panelr_lists).values(seen_at=moment))

    await kit.runtime.bridge.write(work)
    return moment.isoformat().replace("+00:00", "Z")


async def no_leave(kit: Kit) -> None:
    """Use up the rate limit."""

    def work(connection: Connection, _: datetime) -> None:
        connection.execute(text("DELETE FROM rate_slots"))

    await kit.runtime.bridge.write(work)


@BOTH_DATABASES
async def test_the_products_are_shown_as_panelr_shows_them(kit: Kit) -> None:
    kit.panel.products[2].price_decimal = Decimal("90.10")
    answer = await kit.api("GET", f"{PRODUCTS}?sort=id")
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert content["data"][1] == {
        "id": 2,
        "name": "IPTV 12 Months",
        "alternate_name": "IPTV 12 MONTHS",
        "price": "90.10",
        "currency": "USD",
        "duration_months": 12,
        "connections": 2,
        "plugin_id": 1,
        "is_trial": False,
    }
    seen_at = content["meta"].pop("seen_at")
    assert content["meta"] == {"page": 1, "per_page": 20, "total": 6}
    assert datetime.now(UTC) - datetime.fromisoformat(seen_at) < timedelta(minutes=1)
    again = (await kit.api("GET", f"{PRODUCTS}?sort=id")).json()
    assert (again["data"], again["meta"]["seen_at"]) == (content["data"], seen_at)
    assert asked(kit) == 1


async def test_the_payment_methods_are_shown_as_panelr_shows_them(kit: Kit) -> None:
    content = (await kit.api("GET", METHODS)).json()
    assert content["data"] == [
        {"id": 2, "name": "card", "display_label": "Credit card", "mode": "automated", "processor": "stripe"},
        {"id": 1, "name": "bank_transfer", "display_label": "Bank transfer", "mode": "manual", "processor": "manual"},
    ]
    assert content["meta"]["total"] == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=id&per_page=2&page=2&fields=id", [{"id": 3}, {"id": 4}]),
        ("sort=-id&per_page=1&fields=name,id", [{"name": "IPTV 3 Months", "id": 6}]),
        ("sort=price&fields=id&per_page=2", [{"id": 5}, {"id": 1}]),
        ("sort=-price&fields=id&per_page=2", [{"id": 2}, {"id": 3}]),
        ("sort=-plugin_id&fields=id&per_page=1", [{"id": 3}]),
        ("page=9", []),
    ],
)
async def test_a_list_is_paged_and_sorted_like_the_others(kit: Kit, query: str, expected: Any) -> None:
    assert (await kit.api("GET", f"{PRODUCTS}?{query}")).json()["data"] == expected


@pytest.mark.parametrize("path", [PRODUCTS, METHODS])
@pytest.mark.parametrize("query", ["colour=red", "sort=colour", "fields=colour", "per_page=101", "refresh=often"])
async def test_what_a_list_does_not_know_is_400_and_panelr_is_not_asked(kit: Kit, path: str, query: str) -> None:
    problem(await kit.api("GET", f"{path}?{query}"), 400)
    assert list(kit.panel.journal) == []


async def test_what_is_not_known_is_sorted_last(kit: Kit) -> None:
    kit.panel.products[4].currency = ""
    kit.panel.products[2].currency = "EUR"
    for sort, first in (("currency", 2), ("-currency", 6)):
        numbers = [row["id"] for row in (await kit.api("GET", f"{PRODUCTS}?sort={sort}")).json()["data"]]
        assert (numbers[0], numbers[-1]) == (first, 4)


async def test_panelr_is_asked_anew_after_five_minutes_or_when_it_is_wanted(kit: Kit) -> None:
    for query, old, expected in (("", 0, 1), ("", 290, 1), ("?refresh=true", 0, 2), ("", 301, 3)):
        await grow_old(kit, old)
        await kit.api("GET", f"{PRODUCTS}{query}")
        assert asked(kit) == expected, query


async def test_who_asks_at_the_same_time_shares_one_call(kit: Kit) -> None:
    kit.panel.faults.add("slow", action="get_products", seconds=0.3)
    answers = await asyncio.gather(*(kit.api("GET", f"{PRODUCTS}?refresh=true") for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert asked(kit) == 1


@pytest.mark.parametrize(
    ("kind", "words"), [("reset", "the connection to Panelr broke before its answer was there"), ("html", "")]
)
async def test_a_list_that_was_never_had_is_503_in_words(kit: Kit, kind: str, words: str) -> None:
    down(kit, kind)
    for path in (PRODUCTS, METHODS):
        said = problem(await kit.api("GET", path), 503)["detail"]
        assert said.startswith("the bridge has not read this list from Panelr yet, and cannot read it now: ")
        assert words in said


async def test_where_panelr_cannot_be_asked_the_list_is_shown_as_it_was(kit: Kit) -> None:
    await kit.api("GET", PRODUCTS)
    moment = await grow_old(kit)
    down(kit)
    for query in ("", "?refresh=true"):
        content = (await kit.api("GET", f"{PRODUCTS}{query}")).json()
        assert (content["meta"]["total"], content["meta"]["seen_at"]) == (6, moment)


async def test_without_a_free_slot_panelr_is_not_asked(kit: Kit) -> None:
    await no_leave(kit)
    said = problem(await kit.api("GET", PRODUCTS), 503)["detail"]
    assert said.endswith("Panelr's rate limit has no free slot at the moment")
    assert list(kit.panel.journal) == []


@pytest.mark.parametrize(
    ("kind", "more", "cause"),
    [
        ("throttle", {"retry_after": 60}, "throttled"),
        ("unauthorized", {}, "misconfigured"),
        ("forbidden", {}, None),
        ("status", {"status": 403}, None),
        ("reset", {}, None),
    ],
)
async def test_a_pause_and_a_wrong_key_stop_everybody_and_nothing_else_does(
    kit: Kit, kind: str, more: dict[str, Any], cause: str | None
) -> None:
    kit.panel.faults.add(kind, times=None if cause else 1, **more)
    problem(await kit.api("GET", PRODUCTS), 503)
    gate = (await kit.api("GET", "/stats")).json()["data"]["rate_limit"]["gate"]
    assert (gate["open"], gate["cause"]) == (cause is None, cause)


async def test_a_panelr_that_hangs_is_not_waited_for_long_nor_asked_by_the_next(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panelr_bridge.application.panelr_catalogue.CALL_TIMEOUT", 0.2)
    down(kit, "hang", seconds=20)
    said = problem(await kit.api("GET", PRODUCTS), 503)["detail"]
    assert said.endswith("Panelr did not finish its answer within 0.2 s")
    await kit.map(sku="A", panelr_product_id=77)
    assert asked(kit) == 1


async def test_a_list_that_was_had_is_never_older_than_an_hour(kit: Kit) -> None:
    await kit.runtime.catalogue.refresh()
    assert list(kit.panel.journal) == []  # none has been requested yet
    await kit.api("GET", PRODUCTS)
    for old, expected in ((3590, 1), (3601, 2)):
        await grow_old(kit, old)
        await kit.runtime.catalogue.refresh()
        assert (asked(kit), asked(kit, "get_payment_methods")) == (expected, 0)
    await kit.api("GET", METHODS)
    await grow_old(kit, 3601)
    await kit.runtime.catalogue.refresh()
    assert (asked(kit), asked(kit, "get_payment_methods")) == (3, 2)


async def test_a_worker_renews_the_lists_by_itself_and_outlives_a_fault(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kit.api("GET", PRODUCTS)
    monkeypatch.setattr("panelr_bridge.application.panelr_catalogue.REFRESH_INTERVAL", timedelta(seconds=0.05))
    catalogue = PanelrCatalogue(kit.runtime.bridge, kit.runtime.bridge.call_policy, wake_worker=asyncio.Event())
    faults, really = [ValueError("a fault"), OSError("the database is away")], catalogue.refresh

    async def refresh() -> None:
        if faults:
            raise faults.pop()
        await really()

    monkeypatch.setattr(catalogue, "refresh", refresh)
    working = asyncio.create_task(catalogue.run())
    for _ in range(1000):
        if asked(kit) > 2:
            break
        await asyncio.sleep(0.02)
    catalogue.stop()
    await working
    assert asked(kit) > 2
    assert faults == []


# Mappings


@BOTH_DATABASES
async def test_a_mapping_to_what_panelr_does_not_offer_is_refused_with_what_is_near(kit: Kit) -> None:
    made = await kit.map(sku="A", panelr_product_id=3)
    given = {"sku": "B", "panelr_product_id": 77, "woo_product_id": 9}
    rows = [{"sku": "C", "panelr_product_id": 2}, {"woo_product_id": 9, "panelr_product_id": 77}]
    entry = f"entry 2 (product:9): {NO_77}"
    assert (
        "Panelr offers no product 77; it offers " in problem(await kit.api("POST", MAPPINGS, json=given), 422)["detail"]
    )
    without_sku = {"woo_product_id": 9, "panelr_product_id": 77}
    assert problem(await kit.api("POST", MAPPINGS, json=without_sku), 422)["detail"] == NO_77
    problem(await kit.api("PATCH", f"{MAPPINGS}/{made['id']}", json={"panelr_product_id": 77}), 422)
    for query in ("", "?dry_run=true"):
        assert problem(await kit.api("POST", f"{MAPPINGS}/import{query}", json=rows), 422)["detail"] == entry
    assert (await kit.api("GET", MAPPINGS)).json()["data"] == [made]
    assert asked(kit) == 1


async def test_what_panelr_has_come_to_offer_is_seen_when_the_list_has_grown_old(kit: Kit) -> None:
    problem(await kit.api("POST", MAPPINGS, json={"sku": "A", "panelr_product_id": 77}), 422)
    kit.panel.products[77] = Product(77, "New", Decimal(1))
    await grow_old(kit)
    await kit.map(sku="A", panelr_product_id=77)


@pytest.mark.parametrize("old", [True, False])
async def test_nothing_is_refused_while_panelr_cannot_be_asked(kit: Kit, old: bool) -> None:
    """Neither without a list nor with one that is older than five minutes."""
    if old:
        await kit.api("GET", PRODUCTS)
        await kit.api("GET", METHODS)
        await grow_old(kit)
    down(kit)
    await kit.map(sku="A", panelr_product_id=77)
    assert (await kit.api("PATCH", f"{MAPPINGS}/1", json={"panelr_product_id": 78})).status_code == 200
    rows = [{"sku": "B", "panelr_product_id": 79}]
    assert (await kit.api("POST", f"{MAPPINGS}/import", json=rows)).status_code == 200
    answer = await kit.api("POST", METHOD_MAPPINGS, json=BACS | {"panelr_payment_method_id": 9})
    assert (answer.status_code, answer.json()["data"]["on_paid"]) == (201, "none")


async def test_what_is_not_for_panelr_is_mapped_without_asking(kit: Kit) -> None:
    await kit.map(sku="A", panelr_product_id=None)
    assert asked(kit) == 0


async def test_a_payment_method_that_panelr_does_not_have_is_refused(kit: Kit) -> None:
    words = "Panelr has no payment method 9; it has 1 Bank transfer, 2 Credit card"
    answer = await kit.api("POST", METHOD_MAPPINGS, json=BACS | {"panelr_payment_method_id": 9})
    assert problem(answer, 422)["detail"] == words
    assert (await kit.api("POST", METHOD_MAPPINGS, json=BACS)).status_code == 201
    answer = await kit.api("PATCH", f"{METHOD_MAPPINGS}/1", json={"panelr_payment_method_id": 9})
    assert problem(answer, 422)["detail"] == words


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"panelr_payment_method_id": 1}, "submit_payment"),
        ({"panelr_payment_method_id": 2}, "complete_order"),
        ({"panelr_payment_method_id": 1, "on_paid": None}, "submit_payment"),
        ({"panelr_payment_method_id": 2, "on_paid": "none"}, "none"),
        ({"panelr_payment_method_id": 1, "on_paid": "complete_order"}, "complete_order"),
    ],
)
async def test_what_panelr_learns_of_a_payment_goes_by_its_method_unless_it_is_given(
    kit: Kit, given: dict[str, Any], expected: str
) -> None:
    made = await kit.api("POST", METHOD_MAPPINGS, json={"woo_payment_method": "bacs"} | given)
    assert (made.status_code, made.json()["data"]["on_paid"]) == (201, expected)
    assert (await kit.api("GET", f"{METHOD_MAPPINGS}/1")).json() == made.json()


async def test_a_change_keeps_it_unless_it_is_given(kit: Kit) -> None:
    await kit.api("POST", METHOD_MAPPINGS, json=BACS)
    for change, expected in (
        ({"panelr_payment_method_id": 2}, "submit_payment"),
        ({"on_paid": None}, "complete_order"),
        ({"woo_payment_method": "cheque"}, "complete_order"),
        ({"on_paid": "none"}, "none"),
    ):
        changed = await kit.api("PATCH", f"{METHOD_MAPPINGS}/1", json=change)
        assert (changed.status_code, changed.json()["data"]["on_paid"]) == (200, expected)


# Orders


@BOTH_DATABASES
async def test_an_order_that_is_held_for_its_currency_goes_on_when_panelr_shows_another(kit: Kit) -> None:
    kit.panel.products[3].currency = "EUR"
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order())
    (reason,) = (await kit.order(20))["reasons"]
    assert (reason["code"], reason["line"]) == ("currency_differs", "Panel Credits 1000")
    kit.panel.products[3].currency = "USD"
    await kit.api("GET", f"{PRODUCTS}?refresh=true")
    await kit.until(20, "created")


async def test_the_work_order_comes_to_what_the_order_does_where_that_is_wanted(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    matching = settings.model_copy(update={"adjustment": AdjustmentMode.MATCH_TOTAL})
    async with kit_of(matching, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3, quantity=2)
        assert (await kit.post(order(total="90.01"))).json()["state"] == "created"
        (made,) = kit.panel.work_orders.values()
        assert made.adjustment is not None
        assert (made.adjustment.direction, made.adjustment.amount) == ("discount", Decimal("7.99"))
        assert made.order_total == Decimal("90.01")
