"""The admin API of the two mapping tables: list, add, get, change and delete, written once for both."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Body, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from panelr_bridge import logs
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.transactions import change_mappings
from panelr_bridge.domain.mapping_conditions import Conditions, format_conditions, parse_conditions
from panelr_bridge.domain.mapping_input import PaymentMethodMapping, PlainText, ProductMapping, read_conditions
from panelr_bridge.domain.models import ItemIntent, OnPaid
from panelr_bridge.errors import InvalidValue
from panelr_bridge.store import mappings
from panelr_bridge.store.mappings import PAYMENT_METHOD, PRODUCT, MappingTable
from panelr_bridge.store.tables import Columns
from panelr_bridge.web import problems
from panelr_bridge.web.answers import ListAnswer, SingleAnswer, Time
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.pagination import Id, ListQuery, ListResource, Number

router = admin_router("Mappings")
log = logs.get(__name__)
Model = TypeVar("Model", bound=BaseModel)
Input = TypeVar("Input", bound=ProductMapping | PaymentMethodMapping)


class ProductMappingOut(BaseModel):
    """A product mapping: a WooCommerce product and its Panelr product."""

    id: int = Field(description="The mapping's id.", examples=[1])
    store: str = Field(description="Name of the store.", examples=["default"])
    woo_product_id: int | None = Field(description="WooCommerce's product id.", examples=[16])
    woo_variation_id: int | None = Field(description="WooCommerce's variation id.", examples=[18])
    sku: str | None = Field(description="SKU of the product or variation.", examples=["IPTV-12M"])
    panelr_product_id: int | None = Field(
        description="Panelr's product id. Null means that the product is not for Panelr.", examples=[2]
    )
    intent: ItemIntent = Field(description="What Panelr does for the item.", examples=["new_activation"])
    quantity: int = Field(description="Number of Panelr items for one piece of the product.", examples=[1])
    conditions: Annotated[Conditions, BeforeValidator(read_conditions)] = Field(
        description="What the line's meta must hold, in its plain form.",
        examples=[[{"key": "duration", "value": "12 months"}]],
    )
    created_at: Time = Field(description="When the mapping was added.")
    updated_at: Time = Field(description="When the mapping was last changed.")


class PaymentMethodMappingOut(BaseModel):
    """A payment method mapping: a WooCommerce gateway and its Panelr payment method."""

    id: int = Field(description="The mapping's id.", examples=[1])
    store: str = Field(description="Name of the store.", examples=["default"])
    woo_payment_method: str = Field(description="Slug of the WooCommerce gateway.", examples=["bacs"])
    panelr_payment_method_id: int = Field(description="Panelr's payment method id.", examples=[1])
    on_paid: OnPaid = Field(
        description="What the bridge sends to Panelr when WooCommerce reports the payment.",
        examples=["submit_payment"],
    )
    created_at: Time = Field(description="When the mapping was added.")
    updated_at: Time = Field(description="When the mapping was last changed.")


def _normalize_conditions(text: str) -> str:
    return format_conditions(parse_conditions(text))


class ProductMappingQuery(ListQuery):
    """Query of the product mappings."""

    store: PlainText | None = Field(None, description="Only mappings of this store.")
    woo_product_id: Number | None = Field(None, description="Only mappings of this WooCommerce product.")
    woo_variation_id: Number | None = Field(None, description="Only mappings of this WooCommerce variation.")
    sku: PlainText | None = Field(None, description="Only mappings of this SKU.")
    panelr_product_id: Number | None = Field(None, description="Only mappings to this Panelr product.")
    intent: ItemIntent | None = Field(None, description="Only mappings with this intent.")
    conditions: Annotated[PlainText, AfterValidator(_normalize_conditions)] | None = Field(
        None,
        description="Only mappings with exactly these conditions, as a CSV file has them. Empty: only those without.",
        examples=["Duration=12 months; Connections=4"],
    )


class PaymentMethodMappingQuery(ListQuery):
    """Query of the payment method mappings."""

    store: PlainText | None = Field(None, description="Only mappings of this store.")
    woo_payment_method: PlainText | None = Field(None, description="Only the mapping of this WooCommerce gateway.")
    panelr_payment_method_id: Number | None = Field(None, description="Only mappings to this Panelr payment method.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingResource(Generic[Input]):
    """One mapping table in the admin API.

    `input` is the model of a new mapping, `rows` lists the stored ones. `read_columns` checks a mapping against
    Panelr's catalogue and returns the columns of its row; it raises InvalidValue.
    """

    path: str
    table: MappingTable[Any]
    input: type[Input]
    query: type[ListQuery]
    rows: ListResource
    change_example: dict[str, Any]
    read_columns: Callable[[BridgeContainer, Input], Awaitable[Columns]]


async def _product_columns(container: BridgeContainer, mapping: ProductMapping) -> Columns:
    await container.catalogue.require_products([mapping])
    return mapping.as_row()


async def _payment_method_columns(container: BridgeContainer, mapping: PaymentMethodMapping) -> Columns:
    return await container.catalogue.payment_method_values(mapping)


PRODUCTS = MappingResource(
    path="/product-mappings",
    table=PRODUCT,
    input=ProductMapping,
    query=ProductMappingQuery,
    # no index sorts by the others
    rows=ListResource(
        ProductMappingOut,
        sorts=frozenset(ProductMappingOut.model_fields) - {"store", "intent", "quantity", "conditions"},
    ),
    change_example={"quantity": 2},
    read_columns=_product_columns,
)
PAYMENT_METHODS = MappingResource(
    path="/payment-method-mappings",
    table=PAYMENT_METHOD,
    input=PaymentMethodMapping,
    query=PaymentMethodMappingQuery,
    rows=ListResource(PaymentMethodMappingOut, sorts=frozenset(PaymentMethodMappingOut.model_fields)),
    change_example={"panelr_payment_method_id": 2},
    read_columns=_payment_method_columns,
)


# FastAPI reads the annotations below when the functions run, so they may be variables, which mypy does not know.


def _add_collection_routes(resource: MappingResource[Any]) -> None:
    """Add a table's routes for the whole list: list mappings, add a mapping."""
    path, noun = resource.path, resource.table.name
    identifier = noun.replace(" ", "_")
    model = resource.rows.model
    output: Any = SingleAnswer[model]  # type: ignore[valid-type]

    @router.get(
        path,
        response_model=ListAnswer[model],  # type: ignore[valid-type]
        name=f"list_{identifier}s",
        summary=f"List {noun}s",
    )
    async def list_mappings(
        container: Container,
        query: Annotated[resource.query, Query()],  # type: ignore[name-defined]
    ) -> JSONResponse:
        """Return one page of mappings."""
        page = await container.database.read(mappings.page, resource.table, resource.rows.page_query(query))
        return JSONResponse(resource.rows.answer(query, page))

    @router.post(
        path,
        status_code=201,
        response_model=output,
        responses=problems.documented(409, 422),
        name=f"add_{identifier}",
        summary=f"Add a {noun}",
    )
    async def add_mapping(container: Container, mapping: resource.input) -> Any:  # type: ignore[name-defined]
        """Add a mapping. Orders held for a missing mapping are decided again."""
        columns = await _read_columns(container, resource, mapping)
        row = await container.bridge.write(change_mappings.add, resource.table, columns, actor=ACTOR)
        log_change(container, noun, "add", row["id"])
        return output(data=row)


def _add_item_routes(resource: MappingResource[Any]) -> None:
    """Add a table's routes for one mapping: get, change, delete."""
    path, noun = f"{resource.path}/{{mapping_id}}", resource.table.name
    identifier = noun.replace(" ", "_")
    model = resource.rows.model
    output: Any = SingleAnswer[model]  # type: ignore[valid-type]

    @router.get(
        path,
        response_model=output,
        responses=problems.documented(404),
        name=f"get_{identifier}",
        summary=f"Get a {noun}",
    )
    async def get_mapping(container: Container, mapping_id: Id) -> Any:
        """Return one mapping."""
        return output(data=await container.database.read(change_mappings.get, resource.table, mapping_id))

    @router.patch(
        path,
        response_model=output,
        responses=problems.documented(404, 409, 422),
        name=f"change_{identifier}",
        summary=f"Change a {noun}",
    )
    async def change_mapping(
        container: Container,
        mapping_id: Id,
        changes: Annotated[dict[str, Any], Body(examples=[resource.change_example])],
    ) -> Any:
        """Change the fields in the body and keep the others. Held orders are decided again.

        The body takes the fields of a new mapping.
        """
        current = await container.database.read(change_mappings.get, resource.table, mapping_id)
        columns = await _read_columns(container, resource, _merge(resource.input, current, changes))
        row = await container.bridge.write(change_mappings.change, resource.table, mapping_id, columns, actor=ACTOR)
        log_change(container, noun, "change", mapping_id)
        return output(data=row)

    @router.delete(
        path,
        status_code=204,
        responses=problems.documented(404),
        name=f"delete_{identifier}",
        summary=f"Delete a {noun}",
    )
    async def delete_mapping(container: Container, mapping_id: Id) -> Response:
        """Delete one mapping. Existing work orders stay; waiting orders are decided again."""
        await container.bridge.write(change_mappings.remove, resource.table, mapping_id, actor=ACTOR)
        log_change(container, noun, "remove", mapping_id)
        return Response(status_code=204)


for _resource in (PRODUCTS, PAYMENT_METHODS):
    _add_collection_routes(_resource)
    _add_item_routes(_resource)


async def _read_columns(container: BridgeContainer, resource: MappingResource[Input], mapping: Input) -> Columns:
    """Return the columns of a mapping's row; raises InvalidValue if the store or Panelr does not know its values."""
    require_store(container, mapping.store)
    return await resource.read_columns(container, mapping)


def require_store(container: BridgeContainer, store: str) -> None:
    """Raise InvalidValue if no store has this name."""
    stores = container.settings.all_stores
    if store not in stores:
        raise InvalidValue(f"there is no store {store!r}; the stores are {', '.join(sorted(stores))}")


def log_change(container: BridgeContainer, noun: str, action: str, mapping_id: int | None = None) -> None:
    """Log a change of mappings, and wake the worker to decide waiting orders again."""
    log.info("mapping.changed", kind=noun, action=action, mapping=mapping_id)
    container.bridge.wake_worker.set()


def _merge(model: type[Model], row: Mapping[str, object], changes: dict[str, Any]) -> Model:
    """Return the mapping in `row` with `changes`; raises RequestValidationError as FastAPI does for a body."""
    current = {name: row[name] for name in model.model_fields}
    try:
        return model.model_validate(current | changes)
    except ValidationError as error:
        errors = [each | {"loc": ("body", *each["loc"])} for each in error.errors(include_context=False)]
        raise RequestValidationError(errors) from None
