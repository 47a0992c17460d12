"""Two honest operators act on the same order at the same moment: at most one work order, and clear answers."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from panelr_bridge.settings import Settings
from panelr_bridge.store import due_work
from panelr_bridge.store.panelr_tables import rate_limits
from panelr_bridge.store.tables import orders
from tests.support.api_answers import problem
from tests.support.bridge_kit import Kit, order

CREATE = "create_work_order"
MAPPING = {"sku": "PANEL-1000", "panelr_product_id": 3}
ACTIONS = ("retry", "link", "not_created", "close")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings for many orders at once."""
    return settings.model_copy(update={"panelr_rate_per_minute": 600, "panelr_timeout_seconds": 10.0})


async def held(kit: Kit, numbers: list[int]) -> None:
    """Post orders without a mapping."""
    await post(kit, numbers, "held")


async def queued(kit: Kit, numbers: list[int]) -> None:
    """Post orders while Panelr asks for a long pause."""
    await kit.map(**MAPPING)
    kit.panel.faults.add("throttle", action=CREATE, retry_after=3600, times=None)
    await post(kit, numbers, "queued")


async def refused(kit: Kit, numbers: list[int]) -> None:
    """Post orders that Panelr refuses."""
    await kit.map(**MAPPING)
    kit.panel.faults.add("refuse", action=CREATE, times=None)
    await post(kit, numbers, "refused")


def unconfirmed(when: str) -> Callable[[Kit, list[int]], Awaitable[None]]:
    async def lose(kit: Kit, numbers: list[int]) -> None:
        """Post orders whose answers are lost; their look-ups fail for now."""
        await kit.map(**MAPPING)
        kit.panel.faults.add("html", action="get_work_orders", times=None)
        kit.panel.faults.add("close", action=CREATE, when=when, times=None)
        await post(kit, numbers, None)
        await asyncio.gather(*(kit.until(number, "unconfirmed") for number in numbers))

    return lose


def a_persons(when: str) -> Callable[[Kit, list[int]], Awaitable[None]]:
    async def lose(kit: Kit, numbers: list[int]) -> None:
        """Post orders whose answers are lost at a Panelr without look-ups: an operator must decide."""
        kit.panel.settings.knows_get_work_orders = False
        await kit.map(**MAPPING)
        kit.panel.faults.add("close", action=CREATE, when=when, times=None)
        await post(kit, numbers, None)
        await asyncio.gather(*(kit.until(number, lambda story: bool(story["attention"])) for number in numbers))

    return lose


def closed(before: Callable[[Kit, list[int]], Awaitable[None]]) -> Callable[[Kit, list[int]], Awaitable[None]]:
    async def close(kit: Kit, numbers: list[int]) -> None:
        """Post orders and close them."""
        await before(kit, numbers)
        for number in numbers:
            assert (await press(kit, number, "close")).status_code == 200

    return close


closed_unsent = closed(held)


async def created(kit: Kit, numbers: list[int]) -> None:
    """Post orders that are created."""
    await kit.map(**MAPPING)
    await post(kit, numbers, "created")


async def linked(kit: Kit, numbers: list[int]) -> None:
    """Post orders whose answers are lost, and link them to their work orders."""
    await a_persons("after")(kit, numbers)
    for number in numbers:
        assert (await press(kit, number, "link")).status_code == 200


@dataclass(frozen=True)
class Start:
    """How orders get into a state, how they end without and with a retry, and whether Panelr has them."""

    arrange: Callable[[Kit, list[int]], Awaitable[None]]
    untouched: str
    retried: str
    made: bool = False


STARTS: dict[str, Start] = {
    "held": Start(held, "created", "created"),
    "queued": Start(queued, "created", "created"),
    "refused": Start(refused, "refused", "created"),
    "unconfirmed, not created": Start(unconfirmed("before"), "created", "created"),
    "unconfirmed, created": Start(unconfirmed("after"), "created", "created", made=True),
    "a person's, not created": Start(a_persons("before"), "unconfirmed", "unconfirmed"),
    "a person's, created": Start(a_persons("after"), "unconfirmed", "unconfirmed", made=True),
    "closed before it was sent": Start(closed_unsent, "closed", "created"),
    "closed after a call that was lost before the creation": Start(closed(unconfirmed("before")), "closed", "created"),
    "closed after a call that was lost after it": Start(closed(unconfirmed("after")), "closed", "created", made=True),
    "linked by a person": Start(linked, "created", "created", made=True),
    "created": Start(created, "created", "created", made=True),
}


async def post(kit: Kit, numbers: list[int], state: str | None) -> None:
    """Post an order of its own customer for each number."""
    for number in numbers:
        billing = order()["billing"] | {"email": f"customer-{number}@example.test"}
        await kit.post(order(id=number, billing=billing))
        if state is not None:  # a busy machine may need a second attempt
            await kit.until(number, state)


async def press(kit: Kit, number: int, action: str) -> httpx.Response:
    """Post an operator's action; what it says of Panelr is true."""
    path = f"/orders/{(await kit.order(number))['id']}"
    if action in {"retry", "close"}:
        return await kit.api("POST", f"{path}/{action}")
    told: dict[str, Any] = {"not_created": True}
    if action == "link":
        (made,) = kit.panel.of_wc_order(str(number))
        told = {"work_order_id": made.id, "reference_code": made.reference_code}
    return await kit.api("POST", f"{path}/resolve", json=told)


def all_is_well_again(connection: Connection, now: datetime) -> None:
    """End the pause and make every owed call due."""
    connection.execute(rate_limits.delete())
    connection.execute(
        orders.update().where(orders.c.owes.is_not(None), orders.c.call_until.is_(None)).values(next_attempt_at=now)
    )


async def at_rest(kit: Kit) -> None:
    """Wait until every order is settled or waits for an operator."""
    async with asyncio.timeout(90):
        while True:
            waking = (
                await kit.runtime.database.read(due_work.find_due_work)
            ).mapping_changed  # read before the orders: it moves some of them
            on_the_way = "/orders?state=sending,queued,unconfirmed&attention=false"
            total = (await kit.api("GET", on_the_way)).json()["meta"]["total"]
            stories = (await kit.api("GET", "/orders?per_page=100&attention=true")).json()["data"]
            if total == 0 and not waking and all(each["next_attempt_at"] is None for each in stories):
                return
            await asyncio.sleep(0.05)


async def pressed_at_once(kit: Kit, number: int, pair: tuple[str, str]) -> list[httpx.Response]:
    """Post both actions for one order at once."""
    return list(await asyncio.gather(*(press(kit, number, action) for action in pair)))


@pytest.mark.parametrize("name", STARTS)
async def test_two_operators_at_once_make_at_most_one_work_order(kit: Kit, name: str) -> None:
    start = STARTS[name]
    honest = [action for action in ACTIONS if action != ("not_created" if start.made else "link")]
    pairs = dict(enumerate(itertools.combinations_with_replacement(honest, 2), 701))
    await start.arrange(kit, list(pairs))
    kit.panel.faults.clear()
    await kit.runtime.bridge.write(all_is_well_again)
    kit.wake_worker()
    mapping = [kit.map(**MAPPING)] if start.arrange in {held, closed_unsent} else []
    answers, *_ = await asyncio.gather(
        asyncio.gather(*(pressed_at_once(kit, number, pair) for number, pair in pairs.items())), *mapping
    )
    await at_rest(kit)
    for (number, pair), both in zip(pairs.items(), answers, strict=True):
        await ended_well(kit, number, start, list(zip(pair, both, strict=True)))


async def ended_well(kit: Kit, number: int, start: Start, pressed: list[tuple[str, httpx.Response]]) -> None:
    """Check that the answers agree with the order's end, and the order with Panelr."""
    for _, answer in pressed:
        if answer.status_code != 200:
            assert problem(answer, 409)["detail"].startswith(("the order is ", "this work order belongs to "))
    done = [action for action, answer in pressed if answer.status_code == 200]
    ends = {"retry": start.retried, "link": "created", "not_created": "created", "close": "closed"}
    story, made = await kit.order(number), kit.panel.of_wc_order(str(number))
    what = [(action, answer.status_code) for action, answer in pressed], story["state"], len(made)
    assert story["state"] in {ends[action] for action in done} or {start.untouched}, what
    expected = {"created": {1}, "closed": {int(start.made), 1}}.get(story["state"], {int(start.made)})
    assert len(made) in expected, what
    if story["state"] == "created":
        assert story["reference_code"] == made[0].reference_code, what
    assert len({action for action, _ in pressed}) == 2 or len(done) != 2 or set(done) == {"retry"}, what
    assert story["owed_calls"] == []
