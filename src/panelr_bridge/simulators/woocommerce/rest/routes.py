"""The routes of wc/v3 and of the REST index."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.woocommerce.payload import encode_json
from panelr_bridge.simulators.woocommerce.rest.authentication import RestAuthenticator
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, RestHandler, RestReply, read_call
from panelr_bridge.simulators.woocommerce.rest.errors import RestError
from panelr_bridge.simulators.woocommerce.rest.notes import NOTES
from panelr_bridge.simulators.woocommerce.rest.orders import ORDERS
from panelr_bridge.simulators.woocommerce.rest.products import PRODUCTS
from panelr_bridge.simulators.woocommerce.rest.refunds import REFUNDS
from panelr_bridge.simulators.woocommerce.rest.subscriptions import SUBSCRIPTIONS
from panelr_bridge.simulators.woocommerce.rest.webhooks import WEBHOOKS
from panelr_bridge.simulators.woocommerce.rest_actions import WC_ACTIONS
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop

HANDLERS: Mapping[str, RestHandler] = {**ORDERS, **NOTES, **REFUNDS, **WEBHOOKS, **PRODUCTS, **SUBSCRIPTIONS}
JSON_TYPE = "application/json; charset=UTF-8"


def rest_routes(shop: SimulatedShop, authenticator: RestAuthenticator, vendor: str) -> list[Route]:
    """Return the routes. As in WordPress, each path also works with a trailing slash, without a redirect."""
    addresses = [(_build_endpoint(shop, authenticator, name), *WC_ACTIONS[name]) for name in WC_ACTIONS]
    addresses.append((_build_index(shop, vendor), ("GET",), "/wp-json"))
    return [
        Route(path + end, answer, methods=list(methods)) for answer, methods, path in addresses for end in ("", "/")
    ]


def _build_endpoint(
    shop: SimulatedShop, authenticator: RestAuthenticator, name: str
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            await authenticator.authorize(request, name.partition(".")[2])
            call = await read_call(request)
            reply = await HANDLERS[name](shop, call)
        except RestError as error:
            return _build_response(shop, RestReply(error.body, error.status))
        return _build_response(shop, RestReply(_select_fields(reply.body, call), reply.status, reply.headers))

    return endpoint


def _build_index(shop: SimulatedShop, vendor: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        body = {
            "name": "Simulated shop",
            "description": "",
            "url": shop.home_url,
            "home": shop.home_url,
            "gmt_offset": -5,
            "timezone_string": "",
            "namespaces": ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", vendor, "wp/v2"],
            "authentication": {},
            "routes": {},
        }
        return _build_response(shop, RestReply(body))

    return endpoint


def _build_response(shop: SimulatedShop, reply: RestReply) -> Response:
    headers = {"Link": f'<{shop.home_url}/wp-json/>; rel="https://api.w.org/"', **reply.headers}
    return Response(encode_json(reply.body), reply.status, headers, media_type=JSON_TYPE)


def _select_fields(body: Any, call: RestCall) -> Any:
    """Return the fields in `_fields`, also nested ones ("billing.email"). A single object always keeps its links."""
    names = call.text_list("_fields")
    if not names:
        return body
    if isinstance(body, list):
        return [_pick_fields(each, names) for each in body]
    return _pick_fields(body, [*names, "_links"])


def _pick_fields(item: dict[str, Any], names: list[str]) -> dict[str, Any]:
    picked = {}
    for name, value in item.items():
        inner = [field.partition(".")[2] for field in names if field.partition(".")[0] == name]
        if inner:
            picked[name] = value if "" in inner or not isinstance(value, dict) else _pick_fields(value, inner)
    return picked
