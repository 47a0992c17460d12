"""The state of each shop's webhooks, as of the last check."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "shop_states",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_shop_states")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("shop_states")
