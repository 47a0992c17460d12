"""smoke's way after a test order: into the bridge, into Panelr, and back into the shop."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from panelr_bridge.cli import smoke_order
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.domain.models import FollowUpKind, OrderState
from panelr_bridge.errors import ShopError, ShopUnreachable
from panelr_bridge.settings import Settings
from panelr_bridge.store import deliveries, follow_ups, orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.rest.client import ShopClient

T = TypeVar("T")

POLL_SECONDS = 0.5
ASK_SECONDS = 2.0
"""How often the database, and the shop, are looked at."""


class StepFailed(Exception):
    """A step has not come about; `causes` are what to look at."""

    def __init__(self, step: str, words: str, causes: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.step = step
        self.causes = causes


async def follow(
    report: Checklist, opened: Database, client: ShopClient, *, chosen: Settings, store: str, number: int, wait: float
) -> None:
    """Follow the shop's order `number`, each step no longer than `wait`; raises Stuck where it goes no further."""
    began = time.monotonic()

    def seconds() -> str:
        return f"after {time.monotonic() - began:.1f} s"

    async def heard() -> Row | None:
        return await opened.read(orders.find, store=store, woo_order_id=number)

    async def settled() -> Row | None:
        row = await heard()
        return (
            row
            if row is not None and (row["state"] == OrderState.CREATED or row["state"] in smoke_order.ENDS)
            else None
        )

    async def shown() -> str | None:
        try:
            return smoke_order.reference(await client.get_order(number))
        except ShopUnreachable:
            return None

    if await _until(heard, wait) is None:
        raise StepFailed(
            "webhook", f"the bridge has not heard of the order within {wait:g} s; likely:", smoke_order.NOT_HEARD
        )
    told = await opened.read(deliveries.list_for_order, store=store, woo_order_id=number)
    report.good("webhook", f"the bridge heard of it {seconds()}, {smoke_order.came_by(told)}")
    row = await _until(settled, wait)
    if row is None or row["state"] != OrderState.CREATED:
        raise _not_created(await heard() or {}, wait)
    code = row["reference_code"] or f"number {row['work_order_id']}"
    report.good("panelr", f"its work order {code} is created {seconds()}")
    report.more(f"It stays in Panelr, whose API deletes none: cancel {code} there.")
    if not chosen.all_stores[store].write_back:
        report.warn("write-back", "not looked at: WRITE_BACK of this store is off")
        return
    if await _until(shown, wait, every=ASK_SECONDS) is None:
        words = f"the shop's order does not show its work order within {wait:g} s; likely:"
        raise StepFailed("write-back", words, smoke_order.NOT_SHOWN)
    report.good("write-back", f"the shop's order shows it {seconds()}")


async def calm(opened: Database, client: ShopClient, *, store: str, number: int, wait: float) -> bool:
    """Wait until nothing of the order is under way any more; returns False where that has not come about.

    What is deleted before its last delivery comes as an error in place of an order.
    """

    async def quiet() -> bool | None:
        row = await opened.read(orders.find, store=store, woo_order_id=number)
        if row is None:
            return None
        told = await opened.read(deliveries.list_for_order, store=store, woo_order_id=number)
        owed = await opened.read(follow_ups.list_for_order, row["id"])
        changed = smoke_order.modified(await client.get_order(number))
        heard = changed is None or (row["woo_modified_at"] is not None and row["woo_modified_at"] >= changed)
        writing = FollowUpKind.WRITE_BACK in owed and owed[FollowUpKind.WRITE_BACK]["done_at"] is None
        return True if heard and not writing and {each["topic"] for each in told} >= smoke_order.TOPICS else None

    try:
        return await _until(quiet, wait, every=ASK_SECONDS) is not None
    except ShopError:
        return False


def _not_created(row: dict[str, Any], wait: float) -> StepFailed:
    number = row["id"]
    if row["state"] in smoke_order.ENDS:
        return StepFailed(
            "panelr", f"no work order: {smoke_order.reasons(row)}", [f"panelr-bridge orders show {number}"]
        )
    later = f"it is still owed: POST /api/v1/orders/{number}/close, if it is not to be created later"
    words = f"its work order is not there within {wait:g} s: {smoke_order.reasons(row)}; likely:"
    return StepFailed("panelr", words, [*smoke_order.NOT_CREATED, later])


async def _until(look: Callable[[], Awaitable[T | None]], seconds: float, *, every: float = POLL_SECONDS) -> T | None:
    """Look until there is something, no longer than `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = await look()
        if found is not None or time.monotonic() >= end:
            return found
        await asyncio.sleep(every)
