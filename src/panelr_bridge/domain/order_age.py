"""Which orders get no work order because of their age, or because WooCommerce erased their customer. Pure."""

from datetime import datetime, timedelta

from panelr_bridge.domain.models import KnownStore, OrderMappings, OrderPolicy, Reason
from panelr_bridge.woocommerce.order_payload import Order

OLDER = "older_than_bridge"
DEFAULT_AGE = timedelta(days=30)
"""How much older than the store's first delivery an order may be, unless the settings name a date."""
_ERASED_EMAIL = "deleted@site.invalid"
"""The address that WooCommerce's privacy tools leave."""
_ERASED_META = ("_anonymized", "yes")
_ERASED_WORDS = "WooCommerce erased the personal data of this order: it gets no work order"


def orders_since(store: KnownStore, policy: OrderPolicy) -> datetime | None:
    """Return from when on a store's orders count; None while neither the settings nor a delivery say it."""
    configured = policy.orders_since.get(store.name)
    if configured is not None or store.first_seen_at is None:
        return configured
    return store.first_seen_at - DEFAULT_AGE


def is_erased(order: Order) -> bool:
    """Return whether WooCommerce's privacy tools erased the order's customer."""
    return order.billing.email.casefold() == _ERASED_EMAIL or _ERASED_META in order.meta_data


def exclusion_reason(order: Order, mappings: OrderMappings, policy: OrderPolicy) -> Reason | None:
    """Return why the order gets no work order for its age or its erasure; None if it may get one.

    An order whose date of creation is missing or cannot be read is not old.
    """
    if is_erased(order):
        return Reason("erased", _ERASED_WORDS)
    created, since = order.date_created_gmt, orders_since(mappings.store, policy)
    if created is None or since is None or created >= since or OLDER in mappings.overridden:
        return None
    words = (
        f"the order was made on {created:%Y-%m-%d}, and orders count from {since:%Y-%m-%d} on (BRIDGE_ORDERS_SINCE)."
        " If it needs a work order, retry it"
    )
    return Reason("older_than_bridge", words)
