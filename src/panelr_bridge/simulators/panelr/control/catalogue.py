"""Controls of products, payment methods, bundles and coupon codes."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, replace
from decimal import Decimal
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.bundles_and_coupons import BundleRule, Coupon
from panelr_bridge.simulators.panelr.catalogue import PaymentMethod, Product
from panelr_bridge.simulators.panelr.control.request import (
    BadRequestError,
    check_object,
    get_panel,
    json_response,
    not_found_response,
    read_json,
    read_object,
)
from panelr_bridge.simulators.panelr.envelope import parse_json
from panelr_bridge.simulators.panelr.field_checks import is_int
from panelr_bridge.simulators.panelr.money import MODES
from panelr_bridge.simulators.panelr.panel import Panel

Configured = TypeVar("Configured", Product, BundleRule, Coupon)
PAGES = {
    "PUT /_sim/products/{id}": "add or replace a product: an object with name and price_decimal; two products may "
    "have the same name",
    "PATCH /_sim/products/{id}": "change a product: an object with the fields to change",
    "PATCH /_sim/payment-methods/{id}": "change a payment method, such as its adjustment_enabled, "
    "adjustment_direction (fee or discount), adjustment_mode (fixed or percent), adjustment_value and checkout_on",
    "GET /_sim/bundles": "the bundle rules",
    "PUT /_sim/bundles": "replace the bundle rules: a list of objects with name, product_ids, mode (fixed or percent) "
    "and value",
    "GET /_sim/coupons": "the coupon codes",
    "PUT /_sim/coupons": "replace the coupon codes: a list of objects with code, mode (fixed or percent) and value; "
    "with a reason the code is invalid, with a customer_email it is valid for that customer only",
}
CHOICES: Mapping[type, Mapping[str, tuple[str | None, ...]]] = {
    Product: {},
    PaymentMethod: {
        "mode": ("manual", "automated"),
        "adjustment_mode": (*MODES, None),
        "adjustment_direction": ("fee", "discount", None),
        "checkout_on": ("panelr", "store"),
    },
    BundleRule: {"mode": MODES},
    Coupon: {"mode": MODES},
}


async def put_product(request: Request) -> Response:
    """Add a product, or replace it; answer 400 for an invalid value."""
    product_id: int = request.path_params["id"]
    product = _build(Product, {**await read_object(request, _list_fields(Product), parse_json), "id": product_id})
    get_panel(request).products[product_id] = product
    return json_response(_product_json(get_panel(request), product))


async def edit_product(request: Request) -> Response:
    """Change the given fields of a product; answer 400 and change nothing if a value is invalid."""
    panel = get_panel(request)
    product = panel.products.get(request.path_params["id"])
    if product is None:
        return not_found_response("product")
    panel.products[product.id] = replace(product, **await _read_changes(request, Product))
    return json_response(_product_json(panel, panel.products[product.id]))


async def edit_payment_method(request: Request) -> Response:
    """Change the given fields of a payment method; answer 400 and change nothing if a value is invalid."""
    panel = get_panel(request)
    method = panel.payment_methods.get(request.path_params["id"])
    if method is None:
        return not_found_response("payment method")
    panel.payment_methods[method.id] = replace(method, **await _read_changes(request, PaymentMethod))
    return json_response(panel.payment_methods[method.id].as_json())


async def list_bundles(request: Request) -> Response:
    """List the bundle rules."""
    return json_response([asdict(each) for each in get_panel(request).bundle_rules])


async def put_bundles(request: Request) -> Response:
    """Replace the bundle rules; answer 400 and change nothing if one is invalid."""
    get_panel(request).bundle_rules = [_build(BundleRule, each) for each in await _read_list(request)]
    return await list_bundles(request)


async def list_coupons(request: Request) -> Response:
    """List the coupon codes."""
    return json_response([asdict(each) for each in get_panel(request).coupons.values()])


async def put_coupons(request: Request) -> Response:
    """Replace the coupon codes; answer 400 and change nothing if one is invalid."""
    panel = get_panel(request)
    coupons = [_build(Coupon, each) for each in await _read_list(request)]
    panel.coupons.clear()
    for coupon in coupons:
        panel.add_coupon(coupon)
    return await list_coupons(request)


ROUTES = [
    Route("/products/{id:int}", put_product, methods=["PUT"]),
    Route("/products/{id:int}", edit_product, methods=["PATCH"]),
    Route("/payment-methods/{id:int}", edit_payment_method, methods=["PATCH"]),
    Route("/bundles", list_bundles, methods=["GET"]),
    Route("/bundles", put_bundles, methods=["PUT"]),
    Route("/coupons", list_coupons, methods=["GET"]),
    Route("/coupons", put_coupons, methods=["PUT"]),
]


def _product_json(panel: Panel, product: Product) -> dict[str, Any]:
    return product.as_json(currency=panel.settings.currency)


async def _read_list(request: Request) -> list[Any]:
    body = await read_json(request, parse_json)
    if not isinstance(body, list):
        raise BadRequestError("The body must be a list of objects")
    return body


async def _read_changes(request: Request, kind: type[Any]) -> dict[str, Any]:
    return _check_values(kind, await read_object(request, _list_fields(kind), parse_json))


def _list_fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.name != "id")


def _build(kind: type[Configured], body: object) -> Configured:
    """Return an object of a dataclass with the values of `body`. Raises BadRequestError."""
    names = tuple(each.name for each in fields(kind))
    values = _check_values(kind, check_object(body, names))
    for each in fields(kind):
        if each.name not in values and each.default is MISSING and each.default_factory is MISSING:
            raise BadRequestError(f"{each.name} is required")
    return kind(**values)


def _check_values(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values, with integers as Decimals where money is expected. Raises BadRequestError."""
    types = get_type_hints(kind)
    for name, allowed in CHOICES[kind].items():
        if name in values and values[name] not in allowed:
            raise BadRequestError(f"{name} must be one of {', '.join(str(each) for each in allowed)}")
    return {name: _check_value(name, types[name], value) for name, value in values.items()}


def _check_value(name: str, wanted: Any, value: Any) -> Any:
    types = get_args(wanted) if isinstance(wanted, UnionType) else (wanted,)
    if Decimal in types and is_int(value):
        return Decimal(value)
    is_valid = any(is_int(value) if each is int else isinstance(value, get_origin(each) or each) for each in types)
    if not is_valid:
        raise BadRequestError(f"{name} must be of the type {getattr(wanted, '__name__', wanted)}")
    return value
