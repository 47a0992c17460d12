"""Routes of the Orders resource, `/wp-json/{vendor}/woo/orders`.

Source: the documentation of the better-route library 1.1.
"""

import base64
import binascii
import hmac
import json
import random
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from panelr_bridge.simulators.woocommerce.models import UNLISTED, Order
from panelr_bridge.simulators.woocommerce.orders_resource.fields import (
    FIELDS,
    LIST_FIELDS,
    SORTS,
    TIED_SORTS,
    select_fields,
)
from panelr_bridge.simulators.woocommerce.orders_resource.input import FieldError, field_error, parse_changes
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import BrokenOrderError, LineItemsLockedError, NotFoundError

Handler = Callable[[Request], Awaitable[Response]]

MAX_PER_PAGE = 100


class BrokenJsonError(Exception):
    """The body of a write is not JSON."""


@dataclass(frozen=True, slots=True)
class OrdersApi:
    """The resource over one shop; `user` and `password` are a shop manager's application password."""

    shop: SimulatedShop
    user: str
    password: str
    delete_mode: Literal["force", "trash"]

    def routes(self, vendor: str) -> list[Route]:
        """Return the routes for a site with its own namespace `vendor` ("myplugin/v1")."""
        collection = f"/wp-json/{vendor}/woo/orders"
        single = collection + "/{order_id:int}"
        return [
            Route(collection, self.build_endpoint(self.list), methods=["GET"]),
            Route(collection, self.build_endpoint(self.create), methods=["POST"]),
            Route(single, self.build_endpoint(self.get), methods=["GET"]),
            Route(single, self.build_endpoint(self.update), methods=["PUT", "PATCH"]),
            Route(single, self.build_endpoint(self.delete), methods=["DELETE"]),
        ]

    def build_endpoint(self, handler: Handler) -> Handler:
        """Return an endpoint for the manager only; errors of `handler` become the library's error responses."""

        async def answer(request: Request) -> Response:
            if not self._is_manager(request.headers.get("authorization", "")):
                return wordpress_error("rest_forbidden", "Sorry, you are not allowed to do that.", 401)
            try:
                return await handler(request)
            except BrokenJsonError:
                return wordpress_error("rest_invalid_json", "Invalid JSON body passed.", 400)
            except FieldError as error:
                details = {"fieldErrors": error.fields}
                return _build_error(400, "validation_failed", "Invalid request.", details)
            except NotFoundError:
                return _build_error(404, "not_found", "Resource not found.")
            except BrokenOrderError as error:
                return wordpress_error("internal_server_error", str(error), 500)
            except LineItemsLockedError as error:
                return _build_error(409, "woo_line_items_locked", str(error))

        return answer

    async def list(self, request: Request) -> Response:
        """`GET /orders`."""
        query = request.query_params
        _check_parameters(query, {"fields", "status", "status[]", "customer_id", "search", "sort", "page", "per_page"})
        fields = _read_fields(query, LIST_FIELDS)
        page, per_page = _read_positive(query, "page", 1), _read_positive(query, "per_page", 20)
        if per_page > MAX_PER_PAGE:
            raise field_error("per_page", f"max {MAX_PER_PAGE}")
        orders = _find_orders(self.shop, query)
        sort = _read_sort(query.get("sort") or "-date_created")
        if self.shop.switches.shuffles_ties:
            random.shuffle(orders)
            sort["key"] = TIED_SORTS.get(sort["key"], sort["key"])
        orders.sort(**sort)
        page_orders = orders[(page - 1) * per_page : page * per_page]
        data = [self._show(order, fields) for order in page_orders]
        return JSONResponse({"data": data, "meta": {"page": page, "perPage": per_page, "total": len(orders)}})

    async def get(self, request: Request) -> Response:
        """`GET /orders/{id}`."""
        _check_parameters(request.query_params, {"fields"})
        fields = _read_fields(request.query_params, tuple(FIELDS))
        return JSONResponse({"data": self._show(self.shop.order(_order_id(request)), fields)})

    async def create(self, request: Request) -> Response:
        """`POST /orders`."""
        order = self.shop.create(parse_changes(await _read_json(request), self.shop))
        return JSONResponse({"data": self._show(order, tuple(FIELDS))}, 201)

    async def update(self, request: Request) -> Response:
        """`PUT` and `PATCH /orders/{id}`; an unknown order is 404 with any body."""
        payload = await _read_json(request)
        order_id = self.shop.order(_order_id(request)).id
        order = self.shop.update(order_id, parse_changes(payload, self.shop))
        return JSONResponse({"data": self._show(order, tuple(FIELDS))})

    async def delete(self, request: Request) -> Response:
        """`DELETE /orders/{id}`: delete permanently or move to the trash."""
        order_id = _order_id(request)
        if self.delete_mode == "force":
            self.shop.delete(order_id)
        else:
            self.shop.trash(order_id)
        return JSONResponse({"data": {"id": order_id, "deleted": True}})

    def _show(self, order: Order, fields: tuple[str, ...]) -> dict[str, Any]:
        self.shop.check_readable(order)
        return select_fields(order, fields, local_dates=self.shop.switches.local_dates)

    def _is_manager(self, authorization: str) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        try:
            decoded = base64.b64decode(credentials, validate=True)
        except binascii.Error:
            return False
        expected = f"{self.user}:{self.password}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(decoded, expected)


def wordpress_error(code: str, message: str, status: int) -> Response:
    """Return an error in WordPress's own form, unlike the library's."""
    return JSONResponse({"code": code, "message": message, "data": {"status": status}}, status)


def _build_error(status: int, code: str, message: str, details: dict[str, Any] | None = None) -> Response:
    error = {"code": code, "message": message, "requestId": f"req_{secrets.token_hex(8)}", "details": details or {}}
    return JSONResponse({"error": error}, status)


async def _read_json(request: Request) -> Any:
    """Parse the body as PHP does, which rejects NaN and lone surrogates. Raises BrokenJsonError."""
    body = await request.body()
    try:
        payload = json.loads(body or b"{}")
        json.dumps(payload, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise BrokenJsonError from error
    return payload


def _order_id(request: Request) -> int:
    order_id: int = request.path_params["order_id"]
    return order_id


def _check_parameters(query: QueryParams, allowed: set[str]) -> None:
    unknown = [name for name in query if name not in allowed]
    if unknown:
        raise FieldError({name: ["unknown parameter"] for name in unknown})


def _read_fields(query: QueryParams, default: tuple[str, ...]) -> tuple[str, ...]:
    fields = tuple(name.strip() for name in query.get("fields", "").split(",") if name.strip())
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise FieldError({name: ["field not allowed"] for name in unknown})
    return fields or default


def _read_positive(query: QueryParams, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise field_error(name, "must be a positive integer")
    if int(text) < 1:
        raise field_error(name, "must be greater than 0")
    return int(text)


def _read_sort(sort: str) -> dict[str, Any]:
    field = sort.lstrip("-")
    if field not in SORTS:
        raise field_error("sort", "unsupported sort field")
    return {"key": SORTS[field], "reverse": sort.startswith("-")}


def _find_orders(shop: SimulatedShop, query: QueryParams) -> list[Order]:
    requested = ",".join([*query.getlist("status"), *query.getlist("status[]")])
    statuses = {name.strip().removeprefix("wc-") for name in requested.split(",") if name.strip()} - {"any"}
    customer = _read_positive(query, "customer_id", 0) if query.get("customer_id") else None
    # The search matches a part of the text; * matches anything.
    pattern = re.compile(".*".join(map(re.escape, query.get("search", "").split("*"))), re.IGNORECASE | re.DOTALL)
    return [
        order
        for order in shop.orders.values()
        if (order.status in statuses if statuses else order.status not in UNLISTED)
        and customer in {None, order.customer_id}
        and pattern.search(order.searchable_text)
    ]
