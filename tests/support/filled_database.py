"""Databases with thousands of orders, which the database itself generates.

The columns are those that the bridge writes. The bodies of finished orders are small: only their number matters.
"""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, text

from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.database import Database
from panelr_bridge.store.tables import Columns
from tests.support.bridge_kit import order

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# The states of a thousand orders; the others are created. As in a shop, the other states are rare.
_STATE = (
    "CASE WHEN i % 1000 < 40 THEN 'ignored' WHEN i % 1000 < 55 THEN 'waiting' WHEN i % 1000 < 60 THEN 'closed'"
    " WHEN i % 1000 < 64 THEN 'held' WHEN i % 1000 < 66 THEN 'refused' ELSE 'created' END"
)
_WORDS = {
    "postgresql": {
        "numbers": "SELECT i FROM generate_series(CAST(:first AS bigint), :last) AS g (i)",
        "body": "convert_to(replace(:body, '@ID@', CAST(i AS text)), 'UTF8')",
        "sha": "decode(md5(:kind || i), 'hex')",
        "moment": "CAST(:began AS timestamptz) + i * interval '0.1 second'",
        "json": "CAST('{}' AS json)",
        "true": "TRUE",
    },
    "sqlite": {
        "numbers": "SELECT value AS i FROM generated",
        "body": "CAST(replace(:body, '@ID@', i) AS BLOB)",
        "sha": "CAST(:kind || i AS BLOB)",
        "moment": "strftime('%Y-%m-%d %H:%M:%f000', :began, '+' || (i * 0.1) || ' seconds')",
        "json": "'{}'",
        "true": "1",
    },
}
_GENERATED = (
    "WITH RECURSIVE generated (value) AS (SELECT :first UNION ALL SELECT value + 1 FROM generated WHERE value < :last) "
)
_DELIVERIES = (
    "INSERT INTO deliveries (id, store, topic, body, body_sha256, headers, verdict, woo_order_id, times, repeated,"
    " received_at, last_received_at, unresolved_since)"
    " SELECT i, {store}, CASE WHEN i % 3 = 0 THEN 'order.created' ELSE 'order.updated' END, {body}, {sha}, {empty},"
    " CASE WHEN i % 5000 = 7 THEN 'woocommerce_error' WHEN i % 1000 = 11 THEN 'failed'"
    " WHEN i % 100 = 9 THEN 'other_topic' ELSE 'order' END,"
    " i, 1, NOT {true}, {moment}, {moment}, CASE WHEN i % 5000 = 7 OR i % 1000 = 11 THEN {moment} END"
    " FROM ({numbers}) AS n"
)
_ORDERS = (
    "INSERT INTO orders (id, store, woo_order_id, woo_order_number, woo_order_key, woo_status, woo_total, woo_currency,"
    " woo_modified_at, delivery_id, snapshot_sha256, sent_delivery_id, state, reasons, attention, request,"
    " first_sent_at, likeness, work_order_id, reference_code, confirmation_token, panelr_status, adopted, attempts,"
    " awaits_mapping, mapping_revision, created_at, updated_at, follow_at, owes, owes_since, tries, next_attempt_at)"
    " SELECT i, store, i, CAST(i AS text), {key}, 'processing', {total}, 'USD', moment, i, {sha}, i, state, {list},"
    " CASE WHEN state = 'created' AND i % 100 = 77 THEN {list} END,"
    " :request, CASE WHEN state IN ('created', 'sending', 'unconfirmed') THEN moment END, 'likeness ' || i,"
    " CASE WHEN state = 'created' THEN i END, CASE WHEN state = 'created' THEN 'WO-2026-' || i END,"
    " CASE WHEN state = 'created' THEN 'token of order ' || i || ' as long as they are' END,"
    " CASE WHEN state = 'created' THEN 'pending_payment' END,"
    " NOT {true}, CASE WHEN state = 'created' THEN 1 ELSE 0 END, state IN ('ignored', 'held'), 1, moment, moment,"
    " CASE WHEN i % 1000 = 501 THEN moment END, owes, CASE WHEN owes IS NOT NULL THEN moment END,"
    " CASE WHEN owes IS NOT NULL THEN 0 END, CASE WHEN owes IS NOT NULL THEN moment END"
    " FROM (SELECT i, {owes} AS owes,"
    " {store} AS store, {state} AS state, {moment} AS moment FROM ({numbers}) AS n) AS o"
)
_ATTEMPTS = (
    "INSERT INTO attempts (order_id, action, number, outcome, status, milliseconds, words, started_at, recorded_at)"
    " SELECT i, 'create_work_order', 1, 'done', 200, 80, 'created', {moment}, {moment} FROM ({numbers}) AS n"
)
# Nearly all follow-ups are done.
_FOLLOW_UPS = (
    "INSERT INTO follow_ups (store, order_id, kind, due_at, attempt, told, owed_since, done_at)"
    " SELECT store, id, 'status', CASE WHEN id % 1000 = 500 THEN updated_at END, 0, {empty}, updated_at,"
    " CASE WHEN id % 1000 <> 500 THEN updated_at END FROM orders"
    " WHERE id BETWEEN :first AND :last AND state = 'created'"
)
# Each order begins a subscription, and has brought a line.
_SUBSCRIPTIONS = (
    "INSERT INTO subscription_orders (store, subscription_id, woo_order_id, kind)"
    " SELECT {store}, i, i, 'first' FROM ({numbers}) AS n"
)
_ACTIVATIONS = (
    "INSERT INTO activations (order_id, activation_id, panelr_product_id) SELECT i, i, 3 FROM ({numbers}) AS n"
)
_FILL_COUNTS = (
    "INSERT INTO order_counts (store, state, attention, n) SELECT store, state, attention IS NOT NULL, count(*)"
    " FROM orders WHERE state <> 'sending' AND id BETWEEN :first AND :last GROUP BY store, state, attention IS NOT NULL"
)


REQUEST = (
    '{"customer_email":"anna@example.com","customer_name":"Anna","status":"pending_payment","wc_order_id":"20",'
    '"source":"woocommerce","items":[{"product_id":3,"qty":1,"intent":"new_activation"}]}'
)


def add_orders(connection: Connection, first: int, last: int, *, owing: str | None = None) -> None:
    """Write the orders `first` to `last`, each with its delivery: finished ones, or orders that owe `owing`."""
    words = dict(_WORDS[connection.dialect.name])
    postgresql = connection.dialect.name == "postgresql"
    state = {None: _STATE, "create_work_order": "'queued'", "look_up": "'unconfirmed'"}[owing]
    words |= {
        "store": "CASE WHEN i % 20 = 3 THEN 'eu' ELSE 'default' END" if owing is None else "'default'",
        "state": state,
        "owes": f"'{owing}'" if owing else "NULL",
        "empty": words["json"],
        "key": f"'{order()['order_key']}'",
        "list": "CAST('[]' AS json)" if postgresql else "'[]'",
        "total": "58.45" if postgresql else "'58.45'",
    }
    values: Columns = {
        "first": first,
        "last": last,
        "kind": owing or "finished",
        "body": '{"id": @ID@}' if owing is None else snapshot_text(),
        "request": REQUEST,
        "began": NOW - timedelta(seconds=last / 10),
    }
    if postgresql:  # the triggers would change one counter a million times in one transaction
        connection.execute(text("ALTER TABLE orders DISABLE TRIGGER USER"))
    finished = (_ATTEMPTS, _FOLLOW_UPS, _SUBSCRIPTIONS, _ACTIVATIONS) if owing is None else ()
    for statement in (_DELIVERIES, _ORDERS, *finished):
        _run(connection, statement.format(**words), values)
    if postgresql:
        _run(connection, _FILL_COUNTS, values)
        connection.execute(text("ALTER TABLE orders ENABLE TRIGGER USER"))
        for table in ("deliveries", "orders", "attempts", "follow_ups"):
            connection.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))  # noqa: S608


async def analyze(opened: Database) -> None:
    """Update the statistics, as PostgreSQL's autovacuum does in time and SQLite never does."""
    if opened.dialect == "sqlite":
        await opened.write(lambda connection: connection.execute(text("ANALYZE")))
        return
    engine = opened._engine  # type: ignore[attr-defined]
    async with engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text("VACUUM ANALYZE"))


def add_mappings(connection: Connection, first: int, last: int) -> None:
    """Write the product mappings `first` to `last`, by SKU."""
    words = _WORDS[connection.dialect.name]
    statement = (
        "INSERT INTO product_mappings (store, key, sku, panelr_product_id, intent, quantity, created_at, updated_at)"
        " SELECT 'default', 'sku:sku-' || i, 'SKU-' || i, i % 4 + 1, 'new_activation', 1, {moment}, {moment}"
        " FROM ({numbers}) AS n"
    )
    _run(connection, statement.format(**words), {"first": first, "last": last, "began": NOW})


def snapshot_text() -> str:
    """Return the body of an order with a placeholder for its id."""
    return json.dumps(order(id="@ID@", number="@ID@")).replace('"@ID@"', "@ID@", 1)


def _run(connection: Connection, statement: str, values: Columns) -> None:
    if connection.dialect.name == "sqlite" and "generated" in statement:
        statement = statement.replace("SELECT", _GENERATED + "SELECT", 1)
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    clause = text(statement)
    connection.execute(clause.bindparams(bindparam("began", type_=UtcDateTime)) if "began" in used else clause, used)
