"""The admin API of suggestions: which Panelr product a product of the shop probably is."""

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from panelr_bridge.application.suggest_mappings import SuggestedMappings, suggest_mappings
from panelr_bridge.domain.mapping_input import StoreName
from panelr_bridge.domain.mapping_suggestion import MappingSuggestion
from panelr_bridge.domain.models import ItemIntent
from panelr_bridge.errors import ConfigurationError, Conflict, ShopError, UpstreamUnavailable
from panelr_bridge.settings import require_shop
from panelr_bridge.web import problems
from panelr_bridge.web.auth import admin_router
from panelr_bridge.web.dependencies import Parts
from panelr_bridge.web.mappings import require_store

router = admin_router("Mappings")


class SuggestionQuery(BaseModel):
    """Whose products are meant."""

    model_config = ConfigDict(extra="forbid")

    store: StoreName = "default"


class SuggestionOut(BaseModel):
    """A mapping that could be made: what the import takes, and beside it what tells whether it is right."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "store": "default",
                    "woo_product_id": 16,
                    "woo_variation_id": 18,
                    "sku": "IPTV-12M",
                    "panelr_product_id": 2,
                    "intent": "new_activation",
                    "quantity": 1,
                    "name": "IPTV 12 Months",
                    "panelr_name": "IPTV 12 Months",
                    "score": 100,
                    "why": ["the same name"],
                }
            ]
        }
    )

    store: str
    woo_product_id: int
    woo_variation_id: int | None
    sku: str | None
    panelr_product_id: int
    intent: ItemIntent
    quantity: int
    name: str
    panelr_name: str
    score: int = Field(description="Of 100.")
    why: list[str]


class SuggestionsMeta(BaseModel):
    """What was looked at. `more`: the shop has more products than that."""

    looked_at: int
    not_mapped: int
    suggest_mappings: int
    more: bool


class SuggestionsOut(BaseModel):
    """Suggestions, the best first."""

    data: list[SuggestionOut]
    meta: SuggestionsMeta


@router.get(
    "/product-mappings/suggestions",
    responses=problems.documented(409, 422, 503, ok=SuggestionsOut),
    summary="Suggest product mappings",
)
async def suggest_products(parts: Parts, asked: Annotated[SuggestionQuery, Query()]) -> JSONResponse:
    """Compare the store's products that are not mapped yet with Panelr's, by name, length, connections and price.

    Nothing is stored. Those with no likely product are counted and not listed.
    """
    require_store(parts, asked.store)
    try:
        require_shop(asked.store, parts.settings.all_stores[asked.store])
    except ConfigurationError as error:
        raise Conflict(f"the store cannot be asked for its products: {error}") from None
    offer = await parts.catalogue.products()
    if offer is None:
        raise UpstreamUnavailable(
            f"Panelr has not told its products yet, and cannot be asked now: {parts.catalogue.last_error}"
        )
    try:
        found = await suggest_mappings(parts.database, parts.shops[asked.store], offer.items, store=asked.store)
    except ShopError as error:
        raise UpstreamUnavailable(f"the store cannot be asked for its products: {error.words}") from error
    return JSONResponse(shown(found, asked.store))


def shown(found: SuggestedMappings, store: str) -> dict[str, Any]:
    """Return suggestions as the API answers them."""
    meta = {
        "looked_at": found.looked_at,
        "not_mapped": found.not_mapped,
        "suggested": len(found.suggestions),
        "more": found.more,
    }
    return {"data": [_shown(each, store) for each in found.suggestions], "meta": meta}


def _shown(each: MappingSuggestion, store: str) -> dict[str, Any]:
    told = {
        "name": each.item.name,
        "panelr_name": each.product.name,
        "score": each.score,
        "why": list(each.why),
    }
    return each.as_row(store) | told
