"""Suggest mappings for a shop's unmapped products, read page by page from its REST API, and for the choices of product
add-ons, read from the newest orders."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from panelr_bridge.domain.choice_suggestion import find_choices
from panelr_bridge.domain.mapping_conditions import format_conditions
from panelr_bridge.domain.mapping_suggestion import MappingSuggestion, ShopItem, read_item, suggest
from panelr_bridge.domain.panelr_values import PanelrProduct
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.store import deliveries, mappings
from panelr_bridge.store.database import Database
from panelr_bridge.woocommerce.order_payload import LineItem, read_order
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import ItemsPage, Payload

MAX_ITEMS = 5000
"""How many products and variations of a shop are read at most."""
SEEN_ORDERS = 500
"""How many of the newest orders are searched for choices."""
SEEN_AT_ONCE = 50
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedMappings:
    """The suggestions for a store, with the counts of items read and unmapped. `more`: the shop has further items.

    `choices` are the choices of add-ons in orders seen that have no mapping of their own.
    """

    looked_at: int
    not_mapped: int
    choices: int
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
    stored = await database.read(mappings.list_for_import, [store])
    mapped_keys = {row["key"] for row in stored}
    unmapped = [item for item in items if mapped_keys.isdisjoint(item.keys)]
    choices = await _find_unmapped_choices(database, {(row["key"], row["conditions"]) for row in stored}, store=store)
    by_choice = {
        (each.product_id, each.variation_id) for each in choices
    }  # a mapping without conditions would hide them
    wanted = [*choices, *(item for item in unmapped if (item.product_id, item.variation_id) not in by_choice)]
    suggestions = await asyncio.to_thread(suggest, wanted, products)  # CPU-bound: keep it off the event loop
    return SuggestedMappings(
        looked_at=len(items), not_mapped=len(unmapped), choices=len(choices), suggestions=suggestions, more=more
    )


async def _find_unmapped_choices(database: Database, mapped: set[tuple[str, str]], *, store: str) -> list[ShopItem]:
    """Return the choices in the newest orders without a mapping; `mapped` holds the keys and conditions of mappings."""
    lines: list[LineItem] = []
    before = LARGEST_ID
    for _ in range(SEEN_ORDERS // SEEN_AT_ONCE):
        seen = await database.read(deliveries.newest_snapshots, store=store, before=before, limit=SEEN_AT_ONCE)
        lines += await asyncio.to_thread(_read_lines, [body for _, body in seen])
        if len(seen) < SEEN_AT_ONCE:
            break
        before = seen[-1][0]
    choices = await asyncio.to_thread(find_choices, lines)
    return [
        each for each in choices if mapped.isdisjoint((key, format_conditions(each.conditions)) for key in each.keys)
    ]


def _read_lines(bodies: Sequence[bytes]) -> list[LineItem]:
    """Return the lines of the orders in `bodies`."""
    lines: list[LineItem] = []
    for body in bodies:
        with contextlib.suppress(UnreadableBody):
            lines += read_order(body).line_items
    return lines


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
