"""A delivery's body is stored compressed and read back unchanged."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.dialects import sqlite

from panelr_bridge.store import database, deliveries, migrate
from panelr_bridge.store.column_types import FRAME, ZstdBytes
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from tests.support.bridge_kit import capture, order
from tests.support.old_rows import add_delivery

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BODIES = [
    capture("005")[1],
    b"",
    b'{"id": 31}',
    b"\x00\xff" * 20_000,
    FRAME,
    FRAME + b" is how a frame begins, and this is none",
    bytes.fromhex("28b52ffd200529000068656c6c6f"),  # a zstd frame of "hello": these bytes were received
]


def delivery(body: bytes, verdict: str = "order") -> Delivery:
    return Delivery(store="default", topic="order.created", body=body, headers={}, verdict=verdict)


def kept(connection: Connection) -> list[bytes]:
    """Return the bytes in the table as they are."""
    return [bytes(body) for body in connection.execute(text("SELECT body FROM deliveries ORDER BY id")).scalars()]


def told(connection: Connection) -> list[bytes]:
    ids = connection.execute(text("SELECT id FROM deliveries ORDER BY id")).scalars().all()
    assert [deliveries.body(connection, each) for each in ids] == [_got(connection, each) for each in ids]
    return [deliveries.body(connection, each) for each in ids]


def _got(connection: Connection, delivery_id: int) -> bytes:
    row = deliveries.get(connection, delivery_id)
    assert row is not None
    assert row["body_sha256"] == hashlib.sha256(row["body"]).digest()
    return bytes(row["body"])


def numbered(many: int) -> list[bytes]:
    """Return so many different orders."""
    return [json.dumps(order(number=str(number), customer_note="x" * number)).encode() for number in range(many)]


async def test_every_body_comes_back_byte_for_byte(opened: Database) -> None:
    for body in BODIES:
        await opened.write(deliveries.add, delivery(body), now=NOW)
    assert await opened.read(told) == BODIES
    packed = await opened.read(kept)
    assert all(body.startswith(FRAME) for body in packed)
    assert len(packed[0]) < len(BODIES[0]) * 2 / 3


def test_threads_pack_at_the_same_time() -> None:
    pack = ZstdBytes().bind_processor(sqlite.dialect())
    unpack = ZstdBytes().process_result_value
    bodies = numbered(2_000)
    with ThreadPoolExecutor(8) as threads:
        packed = list(threads.map(pack, bodies))
    assert [unpack(each, sqlite.dialect()) for each in packed] == bodies


async def test_what_was_stored_before_is_read_as_it_is(empty_database_url: str) -> None:
    """The migration compresses a body that looks like a zstd frame; others stay. No order looks like one."""
    rows = [(BODIES[0], "order"), (BODIES[2], "deleted"), *((body, "unreadable") for body in BODIES[3:])]
    bodies = [body for body, _ in rows]
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade, "0011")
        await opened.write(_as_before, rows)
        await opened.write(migrate.upgrade)
        assert await opened.read(told) == bodies
        assert (await opened.read(kept))[:3] == bodies[:3]


async def test_the_version_before_finds_what_was_packed(empty_database_url: str) -> None:
    bodies = BODIES + numbered(1_100)  # more than one step of the migration changes
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade)
        await opened.write(lambda connection: [deliveries.add(connection, delivery(b), now=NOW) for b in bodies])
        await opened.write(migrate.downgrade, "0011")
        assert await opened.read(kept) == bodies
        await opened.write(migrate.upgrade)


def _as_before(connection: Connection, rows: list[tuple[bytes, str]]) -> None:
    for body, verdict in rows:
        add_delivery(connection, delivery(body, verdict), now=NOW)
