"""Shops to call: a small wc/v3 in memory, and the simulated shop with answers that get lost."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panelr_bridge.simulators.server import reset_connection
from panelr_bridge.woocommerce.rest.client import ShopClient

SHOP = "https://shop.test"
WC = f"{SHOP}/wp-json/wc/v3"


def client(url: str = SHOP, **changes: Any) -> ShopClient:
    """Return a client that repeats requests without waiting."""
    chosen: dict[str, Any] = {
        "key": "ck_demo",
        "secret": "cs_demo",
        "waits": (0.0, 0.0),
        "looks": (0.0, 0.0),
        "timeout_seconds": 10,
    }
    return ShopClient(url=url, **(chosen | changes))


def resource(url: str, **changes: Any) -> ShopClient:
    """Return a client of the simulated shop's Orders resource."""
    chosen = {"key": "bridge", "secret": "application-password", "orders_api": "myplugin/v1/woo"}
    return client(url, **(chosen | changes))


class Orders:
    """Orders of a wc/v3 that filters and pages as the real one does.

    Sorted by modification, orders of one second are in another order on each page. A page with one of the `broken`
    orders is a 500, unless it shows ids only and `shows_ids`. `after` is called after every answered page.
    """

    def __init__(self, modified: dict[int, datetime]) -> None:
        self.modified = modified
        self.broken: set[int] = set()
        self.shows_ids = True
        self.sends_totals = True
        self.after: Callable[[int], None] = lambda _: None
        self.asked: list[dict[str, str]] = []
        self._random = random.Random(1)  # noqa: S311  a shuffle

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer `GET /orders` and `GET /orders/{id}`."""
        name = request.url.path.rpartition("/")[2]
        if name.isdigit():
            return self._answer([int(name)], {})[0] if int(name) in self.broken else self._single(int(name))
        query = dict(request.url.params)
        assert (query["order"], query["dates_are_gmt"]) == ("asc", "true")
        after, before = _moment(query["modified_after"]), _moment(query.get("modified_before", "2100-01-01T00:00:00"))
        chosen = [order for order, when in self.modified.items() if after < when < before]
        self._random.shuffle(chosen)
        chosen.sort(key=(lambda order: order) if query["orderby"] == "id" else (lambda order: self.modified[order]))
        start = int(query["offset"])
        answer, is_whole = self._answer(chosen[start : start + int(query["per_page"])], query)
        if is_whole and self.sends_totals:
            answer.headers["X-WP-Total"] = str(len(chosen))
            answer.headers["X-WP-TotalPages"] = str(-(-len(chosen) // int(query["per_page"])))
        if query["orderby"] == "id" and query["_fields"] != "id":
            self.asked.append(query)
            self.after(len(self.asked))
        return answer

    def _answer(self, orders: list[int], query: dict[str, str]) -> tuple[httpx.Response, bool]:
        if self.broken & {*orders} and not (self.shows_ids and query.get("_fields") == "id"):
            return httpx.Response(500, text="<p>There has been a critical error on this website.</p>"), False
        return httpx.Response(200, json=[self._content(order) for order in orders]), True

    def _single(self, order: int) -> httpx.Response:
        return httpx.Response(200, json=self._content(order))

    def _content(self, order: int) -> dict[str, Any]:
        return {"id": order, "date_modified_gmt": self.modified[order].replace(tzinfo=None).isoformat()}


async def changed_orders(shop: ShopClient, moment: datetime, *, per_page: int = 100) -> list[dict[str, Any]]:
    """Return all orders that were modified since `moment`."""
    pages = shop.changed_pages(moment, horizon=datetime.max.replace(tzinfo=UTC), per_page=per_page)
    return [order async for page in pages for order in page.orders]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Losing:
    """A shop that loses some answers. `lose` decides by the method and the number of the request.

    It returns "" to answer normally, "after" to carry the request out and reset the connection, "before" to reset the
    connection at once, or a status to answer instead of the shop's.
    """

    def __init__(self, app: ASGIApp, lose: Callable[[str, int], str]) -> None:
        self.app, self.lose = app, lose
        self.requests: list[tuple[str, dict[str, str], Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = (await receive()).get("body", b"")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((scope["method"], headers, json.loads(body) if body else None))
        how = self.lose(scope["method"], len([each for each in self.requests if each[0] == scope["method"]]))
        if how != "before":

            async def again() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            await self.app(scope, again, send if not how else _nowhere)
        if how in {"before", "after"}:
            reset_connection(dict(scope))
        elif how:
            await send({"type": "http.response.start", "status": int(how), "headers": []})
            await send({"type": "http.response.body", "body": b""})

    def count(self, method: str) -> int:
        """Return the number of requests with this method."""
        return len([each for each in self.requests if each[0] == method])


async def _nowhere(message: Message) -> None:
    """Drop a part of an answer."""
