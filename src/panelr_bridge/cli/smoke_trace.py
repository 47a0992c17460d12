"""Follow the test order: into the bridge, to Panelr, and back into the shop."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from panelr_bridge.application.container import delivery_endpoint
from panelr_bridge.cli import smoke_order
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.domain.models import FollowUpKind, OrderState
from panelr_bridge.errors import ShopError, ShopUnreachable
from panelr_bridge.store import deliveries, follow_ups, orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.rows import ListedDeliveryRow, OrderRow
from panelr_bridge.woocommerce.rest.client import ShopClient

T = TypeVar("T")

DATABASE_POLL_SECONDS = 0.5
SHOP_POLL_SECONDS = 2.0


class StepFailed(Exception):
    """A step did not happen in time. `causes` lists likely causes."""

    def __init__(self, step: str, words: str, causes: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.step = step
        self.causes = causes


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTrace:
    """Follows the shop's order `number`, and waits at most `wait` seconds for each step."""

    database: Database
    client: ShopClient
    store: str
    number: int
    wait: float
    start: float = field(default_factory=time.monotonic)

    async def follow(self, checklist: Checklist, *, write_back: bool) -> None:
        """Add each step to the checklist. Raises StepFailed if a step does not happen in time."""
        await self._follow_into_bridge(checklist)
        await self._follow_to_panelr(checklist)
        if write_back:
            await self._follow_back(checklist)
        else:
            checklist.warn("write-back", "not checked: WRITE_BACK of this store is off")

    async def wait_until_settled(self) -> bool:
        """Wait until all deliveries of the order arrived and its write-back is done. Return False if they did not.

        If the order is deleted before its last delivery, WooCommerce delivers an error instead of the order.
        """
        try:
            return await _poll(self._is_settled, self.wait, every=SHOP_POLL_SECONDS) is not None
        except ShopError:
            return False

    async def _follow_into_bridge(self, checklist: Checklist) -> None:
        if await _poll(self._find_row, self.wait, every=DATABASE_POLL_SECONDS) is None:
            words = f"the bridge did not receive the order within {self.wait:g} s. Likely causes:"
            raise StepFailed("webhook", words, self._name_store(smoke_order.NOT_RECEIVED_CAUSES))
        source = smoke_order.describe_source(await self._list_deliveries())
        checklist.ok("webhook", f"the bridge received it {self._elapsed()}, {source}")

    async def _follow_to_panelr(self, checklist: Checklist) -> None:
        row = await _poll(self._find_decided_row, self.wait, every=DATABASE_POLL_SECONDS)
        if row is None or row["state"] != OrderState.CREATED:
            raise _not_created(await self._find_row(), self.wait)
        code = row["reference_code"] or f"number {row['work_order_id']}"
        checklist.ok("panelr", f"its work order {code} is created {self._elapsed()}")
        checklist.add_details(f"Panelr's API cannot delete a work order: cancel {code} in Panelr.")

    async def _follow_back(self, checklist: Checklist) -> None:
        if await _poll(self._find_reference_code, self.wait, every=SHOP_POLL_SECONDS) is None:
            words = f"the shop's order does not show its work order within {self.wait:g} s. Likely causes:"
            raise StepFailed("write-back", words, self._name_store(smoke_order.NOT_WRITTEN_BACK_CAUSES))
        checklist.ok("write-back", f"the shop's order shows it {self._elapsed()}")

    def _name_store(self, causes: Sequence[str]) -> list[str]:
        return [each.format(store=delivery_endpoint(self.store, "").store_option) for each in causes]

    def _elapsed(self) -> str:
        return f"after {time.monotonic() - self.start:.1f} s"

    async def _find_row(self) -> OrderRow | None:
        return await self.database.read(orders.find, store=self.store, woo_order_id=self.number)

    async def _find_decided_row(self) -> OrderRow | None:
        row = await self._find_row()
        if row is None or (row["state"] != OrderState.CREATED and row["state"] not in smoke_order.FINAL_STATES):
            return None
        return row

    async def _list_deliveries(self) -> list[ListedDeliveryRow]:
        return await self.database.read(deliveries.list_for_order, store=self.store, woo_order_id=self.number)

    async def _find_reference_code(self) -> str | None:
        try:
            return smoke_order.find_reference_code(await self.client.get_order(self.number))
        except ShopUnreachable:
            return None

    async def _is_settled(self) -> bool | None:
        """Return True, or None to be asked again."""
        row = await self._find_row()
        if row is None:
            return None
        topics = {each["topic"] for each in await self._list_deliveries()}
        tasks = await self.database.read(follow_ups.list_for_order, row["id"])
        changed_at = smoke_order.modified_at(await self.client.get_order(self.number))
        is_current = changed_at is None or (row["woo_modified_at"] is not None and row["woo_modified_at"] >= changed_at)
        is_writing = FollowUpKind.WRITE_BACK in tasks and tasks[FollowUpKind.WRITE_BACK]["done_at"] is None
        return True if is_current and not is_writing and topics >= smoke_order.EXPECTED_TOPICS else None


def _not_created(row: OrderRow | None, wait: float) -> StepFailed:
    if row is None:
        return StepFailed("panelr", "the order is no longer in the bridge's database")
    number = row["id"]
    state = smoke_order.describe_state(row)
    if row["state"] in smoke_order.FINAL_STATES:
        return StepFailed("panelr", f"no work order: {state}", [f"run panelr-bridge orders show {number}"])
    advice = f"the work order may still be created: POST /api/v1/orders/{number}/close, if you do not want it"
    words = f"no work order within {wait:g} s: {state}. Likely causes:"
    return StepFailed("panelr", words, [*smoke_order.NOT_CREATED_CAUSES, advice])


async def _poll(look: Callable[[], Awaitable[T | None]], seconds: float, *, every: float) -> T | None:
    """Call `look` until it returns something. Return None after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        result = await look()
        if result is not None or time.monotonic() >= end:
            return result
        await asyncio.sleep(every)
