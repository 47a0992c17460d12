"""The list of deliveries. It is counted up to a limit, and its branches are the deliveries of one kind.

A kind is a store, a topic and a verdict. There are a few dozen kinds, however many deliveries there are.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, text

from panelr_bridge.store.deliveries import LISTED_COLUMNS
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
# Steps through an index from one kind to the next.
_KINDS = text(
    "WITH RECURSIVE kinds (id) AS ("
    "  SELECT (SELECT id FROM deliveries ORDER BY store, topic, verdict LIMIT 1) UNION ALL"
    "  SELECT (SELECT n.id FROM deliveries n WHERE (n.store, n.topic, n.verdict) > (d.store, d.topic, d.verdict)"
    "   ORDER BY n.store, n.topic, n.verdict LIMIT 1) FROM kinds k JOIN deliveries d ON d.id = k.id)"
    " SELECT d.store, d.topic, d.verdict FROM kinds k JOIN deliveries d ON d.id = k.id"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    store: str
    topic: str
    verdict: str


def page(connection: Connection, query: PageQuery) -> ResultPage[ListedDeliveryRow]:
    """Return a page of deliveries without their bodies.

    `query.filters` may hold store, topic, verdict and woo_order_id.
    """
    if query.sort_column == "received_at":  # ids ascend with it
        query = replace(query, sort=query.sort.replace("received_at", "id"))
    kinds = [kind for kind in (_Kind(*row) for row in connection.execute(_KINDS)) if _matches(kind, query)]
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


def _matches(kind: _Kind, query: PageQuery) -> bool:
    return all(query.filters.get(name, getattr(kind, name)) == getattr(kind, name) for name in _Kind.__slots__)


def _by_store(kinds: list[_Kind], query: PageQuery) -> list[Branch]:
    """Return one branch for each store: an index holds its deliveries by order."""
    rest = [_C[name] == value for name, value in query.filters.items() if name != "store"]
    return [(_C.store == store, *rest) for store in sorted({kind.store for kind in kinds})]


def _by_verdict(kinds: list[_Kind], query: PageQuery) -> list[Branch]:
    """Return one branch for each verdict: an index holds its deliveries by the time of the last receipt."""
    rest = [_C[name] == value for name, value in query.filters.items() if name != "verdict"]
    return [(_C.verdict == verdict, *rest) for verdict in sorted({kind.verdict for kind in kinds})]
