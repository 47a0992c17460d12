"""Whose order it is: the store, the order's id and its key, and the shop that sent it. Pure.

Two shops may deliver to one address: a staging copy, or a shop that was built again and counts from the beginning.
"""

import functools

from panelr_bridge.domain.models import KnownStore, OrderMappings, OrderPolicy, Reason
from panelr_bridge.woocommerce.delivery_url import read_host

OTHER_SOURCE = "other_source"
ANOTHER_ORDER = "another_order_same_id"
SOURCE_HEADER = "x-wc-webhook-source"
LONGEST_SOURCE = 253
"""The longest name of a host."""


@functools.lru_cache(maxsize=1000)  # a shop sends the same header with each delivery
def read_source(address: str) -> str:
    """Return the host of a shop's address, by which shops are compared; empty for none.

    The scheme, `www.`, a standard port, the path and a slash at the end make no difference.
    """
    host = (read_host(address) or "").rstrip(".").removeprefix("www.")
    return host[:LONGEST_SOURCE]


def is_other_key(known: str, key: str) -> bool:
    """Return whether two order keys belong to two orders. An empty key matches all: some APIs show none."""
    return bool(known and key) and known != key


def is_other_source(source: str, store: KnownStore, policy: OrderPolicy) -> bool:
    """Return whether `source` is none of the store's shop. An empty source matches all."""
    own = policy.sources.get(store.name, frozenset())
    return bool(source and (own or store.source)) and source not in own and source != store.source


def sender(source: str, *, known: str, store: KnownStore, policy: OrderPolicy) -> str:
    """Return the host of an order's shop, by the snapshot's `source` and the one that is `known` of the order."""
    if is_other_source(source, store, policy):
        return known or source
    return source or ("" if is_other_source(known, store, policy) else known)


def source_to_learn(source: str, store: KnownStore, policy: OrderPolicy) -> str | None:
    """Return the source that becomes the store's own with this delivery; None if it does not change.

    The first delivery names it, unless the settings do. A shop that moved is known by its new address in the settings.
    """
    own = policy.sources.get(store.name, frozenset())
    if not source or source == store.source or store.source in own:
        return None
    if source in own:
        return source
    return source if store.source is None and not own else None


def describe_sources(store: KnownStore, policy: OrderPolicy) -> str:
    """Return the hosts of the store's shop as text."""
    own = policy.sources.get(store.name, frozenset())
    return ", ".join(sorted(own | {store.source} if store.source else own))


def other_source_reason(mappings: OrderMappings, policy: OrderPolicy) -> Reason | None:
    """Return the reason to hold an order that another shop sent; None if the store's own sent it.

    A retry does not override it: a staging copy's order looks like any other. Settings do.
    """
    store, source = mappings.store, mappings.source
    if not is_other_source(source, store, policy):
        return None
    words = (
        f"the order comes from {source}, and this store's orders come from {describe_sources(store, policy)}."
        f" {_advise(source, 'retry the order')}"
    )
    return Reason("other_source", words)


def _advise(source: str, then: str) -> str:
    return (
        f"If the shop moved to {source}, or has this address too, add it to BRIDGE_SHOP_ADDRESSES, restart, and {then}."
        " If it is a staging copy, delete its webhooks. If it is another shop, give it a store name of its own"
        " (BRIDGE_STORES__...)."
    )


def another_order_reason(*, delivery_id: int, number: str, source: str) -> Reason:
    """Return the reason for attention that another order has the id of this one."""
    sender = f" (from {source})" if source else ""
    words = (
        f"delivery {delivery_id} holds order {number} of another shop{sender}: its order key is another. It was left"
        " out, and this order stays as it is. If the shop was built again, give the new one a store name of its own"
        " (BRIDGE_STORES__...); if it is a copy, delete its webhooks"
    )
    return Reason("another_order_same_id", words)


def other_source_attention(*, delivery_id: int, status: str, source: str, own: str) -> Reason:
    """Return the reason for attention that another shop tells another status of this order."""
    words = (
        f"delivery {delivery_id} from {source} says that the order is {status}; this store's orders come from {own},"
        f" so nothing was changed. {_advise(source, f'replay delivery {delivery_id}')}"
    )
    return Reason("other_source", words)
