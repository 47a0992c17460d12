"""The list of deliveries, of which there are millions: counted up to a limit, and each page merged from its kinds.

A kind is what deliveries of one store, one topic and one verdict are; there are a few dozen, whatever their number.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, text

from panelr_bridge.store import pagination
from panelr_bridge.store.deliveries import LISTED
from panelr_bridge.store.pagination import Branch, PageQuery, ResultPage
from panelr_bridge.store.tables import deliveries

SORTS = frozenset({"id", "received_at", "last_received_at", "woo_order_id"})
_COLUMNS = deliveries.c
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


def page(connection: Connection, query: PageQuery) -> ResultPage:
    """Return a page of deliveries, without their bodies.

    `query.given` may hold store, topic, verdict and woo_order_id. Deliveries are numbered as they come.
    """
    if query.by == "received_at":
        query = replace(query, sort=query.sort.replace("received_at", "id"))
    kinds = [_Kind(*row) for row in connection.execute(_KINDS)]
    asked_for = [kind for kind in kinds if _is_asked_for(kind, query)]
    by_kind: list[Branch] = [
        (_COLUMNS.store == kind.store, _COLUMNS.topic == kind.topic, _COLUMNS.verdict == kind.verdict)
        for kind in asked_for
    ]
    if "woo_order_id" in query.given or query.by == "woo_order_id":
        branches = _by_order(asked_for, query)
        total = pagination.count(connection, deliveries, branches if "woo_order_id" in query.given else by_kind)
    else:
        branches = _by_time(asked_for, query) if query.by == "last_received_at" else by_kind
        total = pagination.count(connection, deliveries, by_kind)
        branches = branches if query.given or query.by != "id" else [()]
    rows = pagination.merged(connection, select(*LISTED), deliveries, branches, query)
    return pagination.counted(rows, total)


def _is_asked_for(kind: _Kind, query: PageQuery) -> bool:
    return all(query.given.get(name, getattr(kind, name)) == getattr(kind, name) for name in _Kind.__slots__)


def _by_order(kinds: list[_Kind], query: PageQuery) -> list[Branch]:
    """The deliveries of each store; an index has them by their orders."""
    rest = [_COLUMNS[name] == value for name, value in query.given.items() if name != "store"]
    return [(_COLUMNS.store == store, *rest) for store in sorted({kind.store for kind in kinds})]


def _by_time(kinds: list[_Kind], query: PageQuery) -> list[Branch]:
    """The deliveries of each verdict; an index has them by the moments when they came last."""
    rest = [_COLUMNS[name] == value for name, value in query.given.items() if name != "verdict"]
    return [(_COLUMNS.verdict == verdict, *rest) for verdict in sorted({kind.verdict for kind in kinds})]
