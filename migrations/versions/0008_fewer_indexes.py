"""Fewer index writes for an order: no index on a slot's use, none for orders in `sending`, none for nulls."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# By name: the columns, and the condition of the partial index
INDEXES = {
    "ix_orders_work_order_id": (["work_order_id"], "work_order_id IS NOT NULL"),
    "ix_orders_reference_code": (["reference_code"], "reference_code IS NOT NULL"),
    "ix_orders_sending": (["store", "id"], "state = 'sending'"),
    "ix_orders_state": (["store", "state", "id"], "state <> 'sending'"),
    "ix_orders_updated_at": (["store", "state", "updated_at", "id"], "state <> 'sending'"),
}
NEW = "ix_orders_sending"


def upgrade() -> None:
    """Apply the migration."""
    for name, (columns, where) in INDEXES.items():
        if name != NEW:
            op.drop_index(name, "orders")
        op.create_index(name, "orders", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    op.drop_index("ix_rate_slots_used_at", "rate_slots")
    _on_postgresql("ALTER TABLE rate_slots SET (fillfactor = 50)")  # free space in each page for updates in place (HOT)


def downgrade() -> None:
    """Revert the migration."""
    _on_postgresql("ALTER TABLE rate_slots RESET (fillfactor)")
    op.create_index("ix_rate_slots_used_at", "rate_slots", ["name", "used_at", "slot"])
    for name, (columns, _) in INDEXES.items():
        op.drop_index(name, "orders")
        if name != NEW:
            op.create_index(name, "orders", columns)


def _on_postgresql(statement: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(statement)
