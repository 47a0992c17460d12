"""Count orders by triggers, and add an index for each filter and sort of every list."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAGGED = sa.text("attention IS NOT NULL")

# A counter is a few rows on PostgreSQL: a transaction updates one that is not locked, or inserts another one. So no
# transaction waits for a counter, and counters need no order of locking.
POSTGRESQL = (
    """
    CREATE FUNCTION count_order(of_store text, of_state text, flagged boolean, change integer) RETURNS void
    LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE order_counts SET n = n + change WHERE id = (
            SELECT id FROM order_counts WHERE store = of_store AND state = of_state AND attention = flagged
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
        IF NOT FOUND THEN
            INSERT INTO order_counts (store, state, attention, n) VALUES (of_store, of_state, flagged, change);
        END IF;
    END $$
    """,
    """
    CREATE FUNCTION count_orders() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' AND OLD.state <> 'sending' THEN
            PERFORM count_order(OLD.store, OLD.state, OLD.attention IS NOT NULL, -1);
        END IF;
        IF NEW.state <> 'sending' THEN
            PERFORM count_order(NEW.store, NEW.state, NEW.attention IS NOT NULL, 1);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER count_new_orders AFTER INSERT ON orders FOR EACH ROW
    WHEN (NEW.state <> 'sending') EXECUTE FUNCTION count_orders()
    """,
    """
    CREATE TRIGGER count_moved_orders AFTER UPDATE ON orders FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.store <> NEW.store OR (OLD.attention IS NULL) <> (NEW.attention IS NULL))
    EXECUTE FUNCTION count_orders()
    """,
    # Only an operator deletes orders, and many at once: each statement updates each counter once.
    """
    CREATE FUNCTION count_gone_orders() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM count_order(store, state, flagged, CAST(-n AS integer)) FROM (
            SELECT store, state, attention IS NOT NULL AS flagged, count(*) AS n FROM gone WHERE state <> 'sending'
            GROUP BY store, state, attention IS NOT NULL) AS g;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER count_gone_orders AFTER DELETE ON orders REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION count_gone_orders()
    """,
    # Free space in each page for updates in place (HOT): a counter's row changes with every order.
    "ALTER TABLE order_counts SET (fillfactor = 50)",
    # Vacuum and analyze after a number of changes, because a share of a table that grows for years is too many.
    "ALTER TABLE orders SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.01)",
    "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
    " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000)",
)
POSTGRESQL_BACK = (
    "ALTER TABLE outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,"
    " autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)",
    "ALTER TABLE orders RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)",
    "DROP TRIGGER count_new_orders ON orders",
    "DROP TRIGGER count_moved_orders ON orders",
    "DROP TRIGGER count_gone_orders ON orders",
    "DROP FUNCTION count_gone_orders()",
    "DROP FUNCTION count_orders()",
    "DROP FUNCTION count_order(text, text, boolean, integer)",
)


def _sqlite_change(row: str, change: int) -> str:
    """Return the SQL that counts `row` (OLD or NEW) up or down; with one writer, each counter is one row."""
    counter = f"store = {row}.store AND state = {row}.state AND attention = ({row}.attention IS NOT NULL)"
    return (
        f"UPDATE order_counts SET n = n + {change} WHERE {row}.state <> 'sending' AND {counter};"  # noqa: S608
        f" INSERT INTO order_counts (store, state, attention, n)"
        f" SELECT {row}.store, {row}.state, {row}.attention IS NOT NULL, {change}"
        f" WHERE {row}.state <> 'sending' AND NOT EXISTS (SELECT 1 FROM order_counts WHERE {counter});"
    )


SQLITE = (
    "CREATE TRIGGER count_new_orders AFTER INSERT ON orders"
    f" WHEN NEW.state <> 'sending' BEGIN {_sqlite_change('NEW', 1)} END",
    "CREATE TRIGGER count_moved_orders AFTER UPDATE OF state, store, attention ON orders"
    " WHEN OLD.state <> NEW.state OR OLD.store <> NEW.store OR (OLD.attention IS NULL) <> (NEW.attention IS NULL)"
    f" BEGIN {_sqlite_change('OLD', -1)} {_sqlite_change('NEW', 1)} END",
    "CREATE TRIGGER count_gone_orders AFTER DELETE ON orders"
    f" WHEN OLD.state <> 'sending' BEGIN {_sqlite_change('OLD', -1)} END",
)
SQLITE_BACK = ("DROP TRIGGER count_new_orders", "DROP TRIGGER count_moved_orders", "DROP TRIGGER count_gone_orders")

FILL = """
    INSERT INTO order_counts (store, state, attention, n)
    SELECT store, state, attention IS NOT NULL, count(*) FROM orders WHERE state <> 'sending'
    GROUP BY store, state, attention IS NOT NULL
"""


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "order_counts",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attention", sa.Boolean(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_counts")),
    )
    op.create_index("ix_order_counts_of", "order_counts", ["store", "state", "attention"])
    # the triggers come first: on PostgreSQL they lock the orders against writes until the commit
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)
    op.execute(FILL)

    op.drop_index("ix_orders_state", "orders")
    op.create_index("ix_orders_state", "orders", ["store", "state", "id"])
    op.drop_index("ix_orders_updated_at", "orders")
    op.create_index("ix_orders_updated_at", "orders", ["store", "state", "updated_at", "id"])
    op.drop_index("ix_orders_attention", "orders")
    _flagged("ix_orders_attention", ["store", "state", "id"])
    _flagged("ix_orders_attention_updated_at", ["store", "state", "updated_at", "id"])
    op.create_index("ix_deliveries_kind", "deliveries", ["store", "topic", "verdict", "id"])
    for column in ("woo_product_id", "woo_variation_id", "sku", "panelr_product_id", "updated_at"):
        op.create_index(f"ix_product_mappings_{column}", "product_mappings", [column, "id"])


def _flagged(name: str, columns: list[str]) -> None:
    op.create_index(name, "orders", columns, postgresql_where=FLAGGED, sqlite_where=FLAGGED)


def downgrade() -> None:
    """Revert the migration."""
    for column in ("woo_product_id", "woo_variation_id", "sku", "panelr_product_id", "updated_at"):
        op.drop_index(f"ix_product_mappings_{column}", "product_mappings")
    op.drop_index("ix_deliveries_kind", "deliveries")
    op.drop_index("ix_orders_attention_updated_at", "orders")
    op.drop_index("ix_orders_attention", "orders")
    _flagged("ix_orders_attention", ["id"])
    op.drop_index("ix_orders_updated_at", "orders")
    op.create_index("ix_orders_updated_at", "orders", ["updated_at"])
    op.drop_index("ix_orders_state", "orders")
    op.create_index("ix_orders_state", "orders", ["state", "id"])
    for statement in POSTGRESQL_BACK if op.get_bind().dialect.name == "postgresql" else SQLITE_BACK:
        op.execute(statement)
    op.drop_index("ix_order_counts_of", "order_counts")
    op.drop_table("order_counts")
