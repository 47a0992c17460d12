"""Store which deliveries brought no order and are unresolved, and the deliveries that were refused."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UNRESOLVED = sa.text("unresolved_since IS NOT NULL")


def upgrade() -> None:
    """Apply the migration. Neither database rewrites a row for a new column without a default."""
    op.add_column("deliveries", sa.Column("unresolved_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deliveries", sa.Column("resolution", sa.JSON(), nullable=True))
    # before the update: PostgreSQL may not use an index for a while if its rows changed in the same transaction
    op.create_index(
        "ix_deliveries_unresolved", "deliveries", ["id"], postgresql_where=UNRESOLVED, sqlite_where=UNRESOLVED
    )
    op.execute(
        "UPDATE deliveries SET unresolved_since = received_at"
        " WHERE verdict IN ('woocommerce_error', 'unreadable', 'failed', 'other_source', 'another_order')"
    )
    op.create_table(
        "refused_webhooks",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("webhooks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_refused_webhooks")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("refused_webhooks")
    op.drop_index("ix_deliveries_unresolved", "deliveries")
    op.drop_column("deliveries", "resolution")
    op.drop_column("deliveries", "unresolved_since")
