"""The list of orders, of which there are millions: its totals are known, and each page is merged from its groups.

A group is what orders of one store and one state are; an index has each in the order of its ids and of its changes.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from sqlalchemy import ColumnElement, Connection, text

from panelr_bridge.domain.models import OrderState
from panelr_bridge.store import database, order_counts, pagination
from panelr_bridge.store.order_counts import OrderCount
from panelr_bridge.store.orders import SHOWN
from panelr_bridge.store.pagination import Branch, PageQuery, ResultPage
from panelr_bridge.store.tables import NOT_SENDING, SENDING, orders

SORTS = frozenset({"id", "created_at", "updated_at", "state", "woo_order_id"})


def page(connection: Connection, query: PageQuery) -> ResultPage:
    """Return a page of orders, each without its token.

    `query.given` may hold state (several), store, woo_order_id and attention.
    """
    database.use_one_snapshot(connection)
    if query.by == "created_at":  # orders are numbered as they come
        query = replace(query, sort=query.sort.replace("created_at", "id"))
    groups = [group for group in order_counts.count_orders(connection) if _asked_for(group, query)]
    branches = _branches(groups, query)
    total = _total(connection, groups, branches, query)
    rows = pagination.merged(connection, SHOWN, orders, branches, query, by=_by(query)) if total > query.skipped else []
    return ResultPage(rows, total)


def _by(query: PageQuery) -> str:
    """By what each group is sorted; all of its orders are in one state."""
    return "id" if query.by == "state" else query.by


def _asked_for(group: OrderCount, query: PageQuery) -> bool:
    states, store, attention = (query.given.get(name) for name in ("state", "store", "attention"))
    return (
        (states is None or group.state in states)
        and (store is None or group.store == store)
        and (attention is None or group.attention == attention)
    )


def _total(connection: Connection, groups: list[OrderCount], branches: list[Branch], query: PageQuery) -> int:
    if "woo_order_id" in query.given:  # one order of each store at most
        return pagination.count(connection, orders, branches)
    return sum(group.n for group in groups)


def _branches(groups: Iterable[OrderCount], query: PageQuery) -> list[Branch]:
    """Return what each index has in the order asked for: the orders of a store, or of a store and state."""
    if not query.given and query.by == "id":
        return [()]
    attention: Branch = [
        orders.c.attention.is_not(None) if wanted else orders.c.attention.is_(None)
        for name, wanted in query.given.items()
        if name == "attention"
    ]
    if "woo_order_id" in query.given:
        return [
            [orders.c.store == store, orders.c.woo_order_id == query.given["woo_order_id"], *_in(states), *attention]
            for store, states in _states_by_store(groups).items()
        ]
    if query.by == "woo_order_id":
        narrowed = "state" in query.given
        return [
            [orders.c.store == store, *(_in(states) if narrowed else ()), *attention]
            for store, states in _states_by_store(groups).items()
        ]
    places = sorted({(group.store, group.state) for group in groups})
    return [[orders.c.store == store, orders.c.state == state, _place(state), *attention] for store, state in places]


def _place(state: str) -> ColumnElement[bool]:
    """In which indexes the orders of a state are."""
    return cast("ColumnElement[bool]", text(f"orders.{SENDING if state == OrderState.SENDING else NOT_SENDING}"))


def _states_by_store(groups: Iterable[OrderCount]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for group in groups:
        found.setdefault(group.store, set()).add(group.state)
    return found


def _in(states: set[str]) -> list[ColumnElement[bool]]:
    return [orders.c.state.in_(sorted(states))]
