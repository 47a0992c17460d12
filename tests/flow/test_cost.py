"""The statements of an order: two transactions of five statements; fewer for a repeated delivery."""

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.store import due_work
from tests.support.bridge_kit import Kit, order
from tests.support.payments import LATER, map_bank_transfer


@pytest.fixture
def dialect() -> str:
    """Use SQLite only: its engine shows the transactions, and both databases run the same statements."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without the worker, whose statements would be counted too."""
    return settings.model_copy(update={"worker": False})


def split(executed: list[str]) -> list[int]:
    """Return the number of statements in each transaction."""
    counts: list[int] = []
    for statement in executed:
        if statement == "BEGIN IMMEDIATE":
            counts.append(0)
        elif counts:
            counts[-1] += 1
    return counts


async def test_an_order_costs_two_transactions_of_five_statements(kit: Kit, statements: list[str]) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order(id=19))  # from now on this process has cached the mappings of such an order
    statements.clear()
    assert (await kit.post(order())).json()["state"] == "created"
    assert split(statements) == [3, 2]


async def test_a_repetition_costs_one_transaction_of_two(kit: Kit, statements: list[str]) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order())
    statements.clear()
    await kit.post(order())
    assert split(statements) == [2]


@pytest.mark.parametrize(("on_paid", "cost"), [("none", 6), ("submit_payment", 7)])
async def test_the_echo_of_what_was_written_back_costs_one_transaction_and_plans_nothing(
    kit: Kit, statements: list[str], on_paid: str, cost: int
) -> None:
    """One more statement with a payment mapping: the last snapshot says whether the order was paid before."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await map_bank_transfer(kit, on_paid)
    by_transfer = order(payment_method="bacs")
    code = (await kit.post(by_transfer)).json()["reference_code"]
    meta = [{"id": 1, "key": "panelr_reference_code", "value": code}]
    planned = (await kit.runtime.database.read(due_work.find_due_work)).follow_at
    statements.clear()
    await kit.post(by_transfer | {"meta_data": meta, "date_modified_gmt": LATER})
    assert split(statements) == [cost]
    assert (await kit.runtime.database.read(due_work.find_due_work)).follow_at == planned
