"""The first tables: deliveries, orders, outbox, attempts, mappings, rate limit, audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
MONEY = sa.Numeric().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "audit_log",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_subject", "audit_log", ["subject", "id"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("woo_order_id", sa.BigInteger(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("last_received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("store", "topic", "body_sha256", name=op.f("uq_deliveries_store_topic_body_sha256")),
    )
    op.create_index("ix_deliveries_order", "deliveries", ["store", "woo_order_id"], unique=False)
    op.create_index("ix_deliveries_verdict", "deliveries", ["verdict", "last_received_at"], unique=False)

    op.create_table(
        "mapping_revisions",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_mapping_revisions")),
    )
    op.create_table(
        "payment_method_mappings",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("woo_payment_method", sa.Text(), nullable=False),
        sa.Column("panelr_payment_method_id", sa.BigInteger(), nullable=False),
        sa.Column("on_paid", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "on_paid IN ('submit_payment', 'complete_order', 'none')", name=op.f("ck_payment_method_mappings_on_paid")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_method_mappings")),
        sa.UniqueConstraint(
            "store", "woo_payment_method", name=op.f("uq_payment_method_mappings_store_woo_payment_method")
        ),
    )
    op.create_table(
        "product_mappings",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("woo_product_id", sa.BigInteger(), nullable=True),
        sa.Column("woo_variation_id", sa.BigInteger(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("panelr_product_id", sa.BigInteger(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_product_mappings_quantity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_mappings")),
        sa.UniqueConstraint(
            "store",
            "key",
            "panelr_product_id",
            "intent",
            name=op.f("uq_product_mappings_store_key_panelr_product_id_intent"),
        ),
    )
    op.create_index(
        "uq_product_mappings_nothing",
        "product_mappings",
        ["store", "key"],
        unique=True,
        postgresql_where=sa.text("panelr_product_id IS NULL"),
        sqlite_where=sa.text("panelr_product_id IS NULL"),
    )

    op.create_table(
        "rate_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("closed_until", MOMENT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_limits")),
    )
    op.create_table(
        "rate_slots",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", "slot", name=op.f("pk_rate_slots")),
    )
    op.create_index("ix_rate_slots_used_at", "rate_slots", ["name", "used_at", "slot"], unique=False)

    op.create_table(
        "orders",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("woo_order_id", sa.BigInteger(), nullable=False),
        sa.Column("woo_order_number", sa.Text(), nullable=False),
        sa.Column("woo_status", sa.Text(), nullable=False),
        sa.Column("woo_total", MONEY, nullable=True),
        sa.Column("woo_currency", sa.Text(), nullable=True),
        sa.Column("woo_modified_at", MOMENT, nullable=True),
        sa.Column("delivery_id", ID, nullable=True),
        sa.Column("snapshot_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("sent_delivery_id", ID, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("attention", sa.JSON(), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("first_sent_at", MOMENT, nullable=True),
        sa.Column("work_order_id", sa.BigInteger(), nullable=True),
        sa.Column("reference_code", sa.Text(), nullable=True),
        sa.Column("confirmation_token", sa.Text(), nullable=True),
        sa.Column("panelr_status", sa.Text(), nullable=True),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("awaits_mapping", sa.Boolean(), nullable=False),
        sa.Column("mapping_revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "state <> 'created' OR reference_code IS NOT NULL OR work_order_id IS NOT NULL",
            name=op.f("ck_orders_created_has_result"),
        ),
        sa.CheckConstraint(
            "state = 'created' OR (reference_code IS NULL AND work_order_id IS NULL)",
            name=op.f("ck_orders_result_means_created"),
        ),
        sa.CheckConstraint(
            "state IN ('ignored', 'waiting', 'held', 'queued', 'sending', 'unconfirmed', 'created', 'refused', 'closed')",
            name=op.f("ck_orders_state"),
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_orders_delivery_id")),
        sa.ForeignKeyConstraint(["sent_delivery_id"], ["deliveries.id"], name=op.f("fk_orders_sent_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("store", "woo_order_id", name=op.f("uq_orders_store_woo_order_id")),
    )
    op.create_index(
        "ix_orders_attention",
        "orders",
        ["id"],
        unique=False,
        postgresql_where=sa.text("attention IS NOT NULL"),
        sqlite_where=sa.text("attention IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_awaits_mapping",
        "orders",
        ["store", "mapping_revision"],
        unique=False,
        postgresql_where=sa.text("awaits_mapping"),
        sqlite_where=sa.text("awaits_mapping"),
    )
    op.create_index("ix_orders_reference_code", "orders", ["reference_code"], unique=False)
    op.create_index("ix_orders_state", "orders", ["state", "id"], unique=False)
    op.create_index("ix_orders_updated_at", "orders", ["updated_at"], unique=False)
    op.create_index("ix_orders_work_order_id", "orders", ["work_order_id"], unique=False)
    op.create_index(
        "uq_orders_adopted",
        "orders",
        ["reference_code"],
        unique=True,
        postgresql_where=sa.text("adopted"),
        sqlite_where=sa.text("adopted"),
    )

    op.create_table(
        "attempts",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_attempts_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_order_id"), "attempts", ["order_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("empty_since", MOMENT, nullable=True),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("owed_since", MOMENT, nullable=False),
        sa.CheckConstraint("action IN ('create_work_order', 'look_up')", name=op.f("ck_outbox_action")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_outbox_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("order_id", name=op.f("uq_outbox_order_id")),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["next_attempt_at", "id"],
        unique=False,
        postgresql_where=sa.text("lease_until IS NULL"),
        sqlite_where=sa.text("lease_until IS NULL"),
    )
    op.create_index(
        "ix_outbox_leases",
        "outbox",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("lease_until IS NOT NULL"),
        sqlite_where=sa.text("lease_until IS NOT NULL"),
    )


def downgrade() -> None:
    """Revert the migration; a table is dropped before the tables that it references."""
    for table in (
        "outbox",
        "attempts",
        "orders",
        "rate_slots",
        "rate_limits",
        "product_mappings",
        "payment_method_mappings",
        "mapping_revisions",
        "deliveries",
        "audit_log",
    ):
        op.drop_table(table)
