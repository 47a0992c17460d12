"""Queries, requests and results of the shop's API, in the API's own terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
NEWEST_CREATED_FIRST = "-date_created"
Payload = dict[str, Any]
"""An order, product or webhook as the API sends it; fractions are Decimals."""


@dataclass(frozen=True, slots=True)
class OrdersQuery:
    """A query for one page of orders.

    `sort` is date_created, date_modified, id or total (Orders resource only), with `-` for descending order.
    `modified_since` limits the page to orders modified then or later. Empty `fields` mean the API's own choice.
    """

    statuses: tuple[str, ...] = ()
    customer_id: int | None = None
    search: str = ""
    sort: str = NEWEST_CREATED_FIRST
    modified_since: datetime | None = None
    page: int = 1
    per_page: int = 20
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """One page of orders; `total` is None if the shop does not send it.

    `count` is the number of its places, including those that hold no order.
    """

    orders: tuple[Payload, ...]
    total: int | None
    has_more: bool
    count: int


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """One page of a list. `count` is the number of its places, including those that hold no object."""

    items: tuple[Payload, ...]
    total: int | None
    has_more: bool
    count: int


@dataclass(frozen=True, slots=True)
class UnreadOrder:
    """An order that the shop cannot show. `order_id` is None if the shop does not even show its id."""

    order_id: int | None
    words: str


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """One page of the orders modified since a moment; `is_summary` if they have only the fields that show a change.

    With the page, every order modified at or before `complete_to` has been returned; None if that is not known yet.
    """

    orders: tuple[Payload, ...]
    unread: tuple[UnreadOrder, ...] = ()
    complete_to: datetime | None = None
    is_summary: bool = False


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One request; `path` is relative to /wp-json/, `once` is the idempotency key of a write."""

    method: Method
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    once: str = ""


@dataclass(frozen=True, slots=True)
class RestResponse:
    """The content of a successful response, and its headers with lower-case names."""

    content: Any
    headers: Mapping[str, str]


class OrdersDialect(Protocol):
    """The requests and responses of one kind of orders API. No I/O."""

    def list_orders(self, query: OrdersQuery) -> RestRequest:
        """Return the request for one page; raise BadQuery if this API does not support the query."""

    def page(self, answer: RestResponse, query: OrdersQuery) -> OrdersPage:
        """Return the page in `answer`."""

    def get(self, order_id: int) -> RestRequest:
        """Return the request for one order."""

    def create(self, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that creates an order."""

    def update(self, order_id: int, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that changes an order."""

    def delete(self, order_id: int, *, force: bool, once: str) -> RestRequest:
        """Return the request that deletes an order."""

    def one(self, answer: RestResponse) -> Payload:
        """Return the order in `answer`; raise ShopMisconfigured if it holds none."""
