"""Checks that Panelr offers the products and payment methods of mappings; suggests near ones if not. No I/O."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.domain.models import OnPaid
from panelr_bridge.domain.panelr_values import PanelrPaymentMethod, PanelrProduct
from panelr_bridge.errors import InvalidValue

MAX_SUGGESTED = 5
MAX_BY_NAME = 2
"""At most this many suggestions are near by name; the others are near by number."""
MAX_PROBLEMS = 20
BY_MODE: Mapping[str | None, OnPaid] = {
    "manual": OnPaid.SUBMIT_PAYMENT,
    "automated": OnPaid.COMPLETE_ORDER,
}


def require_products(wanted: Sequence[ProductMapping], products: Sequence[PanelrProduct]) -> None:
    """Raise InvalidValue if a mapping names a product outside `products`; the message lists near ones.

    If there are several mappings, the message names each by its place and key.
    """
    offered = {None, *(product.id for product in products)}
    unknown = [
        (place, mapping) for place, mapping in enumerate(wanted, start=1) if mapping.panelr_product_id not in offered
    ]
    if not unknown:
        return
    problems = []
    for place, mapping in unknown[:MAX_PROBLEMS]:
        number = mapping.panelr_product_id or 0
        where = f"entry {place} ({mapping.key}): " if len(wanted) > 1 else ""
        listed = [f"{each.id} {each.name}".strip() for each in _nearby_products(number, mapping.sku, products)]
        problems.append(f"{where}Panelr offers no product {number}; {_describe_offer('offers', listed, len(products))}")
    more = len(unknown) - len(problems)
    raise InvalidValue("; ".join(problems) + (f"; and {more} more" if more else ""))


def require_payment_method(number: int, methods: Sequence[PanelrPaymentMethod]) -> None:
    """Raise InvalidValue if Panelr has no payment method `number`; the message lists the nearest ones."""
    if number in {method.id for method in methods}:
        return
    nearest = sorted(methods, key=lambda method: (abs(method.id - number), method.id))[:MAX_SUGGESTED]
    listed = [f"{each.id} {each.display_label or each.name}".strip() for each in sorted(nearest, key=_item_id)]
    raise InvalidValue(f"Panelr has no payment method {number}; {_describe_offer('has', listed, len(methods))}")


def default_on_paid(number: int, methods: Sequence[PanelrPaymentMethod]) -> OnPaid:
    """Return how payments by this method are reported to Panelr: by its mode, NONE if its mode is unknown."""
    mode = next((method.mode for method in methods if method.id == number), None)
    return BY_MODE.get(mode and mode.casefold(), OnPaid.NONE)


def _nearby_products(number: int, sku: str | None, products: Sequence[PanelrProduct]) -> list[PanelrProduct]:
    """Return the products with the most similar names and numbers, ordered by number."""
    similar = sorted(products, key=lambda each: -_name_similarity(sku, each))[:MAX_BY_NAME] if sku else []
    nearest = sorted(products, key=lambda each: (abs(each.id - number), each.id))
    chosen = {each.id: each for each in [*similar, *nearest][: MAX_SUGGESTED + MAX_BY_NAME]}
    return sorted(list(chosen.values())[:MAX_SUGGESTED], key=_item_id)


def _name_similarity(sku: str, product: PanelrProduct) -> float:
    names = (product.name, product.alternate_name or "")
    return max(SequenceMatcher(None, sku.casefold(), name.casefold()).ratio() for name in names)


def _item_id(item: PanelrProduct | PanelrPaymentMethod) -> int:
    return item.id


def _describe_offer(verb: str, listed: Sequence[str], total: int) -> str:
    if not listed:
        return f"it {verb} none"
    return f"it {verb} {', '.join(listed)}" + (", ..." if total > len(listed) else "")
