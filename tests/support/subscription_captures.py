"""The deliveries of a real shop with subscriptions, a market place and deposits, and what each is understood as."""

from typing import NamedTuple


class Understood(NamedTuple):
    """What a delivery is: its verdict, its order, the order's state once it is settled, and the items sent for it.

    `reason` is the code of the order's first reason. An item is an intent; `renewal` is of the one line.
    """

    verdict: str
    order: int | None = None
    state: str | None = None
    items: tuple[str, ...] = ()
    reason: str | None = None


SUBSCRIPTION_CAPTURES: dict[str, Understood] = {
    "s001-order.created-wcs-first-classic": Understood("order", 458, "created", ("new_activation",)),
    "s002-order.updated-wcs-first-classic": Understood("order", 458, "created", ("new_activation",)),
    "s003-subscription.updated-wcs-first-classic": Understood("subscription"),
    "s004-subscription.created-wcs-first-classic": Understood("subscription"),
    "s005-order.updated-wcs-parent-meta": Understood("order", 458, "created", ("new_activation",)),
    "s007-order.created-wcs-renewal-auto": Understood("order", 460, "created", ("renewal",)),
    "s008-order.updated-wcs-renewal-auto": Understood("order", 460, "created", ("renewal",)),
    "s010-order.created-wcs-renewal-failed": Understood("order", 461, "waiting", reason="status_not_called_for"),
    "s012-order.updated-wcs-renewal-retry-failed": Understood("order", 461, "waiting", reason="status_not_called_for"),
    "s014-order.updated-wcs-renewal-retry-paid": Understood("order", 461, "created", ("renewal",)),
    "s035-order.created-wcs-checkout-meta-renewal": Understood("order", 467, "created", ("renewal",)),
    "s036-order.updated-wcs-checkout-meta-renewal": Understood("order", 467, "created", ("renewal",)),
    "s099-order.created-wcs-switch-upgrade": Understood("order", 491, "held", reason="switch"),
    "s125-order.created-wcs-resubscribe": Understood("order", 497, "created", ("renewal",)),
    "s168-subscription.updated-wcs-rest-sub-no-parent": Understood("unreadable"),
    "s220-order.created-yith-renewal-created": Understood("order", 533, "created", ("renewal",)),
    "s222-order.updated-yith-renewal-paid": Understood("order", 533, "created", ("renewal",)),
    "s244-order.created-sfw-renewal-paid": Understood("order", 547, "created", ("renewal",)),
    "s259-order.created-deposit-first": Understood("order", 557, "waiting", reason="status_not_called_for"),
    "s261-order.updated-deposit-due-paid": Understood("order", 557, "created", ("new_activation",)),
    "s265-order.created-dokan-two-vendors": Understood("order", 567, "created", reason="adopted_from_order"),
    "s267-order.created-dokan-two-vendors": Understood("order", 568, "ignored", reason="sub_order"),
    "s272-order.created-dokan-two-vendors-meta": Understood("woocommerce_error"),
    "s322-order.created-giftcard-partial": Understood("order", 592, "created", ("new_activation",)),
}
"""In the order in which they came. All products are mapped as new activations."""
