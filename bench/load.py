"""The load generator: a process that delivers orders over raw sockets, as fast as possible or at fixed times.

`python -m bench.load '{"ports": [8080], ...}'` prints a JSON report; `run_load` starts it and returns the report. All
requests are built and signed before the clock starts, and the answers are parsed after it stops.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any, cast

import uvloop

from bench import orders
from bench.processes import ROOT, clean_environment, machine_seconds

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
PATIENCE = 60.0
"""Time limit for an answer. The bridge answers within its budget of 10 s."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """Deliver orders `first`, `first + 1`, ... to `ports` in turn, `concurrency` at a time.

    The load ends after `count` orders, or after `seconds`. `close` opens a new connection for each order, as
    WooCommerce does. `paced` spreads all orders evenly over `seconds`: each is sent at its due time on its own
    connection, even if earlier ones are not answered.
    """

    ports: list[int]
    first: int
    count: int
    seconds: float
    concurrency: int
    close: bool = True
    paced: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """One delivery: the HTTP status (0 without an answer), the order's state, its start and its duration."""

    number: int
    status: int
    state: str
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The result of a load; `seconds` is the time from the first request to the last answer.

    In that time the load generator used `cpu_seconds`, and the whole machine `machine_seconds`.
    """

    answers: list[DeliveryResult]
    seconds: float
    cpu_seconds: float
    machine_seconds: float


def run_load(load: LoadSettings) -> LoadReport:
    """Run the load generator as a process and return its report."""
    done = subprocess.run(  # noqa: S603  this interpreter, this module
        [sys.executable, "-m", "bench.load", json.dumps(asdict(load))],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        timeout=load.seconds + 2 * PATIENCE,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the load generator failed:\n{done.stderr.decode(errors='replace')}")
    content = json.loads(done.stdout)
    return LoadReport(**content | {"answers": [DeliveryResult(*each) for each in content["answers"]]})


class LoadConnection(asyncio.Protocol):
    """One connection to a server, for one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self.transport = cast("asyncio.Transport", transport)

    async def exchange(self, request: bytes) -> bytes:
        """Send `request` and return the whole answer. Raises ConnectionError and TimeoutError."""
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(PATIENCE):
            return await self._answer

    def data_received(self, data: bytes) -> None:
        """Collect the answer."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None or self._answer.done():
            return
        found = _LENGTH.search(self._received, 0, end)
        if found is not None and len(self._received) >= end + 4 + int(found[1]):
            self._answer.set_result(self._received)

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail the pending request."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed without an answer"))


class LoadGenerator:
    """Delivers the orders of one load."""

    def __init__(self, load: LoadSettings) -> None:
        self._load = load
        numbers = range(load.first, load.first + load.count)
        self._queue = iter([(number, orders.build_request(number, close=load.close)) for number in numbers])
        self._ports = cycle(load.ports)
        self._until = 0.0
        self.raw: list[tuple[int, bytes, float, float]] = []

    async def run(self) -> dict[str, Any]:
        """Deliver the orders and return the report."""
        started, cpu, machine = time.perf_counter(), time.process_time(), machine_seconds()
        self._until = started + self._load.seconds
        if self._load.paced:
            await self._at_their_moments(started)
        else:
            await asyncio.gather(*(self._customer() for _ in range(self._load.concurrency)))
        seconds, cpu, machine = time.perf_counter() - started, time.process_time() - cpu, machine_seconds() - machine
        answers = [
            (number, *_parse_answer(raw), start - started, end - start) for number, raw, start, end in self.raw
        ]  # fmt: skip
        return {"answers": answers, "seconds": seconds, "cpu_seconds": cpu, "machine_seconds": machine}

    async def _customer(self) -> None:
        """Deliver one order after another to the same server."""
        port = next(self._ports)
        connection: LoadConnection | None = None
        for number, request in self._queue:
            if time.perf_counter() >= self._until:
                break
            connection = await self._deliver(connection, port, number, request)

    async def _at_their_moments(self, started: float) -> None:
        """Deliver every order at its due time."""
        step = self._load.seconds / self._load.count

        async def one(due: float, number: int, request: bytes) -> None:
            await asyncio.sleep(due - time.perf_counter())
            await self._deliver(None, next(self._ports), number, request)

        await asyncio.gather(*(one(started + place * step, *each) for place, each in enumerate(self._queue)))

    async def _deliver(
        self, connection: LoadConnection | None, port: int, number: int, request: bytes
    ) -> LoadConnection | None:
        """Deliver an order on `connection`, or on a new one; return the connection if it can be reused."""
        start, raw = time.perf_counter(), b""
        try:
            if connection is None:
                connection = await self._connect(port)
            raw = await connection.exchange(request)
        except (OSError, TimeoutError):
            raw = b""
        self.raw.append((number, raw, start, time.perf_counter()))
        if connection is not None and (self._load.close or not raw):
            connection.transport.close()
            return None
        return connection

    async def _connect(self, port: int) -> LoadConnection:
        _, connection = await asyncio.get_running_loop().create_connection(LoadConnection, "127.0.0.1", port)
        return connection


def _parse_answer(raw: bytes) -> tuple[int, str]:
    """Return the status and the order's state of an answer; 0 without an answer."""
    if not raw:
        return 0, ""
    head, _, body = raw.partition(b"\r\n\r\n")
    try:
        state = json.loads(body)["state"]
    except (ValueError, KeyError, TypeError):
        state = ""
    return int(head.split(b" ", 2)[1]), str(state)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(LoadGenerator(LoadSettings(**json.loads(sys.argv[1]))).run())))
