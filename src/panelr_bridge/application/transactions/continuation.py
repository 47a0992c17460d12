"""What is stored of orders that continue others: a subscription's orders, and what is known of the earlier ones."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.domain.follow_up_rules import CANCELED
from panelr_bridge.domain.history import Activation, EarlierOrder, History
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy, OrderState
from panelr_bridge.domain.relation import Relation, RelationKind
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import orders, subscriptions
from panelr_bridge.store.subscriptions import KnownOrder, SubscriptionOrder
from panelr_bridge.woocommerce.order_payload import Order

WILL_HAVE_LINES = frozenset(
    {OrderState.QUEUED, OrderState.SENDING, OrderState.UNCONFIRMED, OrderState.HELD, OrderState.REFUSED}
)
"""States of a first order that lead to a work order, perhaps with a person's help."""
TELLS_LINES = (FollowUpKind.STATUS, FollowUpKind.ACTIVATIONS)
"""The follow-ups that find out which lines a work order brought."""


def find_history(
    connection: Connection, order: Order, relation: Relation, *, store: str, policy: OrderPolicy
) -> History:
    """Return what is known of the earlier orders that `order` continues."""
    state = orders.continuation(connection, store=store, woo_order_id=order.id)
    kinds: dict[int, RelationKind] = {}
    if relation.continues is not None:
        kinds[relation.continues] = RelationKind.FIRST
    for entry in subscriptions.orders_of(connection, relation.subscriptions, store=store):
        if entry.woo_order_id != order.id:
            kinds.setdefault(entry.woo_order_id, entry.kind)
    earlier = _read_orders(connection, kinds, store=store)
    knows_first = any(each.kind is RelationKind.FIRST for each in earlier)
    return History(
        orders=earlier,
        may_ask=relation.can_be_asked and not knows_first and store in policy.asks_relations and not state.get("asked"),
        chosen=tuple(state.get("chosen", ())),
    )


def _read_orders(connection: Connection, kinds: dict[int, RelationKind], *, store: str) -> tuple[EarlierOrder, ...]:
    known = subscriptions.known_orders(connection, kinds, store=store)
    ids = [each.id for each in known.values()]
    brought = subscriptions.activations_of(connection, ids)
    owing = subscriptions.owing_kinds(connection, ids, TELLS_LINES)
    return tuple(
        _earlier_order(number, kind, known.get(number), brought=brought, owing=owing)
        for number, kind in sorted(kinds.items())
    )


def _earlier_order(
    woo_order_id: int,
    kind: RelationKind,
    known: KnownOrder | None,
    *,
    brought: dict[int, list[Activation]],
    owing: set[int],
) -> EarlierOrder:
    if known is None:
        return EarlierOrder(woo_order_id=woo_order_id, kind=kind)
    lines = tuple({each.id: each for each in (*_renewed_by(known), *brought.get(known.id, ()))}.values())
    is_set_up_later = known.id in owing and known.panelr_status != CANCELED
    awaits = known.state in WILL_HAVE_LINES or (known.state == OrderState.CREATED and is_set_up_later)
    return EarlierOrder(
        woo_order_id=woo_order_id,
        kind=kind,
        state=known.state,
        reference_code=known.reference_code,
        activations=lines,
        awaits_line=kind is RelationKind.FIRST and not lines and awaits,
    )


def _renewed_by(known: KnownOrder) -> Iterable[Activation]:
    """Return the lines that the work order of a created order renewed."""
    if known.state != OrderState.CREATED or known.request is None:
        return ()
    items = panelr_request.load(known.request).items
    return [Activation(item.activation_id, item.product_id) for item in items if item.activation_id is not None]


def note_relation(connection: Connection, order: Order, relation: Relation, *, store: str) -> None:
    """Store which subscriptions an order belongs to, and the first order if the order names it."""
    entries = [SubscriptionOrder(each, order.id, relation.kind) for each in relation.subscriptions]
    if relation.continues is not None:
        entries += [SubscriptionOrder(each, relation.continues, RelationKind.FIRST) for each in relation.subscriptions]
    note_orders(connection, entries, store=store)


def note_orders(connection: Connection, entries: Collection[SubscriptionOrder], *, store: str) -> None:
    """Store which orders belong to subscriptions. Orders that wait for such news are evaluated again."""
    if subscriptions.add_orders(connection, entries, store=store):
        _evaluate_again(connection, {entry.subscription_id for entry in entries}, store=store)


def keep_activations(
    connection: Connection, brought: Iterable[Activation], *, order_id: int, woo_order_id: int, store: str
) -> None:
    """Store the lines that an order's work order brought. Orders that wait for them are evaluated again."""
    if subscriptions.add_activations(connection, brought, order_id=order_id):
        evaluate_renewals_again(connection, woo_order_id=woo_order_id, store=store)


def evaluate_renewals_again(connection: Connection, *, woo_order_id: int, store: str) -> None:
    """Have the held orders of an order's subscriptions evaluated again by the worker."""
    _evaluate_again(connection, subscriptions.subscriptions_of(connection, [woo_order_id], store=store), store=store)


def _evaluate_again(connection: Connection, of_subscriptions: Collection[int], *, store: str) -> None:
    found = subscriptions.orders_of(connection, of_subscriptions, store=store)
    orders.evaluate_again(connection, [entry.woo_order_id for entry in found], store=store)


def continuation_columns(state: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """Return the column `continuation` with `changes`: `asked` (when), `chosen` (activation ids)."""
    return {"continuation": {**(state or {}), **changes}}


def asked_columns(state: dict[str, Any] | None, *, now: datetime) -> dict[str, Any]:
    """Return the columns of an order whose shop was asked for the other orders."""
    return continuation_columns(state, asked=now.isoformat())
