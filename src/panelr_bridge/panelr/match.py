"""Which work order in a customer's list is the one whose answer was lost: a pure function.

Where items carry `wc_order_id`, that settles it. Where they do not, a candidate is a work order that was created
since shortly before the first attempt, with the same items, and that belongs to no other order.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from panelr_bridge.values import ListedWorkOrder, WorkOrder, WorkOrderRequest

CLOCKS_APART = timedelta(minutes=2)
"""How much earlier than our first attempt Panelr's clock may say that it was."""


@dataclass(frozen=True, slots=True)
class Found:
    """This one is ours. `certain` where its items name our order; otherwise it may be a twin's."""

    work_order: WorkOrder
    certain: bool


@dataclass(frozen=True, slots=True)
class NotThere:
    """None of the customer's work orders is ours."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several could be ours: a person decides."""

    reference_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamesNeeded:
    """Items are shown by name only: the match needs the names of Panelr's products."""


Match = Found | NotThere | Ambiguous | NamesNeeded


def match(
    *,
    request: WorkOrderRequest,
    first_attempt_at: datetime,
    listed: Sequence[ListedWorkOrder],
    linked: Collection[str],
    product_names: Mapping[int, str] | None,
) -> Match:
    """Return what `listed` says about `request`.

    `linked` holds the reference codes that other orders already have, `product_names` Panelr's products by id,
    or None where they have not been asked for yet.
    """
    free = [entry for entry in listed if entry.work_order.reference_code not in linked]
    if any(item.shows_wc_order_id for entry in listed for item in entry.items):
        return _verdict([entry for entry in free if _names(entry, request.wc_order_id)], certain=True)
    recent = [entry for entry in free if _is_recent(entry, first_attempt_at)]
    by_shape = [entry for entry in recent if _shape(entry) == _wanted_shape(request)]
    if by_shape and product_names is None and not all(_shows_products(entry) for entry in by_shape):
        return NamesNeeded()
    same = [entry for entry in by_shape if _same_products(entry, request, product_names or {})]
    return _verdict(same, certain=False)


def _verdict(candidates: Sequence[ListedWorkOrder], *, certain: bool) -> Match:
    if not candidates:
        return NotThere()
    if len(candidates) == 1:
        return Found(candidates[0].work_order, certain)
    return Ambiguous(tuple(entry.work_order.reference_code or "" for entry in candidates))


def _names(entry: ListedWorkOrder, wc_order_id: str) -> bool:
    return any(item.wc_order_id == wc_order_id for item in entry.items)


def _is_recent(entry: ListedWorkOrder, first_attempt_at: datetime) -> bool:
    """A work order whose time is not shown may be recent."""
    return entry.created_at is None or entry.created_at >= first_attempt_at - CLOCKS_APART


def _shape(entry: ListedWorkOrder) -> Counter[tuple[str | None, int]]:
    return Counter((item.intent, item.qty) for item in entry.items)


def _wanted_shape(request: WorkOrderRequest) -> Counter[tuple[str | None, int]]:
    return Counter((item.intent.value, item.qty) for item in request.items)


def _shows_products(entry: ListedWorkOrder) -> bool:
    return all(item.product_id is not None for item in entry.items)


def _same_products(entry: ListedWorkOrder, request: WorkOrderRequest, names: Mapping[int, str]) -> bool:
    if _shows_products(entry):
        shown = Counter((item.product_id, item.intent, item.qty) for item in entry.items)
        return shown == Counter((item.product_id, item.intent.value, item.qty) for item in request.items)
    named = Counter((item.name, item.intent, item.qty) for item in entry.items)
    return named == Counter((names.get(item.product_id), item.intent.value, item.qty) for item in request.items)
