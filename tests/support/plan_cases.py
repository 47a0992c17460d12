"""Every statement of the bridge that runs often, by a short name, on filled tables."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.application.follow_ups import lease
from panelr_bridge.application.refusal_counter import list_refused
from panelr_bridge.application.transactions import (
    claim_call,
    continuation,
    receive_delivery,
    waiting_orders,
)
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.application.unread_deliveries import read_unread
from panelr_bridge.application.unused_topics import find_unused_topics
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import CallAction, FollowUpKind
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.domain.relation import Relation, RelationKind
from panelr_bridge.settings import Settings
from panelr_bridge.store import (
    backfill_cursors,
    deliveries,
    due_work,
    follow_ups,
    mappings,
    order_counts,
    orders,
    owed_calls,
    rate_limit,
    refused_webhooks,
    stats,
    subscriptions,
)
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.fast_path import repeated_delivery
from panelr_bridge.store.pagination import PageQuery, delivery_list, order_list
from panelr_bridge.store.rows import RefusedWebhook
from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.order_payload import Order
from tests.support.bridge_kit import order
from tests.support.filled_database import NOW

Case = tuple[str, Callable[[Connection], Any]]

POLICY = Settings().policy
TERMS = CallPolicy(
    rate_per_minute=120, lease=timedelta(seconds=35), grace=timedelta(seconds=20), retry_schedule=(5.0, 30.0)
)
LATER = NOW + timedelta(minutes=5)


def _receive(content: dict[str, Any]) -> Callable[[Connection], Any]:
    body = json.dumps(content).encode()
    delivery = Delivery(
        store="default",
        topic="order.updated",
        body=body,
        headers={},
        verdict="order",
        woo_order_id=content["id"],
    )

    def work(connection: Connection) -> None:
        event = order_payload.read_order(body)
        receive_delivery.receive(connection, LATER, delivery, event, policy=POLICY, call_policy=TERMS)

    return work


def _tell_again(connection: Connection) -> None:
    told = Delivery(store="default", topic="order.updated", body=b"", headers={}, verdict="order", woo_order_id=500)
    values = deliveries.insert_values(told, now=LATER) | {"woo_status": "processing", "delivery_id": 500}
    if connection.dialect.name == "postgresql":
        repeated_delivery.COUNT_WITH_ORDER.run(connection, values)
    else:
        repeated_delivery.FIND_ORDER.run(connection, values)
        repeated_delivery.COUNT_DELIVERY.run(connection, values)


def _find_refused(connection: Connection) -> None:
    moment = NOW.isoformat()
    refused: RefusedWebhook = {"webhook": "3", "host": None, "count": 1, "since": moment, "last": moment}
    refused_webhooks.add(connection, store="default", webhooks=[refused])
    list_refused(connection)


def _find_history(connection: Connection) -> None:
    renewal = Order.model_validate(order(id=10**9))
    relation = Relation(kind=RelationKind.RENEWAL, subscriptions=(500,), can_be_asked=True)
    continuation.find_history(connection, renewal, relation, store="default", policy=POLICY)


def _claim(first: CallAction) -> Callable[[Connection], Any]:
    return lambda connection: claim_call.claim_due(
        connection, LATER, policy=POLICY, call_policy=TERMS, first=first, tried=[]
    )


def hot() -> Iterator[Case]:
    """Yield what an order and the worker's loop execute."""
    new = order(id=10**9)
    yield "receive the first time", _receive(new)
    yield "receive a newer snapshot", _receive(order(id=100_001, date_modified_gmt="2026-11-22T12:04:00"))
    yield "claim a create", _claim(CallAction.CREATE_WORK_ORDER)
    yield "claim a look-up", _claim(CallAction.LOOK_UP)
    yield "end leases", lambda connection: claim_call.end_one_lease(connection, LATER, call_policy=TERMS)
    yield "awaiting mapping", lambda connection: orders.list_behind_mappings(connection, limit=500)
    yield "next at", owed_calls.next_at
    yield "free at", lambda connection: rate_limit.free_at(connection, name=RATE, limit=120, now=LATER)
    yield (
        "take probe",
        lambda connection: rate_limit.take_probe(
            connection, name=RATE, limit=120, longest=timedelta(hours=3), now=LATER
        ),
    )
    yield "release after an outage", lambda connection: owed_calls.release_outage(connection, now=LATER, limit=500)
    yield "release follow-ups", lambda connection: follow_ups.release_outage(connection, now=LATER, limit=500)
    yield "oldest owed", owed_calls.oldest_owed
    yield "oldest in an outage", owed_calls.oldest_in_outage
    yield (
        "bring back",
        lambda connection: owed_calls.bring_back(connection, now=LATER, soon=LATER, latest=LATER + timedelta(hours=4)),
    )
    yield (
        "bring follow-ups back",
        lambda connection: follow_ups.bring_back(
            connection, FollowUpKind.STATUS, now=LATER, soon=LATER, latest=LATER + timedelta(hours=4)
        ),
    )
    yield "take", lambda connection: rate_limit.take(connection, name=RATE, limit=120, now=LATER)
    yield "settle", lambda connection: orders.settle(connection, 500, 1, {"panelr_status": "x"}, now=LATER)
    yield (
        "wake",
        lambda connection: waiting_orders.reevaluate_waiting(
            connection, LATER, 100_001, policy=POLICY, ignored_since=NOW
        ),
    )
    yield (
        "twin in doubt",
        lambda connection: orders.find_lookalike(connection, fingerprint="likeness 5", besides=1, since=NOW),
    )
    known = WorkOrder(work_order_id=500, reference_code="WO-2026-500")
    yield "owner", lambda connection: orders.find_owner(connection, known)
    many = [WorkOrder(work_order_id=n, reference_code=f"WO-2026-{n}") for n in range(500, 520)]
    yield "linked", lambda connection: orders.find_linked(connection, many, besides=1)
    page = list(range(500, 600))
    yield "standing of a page", lambda connection: backfill_cursors.known_orders(connection, store="default", ids=page)
    yield "tell again", _tell_again
    told: dict[str, Any] = {"store": "default", "topic": "order.updated", "digests": [b"1", b"2"]}
    yield "kept of a page", lambda connection: deliveries.find_verdicts(connection, **told)
    yield "look", due_work.find_due_work
    yield "to plan", lambda connection: follow_ups.list_due_for_planning(connection, now=LATER, limit=200)
    yield "follow-ups of", lambda connection: follow_ups.list_for_order(connection, 500)
    yield (
        "claim a follow-up",
        lambda connection: lease.claim(connection, LATER, kind=FollowUpKind.STATUS, call_policy=TERMS),
    )
    yield "end leases of follow-ups", lambda connection: lease.end_one_lease(connection, LATER, call_policy=TERMS)
    yield "history", _find_history
    yield (
        "keep activations",
        lambda connection: continuation.keep_activations(
            connection, [Activation(10**9, 3)], order_id=500, woo_order_id=500, store="default"
        ),
    )
    yield (
        "other orders' lines",
        lambda connection: subscriptions.other_orders_activations(connection, [1, 2, 3], besides=500),
    )
    yield "on the wire", lambda connection: owed_calls.requests_on_the_wire(connection, besides=1)


def asked() -> Iterator[Case]:
    """Yield what health checks, `/stats` and operators execute."""
    yield "unread deliveries", read_unread
    yield "refused deliveries", _find_refused
    yield "unused topics", lambda connection: find_unused_topics(connection, now=NOW)
    yield "counts", order_counts.count_orders
    yield "stats", lambda connection: stats.read_stats(connection, rate_name=RATE, now=LATER)
    yield "order", lambda connection: orders.get(connection, 500)
    yield "attempts of", lambda connection: orders.list_attempts(connection, 500)
    yield "deliveries of", lambda connection: deliveries.list_for_order(connection, store="default", woo_order_id=500)
    yield "find", lambda connection: orders.find(connection, store="default", woo_order_id=500)


ORDER_FILTERS: list[dict[str, Any]] = [
    {},
    {"state": ("created",)},
    {"state": ("held", "refused")},
    {"store": "eu"},
    {"store": "eu", "state": ("held",)},
    {"attention": True},
    {"attention": False},
    {"attention": True, "state": ("created",)},
    {"woo_order_id": 500},
]
DELIVERY_FILTERS: list[dict[str, Any]] = [
    {},
    {"store": "eu"},
    {"topic": "order.created"},
    {"verdict": "order"},
    {"verdict": "woocommerce_error"},
    {"unresolved": "true"},
    {"unresolved": "true", "store": "eu"},
    {"store": "eu", "topic": "order.created", "verdict": "other_topic"},
    {"woo_order_id": 500},
]
MAPPING_FILTERS: list[dict[str, Any]] = [
    {},
    {"store": "default"},
    {"sku": "SKU-500"},
    {"panelr_product_id": 7},
    {"woo_product_id": 7},
    {"woo_variation_id": 7},
    {"intent": "new_activation"},
]
MAPPING_SORTS = ("id", "sku", "updated_at")


def lists() -> Iterator[Case]:
    """Yield each list with each filter and each sort."""
    for given, sort in itertools.product(ORDER_FILTERS, sorted(order_list.SORTS)):
        query = PageQuery(filters=given, sort=f"-{sort}", page=2, per_page=5)
        yield f"orders {_words(given)} by -{sort}", _page(order_list.page, query)
    for given, sort in itertools.product(DELIVERY_FILTERS, sorted(delivery_list.SORTS)):
        query = PageQuery(filters=given, sort=f"-{sort}", page=2, per_page=5)
        yield f"deliveries {_words(given)} by -{sort}", _page(delivery_list.page, query)
    for given, sort in itertools.product(MAPPING_FILTERS, MAPPING_SORTS):
        query = PageQuery(filters=given, sort=f"-{sort}")
        yield f"mappings {_words(given)} by -{sort}", _page(_mappings, query)


def _page(page: Callable[[Connection, PageQuery], Any], query: PageQuery) -> Callable[[Connection], Any]:
    return lambda connection: page(connection, query)


def _mappings(connection: Connection, query: PageQuery) -> Any:
    return mappings.page(connection, mappings.PRODUCT, query)


def _words(given: dict[str, Any]) -> str:
    return "of " + (" and ".join(f"{name}={value}" for name, value in given.items()) or "all")
