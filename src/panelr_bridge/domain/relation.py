"""Reads how an order continues another one, from the keys that shops' plugins write. Pure.

Sources: WooCommerce Subscriptions 9.0 and its core library, YITH Subscription 4.1, WP Swings' Subscriptions 1.8, Dokan
Lite 4.1 and WooCommerce Deposits, as a real shop delivered them (tests/captures, s*.json).
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from panelr_bridge.woocommerce.json_fields import clean, unwrap
from panelr_bridge.woocommerce.order_payload import Order


class RelationKind(StrEnum):
    """What an order is to an earlier one."""

    FIRST = "first"
    """It begins subscriptions: an order like any other."""
    RENEWAL = "renewal"
    RESUBSCRIPTION = "resubscription"
    SWITCH = "switch"
    SECOND_PAYMENT = "second_payment"
    SUB_ORDER = "sub_order"
    """A vendor's part of a market place's order, with the same goods."""
    CONTINUATION = "continuation"
    """It names a parent, and nothing says what it is to it."""


RENEWS = frozenset({RelationKind.RENEWAL, RelationKind.RESUBSCRIPTION, RelationKind.SWITCH})
"""The kinds that go on with a line that exists."""
RelationKeys = tuple[tuple[str, RelationKind], ...]
"""Meta keys of other plugins, each with what it says of an order (BRIDGE_RELATION_KEYS)."""

_WCS = (
    ("_subscription_switch", RelationKind.SWITCH),
    ("_subscription_renewal", RelationKind.RENEWAL),
    ("_subscription_resubscribe", RelationKind.RESUBSCRIPTION),
)
_SIGNS = (
    ("_failed_renewal_order", RelationKind.RENEWAL),
    ("_subscription_renewal_early", RelationKind.RENEWAL),
    ("_subscription_switch_data", RelationKind.SWITCH),
)
"""Keys of WooCommerce Subscriptions that stand beside one of the others, unless a plugin took that away."""
_YITH_RENEWAL, _YITH_SUBSCRIPTIONS = "is_a_renew", "subscriptions"
_WPS = tuple(
    (
        f"{prefix}_sfw_renewal_order",
        f"{prefix}_sfw_subscription",
        f"{prefix}_sfw_parent_order_id",
        f"{prefix}_subscription_id",
    )
    for prefix in ("wps", "mwb")
)
"""WP Swings' keys of a renewal, its subscription and its first order, and of a first order; before 2022 with mwb."""
_ORDER_KEYS = frozenset(
    {
        *(key for key, _ in (*_WCS, *_SIGNS)),
        *(_YITH_RENEWAL, _YITH_SUBSCRIPTIONS),
        *(key for keys in _WPS for key in keys),
    }
)
_PARENT_FLAGS = ("has_sub_order", "has_wcmp_sub_order", "has_mvx_sub_order")
_DEPOSIT_OF = "_original_order_id"
_VENDOR_KEYS = frozenset({"_dokan_vendor_id", "_dokan_parent_order_item_id"})
_MARKET_PLACES, _DEPOSITS = frozenset({"dokan"}), frozenset({"wc_deposits"})
_NO = frozenset({"", "0", "no", "false", "off"})
_MOST_IDS = 20
_MOST_PARTS = 100
"""How many entries of a list are read."""
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What an order is to earlier ones: WooCommerce's ids of the subscriptions, and of the order that it continues.

    `can_be_asked`: the shop's API may know the subscriptions (WooCommerce Subscriptions and its core library).
    """

    kind: RelationKind
    subscriptions: tuple[int, ...] = ()
    continues: int | None = None
    can_be_asked: bool = False

    @property
    def renews(self) -> bool:
        """Whether the order goes on with a line that exists."""
        return self.kind in RENEWS


def read_relation(order: Order, more_keys: RelationKeys = ()) -> Relation | None:
    """Return what `order` is to earlier orders; None for an order of its own."""
    metas = order.meta_by_key
    found = None
    if not _ORDER_KEYS.isdisjoint(metas):
        found = _read_subscription(order)
    if more_keys and (found is None or found.kind is RelationKind.FIRST):
        found = next((each for key, kind in more_keys if (each := _read_key(order, key, kind)) is not None), found)
    parent = _read_parent(order)
    if found is None or found.kind is RelationKind.FIRST:
        return parent or found
    # a market place's part of a renewal has the renewal's keys
    return parent if parent is not None and parent.kind is RelationKind.SUB_ORDER else found


def has_sub_orders(order: Order) -> bool:
    """Return whether the order is a market place's, which has divided it among its vendors."""
    return not order.meta_by_key.keys().isdisjoint(_PARENT_FLAGS) and any(
        _says_yes(order, key) for key in _PARENT_FLAGS
    )


def _read_subscription(order: Order) -> Relation | None:
    """Return the relation by the keys of a subscription plugin."""
    for key, kind in _WCS:
        if (found := _read_key(order, key, kind)) is not None:
            return found
    yith = _read_ids(order, _YITH_SUBSCRIPTIONS)
    if _says_yes(order, _YITH_RENEWAL):
        return Relation(kind=RelationKind.RENEWAL, subscriptions=yith)
    for renewal, subscription, first_order, _ in _WPS:
        if _says_yes(order, renewal):
            first = next((each for each in _read_ids(order, first_order) if each != order.id), None)
            return Relation(kind=RelationKind.RENEWAL, subscriptions=_read_ids(order, subscription), continues=first)
    for key, kind in _SIGNS:
        if (found := _read_key(order, key, kind)) is not None:
            return found
    begun = (*yith, *(each for *_, key in _WPS for each in _read_ids(order, key)))
    return Relation(kind=RelationKind.FIRST, subscriptions=begun) if begun else None


def _read_key(order: Order, key: str, kind: RelationKind) -> Relation | None:
    """Return the relation that one key says: its value is an id, or a yes."""
    if key not in order.meta_by_key or not _says_yes(order, key):
        return None
    ids = tuple(each for each in _read_ids(order, key) if each > 1)  # 1 is a yes
    if kind in {RelationKind.SECOND_PAYMENT, RelationKind.SUB_ORDER, RelationKind.CONTINUATION}:
        return Relation(kind=kind, continues=order.parent_id or next(iter(ids), None))
    return Relation(kind=kind, subscriptions=ids, can_be_asked=bool(ids))


def _read_parent(order: Order) -> Relation | None:
    """Return the relation to the order's parent, or to the order of a deposit."""
    continues = order.parent_id or None
    deposits = [value for line in order.line_items for key, value in line.meta_data if key == _DEPOSIT_OF]
    deposit = deposits[0] if deposits else None
    if deposit is not None or order.created_via.strip().casefold() in _DEPOSITS:
        of_order = next(_ids_in(deposit), None) if deposit is not None else None
        return Relation(kind=RelationKind.SECOND_PAYMENT, continues=of_order or continues)
    if continues is None:
        return None
    is_vendors = order.created_via.strip().casefold() in _MARKET_PLACES or not _VENDOR_KEYS.isdisjoint(
        [*order.meta_by_key, *(key for line in order.line_items for key, _ in line.meta_data if isinstance(key, str))]
    )
    kind = RelationKind.SUB_ORDER if is_vendors and continues != order.id else RelationKind.CONTINUATION
    return Relation(kind=kind, continues=continues)


def _says_yes(order: Order, key: str) -> bool:
    """Return whether one of the entries under `key` says anything but no, in any form in which PHP writes that."""
    return any(str(clean(value)).strip().casefold() not in _NO for value in _values(order.meta_data, key))


def _read_ids(order: Order, key: str) -> tuple[int, ...]:
    """Return the ids under `key`: numbers, texts or lists of them, in one entry or several."""
    found = dict.fromkeys(each for value in _values(order.meta_data, key) for each in _ids_in(value))
    return tuple(found)[:_MOST_IDS]


def _values(entries: Iterable[tuple[str, Any]], key: str) -> Iterable[Any]:
    return [value for name, value in entries if name == key]


def _ids_in(value: Any) -> Iterator[int]:
    value = unwrap(value)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    for part in itertools.islice(parts, _MOST_PARTS):
        whole = part if isinstance(part, str) else str(part) if _is_number(part) else ""
        for text in whole.split(",", _MOST_PARTS)[:_MOST_PARTS]:
            number = text.strip().removesuffix(".0").lstrip("0")
            if number.isascii() and number.isdigit() and int(number[:20]) <= _LARGEST_ID:
                yield int(number)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)
