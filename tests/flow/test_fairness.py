"""The order of calls: the oldest first, and look-ups and new orders in turns."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.application.transactions.cart_quotes import QuoteClaim, learn_about_quotes
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.store.panelr_tables import rate_limits, rate_slots
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import Kit, line, order


def of_customer(number: int) -> dict[str, Any]:
    """Return an order of its own customer."""
    return order(id=number, billing=order()["billing"] | {"email": f"customer-{number}@example.test"})


def _all_due(connection: Connection, now: datetime) -> None:
    """Make every owed call due, in the order of their ids."""
    connection.execute(
        orders.update().where(orders.c.owes.is_not(None)).values(next_attempt_at=now - timedelta(seconds=60))
    )
    connection.execute(rate_limits.delete())


def _end_outage(connection: Connection, _: datetime) -> None:
    """Open the gate, and make every owed call due since it came to be owed."""
    connection.execute(orders.update().where(orders.c.owes.is_not(None)).values(next_attempt_at=orders.c.owes_since))
    connection.execute(rate_limits.delete())


async def lose(kit: Kit, *numbers: int) -> None:
    """Store orders that must be looked up."""
    for number in numbers:
        kit.panel.faults.add("close", action="create_work_order")
        assert (await kit.post(of_customer(number))).json()["state"] == "unconfirmed"


async def leave_queued(kit: Kit, *numbers: int, quantity: int = 1) -> None:
    """Store orders that wait to be sent."""
    await kit.runtime.bridge.probe.drain()  # a lost answer's probe would use up the fault
    kit.forget_probe()
    kit.fail_with_probe("throttle", retry_after=600)
    for number in numbers:
        assert (await kit.post(line(of_customer(number), quantity=quantity))).json()["state"] == "queued"


async def claims(kit: Kit) -> list[tuple[str, int]]:
    """Claim until nothing is due; return the actions and the orders."""
    taken = []
    while isinstance(claim := await kit.runtime.bridge.claim_due(), Claim):
        taken.append((str(claim.action), claim.woo_order_id))
    return taken


async def test_look_ups_and_new_orders_take_turns_and_the_oldest_of_each_goes_first(stepped: Kit) -> None:
    await lose(stepped, 1, 2, 3)
    await leave_queued(stepped, 11, 12, 13, 14, 15)
    await stepped.runtime.bridge.write(_all_due)
    new, lost = "create_work_order", "look_up"
    assert await claims(stepped) == [
        *((new, 11), (new, 12), (new, 13), (lost, 1)),
        *((new, 14), (new, 15), (lost, 2), (lost, 3)),
    ]


async def test_look_ups_take_their_turn_beside_orders_that_need_a_quote(stepped: Kit) -> None:
    await lose(stepped, 1)
    await leave_queued(stepped, 11, 12, 13, 14, quantity=2)
    await stepped.runtime.bridge.write(learn_about_quotes, knows=True)
    await stepped.runtime.bridge.write(_all_due)
    claimed = [await stepped.runtime.bridge.claim_due() for _ in range(5)]
    kinds = [(type(each), each.woo_order_id) for each in claimed if isinstance(each, Claim | QuoteClaim)]
    assert kinds == [*((QuoteClaim, number) for number in (11, 12, 13)), (Claim, 1), (QuoteClaim, 14)]


async def test_an_order_whose_quote_is_known_goes_before_those_that_came_later(stepped: Kit) -> None:
    await leave_queued(stepped, 11, 12, quantity=2)
    bridge = stepped.runtime.bridge
    await bridge.write(learn_about_quotes, knows=True)
    await bridge.write(_end_outage)
    quote = await bridge.claim_due()
    assert isinstance(quote, QuoteClaim)
    stepped.panel.faults.clear()
    await bridge.ask_for_quote(quote)
    claim = await bridge.claim_due()
    assert isinstance(claim, Claim)
    assert (quote.woo_order_id, claim.woo_order_id) == (11, 11)


async def test_a_delivery_does_not_overtake_an_order_that_waits_but_passes_look_ups(stepped: Kit) -> None:
    await lose(stepped, 1)
    await stepped.runtime.bridge.write(_all_due)
    assert (await stepped.post(of_customer(2))).json()["state"] == "created"
    await leave_queued(stepped, 3)
    await stepped.runtime.bridge.write(_all_due)
    assert (await stepped.post(of_customer(4))).json()["state"] == "queued"


async def test_where_nothing_is_free_nobody_is_claimed_and_it_is_known_when_to_come_back(stepped: Kit) -> None:
    await leave_queued(stepped, 1)
    await stepped.runtime.bridge.write(_all_due)

    def use_up(connection: Connection, now: datetime) -> None:
        connection.execute(rate_slots.update().values(used_at=now - timedelta(seconds=40)))

    await stepped.runtime.bridge.write(use_up)
    idle = await stepped.runtime.bridge.claim_due()
    assert not isinstance(idle, Claim)
    wait = idle.until - stepped.runtime.bridge.clock()  # type: ignore[union-attr,operator]
    assert timedelta(seconds=15) < wait <= timedelta(seconds=21)
