"""The webhook route as a server calls it: headers, bodies in parts, senders that disconnect, unexpected failures.

Its path may end in a slash; both forms behave the same.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from panelr_bridge.application.fast_path import FastPath
from panelr_bridge.settings import Settings, StoreSettings
from panelr_bridge.store import deliveries
from panelr_bridge.store.pagination import PageQuery, delivery_list
from panelr_bridge.web.app import create_app
from tests.support.api_answers import Logged
from tests.support.bridge_kit import ORDERS_SINCE, SECRET, order, sign

DELIVERY_PATH = "/webhooks/woocommerce"
WITH_SLASH = DELIVERY_PATH + "/"
BOTH_PATHS = pytest.mark.parametrize("path", [DELIVERY_PATH, WITH_SLASH])
EU_SECRET = "secret-of-the-store-eu"
LIMIT = 64 * 1024
BODY = json.dumps(order(status="pending")).encode()
SIGNED = (b"x-wc-webhook-signature", sign(BODY).encode())
TOPIC = (b"x-wc-webhook-topic", b"order.updated")

Headers = list[tuple[bytes, bytes]]
HANGS_UP = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    """Return an ASGI message with a part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


@dataclass
class Told:
    """The messages that the application sent, and the messages that it did not read."""

    status: int
    headers: Headers
    body: bytes
    raised: Exception | None

    @property
    def content(self) -> dict[str, Any]:
        """The answer's JSON."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def request_id(self) -> str:
        """The answer's only X-Request-ID."""
        (found,) = [value for name, value in self.headers if name == b"x-request-id"]
        return found.decode()


@dataclass
class AskedApp:
    """Calls the application as a server does."""

    app: FastAPI

    async def ask(
        self, path: str = DELIVERY_PATH, *parts: dict[str, Any], method: str = "POST", headers: Headers | None = None
    ) -> Told:
        """Send one request, by default the whole BODY, signed."""
        left, sent, raised = list(parts or [part(BODY)]), [], None

        async def receive() -> Any:
            return left.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [TOPIC, SIGNED] if headers is None else headers,
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", 8080),
        }
        try:
            await self.app(scope, receive, send)
        except Exception as error:  # noqa: BLE001  as a server does
            raised = error
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
        return Told(sent[0]["status"], sent[0]["headers"], sent[1]["body"], raised)

    async def kept(self) -> list[dict[str, Any]]:
        """Return every stored delivery, the oldest first."""
        read = self.app.state.container.database.read
        page = await read(delivery_list.page, PageQuery(sort="id", per_page=100))
        return [await read(deliveries.get, row["id"]) for row in page.rows]


@pytest.fixture
def dialect() -> str:
    """Use SQLite only: the route does not depend on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def logged() -> Iterator[Logged]:
    """Return the log entries with the request's context."""
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as entries:
        yield entries


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[AskedApp]:
    """A running application with two stores and a low limit."""
    stores = {"eu": StoreSettings(webhook_secret=SecretStr(EU_SECRET), orders_since=ORDERS_SINCE)}
    app = create_app(settings.model_copy(update={"stores": stores, "max_body_bytes": LIMIT, "worker": False}))
    async with app.router.lifespan_context(app):
        yield AskedApp(app)


def events(logged: Logged) -> list[str]:
    """Return the names of the log events of requests."""
    return [each["event"] for each in logged if not each["event"].startswith("bridge.")]


# Answers, byte for byte


@BOTH_PATHS
async def test_an_answer_is_exactly_this(app: AskedApp, path: str) -> None:
    told = await app.ask(path)
    assert (told.status, told.raised) == (200, None)
    assert told.body == (
        b'{"order_id":20,"state":"waiting","work_order_id":null,"reference_code":null,'
        b'"reason":"the status pending does not call for a work order (BRIDGE_CREATE_ON)"}'
    )
    assert told.headers == [
        (b"content-length", str(len(told.body)).encode()),
        (b"content-type", b"application/json"),
        (b"x-request-id", told.request_id.encode()),
    ]


@BOTH_PATHS
async def test_words_beyond_ascii_are_answered_as_they_are(app: AskedApp, path: str) -> None:
    body = '{"code": "ungültig", "message": "10 € fehlen"}'.encode()
    told = await app.ask(path, part(body), headers=[TOPIC, (SIGNED[0], sign(body).encode())])
    assert "(ungültig: 10 € fehlen)".encode() in told.body
    assert dict(told.headers)[b"content-length"] == str(len(told.body)).encode()


@BOTH_PATHS
async def test_a_pong_is_exactly_this(app: AskedApp, path: str, logged: Logged) -> None:
    told = await app.ask(path, part(b"webhook_id=1"), headers=[])
    assert (told.status, told.body) == (200, b"pong")
    assert told.headers == [
        (b"content-length", b"4"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-request-id", told.request_id.encode()),
    ]
    assert events(logged) == ["delivery.received"]


@BOTH_PATHS
async def test_a_refusal_is_exactly_this(app: AskedApp, path: str, logged: Logged) -> None:
    told = await app.ask(path, headers=[TOPIC])
    words = f'"status":401,"detail":"the signature is missing","request_id":"{told.request_id}"}}'
    assert (told.status, told.raised) == (401, None)
    assert told.body.decode() == f'{{"type":"about:blank","title":"Unauthorized",{words}'
    assert told.headers == [
        (b"x-request-id", told.request_id.encode()),
        (b"www-authenticate", b'Bearer realm="panelr-bridge"'),
        (b"content-length", str(len(told.body)).encode()),
        (b"content-type", b"application/problem+json"),
    ]
    refused = {"store": "default", "reason": "BadSignature", "request_id": told.request_id}
    (line,) = [each for each in logged if each["event"] == "delivery.refused"]
    assert line == refused | {"event": "delivery.refused", "log_level": "warning"}
    assert app.app.state.container.bridge.metrics.deliveries == {("refused", 401): 1}


# Headers


@pytest.mark.parametrize(("first", "status"), [(True, 200), (False, 401)])
@BOTH_PATHS
async def test_of_a_repeated_signature_the_first_counts(app: AskedApp, path: str, first: bool, status: int) -> None:
    both = [SIGNED, (SIGNED[0], b"wrong")]
    assert (await app.ask(path, headers=[TOPIC, *(both if first else reversed(both))])).status == status


@BOTH_PATHS
async def test_of_other_repeated_headers_the_first_counts_too(app: AskedApp, path: str) -> None:
    topics = [TOPIC, (TOPIC[0], b"product.updated")]
    agents = [(b"user-agent", b"one"), (b"x-wc-webhook-id", b"7"), (b"user-agent", b"two"), (b"x-wc-webhook-id", b"8")]
    assert (await app.ask(path, headers=[*topics, SIGNED, *agents])).content["order_id"] == 20
    (kept,) = await app.kept()
    assert (kept["topic"], kept["headers"]) == ("order.updated", {"user-agent": "one", "x-wc-webhook-id": "7"})


@BOTH_PATHS
async def test_headers_are_latin_1_and_kept_up_to_a_length(app: AskedApp, path: str) -> None:
    source = "https://müller.example/" + "x" * 1000
    topic = "bestellung.geändert" + "x" * 1000
    headers = [(TOPIC[0], topic.encode("latin-1")), (b"x-wc-webhook-source", source.encode("latin-1")), SIGNED]
    assert (await app.ask(path, headers=[*headers, (b"user-agent", b"")])).status == 200
    (kept,) = await app.kept()
    assert (kept["topic"], kept["headers"]) == (topic[:100], {"x-wc-webhook-source": source[:500]})


# Bodies


@BOTH_PATHS
async def test_a_body_in_parts_is_one_body(app: AskedApp, path: str) -> None:
    bare = {"type": "http.request", "more_body": True}
    told = await app.ask(path, part(BODY[:9], more=True), part(b"", more=True), bare, part(BODY[9:]))
    assert (told.status, told.content["order_id"]) == (200, 20)


@BOTH_PATHS
async def test_a_body_is_read_no_further_than_it_must_be(app: AskedApp, path: str) -> None:
    """The request has no more messages: reading another one would raise."""
    half = part(b"x" * (LIMIT // 2 + 1), more=True)
    assert (await app.ask(path, half, half)).status == 413
    assert (await app.ask(path, half, headers=[(b"content-length", str(LIMIT + 1).encode())])).status == 413
    assert (await app.ask(DELIVERY_PATH + "/nowhere", half)).status == 404


@BOTH_PATHS
@pytest.mark.parametrize("parts", [[], [part(BODY[:100], more=True)]])
async def test_a_sender_that_hangs_up_is_no_error_and_nothing_is_kept(
    app: AskedApp, path: str, parts: list[dict[str, Any]], logged: Logged
) -> None:
    told = await app.ask(path, *parts, HANGS_UP)
    assert (told.status, told.raised) == (400, None)
    assert told.content["detail"] == "the connection was closed before the request was complete"
    assert told.content["request_id"] == told.request_id
    (line,) = [each for each in logged if each["event"] == "request.aborted"]
    bound = {"request_id": told.request_id, "log_level": "info"}
    assert line == {"event": "request.aborted", "path": path} | bound  # a path has no line break
    assert await app.kept() == []
    assert app.app.state.container.bridge.metrics.deliveries == {}


# Unexpected errors


@BOTH_PATHS
async def test_what_nobody_foresaw_is_answered_500_logged_once_and_left_to_the_server(
    app: AskedApp, path: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    fault = KeyError("a mistake of ours, with ada@example.test in it")

    def broken(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr(FastPath, "match_repeat", broken)
    told = await app.ask(path)
    assert told.status == 500
    assert dict(told.headers)[b"content-type"] == b"application/problem+json"
    assert told.content["detail"] == "an unexpected error; the log has it under this request_id"
    assert told.content["request_id"] == told.request_id
    assert told.raised is fault  # the server closes the connection and logs the traceback
    (line,) = [each for each in logged if each["event"] == "request.failed"]
    assert (line["request_id"], line["exc_info"], line["path"]) == (told.request_id, fault, path)


async def test_an_answer_that_cannot_be_sent_is_not_followed_by_another(app: AskedApp, logged: Logged) -> None:
    sent = []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        raise OSError("gone")

    async def receive() -> Any:
        return part(BODY)

    scope = {"type": "http", "method": "POST", "path": DELIVERY_PATH, "headers": [TOPIC, SIGNED], "query_string": b""}
    with pytest.raises(OSError, match="gone"):
        await app.app(scope, receive, send)
    assert sent == ["http.response.start"]
    assert events(logged) == ["delivery.received", "request.failed"]


# Consecutive requests


@pytest.mark.parametrize(
    "paths",
    [
        (DELIVERY_PATH, DELIVERY_PATH),
        (DELIVERY_PATH, WITH_SLASH),
        (WITH_SLASH, DELIVERY_PATH),
        ("/healthz", DELIVERY_PATH),
    ],
)
async def test_what_is_bound_for_one_request_is_not_in_the_next(
    app: AskedApp, paths: tuple[str, str], logged: Logged
) -> None:
    """A request that waits in a connection runs in the context of the previous one."""
    structlog.contextvars.bind_contextvars(left_over="from before")
    first, second = [await app.ask(path, method="GET" if path == "/healthz" else "POST") for path in paths]
    assert first.request_id != second.request_id
    lines = [each for each in logged if each["event"] == "delivery.received"]
    assert lines[-1]["request_id"] == second.request_id
    assert not [each for each in lines if "left_over" in each]


# Paths


@pytest.mark.parametrize(
    ("path", "secret", "store"),
    [
        (DELIVERY_PATH, SECRET, "default"),
        (DELIVERY_PATH + "/", SECRET, "default"),
        (DELIVERY_PATH + "/default", SECRET, "default"),
        (DELIVERY_PATH + "/default/", SECRET, "default"),
        (DELIVERY_PATH + "/eu", EU_SECRET, "eu"),
        (DELIVERY_PATH + "/eu/", EU_SECRET, "eu"),
    ],
)
async def test_a_path_leads_to_its_store(app: AskedApp, path: str, secret: str, store: str) -> None:
    assert (await app.ask(path, headers=[TOPIC, (SIGNED[0], sign(BODY, secret).encode())])).status == 200
    assert [each["store"] for each in await app.kept()] == [store]


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("name", ["nowhere", "EU", "eu\n", "\n\n", " ", "%65u", "\u20ac", "a?b#c", "x" * 2000])
async def test_another_name_is_a_store_that_is_not_here(app: AskedApp, name: str, end: str, logged: Logged) -> None:
    told = await app.ask(f"{DELIVERY_PATH}/{name}{end}")
    assert told.content["detail"] == "there is no such store here: see BRIDGE_STORES__{name}__WEBHOOK_SECRET"
    assert [each["store"] for each in logged if each["event"] == "delivery.refused"] == [name[:64]]


@pytest.mark.parametrize("end", ["//", "/eu//", "/eu/x", "//eu", "x", "\n", "\n/", "/\n/x", "/eu/\n"])
async def test_another_path_is_not_the_webhook_route(app: AskedApp, end: str, logged: Logged) -> None:
    told = await app.ask(DELIVERY_PATH + end)
    assert (told.status, told.content["detail"]) == (404, "Not Found")
    assert events(logged) == []


@pytest.mark.parametrize("path", [DELIVERY_PATH, WITH_SLASH, DELIVERY_PATH + "/eu", DELIVERY_PATH + "/eu/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "post"])
async def test_another_method_is_405(app: AskedApp, path: str, method: str, logged: Logged) -> None:
    told = await app.ask(path, method=method)
    assert (told.status, told.content["detail"]) == (405, "Method Not Allowed")
    assert dict(told.headers)[b"allow"] == b"POST"
    assert told.content["request_id"] == told.request_id
    assert events(logged) == []
