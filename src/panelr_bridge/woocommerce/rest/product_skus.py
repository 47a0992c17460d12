"""The SKUs of an Orders resource's lines, which it does not show: wc/v3's products of the same shop do."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from panelr_bridge.errors import ShopError, ShopNotFound
from panelr_bridge.woocommerce.rest import wc_v3
from panelr_bridge.woocommerce.rest.models import Payload, RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.request import MAX_PER_PAGE, WC

MOST_KEPT = 10_000
Read = Callable[[RestRequest], Awaitable[RestResponse]]
Line = tuple[int, int]
"""The ids of a line's product and variation; 0 for none."""


class ProductSkus:
    """Reads SKUs from wc/v3 and remembers them. `problem` says why it cannot, None if it can."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[Line, str] = {}
        self.problem: str | None = None

    async def add_to(self, orders: Iterable[Payload]) -> list[Payload]:
        """Return the orders with a SKU in each line whose product is known to wc/v3. Never raises ShopError."""
        every = list(orders)
        wanted = {line for order in every for each in _lines(order) if "sku" not in each and (line := _ids(each))[0]}
        try:
            await self._learn(wanted - self._known.keys())
            self.problem = None
        except ShopError as error:
            self.problem = (
                "the Orders resource shows no SKUs, and wc/v3 of this shop does not show its products to this user, so"
                f" lines that are mapped by SKU alone are not recognised: {error.words}"
            )
        return [self._with_skus(order) for order in every]

    async def _learn(self, lines: set[Line]) -> None:
        if len(self._known) + len(lines) > MOST_KEPT:
            self._known.clear()
        products = sorted({product for product, variation in lines if not variation})
        for start in range(0, len(products), MAX_PER_PAGE):
            chosen = products[start : start + MAX_PER_PAGE]
            for each in await self._list(f"{WC}/products", ("include", ",".join(map(str, chosen)))):
                self._known[each.get("id", 0), 0] = str(each.get("sku") or "")
        for product, variation in sorted(line for line in lines if line[1]):
            self._known[product, variation] = await self._read_variation(product, variation)

    async def _read_variation(self, product: int, variation: int) -> str:
        path = f"{WC}/products/{product}/variations/{variation}"
        try:
            response = await self._read(RestRequest("GET", path, (("_fields", "id,sku"),)))
        except ShopNotFound:  # it was deleted
            return ""
        return str(wc_v3.require_object(response.content).get("sku") or "")

    async def _list(self, path: str, chosen: tuple[str, str]) -> tuple[Payload, ...]:
        query = (chosen, ("per_page", str(MAX_PER_PAGE)), ("_fields", "id,sku"))
        response = await self._read(RestRequest("GET", path, query))
        return wc_v3.items_page(response, page=1, per_page=MAX_PER_PAGE).items

    def _with_skus(self, order: Payload) -> Payload:
        if not _lines(order):
            return order
        lines = [
            {**line, "sku": self._known[_ids(line)]} if isinstance(line, dict) and _ids(line) in self._known else line
            for line in order["line_items"]
        ]
        return {**order, "line_items": lines}


def _lines(order: Payload) -> list[dict[str, Any]]:
    lines = order.get("line_items")
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def _ids(line: dict[str, Any]) -> Line:
    product, variation = (line.get(name) for name in ("product_id", "variation_id"))
    return (product if isinstance(product, int) else 0, variation if isinstance(variation, int) else 0)
