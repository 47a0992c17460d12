"""Faults of the simulated Panelr, over its real socket."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.support.panelr_caller import KEY, PanelrTestClient, read_error

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


FAILED = '{"success": false, "data": null, "error": "Internal error, nothing was saved"}'
SAVED = '{"success": true, "data": {"work_order_id": 1, '


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "start"),
    [
        ({"kind": "refuse"}, 422, "application/json", '{"success": false, "data": null, "error": "Simulated refusal"}'),
        ({"kind": "unauthorized"}, 401, "application/json", '{"success": false,'),
        ({"kind": "forbidden"}, 403, "application/json", '{"success": false,'),
        ({"kind": "throttle", "retry_after": 7}, 429, "application/json", '{"success": false,'),
        ({"kind": "status", "status": 502}, 502, "text/html", "<!DOCTYPE html>"),
        ({"kind": "status", "status": 503, "body": "envelope"}, 503, "application/json", '{"success": false,'),
        ({"kind": "status", "status": 302}, 302, "text/html", "<!DOCTYPE html>"),
        ({"kind": "html"}, 200, "text/html", "<!DOCTYPE html>"),
        ({"kind": "empty"}, 200, "text/html", ""),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_replaces_the_response(
    caller: PanelrTestClient, fault: dict[str, Any], status: int, content_type: str, start: str, when: str
) -> None:
    caller.panel.faults.add(**fault, when=when)
    response = await caller.send_create()
    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (status, content_type)
    assert response.text.startswith(start)
    assert bool(response.text) is bool(start)
    assert response.headers.get("Retry-After") == ("7" if "retry_after" in fault else None)
    assert response.headers.get("Location") == ("/login.php" if status == 302 else None)
    assert len(caller.panel.work_orders) == (1 if when == "after" else 0)
    assert caller.panel.journal[0].fault == fault["kind"]
    assert (await caller.send_create()).json()["success"] is True


@pytest.mark.parametrize(
    ("kind", "content_type", "prefix"),
    [
        ("warnings", "text/html", "<br />\n<b>Warning</b>:  Undefined array key"),
        ("wrong_type", "text/html", ""),
        ("slow", "application/json", ""),
    ],
)
async def test_a_fault_alters_the_response(caller: PanelrTestClient, kind: str, content_type: str, prefix: str) -> None:
    seconds = 0.3 if kind == "slow" else None
    caller.panel.faults.add(kind, seconds=seconds)
    caller.panel.faults.add(kind, seconds=seconds, when="before")
    started = time.monotonic()
    failed, saved = await caller.send_create(), await caller.send_create()
    assert kind != "slow" or time.monotonic() - started >= 0.6
    assert (failed.status_code, saved.status_code) == (500, 200)
    assert saved.headers["content-type"].partition(";")[0] == content_type
    assert saved.text.startswith(prefix)
    assert failed.text.endswith(FAILED)
    assert SAVED in saved.text
    assert saved.text.endswith('"error": null}')
    assert len(caller.panel.work_orders) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"kind": "reset"}, httpx.ReadError, "^$"),
        ({"kind": "close"}, httpx.RemoteProtocolError, "Server disconnected without sending a response"),
        ({"kind": "hang", "seconds": 0.2}, httpx.RemoteProtocolError, "Server disconnected without sending"),
        ({"kind": "hang", "seconds": 60}, httpx.ReadTimeout, "^$"),
        ({"kind": "truncated"}, httpx.RemoteProtocolError, "peer closed connection without sending complete"),
        ({"kind": "garbage"}, httpx.RemoteProtocolError, "illegal status line"),
    ],
)
async def test_a_fault_below_http(
    caller: PanelrTestClient, fault: dict[str, Any], error: type[Exception], words: str, when: str
) -> None:
    caller.panel.faults.add(**fault, when=when)
    with pytest.raises(error, match=words):
        await caller.send_create(timeout=0.5)
    assert len(caller.panel.work_orders) == (1 if when == "after" else 0)
    assert (await caller.send_create()).json()["success"] is True


async def read_raw_response(caller: PanelrTestClient) -> bytes:
    """Send one request over a plain socket and return everything until the connection is closed."""
    base = caller.client.base_url
    reader, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(
        f"GET /api/api.php?action=get_products HTTP/1.1\r\nHost: x\r\nX-Panelr-API-Key: {KEY}\r\n\r\n".encode()
    )
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_truncated_response_has_the_full_content_length(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("truncated", status=200, when="before")
    head, _, body = (await read_raw_response(caller)).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(FAILED)}\r\n" in head + "\r\n"
    assert body == FAILED[: len(FAILED) // 2]


async def test_a_reset_and_a_close_differ_on_the_socket(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("reset")
    caller.panel.faults.add("close")
    caller.panel.faults.add("garbage")
    with pytest.raises(ConnectionResetError):
        await read_raw_response(caller)
    assert await read_raw_response(caller) == b""
    assert (await read_raw_response(caller)).startswith(b"\x16\x03\x01")


async def test_faults_apply_to_their_action_and_number_of_requests(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("empty", action="create_work_order", times=2)
    caller.panel.faults.add("refuse", action="*", times=None, when="after")
    assert (await caller.get("get_products")).status_code == 422
    assert [(await caller.send_create()).status_code for _ in range(4)] == [200, 200, 422, 422]
    caller.panel.faults.clear()
    assert (await caller.send_create()).json()["data"]["work_order_id"] == 3


async def test_an_after_fault_ignores_a_failed_request(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("reset", when="after")
    assert read_error(await caller.send_create({})) == (422, "customer_email is required")
    assert [fault.kind for fault in caller.panel.faults.pending] == ["reset"]
