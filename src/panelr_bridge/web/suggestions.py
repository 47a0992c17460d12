"""The admin API of suggestions: likely Panelr products for the shop's unmapped products."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from panelr_bridge.application.suggest_mappings import SuggestedMappings, suggest_mappings
from panelr_bridge.domain.mapping_conditions import Conditions
from panelr_bridge.domain.mapping_input import StoreName, read_conditions
from panelr_bridge.domain.mapping_suggestion import MappingSuggestion
from panelr_bridge.domain.models import ItemIntent
from panelr_bridge.errors import ConfigurationError, Conflict, ShopError, UpstreamUnavailable
from panelr_bridge.settings import require_shop
from panelr_bridge.web import problems
from panelr_bridge.web.auth import admin_router
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.mappings import require_store

router = admin_router("Mappings")


class SuggestionQuery(BaseModel):
    """Query of the suggestions."""

    model_config = ConfigDict(extra="forbid")

    store: StoreName = Field("default", description="The store whose products are compared.")


class SuggestionOut(BaseModel):
    """A likely mapping: the fields of the import, and how well it fits."""

    store: str = Field(description="Name of the store.", examples=["default"])
    woo_product_id: int = Field(description="WooCommerce's product id.", examples=[16])
    woo_variation_id: int | None = Field(description="WooCommerce's variation id.", examples=[18])
    sku: str | None = Field(description="SKU of the product or variation.", examples=["IPTV-12M"])
    panelr_product_id: int = Field(description="Panelr's product id.", examples=[2])
    intent: ItemIntent = Field(description="What Panelr does for the item.", examples=["new_activation"])
    quantity: int = Field(description="Number of Panelr items for one piece of the product.", examples=[1])
    conditions: Annotated[Conditions, BeforeValidator(read_conditions)] = Field(
        description="The choice of product add-ons, as orders had it.",
        examples=[[{"key": "duration", "value": "12 months"}]],
    )
    name: str = Field(description="Name of the shop's product.", examples=["IPTV 12 Months"])
    panelr_name: str = Field(description="Name of Panelr's product.", examples=["IPTV 12 Months"])
    score: int = Field(description="How well they fit, up to 100.", examples=[100])
    why: list[str] = Field(description="What they have in common.", examples=[["the same name"]])


class SuggestionsMeta(BaseModel):
    """The numbers behind the suggestions."""

    looked_at: int = Field(description="Number of products and variations that were compared.", examples=[52])
    not_mapped: int = Field(description="Number of those that have no mapping.", examples=[4])
    choices: int = Field(
        description="Number of choices of product add-ons, in the newest orders, that have no mapping.", examples=[6]
    )
    suggested: int = Field(description="Number of suggestions.", examples=[1])
    more: bool = Field(description="Whether the shop has more products than were compared.", examples=[False])


class SuggestionsOut(BaseModel):
    """Suggested product mappings."""

    data: list[SuggestionOut] = Field(description="The suggestions, the best first.")
    meta: SuggestionsMeta = Field(description="How many products were compared.")


@router.get(
    "/product-mappings/suggestions",
    responses=problems.documented(409, 422, 503),
    summary="Suggest product mappings",
)
async def suggest_product_mappings(container: Container, query: Annotated[SuggestionQuery, Query()]) -> SuggestionsOut:
    """Compare the store's unmapped products with Panelr's products by name, length, connections and price.

    Also compares the choices of product add-ons in the store's newest orders. Stores nothing. Products without a likely
    match are counted, but not listed.
    """
    require_store(container, query.store)
    try:
        require_shop(query.store, container.settings.all_stores[query.store])
    except ConfigurationError as error:
        raise Conflict(f"the store's products cannot be read: {error}") from None
    products = await container.catalogue.products()
    if products is None:
        raise UpstreamUnavailable(
            f"the bridge has not read Panelr's products yet, and cannot read them now: {container.catalogue.last_error}"
        )
    shop = container.shops[query.store]
    try:
        suggested = await suggest_mappings(container.database, shop, products.items, store=query.store)
    except ShopError as error:
        raise UpstreamUnavailable(f"the store's products cannot be read: {error.words}") from error
    return _suggestions_out(suggested, query.store)


def _suggestions_out(suggested: SuggestedMappings, store: str) -> SuggestionsOut:
    meta = SuggestionsMeta(
        looked_at=suggested.looked_at,
        not_mapped=suggested.not_mapped,
        choices=suggested.choices,
        suggested=len(suggested.suggestions),
        more=suggested.more,
    )
    return SuggestionsOut(data=[_suggestion_out(each, store) for each in suggested.suggestions], meta=meta)


def _suggestion_out(suggestion: MappingSuggestion, store: str) -> SuggestionOut:
    fit = {
        "name": suggestion.item.name,
        "panelr_name": suggestion.product.name,
        "score": suggestion.score,
        "why": suggestion.why,
    }
    return SuggestionOut.model_validate(suggestion.as_row(store) | fit)
