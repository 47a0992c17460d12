"""The requests to a shop, for either kind of API."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.errors import BadQuery
from panelr_bridge.woocommerce.rest.client import dialect_of
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from panelr_bridge.woocommerce.rest.orders_resource import OrdersResource
from panelr_bridge.woocommerce.rest.request import orders_base, rest_root
from panelr_bridge.woocommerce.rest.wc_v3 import WcV3

RESOURCE = OrdersResource("myplugin/v1/woo/orders")
SINCE = datetime(2026, 11, 21, 19, 16, 41, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://shop.test", "https://shop.test/wp-json/"),
        ("https://shop.test/", "https://shop.test/wp-json/"),
        ("https://shop.test/wp-json", "https://shop.test/wp-json/"),
        (" https://shop.test/wp-json/ ", "https://shop.test/wp-json/"),
        ("https://shop.test/in/a/folder/", "https://shop.test/in/a/folder/wp-json/"),
    ],
)
def test_the_address_of_a_shop_may_be_written_in_several_ways(url: str, root: str) -> None:
    assert rest_root(url) == root


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("wc/v3", "wc/v3"),
        ("/wc/v3/", "wc/v3"),
        ("myplugin/v1/woo", "myplugin/v1/woo"),
        ("wp-json/myplugin/v1/woo/orders", "myplugin/v1/woo"),
    ],
)
def test_the_path_of_the_orders_may_be_written_in_several_ways(given: str, base: str) -> None:
    assert orders_base(given) == base


def test_the_path_chooses_the_dialect() -> None:
    assert isinstance(dialect_of("wc/v3/"), WcV3)
    assert dialect_of("myplugin/v1/woo") == RESOURCE


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (OrdersQuery(), {"page": "1", "per_page": "20", "orderby": "date", "order": "desc"}),
        (
            OrdersQuery(statuses=("processing", "completed"), customer_id=0, search="a & b", sort="id", page=2),
            {
                "status": "processing,completed",
                "customer": "0",
                "search": "a & b",
                "page": "2",
                "per_page": "20",
                "orderby": "id",
                "order": "asc",
            },
        ),
        (
            OrdersQuery(sort="-date_modified", fields=("id", "status"), per_page=100),
            {"_fields": "id,status", "page": "1", "per_page": "100", "orderby": "modified", "order": "desc"},
        ),
        (  # the filter is exclusive and has whole seconds only
            OrdersQuery(modified_since=SINCE),
            {
                "page": "1",
                "per_page": "20",
                "orderby": "date",
                "order": "desc",
                "modified_after": "2026-11-21T19:16:40",
                "dates_are_gmt": "true",
            },
        ),
        (
            OrdersQuery(modified_since=SINCE.astimezone(timezone(timedelta(hours=5, minutes=30)))),
            {
                "page": "1",
                "per_page": "20",
                "orderby": "date",
                "order": "desc",
                "modified_after": "2026-11-21T19:16:40",
                "dates_are_gmt": "true",
            },
        ),
    ],
)
def test_a_list_of_wc_v3(query: OrdersQuery, sent: dict[str, str]) -> None:
    request = WcV3().list_orders(query)
    assert (request.method, request.path, dict(request.query)) == ("GET", "wc/v3/orders", sent)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (OrdersQuery(), {"sort": "-date_created", "page": "1", "per_page": "20"}),
        (
            OrdersQuery(statuses=("processing", "completed"), customer_id=0, search="x", sort="total", fields=("id",)),
            {
                "fields": "id",
                "status": "processing,completed",
                "customer_id": "0",
                "search": "x",
                "sort": "total",
                "page": "1",
                "per_page": "20",
            },
        ),
        (OrdersQuery(modified_since=SINCE), {"sort": "-date_modified", "page": "1", "per_page": "20"}),
        (
            OrdersQuery(modified_since=SINCE, fields=("id",)),
            {"fields": "id,date_modified", "sort": "-date_modified", "page": "1", "per_page": "20"},
        ),
    ],
)
def test_a_list_of_an_orders_resource(query: OrdersQuery, sent: dict[str, str]) -> None:
    request = RESOURCE.list_orders(query)
    assert (request.method, request.path, dict(request.query)) == ("GET", RESOURCE.path, sent)


def test_what_an_api_cannot_be_asked_is_said_before_it_is_asked() -> None:
    with pytest.raises(BadQuery, match="does not sort orders by total"):
        WcV3().list_orders(OrdersQuery(sort="-total"))
    with pytest.raises(BadQuery, match="not sorted by colour"):
        RESOURCE.list_orders(OrdersQuery(sort="colour"))
    with pytest.raises(BadQuery, match="-date_modified alone"):
        RESOURCE.list_orders(OrdersQuery(sort="id", modified_since=SINCE))


CHANGES: dict[str, Any] = {"status": "completed", "total": Decimal("0.10"), "customer_note": "é"}


@pytest.mark.parametrize(
    ("dialect", "path", "method"), [(WcV3(), "wc/v3/orders", "PUT"), (RESOURCE, "myplugin/v1/woo/orders", "PATCH")]
)
def test_writes(dialect: WcV3 | OrdersResource, path: str, method: str) -> None:
    made = dialect.create(CHANGES, once="k")
    assert (made.method, made.path, made.once) == ("POST", path, "k")
    assert made.body == b'{"status":"completed","total":0.10,"customer_note":"\\u00e9"}'
    changed = dialect.update(7, CHANGES, once="k")
    assert (changed.method, changed.path) == (method, f"{path}/7")
    assert json.loads(changed.body or b"")["status"] == "completed"


@pytest.mark.parametrize("force", [True, False])
def test_only_wc_v3_is_asked_whether_an_order_goes_for_good(force: bool) -> None:
    assert WcV3().delete(7, force=force, once="").query == (("force", str(force).lower()),)
    assert RESOURCE.delete(7, force=force, once="").query == ()
