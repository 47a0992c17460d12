"""Store which orders belong to a subscription, the lines that orders brought, and what a person chose for a renewal."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KINDS = "'payment', 'instructions', 'lines', 'write_back', 'status'"
MORE_KINDS = f"{KINDS}, 'relation', 'activations'"
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the migration."""
    _allow_kinds(MORE_KINDS)
    op.add_column("orders", sa.Column("continuation", sa.JSON(), nullable=True))
    op.create_table(
        "subscription_orders",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("woo_order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_orders")),
        sa.UniqueConstraint(
            "store",
            "subscription_id",
            "woo_order_id",
            name=op.f("uq_subscription_orders_store_subscription_id_woo_order_id"),
        ),
    )
    op.create_index("ix_subscription_orders_order", "subscription_orders", ["store", "woo_order_id", "subscription_id"])
    op.create_table(
        "activations",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("activation_id", sa.BigInteger(), nullable=False),
        sa.Column("panelr_product_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_activations_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activations")),
        sa.UniqueConstraint("order_id", "activation_id", name=op.f("uq_activations_order_id_activation_id")),
    )
    op.create_index(op.f("ix_activations_activation_id"), "activations", ["activation_id"])


def downgrade() -> None:
    """Revert the migration."""
    op.execute("DELETE FROM follow_ups WHERE kind IN ('relation', 'activations')")
    _allow_kinds(KINDS)
    op.drop_table("activations")
    op.drop_table("subscription_orders")
    op.drop_column("orders", "continuation")


def _allow_kinds(kinds: str) -> None:
    with op.batch_alter_table("follow_ups") as batch:
        batch.drop_constraint(op.f("ck_follow_ups_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_follow_ups_kind"), f"kind IN ({kinds})")
