"""The tables. Every one that belongs to a store has a `store` column; times are UTC, money is Numeric.

Nothing is keyed on X-WC-Webhook-Delivery-ID: it is a hash of the webhook's id and the current second, so two
orders that are sent in one second share it (measured on WooCommerce 10.5).
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from panelr_bridge.domain.models import FollowUpKind, OrderState
from panelr_bridge.store.column_types import Money, UtcDateTime, ZstdBytes, id_column, metadata, partial_index

SENDING = "state = 'sending'"
NOT_SENDING = "state <> 'sending'"
"""Of an order. The indexes of those that are not just being sent are changed once by an ordinary one, and not twice.

Statements say it in these words, for SQLite.
"""
WAITS = "owes IS NOT NULL AND call_until IS NULL"
"""Of an order: it owes a call that nobody makes at this moment."""
LOOKED_UP = "call_until IS NOT NULL AND owes = 'look_up'"
"""Of an order: it is being looked up."""
OWES = (
    "CASE owes WHEN 'create_work_order' THEN state = CASE WHEN call_until IS NULL THEN 'queued' ELSE 'sending' END"
    " WHEN 'look_up' THEN state = 'unconfirmed' ELSE owes IS NULL AND state NOT IN ('queued', 'sending') END"
    " AND (owes IS NULL) = (next_attempt_at IS NULL) AND (owes IS NULL) = (owes_since IS NULL)"
    " AND (owes IS NULL) = (tries IS NULL) AND (owes IS NOT NULL OR call_until IS NULL)"
)
"""Of an order: it owes what an order in its state owes. One that waits or is being sent cannot be without its call."""
IN_DOUBT = "first_sent_at IS NOT NULL AND state IN ('unconfirmed', 'closed')"
"""Of an order: Panelr may have a work order of it that nobody here knows."""

_STATES = ", ".join(f"'{state}'" for state in OrderState)
_KINDS = ", ".join(f"'{kind}'" for kind in FollowUpKind)


deliveries = Table(
    "deliveries",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("body", ZstdBytes, nullable=False),  # bytes: real bodies hold NULs, which no text column takes
    Column("body_sha256", LargeBinary, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("words", Text),
    Column("woo_order_id", BigInteger),
    Column("times", Integer, nullable=False),
    Column("repeated", Boolean, nullable=False),  # whether these bytes had been processed when they came last
    Column("received_at", UtcDateTime, nullable=False),
    Column("last_received_at", UtcDateTime, nullable=False),
    UniqueConstraint("store", "topic", "body_sha256"),
    Index("ix_deliveries_order", "store", "woo_order_id"),
    Index("ix_deliveries_verdict", "verdict", "last_received_at"),
    Index("ix_deliveries_kind", "store", "topic", "verdict", "id"),
)

orders = Table(
    "orders",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("woo_order_id", BigInteger, nullable=False),
    Column("woo_order_number", Text, nullable=False),
    Column("woo_status", Text, nullable=False),
    Column("woo_total", Money),
    Column("woo_currency", Text),
    Column("woo_modified_at", UtcDateTime),
    Column("delivery_id", ForeignKey(deliveries.c.id)),  # the newest snapshot
    Column("snapshot_sha256", LargeBinary),
    Column("sent_delivery_id", ForeignKey(deliveries.c.id)),  # the snapshot that the work order was made from
    Column("state", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("attention", JSON(none_as_null=True)),
    Column("request", Text),  # create_work_order's body as last sent
    Column("first_sent_at", UtcDateTime),
    Column("likeness", Text),  # of that request: orders with the same one cannot be told apart in Panelr's list
    Column("work_order_id", BigInteger),
    Column("reference_code", Text),
    Column("confirmation_token", Text),
    Column("panelr_status", Text),
    Column("adopted", Boolean, nullable=False),  # found by a look-up or told by Panelr's plugin, not answered to us
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("awaits_mapping", Boolean, nullable=False),
    Column("mapping_revision", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("follow_at", UtcDateTime),  # when it is to be looked at what else the order calls for
    Column("customer_lines", JSON(none_as_null=True)),  # what Panelr told of the customer's lines, for a renewal
    # the one call that it owes, a create or a look-up (store/outbox.py); all of these are null where it owes none
    Column("owes", Text),
    Column("owes_since", UtcDateTime),
    Column("tries", Integer),  # of this action so far
    Column("not_found_since", UtcDateTime),  # since when look-ups have found nothing
    Column("next_attempt_at", UtcDateTime),
    Column("call_until", UtcDateTime),  # the lease of whoever makes the call
    Column("call_slot", Integer),  # of the rate limit, that the call under way has taken
    UniqueConstraint("store", "woo_order_id"),  # with one result a row: at most one work order per order
    partial_index("ix_orders_work_order_id", "work_order_id", where="work_order_id IS NOT NULL"),
    partial_index("ix_orders_reference_code", "reference_code", where="reference_code IS NOT NULL"),
    # two orders that look for the same lost answer cannot both adopt it
    partial_index("uq_orders_adopted", "reference_code", where="adopted", unique=True),
    # a list is put together from the orders of each store and state, so these serve every list of orders
    partial_index("ix_orders_sending", "store", "id", where=SENDING),
    partial_index("ix_orders_state", "store", "state", "id", where=NOT_SENDING),
    partial_index("ix_orders_updated_at", "store", "state", "updated_at", "id", where=NOT_SENDING),
    partial_index("ix_orders_in_doubt", "likeness", where=IN_DOUBT),
    partial_index("ix_orders_attention", "store", "state", "id", where="attention IS NOT NULL"),
    partial_index(
        "ix_orders_attention_updated_at", "store", "state", "updated_at", "id", where="attention IS NOT NULL"
    ),
    partial_index("ix_orders_awaits_mapping", "store", "mapping_revision", where="awaits_mapping"),
    partial_index("ix_orders_follow_at", "follow_at", where="follow_at IS NOT NULL"),
    partial_index("ix_orders_due", "owes", "next_attempt_at", "id", where=WAITS),
    # the lease of a create call is found by the order's state: an ordinary order is in neither of these
    partial_index("ix_orders_looked_up", "call_until", where=LOOKED_UP),
    # on PostgreSQL a trigger refuses the same (migration 0011): these would be read anew for each statement
    *(
        CheckConstraint(rule, name=name).ddl_if(dialect="sqlite")
        for name, rule in {
            "state": f"state IN ({_STATES})",
            "created_has_result": "state <> 'created' OR reference_code IS NOT NULL OR work_order_id IS NOT NULL",
            "result_means_created": "state = 'created' OR (reference_code IS NULL AND work_order_id IS NULL)",
            "owes": OWES,
        }.items()
    ),
)

# How many orders there are of each store, state and attention, kept by triggers on `orders` (migrations 0003 and 0011)
# that alembic's batch mode would lose on SQLite. A counter is the sum of its rows; `sending` has none: it is counted.
order_counts = Table(
    "order_counts",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attention", Boolean, nullable=False),
    Column("n", BigInteger, nullable=False),
    Index("ix_order_counts_of", "store", "state", "attention"),
)

# What an order calls for beside its create call; one row of each kind, which stays when it is done: once is once.
follow_ups = Table(
    "follow_ups",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("order_id", ForeignKey(orders.c.id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_at", UtcDateTime),  # null: nothing is owed; it is done, or a person is needed
    Column("attempt", Integer, nullable=False),  # tries since it is owed
    Column("sent_at", UtcDateTime),  # a call that must not be repeated has left, and its outcome is not known
    Column("empty_since", UtcDateTime),  # since when look-ups of that call have found nothing
    Column("lease_until", UtcDateTime),
    Column("slot", Integer),  # of the rate limit, that the call under way has taken
    Column("told", JSON, nullable=False),  # what is to be told, or has been
    Column("owed_since", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    UniqueConstraint("order_id", "kind"),
    partial_index("ix_follow_ups_due", "kind", "due_at", "id", where="lease_until IS NULL AND due_at IS NOT NULL"),
    partial_index("ix_follow_ups_leases", "lease_until", where="lease_until IS NOT NULL"),
    CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
)

attempts = Table(
    "attempts",
    metadata,
    id_column(),
    Column("order_id", ForeignKey(orders.c.id), nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("milliseconds", Integer),
    Column("words", Text, nullable=False),
    Column("started_at", UtcDateTime),
    Column("recorded_at", UtcDateTime, nullable=False),
)

product_mappings = Table(
    "product_mappings",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("key", Text, nullable=False),  # derived from the three below: what a line is looked up by
    Column("woo_product_id", BigInteger),
    Column("woo_variation_id", BigInteger),
    Column("sku", Text),
    Column("panelr_product_id", BigInteger),  # null: known, and not for Panelr
    Column("intent", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("store", "key", "panelr_product_id", "intent"),
    # nulls are distinct to a unique constraint
    partial_index("uq_product_mappings_nothing", "store", "key", where="panelr_product_id IS NULL", unique=True),
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
    Column("revision", BigInteger, nullable=False),  # counts changes: an order decided at an older one may wake
)

# Panelr's products and payment methods as they were when their lists were had last: a list is replaced as a whole.
panelr_lists = Table(
    "panelr_lists",
    metadata,
    Column("name", Text, primary_key=True),  # of the table that holds the list
    Column("seen_at", UtcDateTime, nullable=False),
)

panelr_products = Table(
    "panelr_products",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # Panelr's number
    Column("name", Text, nullable=False),
    Column("alternate_name", Text),
    Column("price", Money),
    Column("currency", Text),
    Column("duration_months", BigInteger),
    Column("connections", BigInteger),
    Column("plugin_id", BigInteger),
    Column("is_trial", Boolean),
    Column("seen_at", UtcDateTime, nullable=False),
)

panelr_payment_methods = Table(
    "panelr_payment_methods",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # Panelr's number
    Column("name", Text, nullable=False),
    Column("display_label", Text),
    Column("mode", Text),
    Column("processor", Text),
    Column("seen_at", UtcDateTime, nullable=False),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("closed_until", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False),  # above 0 the gate is closed: one probe at a time
    Column("cause", Text),  # the outcome that closed it: throttled or misconfigured
    Column("words", Text),
)

rate_slots = Table(
    "rate_slots",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("used_at", UtcDateTime, nullable=False),  # in no index: on PostgreSQL a call changes its row in place
)

# What each shop told of its webhooks when a worker asked it last.
shop_states = Table(
    "shop_states",
    metadata,
    Column("store", Text, primary_key=True),
    Column("looked_at", UtcDateTime, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("words", Text, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    id_column(),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("store", Text),
    Column("subject", Text, nullable=False),
    Column("details", JSON, nullable=False),
    Index("ix_audit_log_subject", "subject", "id"),
)

# How far a store has been asked for its orders, and how the last walk through them went.
marks = Table(
    "marks",
    metadata,
    Column("store", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("moment", UtcDateTime, nullable=False),  # what was modified before it has been fed; the shop's clock
    Column("paced_until", UtcDateTime),  # when the last order that was found falls due
    Column("next_at", UtcDateTime, nullable=False),
    Column("holder", Text),  # who walks; null: nobody
    Column("lease_until", UtcDateTime),
    Column("began_at", UtcDateTime),  # of the last walk, which may be under way
    Column("ended_at", UtcDateTime),  # of the last walk that came to its end
    Column("looked_at", BigInteger, nullable=False),
    Column("known", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("found_in_all", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),  # walks that did not come to their end, in a row
    Column("failing_since", UtcDateTime),
    Column("words", Text),  # why the last walk did not come to its end
)

Row = dict[str, Any]
