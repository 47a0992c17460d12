"""The number of orders by store, state and attention, from counters that triggers maintain (migrations 0003, 0011).

A counter is the sum of its rows. If all of them are locked, PostgreSQL's trigger inserts another one, so transactions
never wait for a counter. State `sending` has no counter, which saves two updates for every order. Its orders are few,
and are counted by an index.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, Connection, Text, text

# One statement, so that counters and orders are consistent. The stores are found by stepping through an index.
_COUNTS = text(
    "WITH RECURSIVE stores (store) AS (SELECT min(store) FROM orders UNION ALL"
    "  SELECT (SELECT min(o.store) FROM orders o WHERE o.store > stores.store) FROM stores"
    "  WHERE stores.store IS NOT NULL)"
    " SELECT store, state, attention, sum(n) AS n FROM order_counts GROUP BY store, state, attention"
    " UNION ALL SELECT s.store, 'sending', FALSE, (SELECT count(*) FROM orders o"
    "  WHERE o.store = s.store AND o.state = 'sending' AND o.attention IS NULL) FROM stores s WHERE s.store IS NOT NULL"
    " UNION ALL SELECT s.store, 'sending', TRUE, (SELECT count(*) FROM orders o"
    "  WHERE o.store = s.store AND o.state = 'sending' AND o.attention IS NOT NULL) FROM stores s"
    "  WHERE s.store IS NOT NULL"
).columns(store=Text, state=Text, attention=Boolean, n=BigInteger)


@dataclass(frozen=True, slots=True)
class OrderCount:
    """The number `n` of one store's orders in one state, with or without `attention`."""

    store: str
    state: str
    attention: bool
    n: int


def count_orders(connection: Connection) -> list[OrderCount]:
    """Return the count of every group that has orders."""
    rows = connection.execute(_COUNTS)
    return [OrderCount(row.store, row.state, row.attention, int(row.n)) for row in rows if row.n]
