"""Orders whose webhook was lost, found in a shop with oddities."""

from datetime import timedelta

import pytest

from panelr_bridge.application.backfill.compared_order import OrderComparison
from panelr_bridge.simulators.faults import Fault
from panelr_bridge.simulators.woocommerce import OrderChanges
from panelr_bridge.simulators.woocommerce.faults import RecordedRequest
from panelr_bridge.woocommerce.rest.http import RestConnection
from panelr_bridge.woocommerce.rest.models import RestRequest, RestResponse
from tests.support.shops import LISTS, WC, Rig


@pytest.fixture
def dialect() -> str:
    """Use SQLite only: test_backfill.py runs the statements on both databases."""
    return "sqlite"


async def test_260_orders_modified_in_one_second_are_all_found(rig: Rig) -> None:
    orders = rig.buy_many(260)
    for number in orders:
        rig.store.orders[number].modified = rig.clock.now
    rig.store.switches.shuffles_ties = True
    known, found, failed = await rig.walk()
    assert (found, failed) == (260, 0)
    assert known == 0 or rig.orders_api != WC  # an Orders resource shows some orders twice
    assert sorted(each or 0 for each in rig.found()) == orders


@pytest.mark.parametrize("size", [1, 2, 40, 99, 130])
async def test_seconds_that_go_on_from_one_page_to_the_next_hide_no_order(rig: Rig, size: int) -> None:
    orders = rig.buy_many(300)
    for place, number in enumerate(orders):
        rig.store.orders[number].modified = rig.clock.now - timedelta(seconds=place // size)
    rig.store.switches.shuffles_ties = True
    assert (await rig.walk())[1:] == (300, 0)
    assert sorted(each or 0 for each in rig.found()) == orders
    rig.seen.clear()
    assert (await rig.walk())[1:] == (0, 0)


@pytest.mark.parametrize("switch", ["lists_as_objects", "notices", "omits_totals"])
async def test_an_oddity_of_the_lists_hides_no_order(rig: Rig, switch: str) -> None:
    orders = rig.buy_many(205)
    setattr(rig.store.switches, switch, True)
    assert await rig.walk() == (0, 205, 0)
    assert sorted(each or 0 for each in rig.found()) == orders
    assert (await rig.walk())[1:] == (0, 0)


async def test_a_broken_order_is_named_and_stops_no_other(rig: Rig) -> None:
    orders = rig.buy_many(120)
    broken = orders[40]
    rig.store.broken_orders.add(broken)
    assert await rig.walk() == (0, 119, 1)
    (failed,) = [each for each in rig.seen if each.kind is OrderComparison.FAILED]
    assert "the shop cannot show" in failed.words
    assert "500" in failed.words
    (kept,) = (await rig.kit.api("GET", "/deliveries?verdict=failed")).json()["data"]
    assert kept["words"] == failed.words
    assert (await rig.cursor())["failed"] == 1
    assert (await rig.cursor())["words"] is None
    rig.store.broken_orders.clear()
    rig.clock.advance(1)
    rig.store.update(broken, OrderChanges())
    assert (await rig.walk())[1:] == (1, 0)
    assert rig.found() == [broken]


@pytest.mark.parametrize("odd", [None, "x", True, 2**70, -3, {}])
async def test_an_order_with_an_odd_id_stops_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch, odd: object) -> None:
    orders = rig.buy_many(3)
    read = RestConnection.send_once

    async def send_once(connection: RestConnection, request: RestRequest) -> RestResponse:
        response = await read(connection, request)
        content = response.content
        entries = content.get("data") if isinstance(content, dict) else content
        for entry in entries if isinstance(entries, list) else []:
            entry["id"] = odd if entry.get("id") == orders[2] else entry.get("id")
        return response

    monkeypatch.setattr(RestConnection, "send_once", send_once)
    _, found, failed = await rig.walk()
    assert (found, failed) == (2, 1)


async def test_a_shop_that_is_down_is_an_error_of_the_run(rig: Rig) -> None:
    rig.buy_many(3)
    rig.store.faults.add("status", action=LISTS[rig.orders_api], status=500, times=None)
    walked = await rig.backfill.run_store("default", at_once=True)
    assert walked is not None
    assert (walked.failed, "500" in (walked.words or "")) == (0, True)


async def test_known_orders_are_compared_by_summaries(rig: Rig) -> None:
    """A walk over a large shop stays cheap for both sides."""
    if rig.orders_api != WC:
        pytest.skip("the lists of an Orders resource hold whole orders")
    rig.buy_many(5)
    await rig.walk()
    rig.store.requests.clear()
    assert await rig.walk(since=rig.clock.now - timedelta(hours=1)) == (5, 0, 0)
    assert all("_fields" in request.query for request in rig.store.requests)


async def test_an_order_that_only_its_summary_shows_is_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    if rig.orders_api != WC:
        pytest.skip("the lists of an Orders resource hold whole orders")
    orders = rig.buy_many(30)
    broken = {orders[3], orders[17]}

    def is_broken(request: RecordedRequest) -> bool:
        if "_fields" in request.query:
            return False
        ids = request.query.get("include", request.path.rpartition("/")[2])
        return bool(broken & {int(each) for each in ids.split(",") if each.isdigit()})

    breaks = Fault(1, "status", "*", "before", None, 0, 500, None, "html")
    requests = rig.store.requests
    monkeypatch.setattr(
        rig.store.faults, "take", lambda _, when, __: breaks if when == "before" and is_broken(requests[-1]) else None
    )
    assert await rig.walk() == (0, 28, 2)
    failed = {each.woo_order_id: each.words for each in rig.seen if each.kind is OrderComparison.FAILED}
    assert set(failed) == broken
    assert all(f"order {number}" in words for number, words in failed.items())
