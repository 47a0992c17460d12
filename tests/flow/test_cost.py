"""What an order costs the database: two transactions of eight statements, and a repetition next to nothing."""

import pytest

from panelr_bridge.settings import Settings
from tests.kit import Kit, order


@pytest.fixture
def dialect() -> str:
    """The statements are the same on both databases; SQLite's engine is the one that can be listened to here."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Without the worker, whose statements would be counted too."""
    return settings.model_copy(update={"worker": False})


def split(executed: list[str]) -> list[int]:
    """How many statements each transaction had."""
    counts: list[int] = []
    for statement in executed:
        if statement == "BEGIN IMMEDIATE":
            counts.append(0)
        elif counts:
            counts[-1] += 1
    return counts


async def test_an_order_costs_two_transactions_of_eight_statements(kit: Kit, statements: list[str]) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    statements.clear()
    assert (await kit.post(order())).json()["state"] == "created"
    assert split(statements) == [5, 3]


async def test_a_repetition_costs_one_transaction_of_two(kit: Kit, statements: list[str]) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order())
    statements.clear()
    await kit.post(order())
    assert split(statements) == [2]
