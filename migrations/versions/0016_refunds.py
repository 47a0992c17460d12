"""Store what the shop's API shows of an order's refunds, and allow the follow-up that asks for it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BEFORE = ("payment", "instructions", "lines", "write_back", "status", "relation", "activations")
KINDS = (*BEFORE, "refunds")


def upgrade() -> None:
    """Apply the migration."""
    op.add_column("orders", sa.Column("shop_refunds", sa.JSON(), nullable=True))
    _allow_kinds(KINDS)


def downgrade() -> None:
    """Revert the migration."""
    op.execute("DELETE FROM follow_ups WHERE kind = 'refunds'")
    _allow_kinds(BEFORE)
    op.drop_column("orders", "shop_refunds")


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    """Replace the check of the follow-ups' kinds."""
    words = ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("follow_ups") as follow_ups:
        follow_ups.drop_constraint(op.f("ck_follow_ups_kind"), type_="check")
        follow_ups.create_check_constraint(op.f("ck_follow_ups_kind"), f"kind IN ({words})")
