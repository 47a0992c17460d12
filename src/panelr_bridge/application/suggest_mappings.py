"""Suggest mappings for a shop's unmapped products, read page by page from its REST API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from panelr_bridge.domain.mapping_suggestion import MappingSuggestion, ShopItem, read_item, suggest
from panelr_bridge.domain.models import product_key, sku_key, variation_key
from panelr_bridge.domain.panelr_values import PanelrProduct
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import ItemsPage, Payload

MAX_ITEMS = 5000
"""How many products and variations of a shop are read at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedMappings:
    """The suggestions for a store, with the counts of items read and unmapped. `more`: the shop has further items."""

    looked_at: int
    not_mapped: int
    suggestions: Sequence[MappingSuggestion]
    more: bool


async def suggest_mappings(
    database: Database, shop: ShopClient, products: Sequence[PanelrProduct], *, store: str
) -> SuggestedMappings:
    """Suggest one of Panelr's `products` for each unmapped item of a store; raise ShopError if the shop fails."""
    items: list[ShopItem] = []
    more = False
    async for item in _read_items(shop):
        if len(items) >= MAX_ITEMS:
            more = True
            break
        items.append(item)
    mapped_keys = {row["key"] for row in await database.read(mappings.list_for_import, [store])}
    unmapped = [item for item in items if mapped_keys.isdisjoint(_lookup_keys(item))]
    suggestions = await asyncio.to_thread(suggest, unmapped, products)  # CPU-bound: keep it off the event loop
    return SuggestedMappings(looked_at=len(items), not_mapped=len(unmapped), suggestions=suggestions, more=more)


async def _read_items(shop: ShopClient) -> AsyncIterator[ShopItem]:
    """Yield every product; for a product with variations, yield only these, because customers buy a variation."""
    async for product in _read_pages(shop.list_products):
        product_id = product.get("id")
        if product.get("type") != "variable" or not isinstance(product_id, int):
            items = [read_item(product)]
        else:

            async def list_variations(page: int, of: int = product_id) -> ItemsPage:
                return await shop.list_variations(of, page)

            items = [read_item(product, variation) async for variation in _read_pages(list_variations)]
        for item in items:
            if item is not None:
                yield item


async def _read_pages(list_page: Callable[[int], Awaitable[ItemsPage]]) -> AsyncIterator[Payload]:
    page, has_more = 1, True
    while has_more:
        listed = await list_page(page)
        for item in listed.items:
            yield item
        page, has_more = page + 1, listed.has_more and bool(listed.items)


def _lookup_keys(item: ShopItem) -> set[str]:
    """Return the keys that would map an order line with this item."""
    keys = {product_key(item.product_id)}
    if item.variation_id:
        keys.add(variation_key(item.variation_id))
    if item.sku:
        keys.add(sku_key(item.sku))
    return keys
