"""Finds the work order of a lost answer in the customer's list: a pure function.

An item with our `wc_order_id` settles it. Without one, a candidate is a work order created since shortly before the
first attempt, with the same items, and linked to no other order. A missing field never rules a work order out:
NoMatch leads to a repeated create call, so it needs certainty.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from panelr_bridge.domain.models import WorkOrderRequest
from panelr_bridge.domain.panelr_values import ListedItem, ListedWorkOrder, ProductNames, WorkOrder

CLOCKS_APART = timedelta(minutes=2)
"""The tolerated difference between Panelr's clock and ours."""
LOCAL_TIME_ERROR = timedelta(hours=26)
"""The largest error of a clock in local time. Older work orders are not ours; newer ones may be."""
SHORTEST_CUT_LIST = 10
"""The fewest work orders to which Panelr may cut a list.

Whether and where it cuts a list is not known, and no usual page is shorter. A list that is cut off unnoticed leads to a
second work order. A whole list that is taken for a cut one costs an operator's look: it needs a customer with as many
work orders since our first attempt, and none before.
"""


@dataclass(frozen=True, slots=True)
class MatchFound:
    """The work order is ours: `certain` if its items name our order, otherwise it may be a lookalike's."""

    work_order: WorkOrder
    certain: bool


@dataclass(frozen=True, slots=True)
class NoMatch:
    """No work order of the customer is ours."""


@dataclass(frozen=True, slots=True)
class AmbiguousMatch:
    """These work orders may be ours, and the list does not show which: the operator decides.

    No codes mean that ours may lie beyond the end of the list.
    """

    reference_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamesNeeded:
    """The list shows items by name only: the match needs the names of Panelr's products."""


ItemKey = tuple[int | None, str | None]
Match = MatchFound | NoMatch | AmbiguousMatch | NamesNeeded


def match(
    *,
    request: WorkOrderRequest,
    first_attempt_at: datetime,
    listed: Sequence[ListedWorkOrder],
    linked: Collection[str | int],
    products: ProductNames | None,
    now: datetime,
) -> Match:
    """Return the match for `request` in `listed`, a list read `now`.

    `linked` holds the reference codes and ids of other orders, `products` the ids of Panelr's products (None if
    not read yet).
    """
    whole = not _is_cut_off(listed, first_attempt_at)
    earliest = first_attempt_at - LOCAL_TIME_ERROR
    linked_ids = set(linked)
    free = [
        entry for entry in listed if not linked_ids & {entry.work_order.reference_code, entry.work_order.work_order_id}
    ]
    named = [entry for entry in free if request.wc_order_id in named_orders(entry)]
    if named:
        recent = [entry for entry in named if _may_be_created_since(entry, earliest)]
        return _match_result(recent, [entry for entry in named if entry not in recent], certain=True, whole=whole)
    linked_elsewhere = [entry for entry in listed if request.wc_order_id in named_orders(entry)]
    if recent := [entry for entry in linked_elsewhere if _may_be_created_since(entry, earliest)]:
        # it names our order but is linked to another: another store has an order of this number, or Panelr was
        # restored and uses its codes a second time
        return _match_result([], recent, certain=False, whole=whole)
    compared = [(entry, has_same_items(entry, request, products or {})) for entry in free if not named_orders(entry)]
    possible = [
        (entry, same) for entry, same in compared if same is not False and _may_be_created_since(entry, earliest)
    ]
    if products is None and any(same is None for _, same in possible):
        return NamesNeeded()
    if any(item.shows_wc_order_id for entry in listed for item in entry.items):  # then ours would be named
        return _match_result([], [entry for entry, _ in possible], certain=False, whole=whole)
    return _match_by_time(possible, begin=first_attempt_at - CLOCKS_APART, end=now + CLOCKS_APART, whole=whole)


def _match_by_time(
    possible: Sequence[tuple[ListedWorkOrder, bool | None]], *, begin: datetime, end: datetime, whole: bool
) -> Match:
    """Return the match among work orders with the same items (True) or perhaps the same (None)."""
    in_time = [(entry, same) for entry, same in possible if entry.created_at and begin <= entry.created_at <= end]
    untimed = [entry for entry, _ in possible if entry.created_at is None or entry.created_at > end]
    ours = [entry for entry, same in in_time if same is True]
    doubtful = [entry for entry, same in in_time if same is None] + untimed
    if not ours and not doubtful:
        doubtful = [entry for entry, _ in possible]
    return _match_result(ours, doubtful, certain=False, whole=whole)


def fingerprint(request: WorkOrderRequest) -> str:
    """Return a hash of customer and items: equal for orders indistinguishable in a list without `wc_order_id`."""
    items = sorted([f"{product} {intent} {qty}" for (product, intent), qty in _requested_items(request).items()])
    return hashlib.sha256("\n".join([request.customer_email.casefold(), *items]).encode()).hexdigest()


def _is_cut_off(listed: Sequence[ListedWorkOrder], first_attempt_at: datetime) -> bool:
    """Return whether the list, newest first, may end before it reaches the time of our first attempt."""
    since = first_attempt_at - LOCAL_TIME_ERROR
    return len(listed) >= SHORTEST_CUT_LIST and all(_may_be_created_since(entry, since) for entry in listed)


def _match_result(
    same: Sequence[ListedWorkOrder], maybe: Sequence[ListedWorkOrder], *, certain: bool, whole: bool
) -> Match:
    if not same and not maybe:
        return NoMatch() if whole else AmbiguousMatch(())
    if len(same) == 1 and not maybe:
        return MatchFound(same[0].work_order, certain)
    return AmbiguousMatch(tuple(entry.work_order.reference_code or "" for entry in [*same, *maybe]))


def named_orders(entry: ListedWorkOrder) -> set[str]:
    """Return the WooCommerce orders named by a work order's items."""
    return {item.wc_order_id for item in entry.items if item.wc_order_id is not None}


def _may_be_created_since(entry: ListedWorkOrder, moment: datetime) -> bool:
    """Return whether the work order may be as new as `moment`; without a time it may."""
    return entry.created_at is None or entry.created_at >= moment


def has_same_items(entry: ListedWorkOrder, request: WorkOrderRequest, products: ProductNames) -> bool | None:
    """Return whether the items are those of the request, or None if the list shows too little to decide.

    Quantities are added up, because three of one may be listed as one item or as three. Panelr may have added further
    items that are not products.
    """
    if not entry.items:
        return None
    requested = _requested_items(request)
    shown: Counter[ItemKey] = Counter()
    for listed in entry.items:
        shown[_product_id(listed, products), listed.intent] += listed.qty or 0
    countable = all(listed.qty is not None for listed in entry.items)
    missing, extra = requested - shown, shown - requested
    if countable and not missing and not extra:
        return True
    if not countable:
        return None if all(any(_may_be_same(item, other) for item in shown) for other in missing) else False
    if not missing:
        return None if all(product is None for product, _ in extra) else False
    could_be = all(any(_may_be_same(item, other) for other in missing) for item in extra)
    return None if missing.total() == extra.total() and could_be else False


def _requested_items(request: WorkOrderRequest) -> Counter[ItemKey]:
    items: Counter[ItemKey] = Counter()
    for item in request.items:
        items[item.product_id, item.intent] += item.qty
    return items


def _may_be_same(shown: ItemKey, requested: ItemKey) -> bool:
    """Return whether no shown part of an item contradicts the requested one."""
    return all(mine is None or mine == theirs for mine, theirs in zip(shown, requested, strict=True))


def _product_id(item: ListedItem, products: ProductNames) -> int | None:
    """Return the product of a listed item by its id, or by its name and service; None if that is ambiguous."""
    if item.product_id is not None:
        return item.product_id
    ids = products.get((item.name, _known_service(item, products)), frozenset())
    return next(iter(ids)) if len(ids) == 1 else None


def _known_service(item: ListedItem, products: ProductNames) -> str | None:
    """Return the item's service if the products show it too; otherwise only names can be compared."""
    is_known = any(service == item.plugin_name for _, service in products)
    return item.plugin_name if is_known else None
