"""The list of deliveries. It is counted up to a limit, and its branches are the deliveries of one kind.

There are a few dozen kinds, however many deliveries there are. The unread deliveries are a branch of their own.
"""

from dataclasses import replace

from sqlalchemy import Connection, select

from panelr_bridge.store.deliveries import LISTED_COLUMNS, DeliveryKind, list_kinds
from panelr_bridge.store.pagination.branches import (
    Branch,
    PageQuery,
    ResultPage,
    build_page,
    count_rows,
    read_page,
)
from panelr_bridge.store.rows import ListedDeliveryRow
from panelr_bridge.store.tables import deliveries

SORTS = frozenset({"id", "received_at", "last_received_at", "woo_order_id"})
_C = deliveries.c
_UNRESOLVED = _C.unresolved_since.is_not(None)  # the partial index's exact condition, for SQLite


def page(connection: Connection, query: PageQuery) -> ResultPage[ListedDeliveryRow]:
    """Return a page of deliveries without their bodies.

    `query.filters` may hold store, topic, verdict, woo_order_id and unresolved: True for the unread ones alone.
    """
    if query.sort_column == "received_at":  # ids ascend with it
        query = replace(query, sort=query.sort.replace("received_at", "id"))
    if "unresolved" in query.filters:
        return _page_of_unread(connection, query)
    kinds = [kind for kind in list_kinds(connection) if _matches(kind, query)]
    by_kind: list[Branch] = [
        (_C.store == kind.store, _C.topic == kind.topic, _C.verdict == kind.verdict) for kind in kinds
    ]
    if "woo_order_id" in query.filters or query.sort_column == "woo_order_id":
        branches = _by_store(kinds, query)
        total = count_rows(connection, deliveries, branches if "woo_order_id" in query.filters else by_kind)
    else:
        branches = _by_verdict(kinds, query) if query.sort_column == "last_received_at" else by_kind
        total = count_rows(connection, deliveries, by_kind)
        branches = branches if query.filters or query.sort_column != "id" else [()]
    rows = read_page(connection, select(*LISTED_COLUMNS), deliveries, branches, query, ListedDeliveryRow)
    return build_page(rows, total)


def _page_of_unread(connection: Connection, query: PageQuery) -> ResultPage[ListedDeliveryRow]:
    """Return a page of the unread deliveries; their index holds few rows."""
    rest = [_C[name] == value for name, value in query.filters.items() if name != "unresolved"]
    branches: list[Branch] = [(_UNRESOLVED, *rest)]
    total = count_rows(connection, deliveries, branches)
    rows = read_page(connection, select(*LISTED_COLUMNS), deliveries, branches, query, ListedDeliveryRow)
    return build_page(rows, total)


def _matches(kind: DeliveryKind, query: PageQuery) -> bool:
    return all(query.filters.get(name, value) == value for name, value in kind._asdict().items())


def _by_store(kinds: list[DeliveryKind], query: PageQuery) -> list[Branch]:
    """Return one branch for each store: an index holds its deliveries by order."""
    rest = [_C[name] == value for name, value in query.filters.items() if name != "store"]
    return [(_C.store == store, *rest) for store in sorted({kind.store for kind in kinds})]


def _by_verdict(kinds: list[DeliveryKind], query: PageQuery) -> list[Branch]:
    """Return one branch for each verdict: an index holds its deliveries by the time of the last receipt."""
    rest = [_C[name] == value for name, value in query.filters.items() if name != "verdict"]
    return [(_C.verdict == verdict, *rest) for verdict in sorted({kind.verdict for kind in kinds})]
