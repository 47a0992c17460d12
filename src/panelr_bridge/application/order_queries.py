"""Read orders for people: pages of the list, and everything about one order.

The admin API and the command line both ask here.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from panelr_bridge.application.order_money import OrderMoney, money_of
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import OrderState
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.errors import BadQuery, NotFound
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import deliveries, follow_ups, orders, owed_calls, subscriptions
from panelr_bridge.store.database import Database, use_one_snapshot
from panelr_bridge.store.pagination import PageQuery, ResultPage, order_list
from panelr_bridge.store.rows import AttemptRow, FollowUpRow, ListedDeliveryRow, OwedCallView, ShownOrderRow
from panelr_bridge.store.subscriptions import KnownOrder, SubscriptionOrder

SUBSCRIPTION_STEPS = 2
"""How far an order's subscriptions are followed: a resubscription's order belongs to the old one and the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedOrder:
    """An order of a subscription; `id`, `state` and `reference_code` are None if the bridge does not know the order."""

    subscription_id: int
    woo_order_id: int
    kind: RelationKind
    id: int | None
    state: str | None
    reference_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStory:
    """An order and everything that belongs to it, read at one moment. Lists are in chronological order.

    `owed_call` is None when the order owes Panelr no call. `activations` are the lines at Panelr that the order brought
    or renewed. The deliveries come without their bodies. `subscriptions` are all orders of the subscriptions that the
    order belongs to, itself among them.
    """

    order: ShownOrderRow
    money: OrderMoney
    attempts: list[AttemptRow]
    owed_call: OwedCallView | None
    follow_ups: list[FollowUpRow]
    activations: list[Activation]
    deliveries: list[ListedDeliveryRow]
    subscriptions: list[RelatedOrder]


def parse_states(text: str, *, allowed: Collection[OrderState] = tuple(OrderState)) -> tuple[OrderState, ...]:
    """Return the states in a comma-separated list; raises BadQuery if it is empty or one is not `allowed`."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in set(allowed)]
    if unknown or not names:
        raise BadQuery(f"state: {', '.join(unknown) or 'nothing'} is none of {', '.join(allowed)}")
    return tuple(OrderState(name) for name in names)


async def list_orders(database: Database, query: PageQuery) -> ResultPage[ShownOrderRow]:
    """Return one page of orders, filtered by any of: state (a collection), store, woo_order_id, attention."""
    return await database.read(order_list.page, query)


async def read_story(database: Database, order_id: int) -> OrderStory:
    """Return one order with everything that belongs to it; raises NotFound."""
    return await database.read(_read_story, order_id)


def _read_story(connection: Connection, order_id: int) -> OrderStory:
    use_one_snapshot(connection)
    order = orders.get(connection, order_id)
    if order is None:
        raise NotFound(f"there is no order with the bridge's id {order_id}")
    planned = follow_ups.list_for_order(connection, order_id)
    return OrderStory(
        order=order,
        money=money_of(order, planned),
        attempts=orders.list_attempts(connection, order_id),
        owed_call=owed_calls.call_of(order),
        follow_ups=list(planned.values()),
        activations=_read_activations(connection, order),
        deliveries=deliveries.list_for_order(connection, store=order["store"], woo_order_id=order["woo_order_id"]),
        subscriptions=_read_related(connection, order),
    )


def _read_related(connection: Connection, order: ShownOrderRow) -> list[RelatedOrder]:
    """Return the orders of the order's subscriptions, and of those that these orders continue or begin."""
    store, found = order["store"], [order["woo_order_id"]]
    entries: list[SubscriptionOrder] = []
    for _ in range(SUBSCRIPTION_STEPS):
        numbers = subscriptions.subscriptions_of(connection, found, store=store)
        entries = subscriptions.orders_of(connection, numbers, store=store) if numbers else []
        found = [entry.woo_order_id for entry in entries] or found
    known = subscriptions.known_orders(connection, found, store=store, locks=False) if entries else {}
    return [_related(entry, known.get(entry.woo_order_id)) for entry in entries]


def _related(entry: SubscriptionOrder, known: KnownOrder | None) -> RelatedOrder:
    return RelatedOrder(
        subscription_id=entry.subscription_id,
        woo_order_id=entry.woo_order_id,
        kind=entry.kind,
        id=known and known.id,
        state=known and known.state,
        reference_code=known and known.reference_code,
    )


def _read_activations(connection: Connection, order: ShownOrderRow) -> list[Activation]:
    """Return the lines that a created order brought, and those that its request named."""
    if order["state"] != OrderState.CREATED:
        return []
    sent = () if order["request"] is None else panelr_request.activations_in(panelr_request.load(order["request"]))
    brought = subscriptions.activations_of(connection, [order["id"]]).get(order["id"], [])
    return list({each.id: each for each in (*sent, *brought)}.values())
