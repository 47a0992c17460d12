"""Panelr's lists of products and payment methods, and when each was last fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
MONEY = sa.Numeric().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "panelr_lists",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_panelr_lists")),
    )
    op.create_table(
        "panelr_products",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alternate_name", sa.Text(), nullable=True),
        sa.Column("price", MONEY, nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("duration_months", sa.BigInteger(), nullable=True),
        sa.Column("connections", sa.BigInteger(), nullable=True),
        sa.Column("plugin_id", sa.BigInteger(), nullable=True),
        sa.Column("is_trial", sa.Boolean(), nullable=True),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panelr_products")),
    )
    op.create_table(
        "panelr_payment_methods",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_label", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("processor", sa.Text(), nullable=True),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panelr_payment_methods")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("panelr_payment_methods")
    op.drop_table("panelr_products")
    op.drop_table("panelr_lists")
