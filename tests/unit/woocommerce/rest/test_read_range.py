"""A page that the shop cannot show is read in parts, whatever the fault; a shop that is down is not."""

from dataclasses import dataclass, field

import pytest

from panelr_bridge.errors import ShopError, ShopUnreachable
from panelr_bridge.woocommerce.rest.models import Payload, UnreadOrder
from panelr_bridge.woocommerce.rest.read_range import ListRange, read_range

TIME_OUT = ShopUnreachable("the shop did not finish its answer within 25 s", maybe_done=True)
BROKEN_CONNECTION = ShopUnreachable("the connection to the shop broke: ReadError", maybe_done=True)
NEVER_SENT = ShopUnreachable("no connection to the shop could be made")


@dataclass
class PoisonedList:
    """100 orders, some of which make `error` of every page that holds them; `is_down` fails every read."""

    error: ShopError
    poisoned: frozenset[int]
    is_down: bool = False
    reads: list[tuple[int, int]] = field(default_factory=list)

    async def read(self, start: int, count: int, *, repeat: bool) -> ListRange:  # noqa: ARG002  its interface
        """Return a range of the list."""
        self.reads.append((start, count))
        ids = range(start + 1, min(start + count, 100) + 1)
        if self.is_down or not self.poisoned.isdisjoint(ids):
            raise self.error
        return ListRange(tuple({"id": each} for each in ids), len(ids), 100)

    async def read_id(self, position: int) -> int | None:
        """Return the id at a position."""
        return position + 1

    async def read_order(self, order_id: int) -> Payload:
        """Return one order."""
        if order_id in self.poisoned:
            raise self.error
        return {"id": order_id}


def unread(found: ListRange) -> list[int | None]:
    """Return the ids of the orders that the shop did not show."""
    return [each.order_id for each in found.entries if isinstance(each, UnreadOrder)]


@pytest.mark.parametrize("error", [TIME_OUT, BROKEN_CONNECTION, ShopUnreachable("500", status=500)])
@pytest.mark.parametrize("poisoned", [{50}, {1}, {100}, {7, 93}])
async def test_only_the_poisonous_orders_are_passed_over(error: ShopError, poisoned: set[int]) -> None:
    orders = PoisonedList(error, frozenset(poisoned))
    found = await read_range(orders, 0, 100)
    assert unread(found) == sorted(poisoned)
    assert len(found.entries) == found.count == 100
    assert len(orders.reads) < 60


@pytest.mark.parametrize(("error", "reads"), [(TIME_OUT, 2), (BROKEN_CONNECTION, 2), (NEVER_SENT, 1)])
async def test_a_shop_that_is_down_is_not_asked_for_each_part(error: ShopError, reads: int) -> None:
    orders = PoisonedList(error, frozenset(), is_down=True)
    with pytest.raises(ShopUnreachable):
        await read_range(orders, 0, 100)
    assert len(orders.reads) == reads
