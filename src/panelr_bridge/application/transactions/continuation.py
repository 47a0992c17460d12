"""What is stored of orders that continue others: a subscription's orders, and what is known of the earlier ones."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.domain.customer_email import find_email
from panelr_bridge.domain.follow_up_rules import CANCELED
from panelr_bridge.domain.history import Activation, EarlierOrder, History
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy, OrderState
from panelr_bridge.domain.panelr_values import CustomerLines
from panelr_bridge.domain.relation import Relation, RelationKind, read_relation
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import orders, subscriptions
from panelr_bridge.store.subscriptions import KnownOrder, PlannedFollowUp, SubscriptionOrder
from panelr_bridge.woocommerce.order_payload import Order
from panelr_bridge.woocommerce.subscription_payload import Subscription

WILL_HAVE_LINES = frozenset(
    {OrderState.QUEUED, OrderState.SENDING, OrderState.UNCONFIRMED, OrderState.HELD, OrderState.REFUSED}
)
"""States of a first order that lead to a work order, perhaps with a person's help."""
TELLS_LINES = (FollowUpKind.STATUS, FollowUpKind.ACTIVATIONS)
"""The follow-ups that find out which lines a work order brought."""
SHOWN = "activations"
"""The field of a status poll's content with the lines that a completed work order shows; none of an older Panelr."""


def find_history(
    connection: Connection,
    order: Order,
    relation: Relation,
    *,
    store: str,
    policy: OrderPolicy,
    lines: CustomerLines | None = None,
) -> History:
    """Return what is known of the earlier orders that `order` continues; `lines` are the customer's."""
    state = orders.continuation(connection, store=store, woo_order_id=order.id)
    kinds: dict[int, RelationKind] = {}
    if relation.continues is not None:
        kinds[relation.continues] = RelationKind.FIRST
    for entry in subscriptions.orders_of(connection, relation.subscriptions, store=store):
        if entry.woo_order_id != order.id:
            kinds.setdefault(entry.woo_order_id, entry.kind)
    earlier = _read_orders(connection, kinds, store=store, email=find_email(order))
    if {each.kind for each in earlier if each.activations} == {RelationKind.FIRST}:  # no renewal names a line yet
        earlier = _without_others(connection, earlier, relation.subscriptions, store=store)
    knows_first = any(each.kind is RelationKind.FIRST for each in earlier)
    return History(
        orders=earlier,
        may_ask=relation.can_be_asked and not knows_first and store in policy.asks_relations and not state.get("asked"),
        chosen=tuple(state.get("chosen", ())),
        others=frozenset() if lines is None else _lines_of_others(connection, lines, relation, store=store),
    )


def _lines_of_others(connection: Connection, lines: CustomerLines, relation: Relation, *, store: str) -> frozenset[int]:
    """Return the lines that belong to other subscriptions alone.

    A subscription that another one goes on with has ended: its line may be anybody's. If an order does not name its
    own subscription, no line is known to be another's.
    """
    if not relation.subscriptions:
        return frozenset()
    numbers = [line.activation_id for line in lines.lines]
    owners = subscriptions.owners_of(connection, numbers, store=store) if numbers else {}
    every = {subscription for found in owners.values() for subscription in found}
    own = set(relation.subscriptions) | subscriptions.ended(connection, every, store=store)
    return frozenset(number for number, found in owners.items() if own.isdisjoint(found))


def _read_orders(
    connection: Connection, kinds: dict[int, RelationKind], *, store: str, email: str | None
) -> tuple[EarlierOrder, ...]:
    """Return the orders; one of another customer without its lines: a rebuilt shop counts its subscriptions again.

    First orders are locked: who stores their lines meanwhile finds the orders that wait for them. Renewals are not:
    they would wait for each other.
    """
    firsts = [number for number, kind in kinds.items() if kind is RelationKind.FIRST]
    others = kinds.keys() - set(firsts)
    known = subscriptions.known_orders(connection, firsts, store=store) if firsts else {}
    known |= subscriptions.known_orders(connection, others, store=store, locks=False) if others else {}
    ids = [each.id for each in known.values()]
    brought = subscriptions.activations_of(connection, ids)
    planned = subscriptions.follow_ups_of(connection, ids, TELLS_LINES)
    return tuple(
        _earlier_order(number, kind, known.get(number), brought=brought, planned=planned, email=email)
        for number, kind in sorted(kinds.items())
    )


def _without_others(
    connection: Connection, earlier: tuple[EarlierOrder, ...], own: Collection[int], *, store: str
) -> tuple[EarlierOrder, ...]:
    """Return the orders, the first ones without the lines that renewals of other subscriptions renewed.

    An order may begin several subscriptions, with equal lines, or not with a line for each.
    """
    firsts = [each.woo_order_id for each in earlier if each.kind is RelationKind.FIRST]
    begun = subscriptions.subscriptions_of(connection, firsts, store=store, kind=RelationKind.FIRST)
    others = begun.difference(own)
    entries = subscriptions.orders_of(connection, others, store=store) if others else []
    renewals = [entry.woo_order_id for entry in entries if entry.kind is not RelationKind.FIRST]
    known = subscriptions.known_orders(connection, renewals, store=store, locks=False) if renewals else {}
    taken = {line.id for each in known.values() for line in _renewed_by(each)}
    return tuple(_without(each, taken) if each.kind is RelationKind.FIRST else each for each in earlier)


def _without(order: EarlierOrder, taken: Collection[int]) -> EarlierOrder:
    return replace(order, activations=tuple(line for line in order.activations if line.id not in taken))


def _earlier_order(
    woo_order_id: int,
    kind: RelationKind,
    known: KnownOrder | None,
    *,
    brought: dict[int, list[Activation]],
    planned: dict[int, list[PlannedFollowUp]],
    email: str | None,
) -> EarlierOrder:
    if known is None:
        return EarlierOrder(woo_order_id=woo_order_id, kind=kind)
    if _is_another_customers(known, email):
        return EarlierOrder(
            woo_order_id=woo_order_id, kind=kind, state=known.state, reference_code=known.reference_code
        )
    # a work order that is canceled after its completion ends the lines that it brought
    kept = brought.get(known.id, ()) if known.panelr_status != CANCELED else ()
    lines = tuple({each.id: each for each in (*_renewed_by(known), *kept)}.values())
    awaits = known.state in WILL_HAVE_LINES or _is_set_up_later(known, planned.get(known.id, ()))
    return EarlierOrder(
        woo_order_id=woo_order_id,
        kind=kind,
        state=known.state,
        reference_code=known.reference_code,
        activations=lines,
        awaits_line=kind is RelationKind.FIRST and not lines and awaits,
    )


def _is_another_customers(known: KnownOrder, email: str | None) -> bool:
    if known.request is None or email is None:
        return False
    return panelr_request.load(known.request).customer_email.casefold() != email.casefold()


def _is_set_up_later(known: KnownOrder, planned: Collection[PlannedFollowUp]) -> bool:
    """Return whether the bridge will still find out which lines a created order's work order brings.

    A status poll does so until it has seen the completed work order; if that shows no lines, another call does.
    """
    if known.state != OrderState.CREATED or known.panelr_status == CANCELED:
        return False
    polls = [each for each in planned if each.kind is FollowUpKind.STATUS]
    if not polls:
        return known.follow_at is not None  # its first poll is planned then
    return any(each.is_owed and (each.kind is not FollowUpKind.STATUS or SHOWN not in each.content) for each in planned)


def _renewed_by(known: KnownOrder) -> Iterable[Activation]:
    """Return the lines that the work order of a created order renewed."""
    if known.state != OrderState.CREATED or known.request is None:
        return ()
    return panelr_request.activations_in(panelr_request.load(known.request))


def note_relation(connection: Connection, order: Order, relation: Relation, *, store: str) -> None:
    """Store which subscriptions an order belongs to, and the first order if the order names it."""
    entries = [SubscriptionOrder(each, order.id, relation.kind) for each in relation.subscriptions]
    if relation.continues is not None:
        entries += [SubscriptionOrder(each, relation.continues, RelationKind.FIRST) for each in relation.subscriptions]
    note_orders(connection, entries, store=store)


def note_subscription(connection: Connection, subscription: Subscription, *, store: str) -> None:
    """Store the first order of a subscription. The first order of one that goes on with another is a resubscription."""
    first = subscription.parent_id
    if first is None:
        return
    entries = [SubscriptionOrder(subscription.id, first, RelationKind.FIRST)]
    if subscription.resubscribed_from is not None:
        entries.append(SubscriptionOrder(subscription.resubscribed_from, first, RelationKind.RESUBSCRIPTION))
    note_orders(connection, entries, store=store)


def note_orders(connection: Connection, entries: Collection[SubscriptionOrder], *, store: str) -> None:
    """Store which orders belong to subscriptions. Held orders of a subscription whose first order is new are evaluated
    again; a renewal is no such news, and a subscription may have thousands.
    """
    new = subscriptions.add_orders(connection, entries, store=store)
    begun = {entry.subscription_id for entry in new if entry.kind is RelationKind.FIRST}
    if begun:
        _evaluate_again(connection, begun, store=store)


def find_awaited(connection: Connection, order: Order, *, store: str, policy: OrderPolicy) -> EarlierOrder | None:
    """Return the first order for whose lines `order` waits."""
    relation = read_relation(order, policy.relation_keys)
    return None if relation is None else find_history(connection, order, relation, store=store, policy=policy).awaited


def keep_activations(
    connection: Connection, brought: Iterable[Activation], *, order_id: int, woo_order_id: int, store: str
) -> None:
    """Store the lines that an order's work order brought. Orders that wait for them are evaluated again."""
    if subscriptions.add_activations(connection, brought, order_id=order_id):
        evaluate_renewals_again(connection, woo_order_id=woo_order_id, store=store)


def evaluate_renewals_again(connection: Connection, *, woo_order_id: int, store: str) -> None:
    """Have the held orders of an order's subscriptions evaluated again by the worker."""
    if found := subscriptions.subscriptions_of(connection, [woo_order_id], store=store):
        _evaluate_again(connection, found, store=store)


def _evaluate_again(connection: Connection, of_subscriptions: Collection[int], *, store: str) -> None:
    found = subscriptions.orders_of(connection, of_subscriptions, store=store)
    orders.evaluate_again(connection, [entry.woo_order_id for entry in found], store=store)


def continuation_columns(state: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """Return the column `continuation` with `changes`: `asked` (when), `chosen` (activation ids)."""
    return {"continuation": {**(state or {}), **changes}}


def asked_columns(state: dict[str, Any] | None, *, now: datetime) -> dict[str, Any]:
    """Return the columns of an order whose shop was asked for the other orders."""
    return continuation_columns(state, asked=now.isoformat())
