"""The tables. Rows that belong to a store have a `store` column; times are UTC, money is Numeric.

No key contains X-WC-Webhook-Delivery-ID: it is a hash of the webhook's id and the current second, so two orders that
are sent in one second share it (measured on WooCommerce 10.5).
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
    false,
    text,
)

from panelr_bridge.domain.models import FollowUpKind, OrderState
from panelr_bridge.store.column_types import Money, UtcDateTime, ZstdBytes, id_column, metadata, partial_index

SENDING = "state = 'sending'"
NOT_SENDING = "state <> 'sending'"
"""The condition of indexes that exclude orders in state `sending`, so that most orders enter them once, not twice.

SQLite uses a partial index only if a statement contains its exact condition.
"""
WAITS = "owes IS NOT NULL AND call_until IS NULL"
"""The order owes a call, and no process has claimed it."""
LOOKED_UP = "call_until IS NOT NULL AND owes = 'look_up'"
"""A process has claimed the order's look-up."""
OWES = (
    "CASE owes WHEN 'create_work_order' THEN state = CASE WHEN call_until IS NULL THEN 'queued' ELSE 'sending' END"
    " WHEN 'look_up' THEN state = 'unconfirmed' ELSE owes IS NULL AND state NOT IN ('queued', 'sending') END"
    " AND (owes IS NULL) = (next_attempt_at IS NULL) AND (owes IS NULL) = (owes_since IS NULL)"
    " AND (owes IS NULL) = (tries IS NULL) AND (owes IS NOT NULL OR call_until IS NULL)"
)
"""The order owes the call of its state: a queued order cannot exist without its call, for example."""
IN_DOUBT = "first_sent_at IS NOT NULL AND state IN ('unconfirmed', 'closed')"
"""Panelr may have a work order of the order that the bridge does not know."""
UNRESOLVED = "unresolved_since IS NOT NULL"
"""The delivery brought no order, and nothing has made up for it."""

_STATES = ", ".join(f"'{state}'" for state in OrderState)
_KINDS = ", ".join(f"'{kind}'" for kind in FollowUpKind)


deliveries = Table(
    "deliveries",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("body", ZstdBytes, nullable=False),  # bytes: real bodies contain NULs, which text columns reject
    Column("body_sha256", LargeBinary, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("words", Text),
    Column("woo_order_id", BigInteger),
    Column("times", Integer, nullable=False),
    Column("repeated", Boolean, nullable=False),  # whether they had the same verdict when last received
    Column("received_at", UtcDateTime, nullable=False),
    Column("last_received_at", UtcDateTime, nullable=False),
    Column("unresolved_since", UtcDateTime),  # since when it brought no order and nothing made up for it
    Column("resolution", JSON(none_as_null=True)),  # who resolved it, when, and in which words
    UniqueConstraint("store", "topic", "body_sha256"),
    Index("ix_deliveries_order", "store", "woo_order_id"),
    Index("ix_deliveries_verdict", "verdict", "last_received_at"),
    Index("ix_deliveries_kind", "store", "topic", "verdict", "id"),
    partial_index("ix_deliveries_unresolved", "id", where=UNRESOLVED),
)

orders = Table(
    "orders",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("woo_order_id", BigInteger, nullable=False),
    Column("woo_order_number", Text, nullable=False),
    # with the id, what makes it this order: its key in the shop, and the host of the shop; empty if not shown
    Column("woo_order_key", Text, nullable=False, server_default=text("''")),
    Column("woo_source", Text, nullable=False, server_default=text("''")),
    Column("woo_status", Text, nullable=False),
    Column("woo_total", Money),
    Column("woo_currency", Text),
    Column("woo_modified_at", UtcDateTime),
    Column("delivery_id", ForeignKey(deliveries.c.id)),  # the latest snapshot
    Column("snapshot_sha256", LargeBinary),
    Column("sent_delivery_id", ForeignKey(deliveries.c.id)),  # the snapshot that was sent to Panelr
    Column("state", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("attention", JSON(none_as_null=True)),
    Column("acknowledged", JSON(none_as_null=True)),  # attention that an operator has acknowledged: who, when, words
    Column("overridden", JSON(none_as_null=True)),  # the reason codes that an operator has overridden by a retry
    Column("request", Text),  # create_work_order's body as last sent
    Column("first_sent_at", UtcDateTime),
    Column("likeness", Text),  # the request's fingerprint: orders that share it are lookalikes in Panelr's list
    Column("work_order_id", BigInteger),
    Column("reference_code", Text),
    Column("confirmation_token", Text),
    Column("panelr_status", Text),
    Column("order_total", Money),  # Panelr's total of the work order, as last shown
    Column("adopted", Boolean, nullable=False),  # known from a look-up or Panelr's plugin, not from a call's answer
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("awaits_mapping", Boolean, nullable=False),
    Column("mapping_revision", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("follow_at", UtcDateTime),  # when the order's follow-ups are to be planned
    Column("customer_lines", JSON(none_as_null=True)),  # the customer's lines in Panelr, for a renewal
    Column("shop_refunds", JSON(none_as_null=True)),  # what the shop's API shows of the order's refunds
    # of an order that continues another: what a person chose, and whether the shop was asked for the other orders
    Column("continuation", JSON(none_as_null=True)),
    # the owed call, a create or a look-up (store/owed_calls.py); all of these are null if no call is owed
    Column("owes", Text),
    Column("owes_since", UtcDateTime),
    Column("tries", Integer),  # of this action so far
    Column("not_found_since", UtcDateTime),  # when the first look-up without a result ended
    Column("next_attempt_at", UtcDateTime),
    Column("call_until", UtcDateTime),  # the lease of the process that makes the call
    Column("call_slot", Integer),  # the rate limit's slot of the call in progress
    # whether the call waits for the end of an outage: Panelr's next answer makes it due
    Column("waits_for_outage", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("store", "woo_order_id"),  # a row holds one result: at most one work order per order
    partial_index("ix_orders_work_order_id", "work_order_id", where="work_order_id IS NOT NULL"),
    partial_index("ix_orders_reference_code", "reference_code", where="reference_code IS NOT NULL"),
    # two orders cannot adopt the same work order
    partial_index("uq_orders_adopted", "reference_code", where="adopted", unique=True),
    # every list of orders is merged from the orders of each store and state
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
    partial_index("ix_orders_owes_since", "owes_since", where=WAITS),
    partial_index("ix_orders_waits_for_outage", "id", where="waits_for_outage"),
    # the lease of a create call is found by state `sending`, so most orders are in neither of these
    partial_index("ix_orders_looked_up", "call_until", where=LOOKED_UP),
    # on PostgreSQL a trigger enforces the same (migration 0011): it would parse the checks again for each statement
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

# The number of orders by store, state and attention. Triggers on `orders` maintain it (migrations 0003 and 0011);
# alembic's batch mode would drop them on SQLite. A counter is the sum of its rows. State `sending` has no counter.
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

# What an order needs beside its create call, at most one row of each kind. A row that is done stays, so that the
# follow-up is not scheduled twice.
follow_ups = Table(
    "follow_ups",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("order_id", ForeignKey(orders.c.id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_at", UtcDateTime),  # null: done, or an operator is needed
    Column("attempt", Integer, nullable=False),  # tries since it was scheduled
    Column("sent_at", UtcDateTime),  # when a call was sent that must not be repeated, and its outcome is unknown
    Column("empty_since", UtcDateTime),  # when the first look-up of that call without a result ended
    Column("lease_until", UtcDateTime),
    Column("slot", Integer),  # the rate limit's slot of the call in progress
    Column("told", JSON, nullable=False),  # the content to send, or that was sent
    Column("owed_since", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("waits_for_outage", Boolean, nullable=False, server_default=false()),  # as in `orders`
    UniqueConstraint("order_id", "kind"),
    partial_index("ix_follow_ups_due", "kind", "due_at", "id", where="lease_until IS NULL AND due_at IS NOT NULL"),
    partial_index("ix_follow_ups_leases", "lease_until", where="lease_until IS NOT NULL"),
    partial_index("ix_follow_ups_waits_for_outage", "id", where="waits_for_outage"),
    CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
)

# Which orders belong to a subscription, by WooCommerce's ids, as orders, subscriptions and the shop's API say it.
subscription_orders = Table(
    "subscription_orders",
    metadata,
    id_column(),
    Column("store", Text, nullable=False),
    Column("subscription_id", BigInteger, nullable=False),
    Column("woo_order_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    UniqueConstraint("store", "subscription_id", "woo_order_id"),
    Index("ix_subscription_orders_order", "store", "woo_order_id", "subscription_id"),  # covers its query
)

# The lines (activations) at Panelr that a work order brought.
activations = Table(
    "activations",
    metadata,
    id_column(),
    Column("order_id", ForeignKey(orders.c.id), nullable=False),
    Column("activation_id", BigInteger, nullable=False, index=True),
    Column("panelr_product_id", BigInteger),
    UniqueConstraint("order_id", "activation_id"),
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

# The state of each shop's webhooks, as of a worker's last check.
shop_states = Table(
    "shop_states",
    metadata,
    Column("store", Text, primary_key=True),
    Column("looked_at", UtcDateTime, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("words", Text, nullable=False),
)

# The deliveries of each store that were refused because of their signature: a few numbers for each webhook.
refused_webhooks = Table(
    "refused_webhooks",
    metadata,
    Column("store", Text, primary_key=True),
    Column("webhooks", JSON, nullable=False),
)

# Each store from which an order came.
known_stores = Table(
    "known_stores",
    metadata,
    Column("store", Text, primary_key=True),
    Column("first_seen_at", UtcDateTime, nullable=False),  # when its first delivery or backfill run came
    Column("source", Text),  # the host of its shop, as its deliveries name it; null if none did
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

# The backfill cursor of each store, and the result of its last run.
marks = Table(
    "marks",
    metadata,
    Column("store", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("moment", UtcDateTime, nullable=False),  # orders modified before this have been fetched; by the shop's clock
    Column("paced_until", UtcDateTime),  # when the last order that was found becomes due
    Column("next_at", UtcDateTime, nullable=False),
    Column("holder", Text),  # the process that makes the run
    Column("lease_until", UtcDateTime),
    Column("began_at", UtcDateTime),  # of the last run, which may be in progress
    Column("ended_at", UtcDateTime),  # of the last run that was completed
    Column("looked_at", BigInteger, nullable=False),
    Column("known", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("found_in_all", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),  # incomplete runs in a row
    Column("failing_since", UtcDateTime),
    Column("words", Text),  # why the last run was not completed
)

Columns = dict[str, Any]
"""Values to write, by the names of their columns or of a statement's parameters."""
