"""Give product mappings conditions on the meta of an order's line, which are part of their identity."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = "product_mappings"
BEFORE = ("uq_product_mappings_store_key_panelr_product_id_intent", ["store", "key", "panelr_product_id", "intent"])
AFTER = ("uq_product_mappings_identity", ["store", "key", "conditions", "panelr_product_id", "intent"])
NOTHING = "uq_product_mappings_nothing"
SORTED = ("woo_product_id", "woo_variation_id", "sku", "panelr_product_id", "updated_at")


def upgrade() -> None:
    """Apply the migration."""
    _drop_indexes()
    with op.batch_alter_table(TABLE) as table:
        table.add_column(sa.Column("conditions", sa.Text(), server_default="", nullable=False))
        table.drop_constraint(BEFORE[0], type_="unique")
        table.create_unique_constraint(*AFTER)
    _create_indexes(["store", "key", "conditions"])


def downgrade() -> None:
    """Revert the migration. Mappings with conditions are deleted: without these they would fit every line."""
    op.execute("DELETE FROM product_mappings WHERE conditions <> ''")
    _drop_indexes()
    with op.batch_alter_table(TABLE) as table:
        table.drop_constraint(AFTER[0], type_="unique")
        table.create_unique_constraint(*BEFORE)
        table.drop_column("conditions")
    _create_indexes(["store", "key"])


def _drop_indexes() -> None:
    """Drop the indexes, because SQLite's copy of the table would have them in any order: it counts by the last one."""
    for name in (NOTHING, *map(_index_name, SORTED)):
        op.drop_index(name, TABLE)


def _create_indexes(nothing: list[str]) -> None:
    is_nothing = sa.text("panelr_product_id IS NULL")
    op.create_index(NOTHING, TABLE, nothing, unique=True, postgresql_where=is_nothing, sqlite_where=is_nothing)
    for column in SORTED:
        op.create_index(_index_name(column), TABLE, [column, "id"])


def _index_name(column: str) -> str:
    return f"ix_product_mappings_{column}"
