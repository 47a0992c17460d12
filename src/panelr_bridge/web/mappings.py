"""The admin API of the two mapping tables."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import Body, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from panelr_bridge import logs
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.transactions import change_mappings
from panelr_bridge.domain import mapping_input
from panelr_bridge.domain.mapping_input import PaymentMethodMapping, PlainText, ProductMapping
from panelr_bridge.domain.models import ItemIntent, OnPaid
from panelr_bridge.errors import InvalidValue
from panelr_bridge.store import mappings
from panelr_bridge.store.mappings import PAYMENT_METHOD, PRODUCT, MappingTable
from panelr_bridge.store.tables import Row
from panelr_bridge.web import problems
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.body import read_body
from panelr_bridge.web.dependencies import Parts
from panelr_bridge.web.pagination import Id, ListAnswer, ListQuery, ListResource, Number, SingleAnswer, moment

router = admin_router("Mappings")
log = logs.get(__name__)
Model = TypeVar("Model", bound=BaseModel)


class ProductMappingOut(ProductMapping):
    """A product mapping as it is stored."""

    id: int
    created_at: str
    updated_at: str


class PaymentMethodMappingOut(PaymentMethodMapping):
    """A payment method mapping as it is stored."""

    on_paid: OnPaid
    id: int
    created_at: str
    updated_at: str


class ImportedOut(BaseModel):
    """What an import did, or with `dry_run` would do."""

    added: int
    changed: int
    unchanged: int
    dry_run: bool


class ProductMappingQuery(ListQuery):
    """Filters of the product mappings."""

    store: PlainText | None = None
    woo_product_id: Number | None = None
    woo_variation_id: Number | None = None
    sku: PlainText | None = None
    panelr_product_id: Number | None = None
    intent: ItemIntent | None = None


class ExportQuery(BaseModel):
    """What an export can be asked."""

    model_config = ConfigDict(extra="forbid")

    store: PlainText | None = None


class ImportQuery(BaseModel):
    """What an import can be asked."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Check and tell everything, keep nothing.")


class PaymentMethodMappingQuery(ListQuery):
    """Filters of the payment method mappings."""

    store: PlainText | None = None
    woo_payment_method: PlainText | None = None
    panelr_payment_method_id: Number | None = None


def _show(row: Row) -> dict[str, Any]:
    return row | {"created_at": moment(row["created_at"]), "updated_at": moment(row["updated_at"])}


def _resource(
    kind: MappingTable, shown: type[BaseModel], filters: type[ListQuery], *, unsorted: frozenset[str] = frozenset()
) -> ListResource:
    """Return what can be asked of a mapping table; `unsorted` names the fields that it has no index for."""
    columns = kind.table.c
    names = [name for name in filters.model_fields if name not in ListQuery.model_fields]
    return ListResource(
        fields=("id", *(name for name in shown.model_fields if name != "id")),
        show=_show,
        sorts=frozenset(set(shown.model_fields) & set(columns.keys())) - unsorted,
        filters=tuple(names),
    )


PRODUCTS = _resource(
    PRODUCT, ProductMappingOut, ProductMappingQuery, unsorted=frozenset({"store", "intent", "quantity"})
)
PAYMENT_METHODS = _resource(PAYMENT_METHOD, PaymentMethodMappingOut, PaymentMethodMappingQuery)


@router.get(
    "/product-mappings",
    responses=problems.documented(ok=ListAnswer[ProductMappingOut]),
    summary="List product mappings",
)
async def list_products(parts: Parts, asked: Annotated[ProductMappingQuery, Query()]) -> JSONResponse:
    """One page of product mappings."""
    page = await parts.database.read(mappings.page, PRODUCT, PRODUCTS.query(asked))
    return JSONResponse(PRODUCTS.answer(asked, page))


@router.post(
    "/product-mappings",
    status_code=201,
    responses=problems.documented(409, 422, ok=SingleAnswer[ProductMappingOut], status=201),
    summary="Add a product mapping",
)
async def add_product(parts: Parts, given: ProductMapping) -> JSONResponse:
    """Map a WooCommerce product, variation or SKU. Orders that were held for it go on by themselves."""
    require_store(parts, given.store)
    await parts.catalogue.require_products([given])
    return await _add(parts, PRODUCT, PRODUCTS, given.as_row())


@router.get("/product-mappings/export", response_class=PlainTextResponse, summary="Export the product mappings as CSV")
async def export_products(parts: Parts, asked: Annotated[ExportQuery, Query()]) -> Response:
    """Every product mapping, of one store or of all, in the form that the import takes."""
    rows = await parts.database.read(mappings.export, store=asked.store)
    headers = {"Content-Disposition": 'attachment; filename="product-mappings.csv"'}
    return Response(mapping_input.write_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/product-mappings/import",
    responses=problems.documented(409, 422, ok=SingleAnswer[ImportedOut]),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {"example": "sku,panelr_product_id\nIPTV-12M,2\nT-SHIRT,none\n"},
                "application/json": {"example": [{"sku": "IPTV-12M", "panelr_product_id": 2}]},
            },
        }
    },
    summary="Import product mappings",
)
async def import_products(parts: Parts, request: Request, asked: Annotated[ImportQuery, Query()]) -> JSONResponse:
    """Add or change product mappings from a CSV file or a JSON list: all of them, or none.

    With `dry_run=true` everything is checked and told, and nothing is kept.
    """
    wanted = await _brought(request, limit=parts.settings.max_body_bytes)
    for store in {each.store for each in wanted}:
        require_store(parts, store)
    await parts.catalogue.require_products(wanted)
    imported = await parts.bridge.write(change_mappings.import_mappings, wanted, actor=ACTOR, dry_run=asked.dry_run)
    if not asked.dry_run:
        _changed(parts, "product mapping", "import")
    return JSONResponse({"data": asdict(imported) | {"dry_run": asked.dry_run}})


@router.get(
    "/product-mappings/{mapping_id}",
    responses=problems.documented(404, ok=SingleAnswer[ProductMappingOut]),
    summary="Get a product mapping",
)
async def get_product(parts: Parts, mapping_id: Id) -> JSONResponse:
    """One product mapping."""
    return await _get(parts, PRODUCT, PRODUCTS, mapping_id)


@router.patch(
    "/product-mappings/{mapping_id}",
    responses=problems.documented(404, 409, 422, ok=SingleAnswer[ProductMappingOut]),
    summary="Change a product mapping",
)
async def change_product(
    parts: Parts, mapping_id: Id, given: Annotated[dict[str, Any], Body(examples=[{"quantity": 2}])]
) -> JSONResponse:
    """Change the fields that are given; the others stay. Orders that were held for it go on by themselves."""
    row = await parts.database.read(change_mappings.get, PRODUCT, mapping_id)
    whole = _merged(ProductMapping, row, given)
    require_store(parts, whole.store)
    await parts.catalogue.require_products([whole])
    return await _change(parts, PRODUCT, PRODUCTS, mapping_id, whole.as_row())


@router.delete(
    "/product-mappings/{mapping_id}",
    status_code=204,
    responses=problems.documented(404),
    summary="Delete a product mapping",
)
async def remove_product(parts: Parts, mapping_id: Id) -> Response:
    """Delete one product mapping. What has reached Panelr stays; what waits for a mapping is decided anew."""
    return await _remove(parts, PRODUCT, mapping_id)


@router.get(
    "/payment-method-mappings",
    responses=problems.documented(ok=ListAnswer[PaymentMethodMappingOut]),
    summary="List payment method mappings",
)
async def list_payment_methods(parts: Parts, asked: Annotated[PaymentMethodMappingQuery, Query()]) -> JSONResponse:
    """One page of payment method mappings."""
    page = await parts.database.read(mappings.page, PAYMENT_METHOD, PAYMENT_METHODS.query(asked))
    return JSONResponse(PAYMENT_METHODS.answer(asked, page))


@router.post(
    "/payment-method-mappings",
    status_code=201,
    responses=problems.documented(409, 422, ok=SingleAnswer[PaymentMethodMappingOut], status=201),
    summary="Add a payment method mapping",
)
async def add_payment_method(parts: Parts, given: PaymentMethodMapping) -> JSONResponse:
    """Map a WooCommerce payment gateway to a payment method of Panelr's."""
    require_store(parts, given.store)
    return await _add(parts, PAYMENT_METHOD, PAYMENT_METHODS, await parts.catalogue.payment_method_values(given))


@router.get(
    "/payment-method-mappings/{mapping_id}",
    responses=problems.documented(404, ok=SingleAnswer[PaymentMethodMappingOut]),
    summary="Get a payment method mapping",
)
async def get_payment_method(parts: Parts, mapping_id: Id) -> JSONResponse:
    """One payment method mapping."""
    return await _get(parts, PAYMENT_METHOD, PAYMENT_METHODS, mapping_id)


@router.patch(
    "/payment-method-mappings/{mapping_id}",
    responses=problems.documented(404, 409, 422, ok=SingleAnswer[PaymentMethodMappingOut]),
    summary="Change a payment method mapping",
)
async def change_payment_method(
    parts: Parts, mapping_id: Id, given: Annotated[dict[str, Any], Body(examples=[{"panelr_payment_method_id": 2}])]
) -> JSONResponse:
    """Change the fields that are given; the others stay."""
    row = await parts.database.read(change_mappings.get, PAYMENT_METHOD, mapping_id)
    whole = _merged(PaymentMethodMapping, row, given)
    require_store(parts, whole.store)
    values = await parts.catalogue.payment_method_values(whole)
    return await _change(parts, PAYMENT_METHOD, PAYMENT_METHODS, mapping_id, values)


@router.delete(
    "/payment-method-mappings/{mapping_id}",
    status_code=204,
    responses=problems.documented(404),
    summary="Delete a payment method mapping",
)
async def remove_payment_method(parts: Parts, mapping_id: Id) -> Response:
    """Delete one payment method mapping."""
    return await _remove(parts, PAYMENT_METHOD, mapping_id)


async def _add(parts: BridgeContainer, kind: MappingTable, resource: ListResource, values: Row) -> JSONResponse:
    row = await parts.bridge.write(change_mappings.add, kind, values, actor=ACTOR)
    _changed(parts, kind.name, "add", row["id"])
    return JSONResponse({"data": _fields(resource, row)}, 201)


async def _get(parts: BridgeContainer, kind: MappingTable, resource: ListResource, mapping_id: int) -> JSONResponse:
    row = await parts.database.read(change_mappings.get, kind, mapping_id)
    return JSONResponse({"data": _fields(resource, row)})


async def _change(
    parts: BridgeContainer, kind: MappingTable, resource: ListResource, mapping_id: int, values: Row
) -> JSONResponse:
    row = await parts.bridge.write(change_mappings.change, kind, mapping_id, values, actor=ACTOR)
    _changed(parts, kind.name, "change", mapping_id)
    return JSONResponse({"data": _fields(resource, row)})


async def _remove(parts: BridgeContainer, kind: MappingTable, mapping_id: int) -> Response:
    await parts.bridge.write(change_mappings.remove, kind, mapping_id, actor=ACTOR)
    _changed(parts, kind.name, "remove", mapping_id)
    return Response(status_code=204)


def _fields(resource: ListResource, row: Row) -> dict[str, Any]:
    shown = resource.show(row)
    return {name: shown[name] for name in resource.fields}


def _changed(parts: BridgeContainer, kind: str, action: str, mapping_id: int | None = None) -> None:
    """Tell the log, and wake the worker: orders may have waited for this."""
    log.info("mapping.changed", kind=kind, action=action, mapping=mapping_id)
    parts.bridge.wake_worker.set()


def require_store(parts: BridgeContainer, store: str) -> None:
    """Raise Invalid where no store is called `store`."""
    known = parts.settings.all_stores
    if store not in known:
        raise InvalidValue(f"there is no store {store!r}; the stores are {', '.join(sorted(known))}")


def _merged(model: type[Model], row: Row, given: dict[str, Any]) -> Model:
    present = {name: row[name] for name in model.model_fields}
    try:
        return model.model_validate(present | given)
    except ValidationError as error:
        found = [problem | {"loc": ("body", *problem["loc"])} for problem in error.errors(include_context=False)]
        raise RequestValidationError(found) from None


async def _brought(request: Request, *, limit: int) -> list[ProductMapping]:
    """The mappings in the body. Tens of thousands are checked in a thread: deliveries are answered meanwhile."""
    announced = request.headers.get("content-length", "").encode("latin-1")
    body = await read_body(request.receive, content_length=announced, limit=limit)
    if not request.headers.get("content-type", "").startswith("application/json"):
        try:
            return await asyncio.to_thread(mapping_input.read_csv, body.decode())
        except UnicodeDecodeError:
            raise InvalidValue("the file is not UTF-8: save it as CSV UTF-8") from None
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidValue("the body is no JSON") from None
    if not isinstance(rows, list):
        raise InvalidValue("the body is JSON, but no list of mappings")
    return await asyncio.to_thread(mapping_input.read_json, rows)
