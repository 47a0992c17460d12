"""Middleware for the oddities of a shop's web server and plugins. ASGI only."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panelr_bridge.simulators.woocommerce.payload import encode_json
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop

API = "/wp-json"
TOTALS = frozenset({b"x-wp-total", b"x-wp-totalpages"})
NOTICE = (
    b"<br />\n<b>Notice</b>:  Undefined index: [0] in <b>/var/www/html/wp-content/plugins/old/old.php</b> on line"
    b" <b>12</b><br />\n"
)


class OddityMiddleware:
    """Middleware around the whole shop. Without a switch it only serves `/?rest_route=/` as WordPress does."""

    def __init__(self, app: ASGIApp, shop: SimulatedShop) -> None:
        self.app = app
        self.shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        switches = self.shop.switches
        route = dict(parse_qsl(scope["query_string"].decode())).get("rest_route")
        if switches.strips_authorization:
            scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"authorization"]}
        if route is not None and scope["path"] in {"/", "/index.php"}:
            await self.app(_as_api_request(scope, route), receive, send)
        elif switches.plain_permalinks and scope["path"].startswith(API):
            await RedirectResponse(f"{self.shop.home_url}/", 301)(scope, receive, send)
        elif scope["path"] == "/":
            await HTMLResponse("<!doctype html><title>The shop</title><script>var a = {};</script>")(
                scope, receive, send
            )
        else:
            await self.app(scope, receive, send)


class ListOddityMiddleware:
    """Middleware around the REST API that changes its answers."""

    def __init__(self, app: ASGIApp, shop: SimulatedShop) -> None:
        self.app = app
        self.shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        switches = self.shop.switches
        is_changed = switches.lists_as_objects or switches.notices or switches.omits_totals
        if scope["type"] != "http" or not scope["path"].startswith(API) or not is_changed:
            await self.app(scope, receive, send)
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        body = self._change_body(body)
        headers = [each for each in sent[0]["headers"] if each[0] != b"content-length"]
        if switches.omits_totals:
            headers = [each for each in headers if each[0].lower() not in TOTALS]
        await send({**sent[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    def _change_body(self, body: bytes) -> bytes:
        switches = self.shop.switches
        content: Any = json.loads(body) if body else None
        if isinstance(content, dict) and isinstance(content.get("data"), list):
            if switches.omits_totals:
                content.get("meta", {}).pop("total", None)
            if switches.lists_as_objects:
                content["data"] = _as_object(content["data"])
            body = encode_json(content)
        elif isinstance(content, list) and switches.lists_as_objects:
            body = encode_json(_as_object(content))
        return NOTICE + body if switches.notices else body


def _as_object(entries: list[Any]) -> dict[str, Any] | list[Any]:
    """Return a list as PHP encodes it with a key missing; an empty one stays a list."""
    return {str(2 * place): entry for place, entry in enumerate(entries)} if entries else entries


def _as_api_request(scope: Scope, route: str) -> Scope:
    """Return a request for `/?rest_route=/wc/v3/...` as one below `/wp-json`; the signature is over the original."""
    query = list(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    if "/wc/" not in route:
        query = [pair for pair in query if pair[0] != "rest_route"]
    return {**scope, "path": f"{API}{route}".rstrip("/"), "query_string": urlencode(query).encode()}
