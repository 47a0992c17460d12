"""Store when each store was first seen and its shop's host, and each order's key and shop."""

import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
COLUMNS = ("woo_order_key", "woo_source")
LATEST = 200
"""How many of a store's deliveries say where its shop is. The oldest ones may come from an address that it has left."""


def upgrade() -> None:
    """Apply the migration."""
    for name in COLUMNS:
        op.add_column("orders", sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False))
    known = op.create_table(
        "known_stores",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_known_stores")),
    )
    deliveries = sa.table("deliveries", *(sa.column(name) for name in ("id", "store", "headers")))
    received = sa.column("received_at", MOMENT)
    connection = op.get_bind()
    query = sa.select(deliveries.c.store, sa.func.min(received)).select_from(deliveries).group_by(deliveries.c.store)
    for store, first_seen_at in connection.execute(query).all():
        latest = (
            sa.select(deliveries.c.headers)
            .where(deliveries.c.store == store)
            .order_by(deliveries.c.id.desc())
            .limit(LATEST)
        )
        source = find_source(connection.execute(latest).scalars())
        connection.execute(sa.insert(known), {"store": store, "first_seen_at": first_seen_at, "source": source})


def find_source(headers: Any) -> str | None:
    """Return the host that most of these deliveries name; None if none names one."""
    hosts = Counter(host for each in headers if (host := _read_host(each)))
    return hosts.most_common(1)[0][0] if hosts else None


def _read_host(headers: Any) -> str:
    """Return the host in a delivery's headers, as domain/order_identity.py reads it."""
    named = json.loads(headers) if isinstance(headers, str) else headers
    address = named.get("x-wc-webhook-source") if isinstance(named, dict) else None
    try:
        parts = urlsplit(address.strip() if isinstance(address, str) else "")
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        return ""
    named_host = host if port in {None, 80, 443} else f"{host}:{port}"
    return named_host.rstrip(".").removeprefix("www.")[:253]


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("known_stores")
    for name in reversed(COLUMNS):
        op.drop_column("orders", name)
