"""An order with 500 lines and 50,000 mappings is decided, sent and recorded like any other."""

import json
from typing import Any

import pytest

from panelr_bridge.settings import Settings
from tests.support import filled_database as filled
from tests.support.bridge_kit import Kit, order

LINES = 500


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without the worker, whose statements would be counted too."""
    return settings.model_copy(update={"worker": False})


def but_begin(statements: list[str]) -> list[str]:
    return [statement for statement in statements if not statement.startswith("BEGIN")]


def large(woo_order_id: int, *, sku: str = "SKU-{}") -> dict[str, Any]:
    """Return an order of 500 products, each with its own variation and SKU: three keys for each line."""
    (first, *_) = order()["line_items"]
    lines = [
        first
        | {"id": number, "product_id": 10_000 + number, "variation_id": 20_000 + number, "sku": sku.format(number)}
        for number in range(1, LINES + 1)
    ]
    return order(id=woo_order_id, line_items=lines)


async def test_an_order_of_500_lines_is_sent_whole_and_costs_no_statement_a_line(
    kit: Kit, statements: list[str]
) -> None:
    await kit.runtime.database.write(filled.add_mappings, 1, 50_000)
    await kit.post(order(id=1))
    statements.clear()
    answer = await kit.post(large(2))
    assert answer.json()["state"] == "created", answer.text
    assert len(but_begin(statements)) == {"sqlite": 6, "postgresql": 3}[kit.runtime.database.dialect]
    (made,) = kit.panel.work_orders.values()
    assert sorted(item.product_id for item in made.cart) == sorted(n % 4 + 1 for n in range(1, LINES + 1))
    statements.clear()
    assert (await kit.post(large(2))).json()["state"] == "created"
    assert len(but_begin(statements)) == {"sqlite": 2, "postgresql": 1}[kit.runtime.database.dialect]


async def test_many_lines_without_a_mapping_are_counted(kit: Kit) -> None:
    await kit.runtime.database.write(filled.add_mappings, 1, 100)
    assert (await kit.post(json.dumps(large(3)).encode())).json()["state"] == "held"
    reasons = (await kit.order(3))["reasons"]
    assert {reason["code"] for reason in reasons[:-1]} == {"unmapped_product"}
    assert (len(reasons), reasons[-1]) == (
        20,
        {"code": "more_reasons", "words": f"and {LINES - 100 - 19} more reasons like these"},
    )
