"""What an order owes is part of its own row: it changes with the order, and an ordinary one writes a table less, twice."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
# As column of the orders, and what it was called before
COLUMNS = {
    "owes": "action",
    "owes_since": "owed_since",
    "tries": "attempt",
    "not_found_since": "empty_since",
    "next_attempt_at": "next_attempt_at",
    "call_until": "lease_until",
    "call_slot": "slot",
}
NUMBERS = {"tries", "call_slot"}
OWES = (
    "owes IS NULL OR (owes = 'create_work_order' AND state IN ('queued', 'sending'))"
    " OR (owes = 'look_up' AND state = 'unconfirmed')"
)
NOT_TAKEN = "lease_until IS NULL"
# As in migration 0003
AUTOVACUUM = (
    "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
    " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000)"
)


def upgrade() -> None:
    """Apply."""
    _alone("orders, outbox")
    for name in COLUMNS:
        if name != "owes":
            op.add_column("orders", sa.Column(name, sa.Integer() if name in NUMBERS else MOMENT, nullable=True))
    # with its check, which SQLite takes with a column only
    op.execute(f"ALTER TABLE orders ADD COLUMN owes TEXT CONSTRAINT ck_orders_owes CHECK ({OWES})")
    values = ", ".join(f"{name} = o.{before}" for name, before in COLUMNS.items())
    op.execute(f"UPDATE orders SET {values} FROM outbox AS o WHERE o.order_id = orders.id")  # noqa: S608
    _index("ix_orders_due", "orders", ["owes", "next_attempt_at", "id"], "owes IS NOT NULL AND call_until IS NULL")
    _index("ix_orders_looked_up", "orders", ["call_until"], "call_until IS NOT NULL AND owes = 'look_up'")
    op.drop_table("outbox")


def downgrade() -> None:
    """Take back."""
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
    for name in COLUMNS:
        op.drop_column("orders", name)


def _alone(tables: str) -> None:
    """Wait for what the other version has begun, in the order in which it locks: it may be serving still.

    What it begins meanwhile waits. SQLite has one writer.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
