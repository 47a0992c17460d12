"""The admin API of Panelr's catalogue: its products and payment methods, as the bridge last read them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.panelr_catalogue import MAX_AGE
from panelr_bridge.domain.panelr_values import CatalogueList, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.errors import UpstreamUnavailable
from panelr_bridge.store.pagination import ResultPage
from panelr_bridge.web import problems
from panelr_bridge.web.answers import Amount, PageMeta, Time, format_time
from panelr_bridge.web.auth import admin_router
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.pagination import ListQuery, ListResource

router = admin_router("Panelr")
T = TypeVar("T")


class CatalogueQuery(ListQuery):
    """Query of Panelr's lists."""

    refresh: bool = Field(
        False, description="Read the list from Panelr now, if the rate limit has a free slot; else the stored list."
    )


class ProductOut(BaseModel):
    """A product of Panelr. A field is null if Panelr's list does not show it."""

    id: int = Field(description="Panelr's product id.", examples=[2])
    name: str = Field(description="Name of the product.", examples=["IPTV 12 Months"])
    alternate_name: str | None = Field(description="Second name of the product.", examples=["IPTV 12 MONTHS"])
    price: Amount | None = Field(description="List price.")
    currency: str | None = Field(description="Currency of the price.", examples=["USD"])
    duration_months: int | None = Field(description="Length of the subscription in months.", examples=[12])
    connections: int | None = Field(description="Number of connections.", examples=[2])
    plugin_id: int | None = Field(description="Panelr's id of the plugin that provides the service.", examples=[1])
    is_trial: bool | None = Field(description="Whether the product is a trial.", examples=[False])


class PaymentMethodOut(BaseModel):
    """A payment method of Panelr. A field is null if Panelr's list does not show it."""

    id: int = Field(description="Panelr's payment method id.", examples=[1])
    name: str = Field(description="Name of the payment method.", examples=["bank_transfer"])
    display_label: str | None = Field(description="Label for customers.", examples=["Bank transfer"])
    mode: str | None = Field(description="Mode: manual or automated.", examples=["manual"])
    processor: str | None = Field(description="Payment processor.", examples=["manual"])


class CatalogueMeta(PageMeta):
    """The position of a page in its list, and the age of the list."""

    seen_at: Time = Field(description="When the bridge read the list from Panelr.")


class CatalogueAnswer(BaseModel, Generic[T]):
    """One page of one of Panelr's lists."""

    data: list[T] = Field(description="The rows of this page, with the requested `fields`.")
    meta: CatalogueMeta = Field(description="The position of this page in its list.")


PRODUCTS = ListResource(ProductOut, sorts=frozenset(ProductOut.model_fields))
PAYMENT_METHODS = ListResource(PaymentMethodOut, sorts=frozenset(PaymentMethodOut.model_fields))


@router.get(
    "/panelr/products",
    response_model=CatalogueAnswer[ProductOut],
    responses=problems.documented(503),
    summary="List Panelr's products",
)
async def list_panelr_products(container: Container, query: Annotated[CatalogueQuery, Query()]) -> JSONResponse:
    """Return one page of Panelr's products.

    The bridge reads the list from Panelr if its own copy is older than five minutes, or with `refresh=true`. If
    Panelr cannot be asked, it returns the copy: `meta.seen_at` says how old that is. Without a copy, it answers 503.
    """
    PRODUCTS.page_query(query)
    return _answer(container, PRODUCTS, query, await container.catalogue.products(max_age=_max_age(query)))


@router.get(
    "/panelr/payment-methods",
    response_model=CatalogueAnswer[PaymentMethodOut],
    responses=problems.documented(503),
    summary="List Panelr's payment methods",
)
async def list_panelr_payment_methods(container: Container, query: Annotated[CatalogueQuery, Query()]) -> JSONResponse:
    """Return one page of Panelr's payment methods. The list is read from Panelr as the products are."""
    PAYMENT_METHODS.page_query(query)
    return _answer(
        container, PAYMENT_METHODS, query, await container.catalogue.payment_methods(max_age=_max_age(query))
    )


def _max_age(query: CatalogueQuery) -> timedelta:
    return timedelta(0) if query.refresh else MAX_AGE


def _answer(
    container: BridgeContainer,
    resource: ListResource,
    query: CatalogueQuery,
    catalogue: CatalogueList[PanelrProduct] | CatalogueList[PanelrPaymentMethod] | None,
) -> JSONResponse:
    if catalogue is None:
        cause = container.catalogue.last_error
        raise UpstreamUnavailable(f"the bridge has not read this list from Panelr yet, and cannot read it now: {cause}")
    rows = _sort([asdict(item) for item in catalogue.items], query.sort)
    first = (query.page - 1) * query.per_page
    content = resource.answer(query, ResultPage(rows[first : first + query.per_page], len(rows)))
    content["meta"]["seen_at"] = format_time(catalogue.seen_at)
    return JSONResponse(content)


def _sort(rows: Sequence[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Return the rows sorted by a field, rows without a value last; the id breaks ties."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    with_value = sorted((row for row in rows if row[name] is not None), key=lambda row: (row[name], row["id"]))
    without_value = [row for row in rows if row[name] is None]
    return [*(reversed(with_value) if descending else with_value), *without_value]
