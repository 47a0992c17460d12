"""The tables `subscription_orders` and `activations`: a subscription's orders, and the lines that orders brought."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.store.tables import activations, follow_ups, orders, subscription_orders

MOST_ORDERS = 200
"""The largest number of a subscription's orders that are read: the newest."""


class SubscriptionOrder(NamedTuple):
    """An order of a subscription, by WooCommerce's ids."""

    subscription_id: int
    woo_order_id: int
    kind: RelationKind


class KnownOrder(NamedTuple):
    """What the bridge knows of a subscription's order."""

    id: int
    woo_order_id: int
    state: str
    reference_code: str | None
    panelr_status: str | None
    request: str | None
    follow_at: datetime | None


class PlannedFollowUp(NamedTuple):
    """A follow-up of an order: whether it is still owed, and its content."""

    kind: FollowUpKind
    is_owed: bool
    content: Mapping[str, Any]


def add_orders(connection: Connection, entries: Iterable[SubscriptionOrder], *, store: str) -> list[SubscriptionOrder]:
    """Store which orders belong to subscriptions; return those that are new. What is known stays."""
    new = []
    for entry in entries:
        row = entry._asdict() | {"store": store}
        if connection.execute(_insert(connection, subscription_orders).values(row)).rowcount > 0:
            new.append(entry)
    return new


def add_activations(connection: Connection, brought: Iterable[Activation], *, order_id: int) -> bool:
    """Store the lines that an order brought; return whether anything is new."""
    is_new = False
    for each in brought:
        row = {"order_id": order_id, "activation_id": each.id, "panelr_product_id": each.product_id}
        is_new |= connection.execute(_insert(connection, activations).values(row)).rowcount > 0
    return is_new


def forget_activations(connection: Connection, order_id: int) -> None:
    """Delete the lines of an order whose work order turned out to be another order's."""
    connection.execute(delete(activations).where(activations.c.order_id == order_id))


def _insert(connection: Connection, table: Any) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def orders_of(connection: Connection, subscriptions: Collection[int], *, store: str) -> list[SubscriptionOrder]:
    """Return the orders of subscriptions, the oldest first: the first orders, and the newest others."""
    table = subscription_orders.c
    query = (
        select(table.subscription_id, table.woo_order_id, table.kind)
        .where(table.store == store, table.subscription_id.in_(subscriptions))
        .order_by(table.kind != RelationKind.FIRST, table.woo_order_id.desc(), table.subscription_id.desc())
        .limit(MOST_ORDERS)
    )
    found = [SubscriptionOrder(row[0], row[1], RelationKind(row[2])) for row in connection.execute(query)]
    return sorted(found, key=lambda entry: (entry.woo_order_id, entry.subscription_id))


def is_known(connection: Connection, subscription_id: int, *, store: str) -> bool:
    """Return whether a subscription has this id, as far as its orders are known."""
    table = subscription_orders.c
    query = select(table.id).where(table.store == store, table.subscription_id == subscription_id).limit(1)
    return connection.execute(query).scalar() is not None


def any_known(connection: Connection, *, store: str) -> bool:
    """Return whether a store has subscriptions, as far as is known."""
    query = select(subscription_orders.c.id).where(subscription_orders.c.store == store).limit(1)
    return connection.execute(query).scalar() is not None


def subscriptions_of(
    connection: Connection, woo_order_ids: Collection[int], *, store: str, kind: RelationKind | None = None
) -> set[int]:
    """Return the subscriptions that orders belong to, or only those to which they are of one kind."""
    table = subscription_orders.c
    query = select(table.subscription_id).where(table.store == store, table.woo_order_id.in_(woo_order_ids))
    query = query if kind is None else query.where(table.kind == kind)
    return set(connection.execute(query.limit(MOST_ORDERS)).scalars())


def known_orders(
    connection: Connection, woo_order_ids: Collection[int], *, store: str, locks: bool = True
) -> dict[int, KnownOrder]:
    """Return those orders that the bridge knows, by WooCommerce's id.

    `locks` them against changes until the transaction ends.
    """
    columns = orders.c
    is_one = and_(columns.store == store, columns.woo_order_id.in_(woo_order_ids))
    query = select(*(columns[name] for name in KnownOrder._fields)).where(is_one)
    query = query.with_for_update(read=True) if locks else query
    return {row.woo_order_id: KnownOrder(*row) for row in connection.execute(query)}


def activations_of(connection: Connection, order_ids: Collection[int]) -> dict[int, list[Activation]]:
    """Return the lines that orders brought, by the bridge's id of the order."""
    table = activations.c
    query = select(table.order_id, table.activation_id, table.panelr_product_id).where(table.order_id.in_(order_ids))
    found: dict[int, list[Activation]] = {}
    for order_id, activation_id, product_id in connection.execute(query.order_by(table.activation_id)):
        found.setdefault(order_id, []).append(Activation(activation_id, product_id))
    return found


def other_orders_activations(connection: Connection, activation_ids: Collection[int], *, besides: int) -> set[int]:
    """Return which of the lines other orders than `besides` brought."""
    table = activations.c
    query = select(table.activation_id).where(table.activation_id.in_(activation_ids), table.order_id != besides)
    return set(connection.execute(query).scalars())


def owners_of(connection: Connection, activation_ids: Collection[int], *, store: str) -> dict[int, set[int]]:
    """Return the subscriptions to which lines belong: those of the orders that brought or renewed them."""
    table, entries = activations.c, subscription_orders.c
    query = (
        select(table.activation_id, entries.subscription_id)
        .join(orders, orders.c.id == table.order_id)
        .join(
            subscription_orders,
            and_(entries.store == orders.c.store, entries.woo_order_id == orders.c.woo_order_id),
        )
        .where(table.activation_id.in_(activation_ids), orders.c.store == store)
    )
    found: dict[int, set[int]] = {}
    for activation_id, subscription_id in connection.execute(query.distinct()):
        found.setdefault(activation_id, set()).add(subscription_id)
    return found


def ended(connection: Connection, subscriptions: Collection[int], *, store: str) -> set[int]:
    """Return those subscriptions with which another one goes on."""
    table = subscription_orders.c
    query = select(table.subscription_id).where(
        table.store == store,
        table.subscription_id.in_(subscriptions),
        table.kind == RelationKind.RESUBSCRIPTION,
    )
    return set(connection.execute(query.distinct()).scalars())


def follow_ups_of(
    connection: Connection, order_ids: Collection[int], kinds: Collection[FollowUpKind]
) -> dict[int, list[PlannedFollowUp]]:
    """Return the follow-ups of `kinds` that were planned for orders, by the bridge's id of the order."""
    table = follow_ups.c
    is_owed = or_(table.due_at.is_not(None), table.lease_until.is_not(None))
    query = select(table.order_id, table.kind, is_owed, table.told)
    found: dict[int, list[PlannedFollowUp]] = {}
    for order_id, kind, owed, content in connection.execute(
        query.where(table.order_id.in_(order_ids), table.kind.in_(kinds))
    ):
        found.setdefault(order_id, []).append(PlannedFollowUp(FollowUpKind(kind), bool(owed), content))
    return found
