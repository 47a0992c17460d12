"""Filters and sorting of a list of orders in wc/v3."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from panelr_bridge.simulators.woocommerce.models import SHOP_ZONE, UNLISTED, Order
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, join_choices
from panelr_bridge.simulators.woocommerce.rest.errors import invalid_parameter
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop

SORTS: dict[str, Callable[[Order], Any]] = {
    "date": lambda order: (order.created, order.id),
    "id": lambda order: order.id,
    "include": lambda order: order.id,
    "title": lambda order: order.id,
    "slug": lambda order: order.id,
    "modified": lambda order: (order.modified, order.id),
}
# Without the id, as the database sorts them.
TIED_SORTS: dict[str, Callable[[Order], Any]] = {
    "date": lambda order: order.created,
    "modified": lambda order: order.modified,
}
# `rest_parse_date`: a date needs a time with seconds; unix times are invalid.
DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}(?::\d{2})?)?",
    re.ASCII,
)
Test = Callable[[Order], bool]


def find_orders(shop: SimulatedShop, call: RestCall) -> list[Order]:
    """Return the orders of a call, sorted. Raises RestError."""
    tests = [_status_test(shop, call), *_date_tests(call), *_other_tests(call)]
    orders = [order for order in shop.orders.values() if all(test(order) for test in tests)]
    descending = call.choice("order", ("desc", "asc")) == "desc"
    sort_name = call.choice("orderby", tuple(SORTS))
    if sort_name == "include" and (ids := call.integer_list("include")):
        return sorted(orders, key=lambda order: ids.index(order.id))
    if shop.switches.shuffles_ties:
        random.shuffle(orders)
        return sorted(orders, key=TIED_SORTS.get(sort_name, SORTS[sort_name]), reverse=descending)
    return sorted(orders, key=SORTS[sort_name], reverse=descending)


def read_date(name: str, text: str, *, is_gmt: bool) -> datetime:
    """Parse a date of a query as HPOS does. Raises RestError.

    It is in the shop's zone unless `is_gmt`. With a fraction of a second, a zone is silently ignored.
    """
    parts = DATE.fullmatch(text)
    day, second, fraction, zone = parts.groups() if parts else ("", "", None, None)
    try:
        moment = datetime.fromisoformat(f"{day}T{second}{'' if fraction else zone or ''}")
    except ValueError as error:
        raise invalid_parameter(name, "Invalid date.", "rest_invalid_date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC if is_gmt else SHOP_ZONE)


def _status_test(shop: SimulatedShop, call: RestCall) -> Test:
    requested = call.text_list("status") or ["any"]
    statuses = ("any", *sorted(shop.statuses))
    for index, status in enumerate(requested):
        if status not in statuses:
            raise invalid_parameter(
                "status", f"status[{index}] is not one of {join_choices(statuses)}.", "rest_not_in_enum"
            )
    if "any" in requested:
        return lambda order: order.status not in UNLISTED
    return lambda order: order.status in requested


def _date_tests(call: RestCall) -> list[Test]:
    # Both ends are exclusive, to the second: the requested second itself is not included.
    is_gmt = call.flag("dates_are_gmt")
    names = ("after", "before", "modified_after", "modified_before")
    dates = {name: read_date(name, call.query[name], is_gmt=is_gmt) for name in names if name in call.query}
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    created = dates.get("after", earliest), dates.get("before", latest)
    modified = dates.get("modified_after", earliest), dates.get("modified_before", latest)
    return [
        lambda order: created[0] < order.created < created[1],
        lambda order: modified[0] < order.modified < modified[1],
    ]


def _other_tests(call: RestCall) -> list[Test]:
    tests: list[Test] = []
    if include := call.integer_list("include"):
        tests.append(lambda order: order.id in include)
    if exclude := call.integer_list("exclude"):
        tests.append(lambda order: order.id not in exclude)
    if "customer" in call.query:
        customer = call.integer("customer", 0)
        tests.append(lambda order: order.customer_id == customer)
    if words := call.query.get("search", "").casefold():
        tests.append(lambda order: words in order.searchable_text.casefold())
    return tests
