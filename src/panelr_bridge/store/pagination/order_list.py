"""The list of orders. Its totals come from counters, and its branches are the orders of one store and state."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import cast

from sqlalchemy import ColumnElement, Connection, select, text

from panelr_bridge.domain.models import OrderState
from panelr_bridge.store import database, order_counts
from panelr_bridge.store.order_counts import OrderCount
from panelr_bridge.store.orders import SHOWN
from panelr_bridge.store.pagination.branches import Branch, PageQuery, ResultPage, count_rows, read_page
from panelr_bridge.store.rows import ShownOrderRow
from panelr_bridge.store.tables import NOT_SENDING, SENDING, orders

SORTS = frozenset({"id", "created_at", "updated_at", "state", "woo_order_id"})


def page(connection: Connection, query: PageQuery) -> ResultPage[ShownOrderRow]:
    """Return a page of orders without their confirmation tokens.

    `query.filters` may hold state (several), store, woo_order_id and attention.
    """
    database.use_one_snapshot(connection)
    if query.sort_column == "created_at":  # ids ascend with it
        query = replace(query, sort=query.sort.replace("created_at", "id"))
    groups = [group for group in order_counts.count_orders(connection) if _matches(group, query)]
    branches = _build_branches(groups, query)
    total = _count_total(connection, groups, branches, query)
    rows: list[ShownOrderRow] = []
    if total > query.offset:
        # each branch has one state, so the id sorts it
        column = "id" if query.sort_column == "state" else query.sort_column
        rows = read_page(connection, SHOWN, orders, branches, query, ShownOrderRow, branch_sort_column=column)
    return ResultPage(rows, total)


def ids_after(
    connection: Connection, *, states: Collection[str], store: str | None, after: int, limit: int
) -> list[int]:
    """Return the ids of the first orders after the id `after` in one of these states, oldest first."""
    query = select(orders.c.id).order_by(orders.c.id).limit(limit)
    branches = _branches_after(connection, states=states, store=store, after=after)
    found = [order_id for branch in branches for order_id in connection.execute(query.where(*branch)).scalars()]
    return sorted(found)[:limit]


def count_after(connection: Connection, *, states: Collection[str], store: str | None, after: int) -> int:
    """Return how many orders after the id `after` are in one of these states, counted up to a maximum."""
    return count_rows(connection, orders, _branches_after(connection, states=states, store=store, after=after))


def _branches_after(connection: Connection, *, states: Collection[str], store: str | None, after: int) -> list[Branch]:
    filters = {"state": states} if store is None else {"state": states, "store": store}
    query = PageQuery(filters=filters, sort="id")
    groups = [group for group in order_counts.count_orders(connection) if _matches(group, query)]
    return [[*branch, orders.c.id > after] for branch in _build_branches(groups, query)]


def _matches(group: OrderCount, query: PageQuery) -> bool:
    states, store, attention = (query.filters.get(name) for name in ("state", "store", "attention"))
    return (
        (states is None or group.state in states)
        and (store is None or group.store == store)
        and (attention is None or group.attention == attention)
    )


def _count_total(connection: Connection, groups: list[OrderCount], branches: list[Branch], query: PageQuery) -> int:
    if "woo_order_id" in query.filters:  # at most one order of each store
        return count_rows(connection, orders, branches)
    return sum(group.n for group in groups)


def _build_branches(groups: Iterable[OrderCount], query: PageQuery) -> list[Branch]:
    """Return one branch for each store, or for each store and state, as the indexes hold them."""
    if not query.filters and query.sort_column == "id":
        return [()]
    attention: Branch = [
        orders.c.attention.is_not(None) if has_attention else orders.c.attention.is_(None)
        for name, has_attention in query.filters.items()
        if name == "attention"
    ]
    if "woo_order_id" in query.filters:
        woo_order_id = query.filters["woo_order_id"]
        return [
            [orders.c.store == store, orders.c.woo_order_id == woo_order_id, *_in(states), *attention]
            for store, states in _group_states(groups).items()
        ]
    if query.sort_column == "woo_order_id":
        is_narrowed = "state" in query.filters
        return [
            [orders.c.store == store, *(_in(states) if is_narrowed else ()), *attention]
            for store, states in _group_states(groups).items()
        ]
    pairs = sorted({(group.store, group.state) for group in groups})
    return [
        [orders.c.store == store, orders.c.state == state, _index_condition(state), *attention]
        for store, state in pairs
    ]


def _index_condition(state: str) -> ColumnElement[bool]:
    """Return the exact condition of the partial indexes that hold the orders of a state."""
    return cast("ColumnElement[bool]", text(f"orders.{SENDING if state == OrderState.SENDING else NOT_SENDING}"))


def _group_states(groups: Iterable[OrderCount]) -> dict[str, set[str]]:
    """Return the states of each store's orders."""
    states: dict[str, set[str]] = {}
    for group in groups:
        states.setdefault(group.store, set()).add(group.state)
    return states


def _in(states: set[str]) -> list[ColumnElement[bool]]:
    return [orders.c.state.in_(sorted(states))]
