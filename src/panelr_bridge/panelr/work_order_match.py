"""Which work order in a customer's list is the one whose answer was lost: a pure function.

An item that carries our `wc_order_id` settles it. Where none does, a candidate is a work order that was created
since shortly before the first attempt, with the same items, and that belongs to no other order. What the list does
not show cannot rule a work order out: one that may be ours is never taken for none, because none is sent again.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from panelr_bridge.domain.models import ListedItem, ListedWorkOrder, WorkOrder, WorkOrderRequest
from panelr_bridge.panelr.request import LISTED_WORK_ORDERS

CLOCKS_APART = timedelta(minutes=2)
"""How much earlier than our first attempt Panelr's clock may say that it was."""
A_DAY = timedelta(hours=26)
"""How far a clock that tells local time may be off: what is older than this is not ours, what is not may be."""


@dataclass(frozen=True, slots=True)
class MatchFound:
    """This one is ours. `certain` where its items name our order; otherwise it may be a twin's."""

    work_order: WorkOrder
    certain: bool


@dataclass(frozen=True, slots=True)
class NoMatch:
    """None of the customer's work orders is ours."""


@dataclass(frozen=True, slots=True)
class AmbiguousMatch:
    """One or several may be ours, and the list does not tell which: a person decides.

    Without any code, ours may be among those that the list was too short for.
    """

    reference_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamesNeeded:
    """Items are shown by name only: the match needs the names of Panelr's products."""


ItemKey = tuple[int | None, str | None]
Products = Mapping[str, frozenset[int]]
Match = MatchFound | NoMatch | AmbiguousMatch | NamesNeeded


def match(
    *,
    request: WorkOrderRequest,
    first_attempt_at: datetime,
    listed: Sequence[ListedWorkOrder],
    linked: Collection[str | int],
    products: Products | None,
    now: datetime,
) -> Match:
    """Return what `listed`, as it was told `now`, says about `request`.

    `linked` holds the reference codes and ids that other orders already have, `products` the ids of Panelr's products
    by name, or None where they have not been asked for yet.
    """
    whole = not _is_cut_off(listed, first_attempt_at)
    taken = set(linked)
    free = [entry for entry in listed if not taken & {entry.work_order.reference_code, entry.work_order.work_order_id}]
    named = [entry for entry in free if request.wc_order_id in _named_orders(entry)]
    if named:
        recent = [entry for entry in named if _may_be_created_since(entry, first_attempt_at - A_DAY)]
        return _match_result(recent, [entry for entry in named if entry not in recent], certain=True, whole=whole)
    claimed = [entry for entry in listed if request.wc_order_id in _named_orders(entry)]
    if recent := [entry for entry in claimed if _may_be_created_since(entry, first_attempt_at - A_DAY)]:
        # it names our order, and another has its code: another store's order of that number, or a Panelr that was
        # restored and gives its codes a second time
        return _match_result([], recent, certain=False, whole=whole)
    compared = [(entry, _has_same_items(entry, request, products or {})) for entry in free if not _named_orders(entry)]
    alike = [(entry, same) for entry, same in compared if same is not False]
    possible = [each for each in alike if _may_be_created_since(each[0], first_attempt_at - A_DAY)]
    if products is None and any(same is None for _, same in possible):
        return NamesNeeded()
    if any(item.shows_wc_order_id for entry in listed for item in entry.items):  # then ours should have been named
        return _match_result([], [entry for entry, _ in possible], certain=False, whole=whole)
    begin, end = first_attempt_at - CLOCKS_APART, now + CLOCKS_APART
    timed = [(entry, same) for entry, same in possible if entry.created_at and begin <= entry.created_at <= end]
    untimed = [entry for entry, _ in possible if entry.created_at is None or entry.created_at > end]
    ours = [entry for entry, same in timed if same is True]
    doubtful = [entry for entry, same in timed if same is None] + untimed
    return _match_result(
        ours, doubtful if ours or doubtful else [entry for entry, _ in possible], certain=False, whole=whole
    )


def fingerprint(request: WorkOrderRequest) -> str:
    """Return what two orders share that cannot be told apart in a list without `wc_order_id`: customer and items."""
    items = sorted([f"{product} {intent} {qty}" for (product, intent), qty in _requested_items(request).items()])
    return hashlib.sha256("\n".join([request.customer_email.casefold(), *items]).encode()).hexdigest()


def _is_cut_off(listed: Sequence[ListedWorkOrder], first_attempt_at: datetime) -> bool:
    """Return whether the list, newest first, may have ended before it came to the time of our first attempt."""
    full = len(listed) >= LISTED_WORK_ORDERS
    return full and all(_may_be_created_since(entry, first_attempt_at - A_DAY) for entry in listed)


def _match_result(
    same: Sequence[ListedWorkOrder], maybe: Sequence[ListedWorkOrder], *, certain: bool, whole: bool
) -> Match:
    if not same and not maybe:
        return NoMatch() if whole else AmbiguousMatch(())
    if len(same) == 1 and not maybe:
        return MatchFound(same[0].work_order, certain)
    return AmbiguousMatch(tuple(entry.work_order.reference_code or "" for entry in [*same, *maybe]))


def _named_orders(entry: ListedWorkOrder) -> set[str]:
    """Return the WooCommerce orders that a work order's items name."""
    return {item.wc_order_id for item in entry.items if item.wc_order_id is not None}


def _may_be_created_since(entry: ListedWorkOrder, moment: datetime) -> bool:
    """A work order whose time is not shown may be of any time."""
    return entry.created_at is None or entry.created_at >= moment


def _has_same_items(entry: ListedWorkOrder, request: WorkOrderRequest, products: Products) -> bool | None:
    """Return whether the items are those of the request; None where the list shows too little to rule it out.

    Quantities are added up: three of one may be listed as one item or as three. Items besides ours that are no product
    may be something that Panelr has added.
    """
    if not entry.items:
        return None
    wanted = _requested_items(request)
    shown: Counter[ItemKey] = Counter()
    for listed in entry.items:
        shown[_product_id(listed, products), listed.intent] += listed.qty or 0
    countable = all(listed.qty is not None for listed in entry.items)
    missing, vague = wanted - shown, shown - wanted
    if countable and not missing and not vague:
        return True
    if not countable:
        return None if all(any(_may_be_same(item, other) for item in shown) for other in missing) else False
    if not missing:
        return None if all(product is None for product, _ in vague) else False
    could_be = all(any(_may_be_same(item, other) for other in missing) for item in vague)
    return None if missing.total() == vague.total() and could_be else False


def _requested_items(request: WorkOrderRequest) -> Counter[ItemKey]:
    wanted: Counter[ItemKey] = Counter()
    for item in request.items:
        wanted[item.product_id, item.intent] += item.qty
    return wanted


def _may_be_same(shown: ItemKey, wanted: ItemKey) -> bool:
    """Whether nothing that is shown of an item contradicts the other."""
    return all(mine is None or mine == theirs for mine, theirs in zip(shown, wanted, strict=True))


def _product_id(item: ListedItem, products: Products) -> int | None:
    """The product of a listed item, by its id or its name; None where neither tells just one."""
    if item.product_id is not None:
        return item.product_id
    known = products.get(item.name, frozenset())
    return next(iter(known)) if len(known) == 1 else None
