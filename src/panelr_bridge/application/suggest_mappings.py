"""Suggestions for a shop's products that are not mapped yet: all of them are asked for, page after page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from panelr_bridge.domain.mapping_suggestion import ShopItem, Suggestion, read_item, suggest
from panelr_bridge.domain.models import PanelrProduct, product_key, sku_key, variation_key
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import ItemsPage, Payload

MOST_LOOKED_AT = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedMappings:
    """What was looked at, what of it is not mapped, and what that probably is. `more`: the shop has more products."""

    looked_at: int
    not_mapped: int
    suggestions: Sequence[Suggestion]
    more: bool


async def suggest_mappings(
    database: Database, shop: ShopClient, products: Sequence[PanelrProduct], *, store: str
) -> SuggestedMappings:
    """Suggest mappings of a store's products; raises ShopError."""
    items: list[ShopItem] = []
    more = False
    async for item in _items(shop):
        if len(items) >= MOST_LOOKED_AT:
            more = True
            break
        items.append(item)
    known = await database.read(mappings.list_for_import, [store])
    keys = {row["key"] for row in known}
    left = [item for item in items if keys.isdisjoint(_keys(item))]
    found = await asyncio.to_thread(suggest, left, products)
    return SuggestedMappings(looked_at=len(items), not_mapped=len(left), suggestions=found, more=more)


async def _items(shop: ShopClient) -> AsyncIterator[ShopItem]:
    """Every product; of one with variations these alone, for they are what is sold."""
    async for product in _walk(shop.list_products):
        number = product.get("id")
        if product.get("type") != "variable" or not isinstance(number, int):
            told = [read_item(product)]
        else:

            async def variations(page: int, of: int = number) -> ItemsPage:
                return await shop.list_variations(of, page)

            told = [read_item(product, each) async for each in _walk(variations)]
        for item in told:
            if item is not None:
                yield item


async def _walk(page_of: Callable[[int], Awaitable[ItemsPage]]) -> AsyncIterator[Payload]:
    page, more = 1, True
    while more:
        listed = await page_of(page)
        for each in listed.items:
            yield each
        page, more = page + 1, listed.has_more and bool(listed.items)


def _keys(item: ShopItem) -> set[str]:
    """The keys by which a line with this item would be found."""
    keys = {product_key(item.product_id)}
    if item.variation_id:
        keys.add(variation_key(item.variation_id))
    if item.sku:
        keys.add(sku_key(item.sku))
    return keys
