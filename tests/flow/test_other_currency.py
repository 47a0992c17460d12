"""An order in another currency than its Panelr product: held, sent as it is, or sent without amounts."""

from collections.abc import AsyncIterator

import pytest

from panelr_bridge.domain.models import OtherCurrency
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import Kit, kit_of, order
from tests.support.payments import (
    COMPLETE,
    ON_HOLD,
    PAID,
    SUBMIT,
    amounts_paid,
    attention_codes,
    find_follow_up,
    is_settled,
    list_tries,
    map_bank_transfer,
    poll_status,
)


@pytest.fixture
def dialect() -> str:
    """Use SQLite: a currency does not depend on the database."""
    return "sqlite"


@pytest.fixture
def choice(request: pytest.FixtureRequest) -> OtherCurrency:
    """Omit amounts unless the test chooses otherwise."""
    return OtherCurrency(getattr(request, "param", "omit_amounts"))


@pytest.fixture
async def euros(settings: Settings, panelr: tuple[str, Panel], choice: OtherCurrency) -> AsyncIterator[Kit]:
    """A bridge with this choice, and a Panelr whose product costs EUR."""
    panelr[1].products[3].currency = "EUR"
    async with kit_of(settings.model_copy(update={"other_currency": choice}), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        yield kit


@pytest.mark.parametrize(
    ("choice", "state", "paid", "total"),
    [
        ("hold", "held", None, None),
        ("send", "created", ["58.45"], "58.45"),
        ("omit_amounts", "created", [], "49.00"),
    ],
    indirect=["choice"],
)
async def test_each_choice(euros: Kit, state: str, paid: list[str] | None, total: str | None) -> None:
    assert (await euros.post(order())).json()["state"] == state
    assert attention_codes(await euros.order(20)) == ()
    for made in euros.panel.of_wc_order("20"):
        assert (made.status, [str(each.amount) for each in made.payments]) == ("payment_submitted", paid)
        assert made.charges.adjustment is None or total == "58.45"


@pytest.mark.parametrize("on_paid", [SUBMIT, COMPLETE])
async def test_a_later_payment_is_reported_without_an_amount_and_raises_no_alarm(euros: Kit, on_paid: str) -> None:
    euros.panel.rules.refuses_underpayment = False
    await map_bank_transfer(euros, on_paid)
    await euros.post(order() | ON_HOLD)
    await euros.post(order() | PAID)
    story = await euros.until(20, is_settled("payment"))
    assert list_tries(story, on_paid) == (f"{on_paid} done",)
    assert amounts_paid(euros, 20) == []
    payment = find_follow_up(story, "payment")
    assert payment is not None
    assert payment["done_at"] is not None
    assert attention_codes(await poll_status(euros, 20)) == ()


async def test_a_panelr_that_wants_an_amount_leaves_the_completion_to_a_person(euros: Kit) -> None:
    await map_bank_transfer(euros, COMPLETE)
    await euros.post(order() | ON_HOLD)
    await euros.post(order() | PAID)
    assert attention_codes(await euros.until(20, is_settled("payment"))) == ("payment_not_told",)
