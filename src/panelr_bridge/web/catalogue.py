"""The admin API of what Panelr offers: its products and payment methods, as they were when they were had last."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.panelr_catalogue import MAX_AGE
from panelr_bridge.domain.models import CatalogueList, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.errors import UpstreamUnavailable
from panelr_bridge.store.pagination import ResultPage
from panelr_bridge.web import problems
from panelr_bridge.web.auth import admin_router
from panelr_bridge.web.dependencies import Parts
from panelr_bridge.web.pagination import ListQuery, ListResource, PageMeta, moment

router = admin_router("Panelr")
T = TypeVar("T")


class OfferQuery(ListQuery):
    """What Panelr's lists can be asked."""

    refresh: bool = Field(False, description="Ask Panelr now, if the limit of its calls leaves one.")


class ProductOut(BaseModel):
    """A product that Panelr sells; null is what its list does not show."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 2,
                    "name": "IPTV 12 Months",
                    "alternate_name": None,
                    "price": "90.00",
                    "currency": "USD",
                    "duration_months": 12,
                    "connections": 2,
                    "plugin_id": 1,
                    "is_trial": False,
                }
            ]
        }
    )

    id: int
    name: str
    alternate_name: str | None
    price: str | None = Field(description="Exact, as text.")
    currency: str | None
    duration_months: int | None
    connections: int | None
    plugin_id: int | None
    is_trial: bool | None


class PaymentMethodOut(BaseModel):
    """A way to pay that Panelr knows; its mode is manual or automated."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "name": "bank_transfer",
                    "display_label": "Bank transfer",
                    "mode": "manual",
                    "processor": "manual",
                }
            ]
        }
    )

    id: int
    name: str
    display_label: str | None
    mode: str | None
    processor: str | None


class OfferMeta(PageMeta):
    """Where a page stands, and when Panelr told the list."""

    seen_at: str


class OfferOut(BaseModel, Generic[T]):
    """A page of one of Panelr's lists."""

    data: list[T]
    meta: OfferMeta


def _show(row: dict[str, Any]) -> dict[str, Any]:
    price = row.get("price")
    return row if price is None else row | {"price": f"{price:f}"}


def _resource(kind: type[PanelrProduct] | type[PanelrPaymentMethod]) -> ListResource:
    names = tuple(field.name for field in fields(kind))
    return ListResource(fields=names, show=_show, sorts=frozenset(names), filters=())


PRODUCTS, PAYMENT_METHODS = _resource(PanelrProduct), _resource(PanelrPaymentMethod)


@router.get(
    "/panelr/products",
    responses=problems.documented(503, ok=OfferOut[ProductOut]),
    summary="List what Panelr sells",
)
async def list_products(parts: Parts, asked: Annotated[OfferQuery, Query()]) -> JSONResponse:
    """One page of Panelr's products. Panelr is asked where they are older than five minutes, or with `refresh=true`.

    Where it cannot be asked, they are as they were at `meta.seen_at`.
    """
    PRODUCTS.query(asked)
    return _page(parts, PRODUCTS, asked, await parts.catalogue.products(max_age=_max_age(asked)))


@router.get(
    "/panelr/payment-methods",
    responses=problems.documented(503, ok=OfferOut[PaymentMethodOut]),
    summary="List how Panelr can be paid",
)
async def list_payment_methods(parts: Parts, asked: Annotated[OfferQuery, Query()]) -> JSONResponse:
    """One page of Panelr's payment methods; when it is asked for them is as for its products."""
    PAYMENT_METHODS.query(asked)
    return _page(parts, PAYMENT_METHODS, asked, await parts.catalogue.payment_methods(max_age=_max_age(asked)))


def _max_age(asked: OfferQuery) -> timedelta:
    return timedelta(0) if asked.refresh else MAX_AGE


def _page(
    parts: BridgeContainer,
    resource: ListResource,
    asked: OfferQuery,
    offer: CatalogueList[PanelrProduct] | CatalogueList[PanelrPaymentMethod] | None,
) -> JSONResponse:
    if offer is None:
        raise UpstreamUnavailable(
            f"Panelr has not told this list yet, and cannot be asked now: {parts.catalogue.last_error}"
        )
    rows = _sorted([asdict(item) for item in offer.items], asked.sort)
    query = resource.query(asked)
    page = ResultPage(rows[query.offset : query.offset + query.per_page], len(rows))
    content = resource.answer(asked, page)
    content["meta"]["seen_at"] = moment(offer.seen_at)
    return JSONResponse(content)


def _sorted(rows: Sequence[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Sort by a field; what is not known comes last, and the number breaks ties."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    known = sorted((row for row in rows if row[name] is not None), key=lambda row: (row[name], row["id"]))
    return [*(reversed(known) if descending else known), *(row for row in rows if row[name] is None)]
