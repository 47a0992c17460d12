"""Two identical orders of one customer within a minute, with lost answers: each gets its own work order."""

import pytest

from panelr_bridge.settings import Settings
from tests.support.bridge_kit import Kit, order

FIRST, SECOND = 701, 702
CREATE = "create_work_order"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings for many look-ups on a busy machine."""
    return settings.model_copy(update={"panelr_rate_per_minute": 600, "panelr_timeout_seconds": 10.0})


@pytest.fixture(params=["sqlite hidden", "postgresql hidden", "sqlite shown"])
def world(request: pytest.FixtureRequest) -> list[str]:
    """The database, and whether Panelr shows wc_order_id; with it one database is enough."""
    return str(request.param).split()


@pytest.fixture
def dialect(world: list[str]) -> str:
    """The database."""
    return world[0]


@pytest.fixture
async def mapped(kit: Kit, world: list[str]) -> Kit:
    """A bridge with a mapping for PANEL-1000, and a Panelr that shows or hides wc_order_id."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.settings.shows_wc_order_id = world[1] == "shown"
    return kit


def lose(kit: Kit, number: int, when: str | None) -> None:
    """Lose the answer to an order's first call, before or after the creation."""
    if when is not None:
        kit.panel.faults.add("close", action=CREATE, wc_order_id=str(number), when=when)


async def each_has_its_own(kit: Kit) -> None:
    """Wait until both orders are created; check that each has its own work order and that there are no others."""
    for number in (FIRST, SECOND):
        story = await kit.until(number, "created")
        (made,) = kit.panel.of_wc_order(str(number))
        assert (number, story["reference_code"]) == (number, made.reference_code)
    assert len(kit.panel.work_orders) == 2
    assert kit.panel.faults.pending == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("before", None),
        ("after", None),
        (None, "before"),
        (None, "after"),
        # where wc_order_id is hidden, the work orders could be confused if the second order did not wait
        ("before", "before"),
        ("before", "after"),
        ("after", "before"),
        ("after", "after"),
    ],
)
async def test_each_of_two_identical_orders_gets_its_own(mapped: Kit, first: str | None, second: str | None) -> None:
    lose(mapped, FIRST, first)
    lose(mapped, SECOND, second)
    answer = await mapped.post(order(id=FIRST))
    told = (202, "unconfirmed") if first else (200, "created")
    assert (answer.status_code, answer.json()["state"]) == told
    assert (await mapped.post(order(id=SECOND))).status_code in {200, 202}
    await each_has_its_own(mapped)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_identical_order_waits_while_another_is_looked_up(mapped: Kit, when: str) -> None:
    """Look-ups fail for a while, so the first order stays unconfirmed, and the second is not sent."""
    lose(mapped, FIRST, when)
    outage = mapped.panel.faults.add("html", action="get_work_orders", times=None)
    await mapped.post(order(id=FIRST))
    answer = await mapped.post(order(id=SECOND))
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    await mapped.until(FIRST, lambda story: len(story["attempt_log"]) >= 3)
    waiting = await mapped.order(SECOND)
    assert (waiting["state"], waiting["attempts"], mapped.panel.of_wc_order(str(SECOND))) == ("queued", 0, [])
    mapped.panel.faults.pending.remove(outage)
    await each_has_its_own(mapped)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_another_order_of_the_customer_does_not_wait(mapped: Kit, when: str) -> None:
    """An order with other items cannot be confused with it."""
    lose(mapped, FIRST, when)
    outage = mapped.panel.faults.add("html", action="get_work_orders", times=None)
    await mapped.post(order(id=FIRST))
    lines = [order()["line_items"][0] | {"quantity": 7}]
    answer = await mapped.post(order(id=SECOND, line_items=lines))
    assert (answer.status_code, answer.json()["state"]) == (200, "created")
    mapped.panel.faults.pending.remove(outage)
    await each_has_its_own(mapped)
