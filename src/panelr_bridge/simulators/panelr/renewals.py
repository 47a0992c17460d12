"""Check that the product of a renewal fits the customer's line."""

from collections.abc import Iterable, Mapping

from panelr_bridge.simulators.panelr.catalogue import Product
from panelr_bridge.simulators.panelr.customer_lines import CustomerLine
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.work_order_input import NewItem


def check_renewals(items: Iterable[NewItem], lines: Mapping[int, CustomerLine]) -> None:
    """Check every item that names a line. Raises ApiError (422) for the first product that does not fit.

    A product fits a line of the same plugin with at most as many connections; every product fits a free trial line.
    Assumption: a line that the panel does not know is not checked.
    """
    for place, item in enumerate(items):
        line = lines.get(item.activation_id or 0)
        if line is not None and item.intent != "new_activation" and not line.is_trial:
            _check_fit(f"items[{place}].product_id", item.product, line)


def _check_fit(name: str, product: Product, line: CustomerLine) -> None:
    if product.plugin_id != line.plugin_id:
        raise ApiError(422, f"{name} {product.id} is a product of another service than line {line.id}")
    if product.connections < line.connections:
        raise ApiError(
            422,
            f"{name} {product.id} has {product.connections} connection(s); line {line.id} needs {line.connections}",
        )
