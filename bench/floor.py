"""The floor: the minimum cost of the same work, on the same server, driver, client and durability.

`python -m bench.floor PORT DATABASE PANELR` verifies the signature, parses the order, commits it with the body, makes
one call to Panelr, commits the result, and answers. It has no rate limit, no lease and no retry; an error between its
two transactions loses the order.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import httpx
import uvicorn
from sqlalchemy import make_url

from bench.orders import SECRET
from bench.panelr import PanelrProcess
from bench.processes import ServerProcess, run_process
from panelr_bridge.panelr.http_transport import HttpTransport, body_of
from tests.support.ports import free_port

TABLE = "CREATE TABLE orders (woo_order_id BIGINT PRIMARY KEY, state TEXT NOT NULL, body {bytes} NOT NULL, answer TEXT)"
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@contextlib.asynccontextmanager
async def open_caller(base_url: str, timeout_seconds: float) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
    """Yield a function that posts a body for create_work_order with the bridge's HTTP client and returns the answer."""
    transport = HttpTransport(connections=512, connect_seconds=10, idle_seconds=2, largest_response=1_000_000)
    address = httpx.URL(f"{base_url}/api/api.php?action=create_work_order")
    headers = {
        "Host": address.netloc.decode(),
        "X-Panelr-API-Key": "key-of-the-benchmark",
        "Accept": "application/json",
        "User-Agent": "floor",
        "Content-Type": "application/json",
    }

    async def call(body: bytes) -> bytes:
        async with asyncio.timeout(timeout_seconds):
            request_headers = headers | {"Content-Length": str(len(body))}
            request = httpx.Request("POST", address, headers=request_headers, stream=httpx.ByteStream(body))
            answer = await transport.handle_async_request(request)
        return body_of(answer.raise_for_status())

    async with transport:
        yield call


class FloorStore(Protocol):
    """Storage of the floor. Each method runs one statement and commits it to disk."""

    async def insert(self, number: int, body: bytes) -> None:
        """Store an order."""

    async def update(self, number: int, answer: str) -> None:
        """Store Panelr's answer."""


class SqliteStore:
    """One file and one writer thread, with the bridge's settings."""

    def __init__(self, url: str) -> None:
        path = make_url(url).database or ""
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(TABLE.format(bytes="BLOB"))
        self._writer = ThreadPoolExecutor(1)

    async def insert(self, number: int, body: bytes) -> None:
        """Store an order."""
        await self._run("INSERT INTO orders (woo_order_id, state, body) VALUES (?, 'sending', ?)", (number, body))

    async def update(self, number: int, answer: str) -> None:
        """Store Panelr's answer."""
        await self._run("UPDATE orders SET state = 'created', answer = ? WHERE woo_order_id = ?", (answer, number))

    async def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._connection.execute, statement, values)


class PostgresStore:
    """A pool of the bridge's size. Autocommit saves the round trips of BEGIN and COMMIT."""

    def __init__(self, pool: "asyncpg.Pool[Any]") -> None:
        self._pool = pool

    async def insert(self, number: int, body: bytes) -> None:
        """Store an order."""
        await self._pool.execute(
            "INSERT INTO orders (woo_order_id, state, body) VALUES ($1, 'sending', $2)", number, body
        )

    async def update(self, number: int, answer: str) -> None:
        """Store Panelr's answer."""
        await self._pool.execute(
            "UPDATE orders SET state = 'created', answer = $1 WHERE woo_order_id = $2", answer, number
        )


@contextlib.asynccontextmanager
async def open_store(url: str) -> AsyncIterator[FloorStore]:
    """Open the database at `url` with its one table."""
    if url.startswith("sqlite"):
        yield SqliteStore(url)
        return
    async with asyncpg.create_pool(url, min_size=1, max_size=20, reset=_skip_reset) as pool:
        await pool.execute(TABLE.format(bytes="BYTEA"))
        yield PostgresStore(pool)


async def _skip_reset(_connection: object) -> None:
    """Skip the reset of a returned connection; asyncpg's default sends a query each time."""


class FloorApp:
    """A plain ASGI application."""

    def __init__(self, database_url: str, panelr_url: str) -> None:
        self._database_url, self._panelr_url = database_url, panelr_url
        self._store: FloorStore
        self._call: Callable[[bytes], Awaitable[bytes]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = await _read_body(receive)
        signature_header = dict(scope["headers"]).get(b"x-wc-webhook-signature", b"")
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256))
        if not hmac.compare_digest(signature_header, signature):
            await _send_json(send, 401, {"state": "refused"})
            return
        order = json.loads(body)
        await self._store.insert(order["id"], body)
        answer = json.loads(await self._call(_build_request(order)))["data"]
        await self._store.update(order["id"], answer["reference_code"])
        await _send_json(
            send, 200, {"order_id": order["id"], "state": "created", "work_order_id": answer["work_order_id"]}
        )

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with open_store(self._database_url) as self._store, open_caller(self._panelr_url, 25) as self._call:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


def _build_request(order: dict[str, Any]) -> bytes:
    """Return the request to Panelr for `order`, as large as the bridge's."""
    billing = order["billing"]
    content = {
        "customer_email": billing["email"],
        "customer_name": f"{billing['first_name']} {billing['last_name']}",
        "customer_phone": billing["phone"],
        "status": "payment_submitted",
        "wc_order_id": str(order["id"]),
        "source": "woocommerce",
        "items": [
            {"product_id": line["product_id"], "intent": "new_activation", "qty": line["quantity"]}
            for line in order["line_items"]
        ],
    }
    return json.dumps(content).encode()


async def _send_json(send: Send, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def run_floor(folder: Path, database_url: str, panelr: PanelrProcess) -> Iterator[ServerProcess]:
    """Run the floor as a process until the end of the block."""
    port = free_port()
    arguments = (str(port), database_url, panelr.process.url)
    with run_process("floor", "bench.floor", *arguments, folder=folder, port=port) as process:
        yield process


if __name__ == "__main__":
    uvicorn.run(
        FloorApp(sys.argv[2], sys.argv[3]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )
