"""The tables of what the bridge knows of Panelr, and of the rate limit. They belong to no store."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from panelr_bridge.store.column_types import Money, UtcDateTime, metadata

# Panelr's products and payment methods as last fetched. A list is replaced as a whole.
panelr_lists = Table(
    "panelr_lists",
    metadata,
    Column("name", Text, primary_key=True),  # the table that holds the list
    Column("seen_at", UtcDateTime, nullable=False),
)

panelr_products = Table(
    "panelr_products",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # Panelr's id
    Column("name", Text, nullable=False),
    Column("alternate_name", Text),
    Column("price", Money),
    Column("currency", Text),
    Column("duration_months", BigInteger),
    Column("connections", BigInteger),
    Column("plugin_id", BigInteger),
    Column("plugin_name", Text),
    Column("is_trial", Boolean),
    Column("seen_at", UtcDateTime, nullable=False),
)

panelr_payment_methods = Table(
    "panelr_payment_methods",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # Panelr's id
    Column("name", Text, nullable=False),
    Column("display_label", Text),
    Column("mode", Text),
    Column("processor", Text),
    # what Panelr adds to a work order with this method; all null if it adds nothing
    Column("adjustment_direction", Text),
    Column("adjustment_mode", Text),
    Column("adjustment_value", Money),
    Column("seen_at", UtcDateTime, nullable=False),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("closed_until", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False),  # above 0, the gate is closed
    Column("cause", Text),  # why it is closed: throttled, misconfigured or unreachable
    Column("words", Text),
    Column("closed_at", UtcDateTime),  # since when it is closed
)

# What the bridge found out about this Panelr, for all processes: whether it knows an action or honours a field.
panelr_facts = Table(
    "panelr_facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
)

# Panelr's answers to quote_cart, by the cart's shape: all that the answer depends on.
panelr_quotes = Table(
    "panelr_quotes",
    metadata,
    Column("shape", LargeBinary, primary_key=True),  # a hash
    Column("bundle_discount", Money, nullable=False),
    Column("coupon_discount", Money, nullable=False),
    Column("coupon_valid", Boolean),
    Column("adjustment", Money),  # the payment method's fee, negative for a discount; null if not shown
    Column("expires_at", UtcDateTime, nullable=False),
    Index("ix_panelr_quotes_expires_at", "expires_at"),
)

rate_slots = Table(
    "rate_slots",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("used_at", UtcDateTime, nullable=False),  # in no index, so PostgreSQL updates the row in place (HOT)
)
