"""The ids of Panelr's products by name and service, to match the items of a list that shows no ids. No I/O."""

from collections.abc import Iterable

from panelr_bridge.domain.panelr_values import PanelrProduct, ProductNames


def products_by_name(products: Iterable[PanelrProduct]) -> ProductNames:
    """Return the ids of `products` by name and alternate name.

    The key (name, None) has all products of this name. The key (name, service) has those of one service (Panelr's
    `plugin_name`), and those that show no service.
    """
    ids: dict[tuple[str, str | None], set[int]] = {}
    without_service: dict[str, set[int]] = {}
    for product in products:
        for name in {product.name, product.alternate_name} - {None, ""}:
            ids.setdefault((name or "", None), set()).add(product.id)
            if product.plugin_name is None:
                without_service.setdefault(name or "", set()).add(product.id)
            else:
                ids.setdefault((name or "", product.plugin_name), set()).add(product.id)
    return {key: frozenset(numbers | without_service.get(key[0], set())) for key, numbers in ids.items()}
