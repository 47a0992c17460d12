"""What is asked of a store and what comes back, in the words of its API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
BY_AGE = "-date_created"
Payload = dict[str, Any]
"""An order, product or webhook as the API tells it; every number with a point is a Decimal."""


@dataclass(frozen=True, slots=True)
class OrdersQuery:
    """One page of orders.

    `sort` is date_created, date_modified, id or total (the Orders resource alone), with `-` to descend.
    `modified_since` takes only orders modified at that moment or later. No `fields`: as the API chooses.
    """

    statuses: tuple[str, ...] = ()
    customer_id: int | None = None
    search: str = ""
    sort: str = BY_AGE
    modified_since: datetime | None = None
    page: int = 1
    per_page: int = 20
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """One page of orders; `total` is None where the shop does not tell it."""

    orders: tuple[Payload, ...]
    total: int | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """One page of products, variations or webhooks."""

    items: tuple[Payload, ...]
    total: int | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One request: `path` counts from below /wp-json/, `once` marks a write that its sender repeats unchanged."""

    method: Method
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    once: str = ""


@dataclass(frozen=True, slots=True)
class RestResponse:
    """The content of a good answer, and its headers in small letters."""

    content: Any
    headers: Mapping[str, str]


class OrdersDialect(Protocol):
    """How one kind of API is asked for orders, and what its answers hold. No I/O."""

    def list_orders(self, query: OrdersQuery) -> RestRequest:
        """Return the request for one page; raises BadQuery for what this API cannot be asked."""

    def page(self, answer: RestResponse, query: OrdersQuery) -> OrdersPage:
        """Return the page that `answer` tells."""

    def get(self, order_id: int) -> RestRequest:
        """Return the request for one order."""

    def create(self, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that makes an order."""

    def update(self, order_id: int, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that changes an order."""

    def delete(self, order_id: int, *, force: bool, once: str) -> RestRequest:
        """Return the request that deletes an order."""

    def one(self, answer: RestResponse) -> Payload:
        """Return the one order that `answer` tells; raises ShopMisconfigured when it tells none."""
