"""On PostgreSQL, one trigger both enforces the rules of an order's row and counts it.

PostgreSQL parses a check, and a trigger's WHEN, for each statement that writes the table, but a function once for a
connection. SQLite parses them once with the table.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATES = "'ignored', 'waiting', 'held', 'queued', 'sending', 'unconfirmed', 'created', 'refused', 'closed'"


def _rules(row: str = "") -> dict[str, str]:
    """Return the rules of every order by the names of their former checks; `row` prefixes the columns."""
    nothing = f"({row}owes IS NULL)"
    return {
        "ck_orders_state": f"{row}state IN ({STATES})",
        "ck_orders_created_has_result": (
            f"{row}state <> 'created' OR {row}reference_code IS NOT NULL OR {row}work_order_id IS NOT NULL"
        ),
        "ck_orders_result_means_created": (
            f"{row}state = 'created' OR ({row}reference_code IS NULL AND {row}work_order_id IS NULL)"
        ),
        "ck_orders_owes": (
            f"CASE {row}owes WHEN 'create_work_order' THEN"
            f" {row}state = CASE WHEN {row}call_until IS NULL THEN 'queued' ELSE 'sending' END"
            f" WHEN 'look_up' THEN {row}state = 'unconfirmed'"
            f" ELSE {nothing} AND {row}state NOT IN ('queued', 'sending') END"
            f" AND {nothing} = ({row}next_attempt_at IS NULL) AND {nothing} = ({row}owes_since IS NULL)"
            f" AND {nothing} = ({row}tries IS NULL) AND ({row}owes IS NOT NULL OR {row}call_until IS NULL)"
        ),
    }


BROKEN = "\n".join(f"        WHEN NOT ({rule}) THEN '{name}'" for name, rule in _rules("NEW.").items())
MOVED = "OLD.state <> NEW.state OR OLD.store <> NEW.store OR (OLD.attention IS NULL) <> (NEW.attention IS NULL)"
# Calls the function of migration 0003; orders in `sending` are not counted
COUNT = """
    IF {row}.state <> 'sending' THEN
        PERFORM count_order({row}.store, {row}.state, {row}.attention IS NOT NULL, {change});
    END IF;
"""
LEFT = COUNT.format(row="OLD", change=-1)
COME_AND_END = COUNT.format(row="NEW", change=1) + "    RETURN NULL;\nEND $$"
FUNCTION = f"""
CREATE FUNCTION order_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text := CASE
{BROKEN}
    END;
BEGIN
    IF broken IS NOT NULL THEN
        RAISE check_violation USING TABLE = 'orders', CONSTRAINT = broken,
            MESSAGE = format('order %s of store "%s" contradicts itself: "%s"', NEW.woo_order_id, NEW.store, broken);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NOT ({MOVED}) THEN
            RETURN NULL;
        END IF;
        {LEFT}
    END IF;
    {COME_AND_END}
"""
TRIGGER = "CREATE TRIGGER order_written AFTER INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION order_written()"
# As in migration 0003
FUNCTION_BEFORE = f"""
CREATE FUNCTION count_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        {LEFT}
    END IF;
    {COME_AND_END}
"""
TRIGGERS_BEFORE = {
    "count_new_orders": "AFTER INSERT ON orders FOR EACH ROW WHEN (NEW.state <> 'sending')",
    "count_moved_orders": f"AFTER UPDATE ON orders FOR EACH ROW WHEN ({MOVED})",
}


def upgrade() -> None:
    """Apply the migration."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for name in TRIGGERS_BEFORE:  # this locks the orders against reads and writes until the commit
        op.execute(f"DROP TRIGGER {name} ON orders")
    op.execute("DROP FUNCTION count_orders()")
    op.execute(FUNCTION)
    op.execute(TRIGGER)
    for name in _rules():
        op.execute(f"ALTER TABLE orders DROP CONSTRAINT {name}")


def downgrade() -> None:
    """Revert the migration."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute("DROP TRIGGER order_written ON orders")
    op.execute("DROP FUNCTION order_written()")
    op.execute(FUNCTION_BEFORE)
    for name, when in TRIGGERS_BEFORE.items():
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION count_orders()")
    for name, rule in _rules().items():
        op.execute(f"ALTER TABLE orders ADD CONSTRAINT {name} CHECK ({rule})")
