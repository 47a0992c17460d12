"""Key the outbox by the order's id, which saves two indexes. On SQLite, count orders in fewer steps."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
COLUMNS = "store, order_id, action, attempt, empty_since, next_attempt_at, lease_until, slot, owed_since"
NOT_TAKEN = "lease_until IS NULL"
# As in migration 0003
AUTOVACUUM = (
    "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
    " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000)"
)
MOVED = "(OLD.state <> NEW.state OR OLD.store <> NEW.store OR (OLD.attention IS NULL) <> (NEW.attention IS NULL))"


def _trigger(name: str, when: str, *counts: str) -> str:
    return (
        f"CREATE TRIGGER count_{name}_orders AFTER UPDATE OF state, store, attention ON orders"
        f" WHEN {when} BEGIN {' '.join(counts)} END"
    )


def _count(row: str, change: int, *, before: bool = False) -> str:
    """Return the SQL that counts `row` (OLD or NEW) up or down; with one writer, each counter is one row.

    `before` returns the SQL as of migration 0003: it checked the state in each statement, and looked the counter up
    again to see whether it exists.
    """
    counter = f"store = {row}.store AND state = {row}.state AND attention = ({row}.attention IS NOT NULL)"
    counted = f"{row}.state <> 'sending' AND " if before else ""
    missing = f"{counted}NOT EXISTS (SELECT 1 FROM order_counts WHERE {counter})" if before else "changes() = 0"  # noqa: S608
    return (
        f"UPDATE order_counts SET n = n + {change} WHERE {counted}{counter};"  # noqa: S608
        f" INSERT INTO order_counts (store, state, attention, n)"
        f" SELECT {row}.store, {row}.state, {row}.attention IS NOT NULL, {change} WHERE {missing};"
    )


TRIGGERS = {
    "left": _trigger("left", f"OLD.state <> 'sending' AND {MOVED}", _count("OLD", -1)),
    "come": _trigger("come", f"NEW.state <> 'sending' AND {MOVED}", _count("NEW", 1)),
}
TRIGGER_BEFORE = _trigger("moved", MOVED, _count("OLD", -1, before=True), _count("NEW", 1, before=True))


def upgrade() -> None:
    """Apply the migration."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER count_moved_orders")
        for trigger in TRIGGERS.values():
            op.execute(trigger)
    _keep()
    _create(
        sa.Column("order_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_outbox")),
    )
    _index("ix_outbox_due", ["action", "next_attempt_at", "order_id"], NOT_TAKEN)
    _index("ix_outbox_look_ups", ["lease_until"], "lease_until IS NOT NULL AND action = 'look_up'")
    _bring_back()


def downgrade() -> None:
    """Revert the migration."""
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER count_{name}_orders")
        op.execute(TRIGGER_BEFORE)
    _keep()
    _create(
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("order_id", name=op.f("uq_outbox_order_id")),
    )
    _index("ix_outbox_due", ["action", "next_attempt_at", "id"], NOT_TAKEN)
    _index("ix_outbox_leases", ["lease_until"], "lease_until IS NOT NULL")
    _bring_back()


def _keep() -> None:
    """Copy the few rows to a temporary table and drop the outbox, which frees the names of its constraints.

    The previous version may still be running on PostgreSQL: the lock waits for its transactions, in the order in which
    they lock, and new ones wait for this. SQLite has one writer.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute("LOCK TABLE orders, outbox IN ACCESS EXCLUSIVE MODE")
    op.execute("CREATE TEMPORARY TABLE kept_outbox AS SELECT * FROM outbox")
    op.drop_table("outbox")


def _create(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "outbox",
        *(each for each in more if isinstance(each, sa.Column)),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("empty_since", MOMENT, nullable=True),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("owed_since", MOMENT, nullable=False),
        *(each for each in more if not isinstance(each, sa.Column)),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_outbox_order_id")),
        sa.CheckConstraint("action IN ('create_work_order', 'look_up')", name=op.f("ck_outbox_action")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(AUTOVACUUM)


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "outbox", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def _bring_back() -> None:
    op.execute(f"INSERT INTO outbox ({COLUMNS}) SELECT {COLUMNS} FROM kept_outbox ORDER BY order_id")  # noqa: S608
    op.execute("DROP TABLE kept_outbox")
