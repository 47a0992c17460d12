"""Store the owed call in the order's own row: it changes with the order, and an order writes one table less, twice."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
# The column of `orders`, and its name in `outbox`
COLUMNS = {
    "owes": "action",
    "owes_since": "owed_since",
    "tries": "attempt",
    "not_found_since": "empty_since",
    "next_attempt_at": "next_attempt_at",
    "call_until": "lease_until",
    "call_slot": "slot",
}
TYPES = {"owes": sa.Text, "tries": sa.Integer}
OWES = (
    "CASE owes WHEN 'create_work_order' THEN state = CASE WHEN call_until IS NULL THEN 'queued' ELSE 'sending' END"
    " WHEN 'look_up' THEN state = 'unconfirmed' ELSE owes IS NULL AND state NOT IN ('queued', 'sending') END"
    " AND (owes IS NULL) = (next_attempt_at IS NULL) AND (owes IS NULL) = (owes_since IS NULL)"
    " AND (owes IS NULL) = (tries IS NULL) AND (owes IS NOT NULL OR call_until IS NULL)"
)
# A row that contradicted its order's state was ignored, and an order without its row waited forever.
AGREES = (
    "(o.action = 'create_work_order' AND orders.state = CASE WHEN o.lease_until IS NULL THEN 'queued' ELSE 'sending' END"
    " OR o.action = 'look_up' AND orders.state = 'unconfirmed')"
)
OWED_AGAIN = (
    "UPDATE orders SET owes = 'create_work_order', owes_since = updated_at, tries = 1, next_attempt_at = updated_at,"
    # a call that may have been sent gets an expired lease, so that it is looked up
    " state = CASE WHEN first_sent_at IS NULL THEN state ELSE 'sending' END,"
    " call_until = CASE WHEN state = 'sending' OR first_sent_at IS NOT NULL THEN updated_at END"
    " WHERE state IN ('queued', 'sending') AND owes IS NULL"
)
NOT_TAKEN = "lease_until IS NULL"
# As in migration 0003
AUTOVACUUM = (
    "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
    " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000)"
)


def upgrade() -> None:
    """Apply the migration."""
    _alone("orders, outbox")
    for name in COLUMNS:
        if name != "call_slot":
            op.add_column("orders", sa.Column(name, TYPES.get(name, MOMENT), nullable=True))
    # before any update: PostgreSQL may not use an index for a while if its rows changed in the same transaction
    _index("ix_orders_due", "orders", ["owes", "next_attempt_at", "id"], "owes IS NOT NULL AND call_until IS NULL")
    _index("ix_orders_looked_up", "orders", ["call_until"], "call_until IS NOT NULL AND owes = 'look_up'")
    values = ", ".join(f"{name} = o.{before}" for name, before in COLUMNS.items() if name != "call_slot")
    op.execute(f"UPDATE orders SET {values} FROM outbox AS o WHERE o.order_id = orders.id AND {AGREES}")  # noqa: S608
    op.execute(OWED_AGAIN)
    # the last column carries the check: SQLite adds a check only with a column, and verifies it on every row
    op.execute(f"ALTER TABLE orders ADD COLUMN call_slot INTEGER CONSTRAINT ck_orders_owes CHECK ({OWES})")
    op.execute(f"UPDATE orders SET call_slot = o.slot FROM outbox AS o WHERE o.order_id = orders.id AND {AGREES}")  # noqa: S608
    op.drop_table("outbox")


def downgrade() -> None:
    """Revert the migration."""
    _alone("orders")
    op.create_table(
        "outbox",
        sa.Column("order_id", ID, autoincrement=False, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("empty_since", MOMENT, nullable=True),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("owed_since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_outbox")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_outbox_order_id")),
        sa.CheckConstraint("action IN ('create_work_order', 'look_up')", name=op.f("ck_outbox_action")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(AUTOVACUUM)
    op.execute(
        f"INSERT INTO outbox (order_id, store, {', '.join(COLUMNS.values())})"  # noqa: S608
        f" SELECT id, store, {', '.join(COLUMNS)} FROM orders WHERE owes IS NOT NULL ORDER BY id"
    )
    _index("ix_outbox_due", "outbox", ["action", "next_attempt_at", "order_id"], NOT_TAKEN)
    _index("ix_outbox_look_ups", "outbox", ["lease_until"], "lease_until IS NOT NULL AND action = 'look_up'")
    for name in ("ix_orders_due", "ix_orders_looked_up"):
        op.drop_index(name, "orders")
    for name in reversed(COLUMNS):  # the check is dropped with its column
        op.drop_column("orders", name)


def _alone(tables: str) -> None:
    """Lock the tables: wait for transactions in progress, and make new ones wait. SQLite has one writer.

    A transaction that holds one table and needs the other causes a deadlock; the loser, either one, is retried.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
