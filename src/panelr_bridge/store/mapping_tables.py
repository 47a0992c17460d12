"""The tables of the mappings: which Panelr product or payment method stands for which of WooCommerce's."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from panelr_bridge.store.column_types import UtcDateTime, id_column, metadata, partial_index

product_mappings = Table(
    "product_mappings",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("key", Text, nullable=False),  # the lookup key of an order's line, derived from the three below
    Column("woo_product_id", BigInteger),
    Column("woo_variation_id", BigInteger),
    Column("sku", Text),
    Column("panelr_product_id", BigInteger),  # null: the product is not for Panelr
    Column("intent", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # the text of mapping_conditions.format_conditions; the mapping is only for lines whose meta meets them
    Column("conditions", Text, nullable=False, server_default=""),
    UniqueConstraint("store", "key", "conditions", "panelr_product_id", "intent", name="uq_product_mappings_identity"),
    # a unique constraint treats nulls as distinct
    partial_index(
        "uq_product_mappings_nothing", "store", "key", "conditions", where="panelr_product_id IS NULL", unique=True
    ),
    Index("ix_product_mappings_woo_product_id", "woo_product_id", "id"),
    Index("ix_product_mappings_woo_variation_id", "woo_variation_id", "id"),
    Index("ix_product_mappings_sku", "sku", "id"),
    Index("ix_product_mappings_panelr_product_id", "panelr_product_id", "id"),
    Index("ix_product_mappings_updated_at", "updated_at", "id"),
    CheckConstraint("quantity >= 1", name="quantity"),
)

payment_method_mappings = Table(
    "payment_method_mappings",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("woo_payment_method", Text, nullable=False),
    Column("panelr_payment_method_id", BigInteger, nullable=False),
    Column("on_paid", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("store", "woo_payment_method"),
    CheckConstraint("on_paid IN ('submit_payment', 'complete_order', 'none')", name="on_paid"),
)

mapping_revisions = Table(
    "mapping_revisions",
    metadata,
    Column("store", Text, primary_key=True),
    Column(
        "revision", BigInteger, nullable=False
    ),  # incremented by each change; orders decided at an older one are decided again
)
