"""Store Panelr's total, its reckoning and its outages, and what operators acknowledge and override."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
MONEY = sa.Numeric().with_variant(sa.Text(), "sqlite")
COLUMNS = {
    "orders": {"order_total": MONEY, "acknowledged": sa.JSON(), "overridden": sa.JSON()},
    "rate_limits": {"closed_at": MOMENT},
    "panelr_products": {"plugin_name": sa.Text()},
    "panelr_payment_methods": {
        "adjustment_direction": sa.Text(),
        "adjustment_mode": sa.Text(),
        "adjustment_value": MONEY,
    },
}
INDEXES = {
    "ix_orders_owes_since": ("orders", "owes_since", sa.text("owes IS NOT NULL AND call_until IS NULL")),
    "ix_orders_waits_for_outage": ("orders", "id", sa.text("waits_for_outage")),
    "ix_follow_ups_waits_for_outage": ("follow_ups", "id", sa.text("waits_for_outage")),
}


def upgrade() -> None:
    """Apply the migration."""
    for table, columns in COLUMNS.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
    for table in ("orders", "follow_ups"):
        op.add_column(table, sa.Column("waits_for_outage", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name, (table, column, where) in INDEXES.items():
        op.create_index(name, table, [column], postgresql_where=where, sqlite_where=where)
    op.create_table(
        "panelr_facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_panelr_facts")),
    )
    op.create_table(
        "panelr_quotes",
        sa.Column("shape", sa.LargeBinary(), nullable=False),
        sa.Column("bundle_discount", MONEY, nullable=False),
        sa.Column("coupon_discount", MONEY, nullable=False),
        sa.Column("coupon_valid", sa.Boolean(), nullable=True),
        sa.Column("adjustment", MONEY, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("shape", name=op.f("pk_panelr_quotes")),
    )
    op.create_index("ix_panelr_quotes_expires_at", "panelr_quotes", ["expires_at"])


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("panelr_quotes")
    op.drop_table("panelr_facts")
    # versions before this one know two causes only
    op.execute("UPDATE rate_limits SET cause = 'misconfigured' WHERE cause = 'unreachable'")
    for name, (table, *_) in INDEXES.items():
        op.drop_index(name, table)
    for table in ("follow_ups", "orders"):
        op.drop_column(table, "waits_for_outage")
    for table, columns in COLUMNS.items():
        for name in columns:
            op.drop_column(table, name)
