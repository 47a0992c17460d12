"""Find lookalikes by their fingerprint, index due calls by action, and store the slot of a call."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

IN_DOUBT = sa.text("first_sent_at IS NOT NULL AND state IN ('unconfirmed', 'closed')")
OPEN = sa.text("lease_until IS NULL")


def upgrade() -> None:
    """Apply the migration."""
    op.add_column("orders", sa.Column("likeness", sa.Text(), nullable=True))
    op.create_index("ix_orders_in_doubt", "orders", ["likeness"], postgresql_where=IN_DOUBT, sqlite_where=IN_DOUBT)
    op.add_column("outbox", sa.Column("slot", sa.Integer(), nullable=True))
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["action", "next_attempt_at", "id"],
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", ["next_attempt_at", "id"], postgresql_where=OPEN, sqlite_where=OPEN)
    op.drop_column("outbox", "slot")
    op.drop_index("ix_orders_in_doubt", "orders")
    op.drop_column("orders", "likeness")
