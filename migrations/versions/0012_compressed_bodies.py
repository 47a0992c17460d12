"""Store new deliveries' bodies as zstd frames; the existing ones stay as they are.

An existing body that only looks like a frame is compressed here, so that whatever looks like a frame is one.
"""

import sys
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

FRAME = b"\x28\xb5\x2f\xfd"  # the magic number of a frame, with which no JSON begins
UNDERSTOOD_BY_NOBODY = ("other_topic", "woocommerce_error", "unreadable", "failed")
AT_ONCE = 500
DELIVERIES = sa.table(
    "deliveries", sa.column("id", sa.BigInteger), sa.column("body", sa.LargeBinary), sa.column("verdict", sa.Text)
)
LOOKS_PACKED = sa.func.substr(DELIVERIES.c.body, 1, len(FRAME)) == sa.bindparam("frame", FRAME, sa.LargeBinary)
CHANGE = (
    sa.update(DELIVERIES)
    .where(DELIVERIES.c.id == sa.bindparam("of"))
    .values(body=sa.bindparam("as_it_is_kept", type_=sa.LargeBinary))
)


def upgrade() -> None:
    """Apply the migration."""
    _each(LOOKS_PACKED & DELIVERIES.c.verdict.in_(UNDERSTOOD_BY_NOBODY), zstd.compress)
    _on_postgresql(
        "ALTER TABLE deliveries ALTER body SET STORAGE EXTERNAL"
    )  # PostgreSQL need not try to compress a frame


def downgrade() -> None:
    """Revert the migration."""
    _each(LOOKS_PACKED, zstd.decompress)
    _on_postgresql("ALTER TABLE deliveries ALTER body SET STORAGE EXTENDED")


def _each(which: "sa.ColumnElement[bool]", change: Callable[[bytes], bytes]) -> None:
    """Change the bodies of those deliveries in batches, to bound the memory."""
    connection, last = op.get_bind(), 0
    some = sa.select(DELIVERIES.c.id, DELIVERIES.c.body).where(which).order_by(DELIVERIES.c.id).limit(AT_ONCE)
    while found := connection.execute(some.where(DELIVERIES.c.id > last)).all():
        connection.execute(CHANGE, [{"of": row.id, "as_it_is_kept": change(row.body)} for row in found])
        last = found[-1].id


def _on_postgresql(statement: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(statement)
