"""The client of Panelr on loopback: the outcome of a call, what Panelr then has, and the bytes that are sent.

`test_client_lost.py` has the calls whose answer is lost.
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Any

import pytest
import respx

from panelr_bridge.domain.call_outcome import (
    Blocked,
    Done,
    Misconfigured,
    NotSent,
    Outcome,
    Refused,
    Throttled,
    Unknown,
)
from panelr_bridge.panelr import client as client_module
from panelr_bridge.panelr import http_transport
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import PANELR_KEY
from tests.support.files import DATA
from tests.support.panelr_server import (
    BOUND,
    CREATE,
    ENVELOPE,
    NEVER,
    NOW,
    SHORT_TIMEOUT,
    TIMEOUT,
    call_panelr,
    read_request,
    serve_connections,
)
from tests.support.wire_mock import WIRE

LOOPS = ("uvloop", "asyncio")


# With the simulator: the outcome, and whether Panelr has the work order

OUTCOMES: list[tuple[str, dict[str, Any], type[Any], int]] = [
    ("refuse", {}, Refused, 0),
    ("status", {"status": 400, "body": "envelope"}, Refused, 0),
    ("status", {"status": 404, "body": "envelope"}, Refused, 0),
    ("status", {"status": 409, "body": "envelope"}, Refused, 0),
    ("unauthorized", {}, Misconfigured, 0),
    ("forbidden", {}, Misconfigured, 0),
    ("status", {"status": 401}, Misconfigured, 0),
    ("status", {"status": 301}, Misconfigured, 0),
    ("status", {"status": 302}, Misconfigured, 0),
    ("status", {"status": 307}, Misconfigured, 0),
    ("status", {"status": 308}, Misconfigured, 0),
    ("status", {"status": 403}, Blocked, 0),
    ("status", {"status": 406}, Blocked, 0),
    ("status", {"status": 413}, Blocked, 0),
    ("throttle", {}, Throttled, 0),
    ("status", {"status": 429}, Throttled, 0),
    ("status", {"status": 503, "retry_after": 7, "body": "envelope"}, Throttled, 0),
    ("warnings", {}, Done, 1),
    ("wrong_type", {}, Done, 1),
    ("warnings", {"when": "before"}, Unknown, 0),
    *(
        (kind, more | {"when": when}, Unknown, made)
        for when, made in (("before", 0), ("after", 1))
        for kind, more in (
            ("status", {"status": 500}),
            ("status", {"status": 500, "body": "envelope"}),
            ("status", {"status": 502}),
            ("status", {"status": 503}),
            ("status", {"status": 503, "retry_after": 5}),  # as Varnish answers when its backend is too slow
            ("status", {"status": 504}),
            ("status", {"status": 204}),
            ("status", {"status": 400}),  # an HTML page is no refusal by Panelr
            ("status", {"status": 404}),
            ("status", {"status": 422}),
            ("html", {}),
            ("empty", {}),
            ("truncated", {}),
            ("garbage", {}),
            ("hang", {"seconds": NEVER}),
            ("slow", {"seconds": NEVER}),
            ("reset", {}),
            ("close", {}),
        )
    ),
]


@pytest.mark.parametrize(("kind", "more", "expected", "made"), OUTCOMES)
async def test_a_panelr_that_misbehaves(
    panelr: tuple[str, Panel], kind: str, more: dict[str, Any], expected: type[Any], made: int
) -> None:
    url, panel = panelr
    panel.faults.add(kind, **more)
    async with asyncio.timeout(BOUND):
        outcome = await call_panelr(url, seconds=SHORT_TIMEOUT if kind in {"hang", "slow"} else TIMEOUT)
    assert type(outcome) is expected, outcome
    assert outcome.words
    assert len(panel.work_orders) == made
    assert len(panel.journal) == 1


async def test_done_carries_panelrs_data_and_keeps_it_out_of_sight(panelr: tuple[str, Panel]) -> None:
    outcome = await call_panelr(panelr[0])
    work_order = panelr[1].work_orders[1]
    assert isinstance(outcome, Done)
    assert outcome.status == 200
    assert outcome.data["work_order_id"] == 1
    assert outcome.data["confirmation_token"] == work_order.confirmation_token
    assert work_order.confirmation_token not in repr(outcome)


async def test_a_refusal_keeps_panelrs_words(panelr: tuple[str, Panel]) -> None:
    panelr[1].faults.add("refuse")
    assert await call_panelr(panelr[0]) == Refused(words="Simulated refusal", status=422)


async def test_a_wrong_key_is_reported_as_such(panelr: tuple[str, Panel]) -> None:
    outcome = await call_panelr(panelr[0], key="another-key")
    assert outcome == Misconfigured(words="Panelr does not accept the API key (401): Invalid API key", status=401)
    assert panelr[1].work_orders == {}


WAITS: list[tuple[int | str, float]] = [
    (0, 0.0),
    (7, 7.0),
    (" 120 ", 120.0),
    (99_999_999_999, 999_999_999.0),
    ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
    ("Sat, 21 Nov 2026 12:01:30 -0000", 90.0),
    ("Sat, 21 Nov 2026 14:00:30 +0200", 30.0),
    ("Sat, 21 Nov 2026 11:59:30 GMT", 0.0),
    ("Mon, 21 Nov 2027 12:00:00 GMT", 365 * 86_400.0),
]


@pytest.mark.parametrize("status", [429, 503])
async def test_how_long_panelr_asks_us_to_wait(panelr: tuple[str, Panel], status: int) -> None:
    for retry_after, seconds in WAITS:
        panelr[1].faults.add("status", status=status, retry_after=retry_after, body="envelope")
        outcome = await call_panelr(panelr[0])
        words = f"Panelr asks for a pause ({status})"
        assert outcome == Throttled(words=words, status=status, retry_after=seconds), retry_after


@pytest.mark.parametrize("retry_after", ["soon", "-5", "1.5", "Sat, 99 Nov 2026 12:00:30 GMT"])
async def test_a_wait_that_cannot_be_read_is_none(panelr: tuple[str, Panel], retry_after: str) -> None:
    for status in (429, 503):
        panelr[1].faults.add("status", status=status, retry_after=retry_after, body="envelope")
    outcome = await call_panelr(panelr[0])
    assert outcome == Throttled(words="Panelr asks for a pause (429)", status=429, retry_after=None)
    assert type(await call_panelr(panelr[0])) is Unknown


# The request was never sent


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("x" * 5_990, "too long: 6"),
        ("x" * 70_000, "too long: 70"),
        ("\N{SNOWMAN}" * 1_000, "too long: 9"),
        ("tok\ud800", "characters that cannot be sent"),
    ],
)
async def test_a_call_whose_address_cannot_be_sent_is_refused_and_concerns_nothing_else(
    panelr: tuple[str, Panel], token: str, words: str
) -> None:
    """The texts of one order are no wrong setting."""
    call = panelr_request.get_work_order(reference_code="WO-1", confirmation_token=token)
    async with PanelrClient(base_url=panelr[0], api_key=PANELR_KEY, timeout_seconds=TIMEOUT) as client:
        outcome = await client.call(call, now=NOW)
        assert list(panelr[1].journal) == []
        assert type(await client.call(CREATE, now=NOW)) is Done
    assert isinstance(outcome, Refused)
    assert (words in outcome.words, outcome.status) == (True, None)


async def test_an_address_of_the_longest_length_is_sent(panelr: tuple[str, Panel]) -> None:
    empty = len("/api/api.php?action=get_work_order&ref=WO-1&token=")
    for length, journal in ((client_module.LONGEST_ADDRESS - empty, 1), (client_module.LONGEST_ADDRESS - empty + 1, 1)):
        call = panelr_request.get_work_order(reference_code="WO-1", confirmation_token="x" * length)
        async with PanelrClient(base_url=panelr[0], api_key=PANELR_KEY, timeout_seconds=TIMEOUT) as client:
            assert type(await client.call(call, now=NOW)) is Refused
        assert len(panelr[1].journal) == journal


async def test_a_refused_connection_is_not_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = await call_panelr(f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert outcome == NotSent(words="Panelr refused the connection")


@pytest.mark.parametrize("address", ["http://xn--a/", "http:///", "panel.test", "http://panel.test:99999"])
async def test_an_address_that_is_none_is_never_called(address: str) -> None:
    assert await call_panelr(address) == Misconfigured(words="BRIDGE_PANELR_URL is not an address that can be called")


async def test_a_host_that_does_not_exist_is_never_unknown() -> None:
    """Without a network the resolver cannot say that the name does not exist."""
    outcome = await call_panelr("http://panel-of-the-tests.invalid", seconds=20)
    assert type(outcome) in {Misconfigured, NotSent}
    assert outcome.words.startswith("Panelr's host name could not be looked up")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.EAI_NONAME, Misconfigured(words="Panelr's host name could not be looked up: BRIDGE_PANELR_URL")),
        (socket.EAI_AGAIN, NotSent(words="Panelr's host name could not be looked up")),
    ],
)
async def test_what_the_resolver_says(monkeypatch: pytest.MonkeyPatch, error: int, expected: Outcome) -> None:
    async def resolve(*_: Any) -> None:
        raise socket.gaierror(error, "said the resolver")

    monkeypatch.setattr(http_transport, "resolve_host", resolve)
    assert await call_panelr("http://panel.test") == expected


async def test_tls_with_a_port_that_speaks_plain_text_is_not_sent(panelr: tuple[str, Panel]) -> None:
    assert type(await call_panelr(panelr[0].replace("http:", "https:"))) is NotSent
    assert list(panelr[1].journal) == []


async def test_a_peer_that_closes_in_the_handshake_is_not_sent() -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with serve_connections(hang_up) as url:
        assert type(await call_panelr(url.replace("http:", "https:"))) is NotSent


async def test_a_certificate_that_nobody_vouches_for_is_misconfigured() -> None:
    """The certificate is for 127.0.0.1 and self-signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "self-signed.crt", DATA / "self-signed.key")
    asked: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))

    async with serve_connections(keep, tls=context) as url:
        outcome = await call_panelr(url)
    assert type(outcome) is Misconfigured
    assert outcome.words.startswith("Panelr's certificate is not valid for its address: self-signed certificate")
    assert asked in ([], [b""])


async def test_an_exhausted_pool_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that waits for a connection has sent nothing, so it needs no look-up."""
    monkeypatch.setattr(client_module, "CONNECTIONS", 1)
    requests: list[bytes] = []
    taken = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        taken.set()
        await asyncio.sleep(NEVER)

    async with (
        serve_connections(hang) as url,
        PanelrClient(base_url=url, api_key=PANELR_KEY, timeout_seconds=SHORT_TIMEOUT) as client,
    ):
        other = asyncio.create_task(client.call(CREATE, now=NOW))
        await taken.wait()
        outcome = await client.call(CREATE, now=NOW)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        assert len(requests) == 1
    assert outcome == NotSent(words="no connection to Panelr was free in time")


async def test_a_connection_that_is_never_accepted_is_not_sent() -> None:
    """A listener with a full queue drops new connections, so nothing was sent."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        outcome = await call_panelr(f"http://127.0.0.1:{full.getsockname()[1]}", seconds=0.4)
    assert outcome == NotSent(words="no connection to Panelr could be made")


# The bytes that are sent


@pytest.mark.respx(using=WIRE)
async def test_a_post_carries_the_key_and_exactly_this_body(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post("https://panel.test/api/api.php").respond(200, content=ENVELOPE)
    assert type(await call_panelr("https://panel.test/")) is Done
    sent = route.calls.last.request
    assert str(sent.url) == "https://panel.test/api/api.php?action=create_work_order"
    names = ("x-panelr-api-key", "content-type", "accept", "user-agent")
    assert [sent.headers[name] for name in names] == [
        PANELR_KEY,
        "application/json",
        "application/json",
        "panelr-bridge",
    ]
    assert sent.read() == (
        b'{"customer_email":"ada@example.test","customer_name":"Ada L\\u00f6velace","payment_amount":58.45,'
        b'"status":"payment_submitted","wc_order_id":"20","source":"woocommerce",'
        b'"adjustment_direction":"discount","adjustment_label":"SPRING","adjustment_amount":10.10,'
        b'"items":[{"product_id":3,"intent":"new_activation","qty":2}]}'
    )


@pytest.mark.respx(using=WIRE)
async def test_a_get_carries_its_query_and_no_body(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get("https://panel.test/api/api.php").respond(200, json={"success": True, "data": []})
    async with PanelrClient(base_url="https://panel.test", api_key=PANELR_KEY, timeout_seconds=TIMEOUT) as client:
        call = panelr_request.get_work_orders(customer_email="ada+1&x=y@example.test")
        assert await client.call(call, now=NOW) == Done(words="done", status=200, data=[])
    sent = route.calls.last.request
    query = "action=get_work_orders&customer_email=ada%2B1%26x%3Dy%40example.test&limit=50"
    assert sent.url.query.decode() == query
    assert (sent.read(), "content-type" in sent.headers) == (b"", False)
    assert sent.headers["x-panelr-api-key"] == PANELR_KEY


@pytest.mark.respx(using=WIRE)
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, {"success": True, "data": {}}, Done),
        (200, {"success": False, "error": "No such product"}, Refused),
        (200, {"success": False, "message": "No such product"}, Refused),
        (200, {"success": False}, Refused),
        (422, {"success": True, "data": {}}, Unknown),
        (405, {"success": False, "error": "x"}, Unknown),
        (500, {"success": True, "data": {}}, Unknown),
        (200, {"data": {}}, Unknown),
        (200, {"success": "true"}, Unknown),
        (200, [{"success": True}, 1], Unknown),
    ],
)
async def test_what_an_envelope_means(
    respx_mock: respx.MockRouter, status: int, body: Any, expected: type[Any]
) -> None:
    respx_mock.post("https://panel.test/api/api.php").respond(status, json=body)
    assert type(await call_panelr("https://panel.test")) is expected


@pytest.mark.respx(using=WIRE, assert_all_called=False)
async def test_the_address_and_the_key_are_kept_from_a_redirects_target(respx_mock: respx.MockRouter) -> None:
    respx_mock.post("http://panel.test/api/api.php").respond(302, headers={"Location": "https://elsewhere.test/"})
    elsewhere = respx_mock.route(host="elsewhere.test").respond(200, content=ENVELOPE)
    assert type(await call_panelr("http://panel.test")) is Misconfigured
    assert not elsewhere.called


async def test_the_proxy_of_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch, panelr: tuple[str, Panel]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert type(await call_panelr(panelr[0])) is Done
