"""Follow-ups after a work order was created: payment, instructions, customer lines, write-back, status."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TO_FOLLOW = sa.text("follow_at IS NOT NULL")
DUE = sa.text("lease_until IS NULL AND due_at IS NOT NULL")
LEASED = sa.text("lease_until IS NOT NULL")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the migration."""
    op.add_column("orders", sa.Column("follow_at", MOMENT, nullable=True))
    op.add_column("orders", sa.Column("customer_lines", sa.JSON(), nullable=True))
    op.create_index("ix_orders_follow_at", "orders", ["follow_at"], postgresql_where=TO_FOLLOW, sqlite_where=TO_FOLLOW)
    op.create_table(
        "follow_ups",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("empty_since", MOMENT, nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("owed_since", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "kind IN ('payment', 'instructions', 'lines', 'write_back', 'status')", name=op.f("ck_follow_ups_kind")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_follow_ups_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_ups")),
        sa.UniqueConstraint("order_id", "kind", name=op.f("uq_follow_ups_order_id_kind")),
    )
    op.create_index("ix_follow_ups_due", "follow_ups", ["kind", "due_at", "id"], postgresql_where=DUE, sqlite_where=DUE)
    op.create_index("ix_follow_ups_leases", "follow_ups", ["lease_until"], postgresql_where=LEASED, sqlite_where=LEASED)


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("follow_ups")
    op.drop_index("ix_orders_follow_at", "orders")
    op.drop_column("orders", "customer_lines")
    op.drop_column("orders", "follow_at")
