"""Pages of lists: totals that are exact for orders and limited elsewhere, and pages without gaps or repeats."""

from typing import Any

import pytest

from panelr_bridge.domain.models import OrderState
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database
from panelr_bridge.store.pagination import PageQuery, branches, delivery_list, order_list
from tests.support import filled_database as filled


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limit up to which rows are counted."""
    monkeypatch.setattr(branches, "MAX_COUNT", 50)


async def test_what_is_not_counted_to_the_end_is_said_to_be_more(opened: Database) -> None:
    await opened.write(filled.add_orders, 1, 200)
    await opened.write(filled.add_mappings, 1, 51)
    orders = await opened.read(order_list.page, PageQuery())
    assert (orders.total, orders.more) == (200, False)
    deliveries = await opened.read(delivery_list.page, PageQuery())
    assert (deliveries.total, deliveries.more) == (50, True)
    lines = await opened.read(mappings.page, mappings.PRODUCT, PageQuery())
    assert (lines.total, lines.more) == (50, True)
    some = await opened.read(mappings.page, mappings.PRODUCT, PageQuery(filters={"sku": "SKU-7"}))
    assert (some.total, some.more) == (1, False)


@pytest.mark.parametrize("sort", ["-id", "id", "-updated_at", "state", "woo_order_id", "created_at"])
@pytest.mark.parametrize("given", [{}, {"store": "eu"}, {"state": ("created", "held")}, {"attention": False}])
async def test_pages_hold_every_order_once_in_the_order_asked_for(
    opened: Database, given: dict[str, Any], sort: str
) -> None:
    await opened.write(filled.add_orders, 1, 100)
    found: list[dict[str, Any]] = []
    for number in range(1, 20):
        page = await opened.read(order_list.page, PageQuery(filters=given, sort=sort, page=number, per_page=7))
        found += [{**row} for row in page.rows]
    assert len(found) == len({row["id"] for row in found}) == page.total
    name = sort.removeprefix("-")
    assert [(row[name], row["id"]) for row in found] == sorted(
        ((row[name], row["id"]) for row in found), reverse=sort.startswith("-")
    )
    assert {row["state"] for row in found} <= set(given.get("state", OrderState))
