"""An order in another currency than that of its Panelr products: held, sent as it is, or sent without amounts. Pure."""

from collections.abc import Sequence

from panelr_bridge.domain.cart import MappedLine
from panelr_bridge.domain.models import MappingTarget, OrderPolicy, OtherCurrency, Reason
from panelr_bridge.woocommerce.order_payload import Order


def currency_reasons(order: Order, lines: Sequence[MappedLine], policy: OrderPolicy) -> list[Reason]:
    """Return a reason for each product in another currency, if such an order is held."""
    if policy.other_currency is not OtherCurrency.HOLD:
        return []
    reasons = [
        Reason(
            "currency_differs",
            f"the order is in {order.currency}, and Panelr's product {product.panelr_product_id} costs"
            f" {product.currency}: map another, or choose BRIDGE_OTHER_CURRENCY",
            line.label,
        )
        for line in lines
        for product in line.mappings
        if _differs(order, product)
    ]
    return list(dict.fromkeys(reasons))


def omits_amounts(order: Order, lines: Sequence[MappedLine], policy: OrderPolicy) -> bool:
    """Return whether Panelr gets no amounts of the order: one product in another currency is enough.

    Panelr adds all items up, and a sum over two currencies has no meaning.
    """
    if policy.other_currency is not OtherCurrency.OMIT_AMOUNTS:
        return False
    return any(_differs(order, product) for line in lines for product in line.mappings)


def _differs(order: Order, product: MappingTarget) -> bool:
    """Return whether both currencies are known and differ."""
    currency = product.currency
    return bool(currency and order.currency and currency.casefold() != order.currency.casefold())
