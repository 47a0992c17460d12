"""What the shops told of their webhooks, when they were asked last."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "shop_states",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_shop_states")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("shop_states")
