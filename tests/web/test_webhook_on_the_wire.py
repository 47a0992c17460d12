"""The server as a process of its own, with raw bytes over a socket."""

import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.bridge_kit import ADMIN_TOKEN, ORDERS_SINCE, PANELR_KEY, SECRET, order, sign
from tests.support.ports import free_port
from tests.torture.settle import never

LIMIT = 3 * 1024 * 1024
EU_SECRET = "secret-of-the-store-eu"
DOOR = "/webhooks/woocommerce"


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """Its output so far."""
        return (self.folder / "said").read_text()

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def exchange(self, *parts: bytes) -> bytes:
        """Send `parts` and return all that comes until the server closes."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return everything(connection)

    def delivery(self, order_id: int) -> dict[str, object]:
        """Return the one delivery of an order."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        url = f"{self.url}/api/v1/deliveries?woo_order_id={order_id}"
        (found,) = httpx.get(url, headers=headers, timeout=60, trust_env=False).json()["data"]
        assert isinstance(found, dict)
        return found


def everything(connection: socket.socket) -> bytes:
    """Read until the peer closes or resets the connection."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def environment(**changes: str) -> dict[str, str]:
    """Return an environment with which the bridge starts, with `changes`; an empty value unsets a setting."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    return clean | {
        "BRIDGE_WEBHOOK_SECRET": SECRET,
        "BRIDGE_ORDERS_SINCE": ORDERS_SINCE.isoformat(),
        "BRIDGE_STORES__EU__ORDERS_SINCE": ORDERS_SINCE.isoformat(),
        "BRIDGE_STORES__EU__WEBHOOK_SECRET": EU_SECRET,
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "BRIDGE_PANELR_URL": "http://127.0.0.1:9",
        "BRIDGE_PANELR_API_KEY": PANELR_KEY,
        "BRIDGE_DATABASE_URL": "sqlite:///bridge.db",
        "BRIDGE_MAX_BODY_BYTES": str(LIMIT),
        **changes,
    }


@contextlib.contextmanager
def serving(folder: Path, **changes: str) -> Iterator[Served]:
    """Run `serve` in `folder` until the context ends."""
    port = free_port()
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "panelr_bridge", "serve"],
            cwd=folder,
            env=environment(BRIDGE_PORT=str(port), **changes),
            stdout=said,
            stderr=said,
        )
    served = Served(process, port, folder)
    try:
        _wait_until_it_answers(served)
        yield served
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_it_answers(served: Served) -> None:
    end = time.monotonic() + 60
    while True:
        assert served.process.poll() is None, served.said
        assert time.monotonic() < end, served.said
        with contextlib.suppress(httpx.TransportError):
            if alive(served):
                return
        time.sleep(0.05)


def alive(served: Served) -> bool:
    """Return whether the server answers."""
    answer = httpx.get(f"{served.url}/healthz", timeout=60, trust_env=False)
    return bool(answer.json() == {"status": "alive"})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for this module's tests."""
    with serving(tmp_path_factory.mktemp("served")) as served:
        yield served


def posted(body: bytes, *headers: str, version: str = "1.1", path: str = DOOR, secret: str = SECRET) -> bytes:
    """Return the head of a signed delivery, in WooCommerce's order and letter case."""
    lines = [
        f"POST {path} HTTP/{version}",
        "Host: bridge.test",
        "User-Agent: WooCommerce/10.5.0 Hookshot (WordPress/6.9.7)",
        "Content-Type: application/json",
        "X-WC-Webhook-Topic: order.updated",
        f"X-WC-Webhook-Signature: {sign(body, secret)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def length(body: bytes) -> str:
    """Return the header with the length of `body`."""
    return f"Content-Length: {len(body)}"


def read(answer: bytes) -> tuple[int, dict[str, object]]:
    """Return the status and the JSON of an answer on the wire."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    content = json.loads(body)
    assert isinstance(content, dict)
    return status, content


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    ("path", "secret", "store"),
    [
        (DOOR, SECRET, "default"),
        (DOOR + "/", SECRET, "default"),
        (DOOR + "/eu", EU_SECRET, "eu"),
        (DOOR + "/eu/", EU_SECRET, "eu"),
    ],
)
def test_a_delivery_that_closes_its_connection(
    served: Served, version: str, path: str, secret: str, store: str
) -> None:
    order_id = 100 + 10 * len(path) + int(version[-1])
    body = json.dumps(order(id=order_id)).encode()
    head = posted(body, "Connection: close", length(body), version=version, path=path, secret=secret)
    status, content = read(served.exchange(head + body))
    assert (status, content["order_id"], content["state"]) == (200, order_id, "held")
    assert served.delivery(order_id)["store"] == store


def test_two_deliveries_on_one_connection(served: Served) -> None:
    first, second = (json.dumps(order(id=number)).encode() for number in (1, 2))
    answer = served.exchange(
        posted(first, length(first)) + first, posted(second, length(second), "Connection: close") + second
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b'"state":"held"') == 2


def test_two_deliveries_on_one_connection_are_distinguished_in_the_log(served: Served) -> None:
    """The second request waits in the connection and starts in the context of the first."""
    bodies = [json.dumps(order(id=number)).encode() for number in (11, 12)]
    heads = [posted(bodies[0], length(bodies[0])), posted(bodies[1], length(bodies[1]), "Connection: close")]
    answer = served.exchange(b"".join(head + body for head, body in zip(heads, bodies, strict=True)))
    lines = [json.loads(line) for line in served.said.splitlines() if line.startswith("{")]
    logged = [line["request_id"] for line in lines if line.get("woo_order_id") in {11, 12}]
    assert logged == re.findall(r"x-request-id: (\w{16})", answer.decode())
    assert len(set(logged)) == 2


def test_a_chunked_delivery(served: Served) -> None:
    body = json.dumps(order(id=3)).encode()
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:100], body[100:])]
    head = posted(body, "Transfer-Encoding: chunked", "Connection: close")
    status, content = read(served.exchange(head, *chunks, b"0\r\n\r\n"))
    assert (status, content["order_id"]) == (200, 3)


def test_a_large_body_that_waits_for_100_continue_gets_it(served: Served) -> None:
    body = json.dumps(order(id=4, customer_note="x" * 2_000_000)).encode()
    head = posted(body, "Connection: close", "Expect: 100-Continue", length(body))
    with served.connect() as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        status, content = read(everything(connection))
    assert (status, content["order_id"]) == (200, 4)


@pytest.mark.parametrize("expect", [(), ("Expect: 100-Continue",)])
@pytest.mark.parametrize("announced", [LIMIT + 1, 10**15, 10**18])
def test_a_body_that_announces_too_much_is_answered_without_being_awaited(
    served: Served, announced: int, expect: tuple[str, ...]
) -> None:
    head = posted(b"", "Connection: close", *expect, f"Content-Length: {announced}")
    status, content = read(served.exchange(head + (b"" if expect else b"{")))
    assert (status, content["status"]) == (413, 413)


def test_a_chunked_body_over_the_limit_is_answered_before_its_end(served: Served) -> None:
    head = posted(b"", "Connection: close", "Transfer-Encoding: chunked")
    with served.connect() as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(LIMIT // 65_536 + 1):
                connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        assert b" 413 " in everything(connection).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
        b"\x00" * 5000,
        b"GET\r\n\r\n",
        b"POST " + DOOR.encode() + b" HTTP/9.9\r\n\r\n",
        posted(b"", "Content-Length: -1"),
        posted(b"", "Content-Length: \xb2"),
        posted(b"", "Content-Length: 3", "Content-Length: 4"),
        posted(b"", "Transfer-Encoding: chunked") + b"zz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_garbage_is_turned_away(served: Served, garbage: bytes) -> None:
    answer = served.exchange(garbage)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert alive(served)


def test_a_slow_body_is_waited_for(served: Served) -> None:
    body = json.dumps(order(id=5)).encode()
    with served.connect() as connection:
        connection.sendall(posted(body, "Connection: close", length(body)))
        for part in (body[:10], body[10:500], body[500:]):
            time.sleep(0.1)
            connection.sendall(part)
        status, content = read(everything(connection))
    assert (status, content["order_id"]) == (200, 5)


def test_many_that_stall_do_not_keep_others_out(served: Served) -> None:
    body = json.dumps(order(id=6)).encode()
    with contextlib.ExitStack() as stack:
        for number in range(100):
            stalled = stack.enter_context(served.connect())
            stalled.sendall(posted(body, length(body))[: 20 + 4 * number])
        status, _ = read(served.exchange(posted(body, "Connection: close", length(body)) + body))
        assert status == 200


def test_half_a_request_is_no_delivery_and_no_error(served: Served) -> None:
    """A sender that hangs up is no error of the bridge, so nothing is logged as one."""
    body = json.dumps(order(id=7)).encode()
    whole = posted(body, length(body)) + body
    for end in (1, 40, len(whole) - len(body), len(whole) - 1):
        with served.connect() as connection:
            connection.sendall(whole[:end])
    assert alive(served)
    answer = httpx.get(
        f"{served.url}/api/v1/deliveries?woo_order_id=7",
        headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.json()["meta"]["total"] == 0
    assert [line for line in served.said.splitlines() if never(line)] == []


def test_nothing_logged_on_the_way_is_a_secret_or_somebodys_data(served: Served) -> None:
    body = json.dumps(order(id=8)).encode()
    served.exchange(posted(body, "Connection: close", length(body)) + body)
    served.exchange(posted(body, "Connection: close", length(body), secret="wrong") + body)
    assert '"event":"delivery.received"' in served.said
    assert '"event":"delivery.refused"' in served.said
    assert told(served.said) == []


def test_a_failing_database_shows_nothing_of_anybody_either(tmp_path: Path) -> None:
    """By default the error of a failed statement quotes its parameters, which hold the order."""
    body = json.dumps(order(id=9)).encode()
    with serving(tmp_path, BRIDGE_SYNC_BUDGET_SECONDS="1") as served:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        mapping = {"sku": "PANEL-1000", "panelr_product_id": 3}
        httpx.post(f"{served.url}/api/v1/product-mappings", json=mapping, headers=headers, timeout=60, trust_env=False)
        with contextlib.closing(sqlite3.connect(tmp_path / "bridge.db")) as connection, connection:
            connection.execute("ALTER TABLE orders RENAME COLUMN request TO elsewhere")
        status, content = read(served.exchange(posted(body, "Connection: close", length(body)) + body))
        assert (status, content["detail"]) == (503, "the delivery could not be stored")
        assert '"event":"delivery.not_stored"' in served.said
        assert told(served.said) == []


def told(said: str) -> list[str]:
    """Return the secrets and customer data in `said`."""
    private = [SECRET, EU_SECRET, ADMIN_TOKEN, PANELR_KEY, "ada@example.test", "Lovelace", "4155550100"]
    private.append(sign(json.dumps(order(id=8)).encode()))
    return [each for each in private if each in said]


# Start-up


def refused_start(folder: Path, **changes: str) -> str:
    """Try to start with `changes`, which must fail; return the output."""
    tried = subprocess.run(
        [sys.executable, "-m", "panelr_bridge", "serve"],
        cwd=folder,
        env=environment(BRIDGE_PORT=str(free_port()), **changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = tried.stderr
    assert tried.returncode == 2, said
    assert tried.stdout == ""
    assert "Traceback" not in said
    assert list(folder.iterdir()) == []
    return said


def test_it_does_not_start_without_its_secrets(tmp_path: Path) -> None:
    names = ("WEBHOOK_SECRET", "STORES__EU__WEBHOOK_SECRET", "ADMIN_TOKEN", "PANELR_API_KEY", "PANELR_URL")
    said = refused_start(tmp_path, **{f"BRIDGE_{name}": "" for name in names if "STORES" not in name})
    missing = re.findall(r"BRIDGE_(\w+) is missing", said)
    assert missing == ["ADMIN_TOKEN", "PANELR_API_KEY", "PANELR_URL"]  # one store with a secret is enough


def test_it_does_not_start_with_placeholders(tmp_path: Path) -> None:
    said = refused_start(
        tmp_path,
        BRIDGE_WEBHOOK_SECRET="change-me-1",
        BRIDGE_STORES__EU__WEBHOOK_SECRET="<the secret of eu>",
        BRIDGE_ADMIN_TOKEN="Your-Token-Here",
        BRIDGE_PANELR_API_KEY="Placeholder",
        BRIDGE_PANELR_URL="https://panel.example",
    )
    placeholders = [name.upper() for name in re.findall(r"BRIDGE_(\w+) is a placeholder", said)]
    assert placeholders == [
        "WEBHOOK_SECRET",
        "STORES__EU__WEBHOOK_SECRET",
        "ADMIN_TOKEN",
        "PANELR_API_KEY",
        "PANELR_URL",
    ]
    values = ("change-me-1", "the secret of eu", "Your-Token-Here", "Placeholder")
    assert [value for value in values if value in said] == []
