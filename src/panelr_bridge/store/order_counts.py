"""How many orders there are, without counting them: the counters that triggers keep (migrations 0003, 0011).

A counter is the sum of its rows, of which PostgreSQL makes another one whenever all are taken by transactions under
way: nobody waits. An order that is being sent has no counter, because an ordinary one would pay for two more changes;
it is counted by an index, as few are ever under way.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, Connection, Text, text

# One statement, so that counters and orders are of one moment. The stores are found by stepping through an index.
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
    """The `n` orders of one store that are in one state, and need a person (`attention`) or do not."""

    store: str
    state: str
    attention: bool
    n: int


def count_orders(connection: Connection) -> list[OrderCount]:
    """Return every group that has orders now."""
    found = connection.execute(_COUNTS)
    return [OrderCount(row.store, row.state, row.attention, int(row.n)) for row in found if row.n]
