"""Whether Panelr offers what mappings name, and if not, what it offers that is near. Nothing here does I/O."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.domain.models import OnPaid, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.errors import InvalidValue

NEAR = 5
BY_NAME = 2
"""So many of the near ones are near by their name; the others are by their number."""
MOST_PROBLEMS = 20
BY_MODE: Mapping[str | None, OnPaid] = {
    "manual": OnPaid.SUBMIT_PAYMENT,
    "automated": OnPaid.COMPLETE_ORDER,
}


def require_products(wanted: Sequence[ProductMapping], products: Sequence[PanelrProduct]) -> None:
    """Raise Invalid where a mapping names a product that is none of `products`; the words list what is near.

    Of several mappings each is named by its place and key.
    """
    known = {None, *(product.id for product in products)}
    strange = [
        (place, mapping) for place, mapping in enumerate(wanted, start=1) if mapping.panelr_product_id not in known
    ]
    if not strange:
        return
    problems = []
    for place, mapping in strange[:MOST_PROBLEMS]:
        number = mapping.panelr_product_id or 0
        where = f"entry {place} ({mapping.key}): " if len(wanted) > 1 else ""
        listed = [f"{each.id} {each.name}".strip() for each in _nearby_products(number, mapping.sku, products)]
        problems.append(f"{where}Panelr offers no product {number}; {_describe_offer('offers', listed, len(products))}")
    left = len(strange) - len(problems)
    raise InvalidValue("; ".join(problems) + (f"; and {left} more" if left else ""))


def require_payment_method(number: int, methods: Sequence[PanelrPaymentMethod]) -> None:
    """Raise Invalid where Panelr has no payment method of that number; the words list the nearest ones."""
    if number in {method.id for method in methods}:
        return
    nearest = sorted(methods, key=lambda method: (abs(method.id - number), method.id))[:NEAR]
    listed = [f"{each.id} {each.display_label or each.name}".strip() for each in sorted(nearest, key=_item_id)]
    raise InvalidValue(f"Panelr has no payment method {number}; {_describe_offer('has', listed, len(methods))}")


def default_on_paid(number: int, methods: Sequence[PanelrPaymentMethod]) -> OnPaid:
    """Return what Panelr is told of a payment by this method: by its mode, nothing where that is not known."""
    mode = next((method.mode for method in methods if method.id == number), None)
    return BY_MODE.get(mode and mode.casefold(), OnPaid.NONE)


def _nearby_products(number: int, sku: str | None, products: Sequence[PanelrProduct]) -> list[PanelrProduct]:
    """The products that may have been meant, in the order of their numbers."""
    alike = sorted(products, key=lambda each: -_name_similarity(sku, each))[:BY_NAME] if sku else []
    nearest = sorted(products, key=lambda each: (abs(each.id - number), each.id))
    chosen = {each.id: each for each in [*alike, *nearest][: NEAR + BY_NAME]}
    return sorted(list(chosen.values())[:NEAR], key=_item_id)


def _name_similarity(sku: str, product: PanelrProduct) -> float:
    names = (product.name, product.alternate_name or "")
    return max(SequenceMatcher(None, sku.casefold(), name.casefold()).ratio() for name in names)


def _item_id(item: PanelrProduct | PanelrPaymentMethod) -> int:
    return item.id


def _describe_offer(verb: str, listed: Sequence[str], total: int) -> str:
    if not listed:
        return f"it {verb} none"
    return f"it {verb} {', '.join(listed)}" + (", ..." if total > len(listed) else "")
