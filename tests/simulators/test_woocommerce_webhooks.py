"""The simulated store's webhooks, over real sockets, held against deliveries of a real WooCommerce."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import (
    Cart,
    NewOrderLine,
    OrderChanges,
    SimulatedShop,
    Webhook,
    create_app,
    open_checkout,
    order_payload,
    place_order,
    sign,
)
from tests.support.files import CAPTURES
from tests.support.webhook_receiver import Receiver

SECRET = "rig-secret-please-change"
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")


@dataclass
class Rig:
    """A shop and a receiver, both on sockets."""

    store: SimulatedShop
    receiver: Receiver
    hook_url: str
    client: httpx.AsyncClient

    def register(self, *topics: str) -> list[Webhook]:
        hooks = self.store.webhooks
        return [hooks.register(topic=topic, delivery_url=self.hook_url, secret=SECRET) for topic in topics or TOPICS]

    def order(self, product_id: int = 12, **changes: Any) -> int:
        line = NewOrderLine(self.store.product(product_id=product_id))
        return self.store.create(OrderChanges(lines=[line], **changes)).id

    async def settled(self) -> list[str]:
        await self.store.webhooks.wait_until_idle()
        return self.receiver.topics


@contextlib.asynccontextmanager
async def open_rig(**options: Any) -> AsyncIterator[Rig]:
    receiver = Receiver()
    sink = Starlette(routes=[Route("/hook", receiver.take, methods=["POST", "GET"])])
    app = create_app(**options)
    async with (
        running(sink) as sink_url,
        running(app) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield Rig(app.state.shop, receiver, f"{sink_url}/hook", client)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as opened:
        yield opened


def capture(name: str) -> tuple[dict[str, Any], bytes]:
    recorded = json.loads((CAPTURES / f"{name}.json").read_text())
    return recorded, base64.b64decode(recorded["body_base64"])


def shape(value: Any) -> Any:
    """Reduce JSON to its keys, in order, and the kinds of its values; lists to their first entry."""
    if isinstance(value, dict):
        return [(key, shape(content)) for key, content in value.items()]
    if isinstance(value, list):
        return ["list", *[shape(content) for content in value[:1]]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@contextlib.asynccontextmanager
async def raw_receiver(requests: list[bytes]) -> AsyncIterator[str]:
    """Record the exact bytes of each connection, and answer 200."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        body = await reader.readexactly(int(lengths[0].split(b":")[1]))
        requests.append(head + body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        # The client closes by itself: it said Connection: close.
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/webhooks/woocommerce"


def head_lines(raw: bytes) -> list[str]:
    return raw.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")


async def test_bytes_on_the_wire_are_those_of_the_captures() -> None:
    requests: list[bytes] = []
    async with raw_receiver(requests) as url, running(create_app()) as shop, httpx.AsyncClient() as client:
        hook = {"topic": "order.created", "delivery_url": url, "secret": SECRET}
        registered = await client.post(f"{shop}/_sim/webhooks", json=hook)
        assert registered.json()[0]["ping"]["status"] == 200
        await client.post(f"{shop}/_sim/checkout", json={"items": [{"product_id": 13}]})
        while len(requests) < 2:  # noqa: ASYNC110 - the connection tells nobody
            await asyncio.sleep(0.01)
    ping, delivery = requests
    host = url.split("/")[2]

    recorded, body = capture("001-ping-ping")
    expected = dict(recorded["header_list"]) | {"Host": host}
    assert head_lines(ping) == [
        "POST /webhooks/woocommerce HTTP/1.1",
        *(f"{k}: {v}" for k, v in expected.items()),
    ]
    assert ping.endswith(b"\r\n\r\n" + body)

    recorded, _ = capture("005-order.created-guest")
    sent_body = delivery.split(b"\r\n\r\n", 1)[1]
    sent = dict(line.split(": ", 1) for line in head_lines(delivery)[1:])
    own = {
        "Host": host,
        "X-WC-Webhook-Signature": sign(sent_body, SECRET),
        "X-WC-Webhook-Delivery-ID": sent["X-WC-Webhook-Delivery-ID"],
        "Content-Length": str(len(sent_body)),
    }
    assert list(sent.items()) == list((dict(recorded["header_list"]) | own).items())
    assert len(bytes.fromhex(sent["X-WC-Webhook-Delivery-ID"])) == 16


async def test_expect_is_sent_from_one_mebibyte_on() -> None:
    requests: list[bytes] = []
    async with raw_receiver(requests) as url, open_rig() as rig:
        rig.store.webhooks.register(topic="order.updated", delivery_url=url, secret=SECRET)
        rig.order(meta={"big": "x" * 1_048_576})
        await rig.store.webhooks.wait_until_idle()
    assert head_lines(requests[1])[-3:-1] == ["Connection: close", "Expect: 100-Continue"]


def test_signature_of_every_capture_verifies() -> None:
    checked = 0
    for path in CAPTURES.glob("*-order.*.json"):
        recorded, body = capture(path.stem)
        assert sign(body, SECRET) == dict(recorded["header_list"])["X-WC-Webhook-Signature"]
        checked += 1
    assert checked >= 8


def test_secret_is_used_as_wordpress_decodes_it() -> None:
    assert sign(b"{}", "a&amp;b&quot;&#039;&lt;&gt;") == sign(b"{}", "a&b\"'<>")
    assert sign(b"{}", "&#x27;&#38;") == sign(b"{}", "'&")
    assert sign(b"{}", "&amp;lt;") != sign(b"{}", "<")
    assert sign(b"{}", "&eacute;") != sign(b"{}", "\u00e9")


@pytest.mark.parametrize(
    ("name", "line", "paid"),
    [("005-order.created-guest", 12, False), ("014-order.created-variable-meta", 18, True)],
)
def test_payload_has_the_shape_of_a_rest_order(name: str, line: int, *, paid: bool) -> None:
    store = SimulatedShop()
    meta = {"panelr_activation_id": 77, "_hidden_meta": "h", "nested": {"a": [1, 2, {"b": None}]}}
    item = NewOrderLine(store.product(product_id=line), meta=meta if line == 18 else {})
    order_meta = {"_panelr_ref": "abc", "source_campaign": "fall"} if line == 18 else {}
    order = store.create(OrderChanges(lines=[item], meta=order_meta, set_paid=paid))
    _, body = capture(name)
    told, real = json.loads(order_payload(order)), json.loads(body)
    assert shape({k: v for k, v in told.items() if k != "shipping_lines"}) == shape(
        {k: v for k, v in real.items() if k != "shipping_lines"}
    )
    assert list(told) == list(real)
    ids = {"id": 0, "taxes": 0}
    assert [
        entry | {"id": 0, "meta_data": [meta_entry | ids for meta_entry in entry["meta_data"]]}
        for entry in told["line_items"]
    ] == [
        entry | {"id": 0, "meta_data": [meta_entry | ids for meta_entry in entry["meta_data"]]}
        for entry in real["line_items"]
    ]


def test_payload_of_a_checkout_with_coupon_is_the_captured_one() -> None:
    moment = datetime(2026, 11, 21, 19, 16, 52, tzinfo=UTC)
    store = SimulatedShop(clock=lambda: moment)
    cart = Cart([NewOrderLine(store.product(product_id=12), Decimal(2))], payment_method="cod", coupon="rig10")
    order = place_order(store, cart)
    told, real = json.loads(order_payload(order)), json.loads(capture("018-order.updated-coupon")[1])
    assert shape(told) == shape(real)
    own = {
        *("id", "number", "order_key", "cart_hash", "meta_data", "line_items", "tax_lines", "shipping_lines"),
        *("coupon_lines", "payment_url", "_links", "date_modified", "date_modified_gmt"),
    }
    assert {k: v for k, v in told.items() if k not in own} == {k: v for k, v in real.items() if k not in own}
    for lines in ("line_items", "tax_lines", "shipping_lines", "coupon_lines"):
        without = [[entry | {"id": 0, "meta_data": 0} for entry in body[lines]] for body in (told, real)]
        assert without[0] == without[1]
    assert [meta["key"] for meta in told["meta_data"]] == [
        *("_shipping_hash", "_coupons_hash", "_fees_hash", "_taxes_hash", "is_vat_exempt"),
        "_debug_log_source_pending_deletion",
    ]


def test_payload_of_refund_and_of_a_line_typed_by_hand() -> None:
    store = SimulatedShop()
    order = store.create(
        OrderChanges(lines=[NewOrderLine(None, Decimal(2), Decimal("7.777"))], currency="EUR", status="completed")
    )
    store.refund(order.id, Decimal(5), "damaged")
    _, typed = capture("079-order.updated-rest-put-meta")
    told, real = json.loads(order_payload(order)), json.loads(typed)
    assert told["line_items"][0] | {"id": 0} == real["line_items"][1] | {"id": 0}
    assert told["currency_symbol"] == real["currency_symbol"] == "\u20ac"
    _, refunded = capture("022-order.updated-refund-partial")
    assert shape(told["refunds"]) == shape(json.loads(refunded)["refunds"])
    assert told["refunds"] == [{"id": 21, "reason": "damaged", "total": "-5.00"}]
    assert (told["status"], told["total"]) == ("completed", "8.42")


def test_payload_is_pure_ascii_with_escaped_slashes() -> None:
    store = SimulatedShop()
    line = NewOrderLine(store.product(product_id=11), meta={"html": '<a href="x">y</a> & \0', "_n": True})
    order = store.create(OrderChanges(lines=[line], billing={"company": "\u682a/\U0001f389"}))
    body = order_payload(order)
    assert b'"company":"\\u682a\\/\\ud83c\\udf89"' in body
    assert b'"value":"<a href=\\"x\\">y<\\/a> & \\u0000","display_key":"html","display_value":"y &amp;"' in body
    assert b"\n" not in body
    body.decode("ascii")


async def test_rest_creation_tells_created_then_updated(rig: Rig) -> None:
    rig.register()
    rig.order()
    assert await rig.settled() == ["order.created", "order.updated"]
    assert rig.receiver.got[0][1] == rig.receiver.got[1][1]
    assert rig.receiver.pings == ["webhook_id=1", "webhook_id=2", "webhook_id=3", "webhook_id=4"]


async def test_checkout_tells_updated_then_created(rig: Rig) -> None:
    rig.register()
    answer = await rig.client.post("/_sim/checkout", json={"items": [{"sku": "IPTV-12M"}], "payment_method": "cod"})
    assert answer.json()["id"] == 20
    assert await rig.settled() == ["order.updated", "order.created"]
    assert rig.receiver.got[0][1] == rig.receiver.got[1][1] == answer.json()


@pytest.mark.parametrize(
    ("gateway", "sku", "status", "paid"),
    [
        ("bacs", "VIRT-1", "on-hold", False),
        ("cod", "VIRT-1", "processing", False),
        ("stripe", "VIRT-1", "processing", True),
        ("stripe", "EBOOK-1", "completed", True),
        ("bacs", "FREE-0", "processing", True),
    ],
)
async def test_gateways(rig: Rig, gateway: str, sku: str, status: str, *, paid: bool) -> None:
    cart = {"items": [{"sku": sku, "quantity": 1}], "payment_method": gateway}
    order = (await rig.client.post("/_sim/checkout", json=cart)).json()
    assert (order["status"], order["date_paid"] is not None) == (status, paid)
    assert order["payment_method"] == ("" if sku == "FREE-0" else gateway)


async def test_checkout_page_opened_tells_of_a_draft(rig: Rig) -> None:
    rig.register()
    cart = {"items": [{"sku": "VIRT-1"}]}
    draft = (await rig.client.post("/_sim/checkout/open", json=cart)).json()
    assert await rig.settled() == ["order.updated"]
    assert (draft["status"], draft["billing"]["email"]) == ("checkout-draft", "")
    placed = (await rig.client.post("/_sim/checkout", json=cart | {"order_id": 20})).json()
    assert (placed["id"], placed["status"]) == (20, "on-hold")
    assert await rig.settled() == ["order.updated", "order.updated", "order.created"]
    again = await rig.client.post("/_sim/checkout", json=cart | {"order_id": 20})
    assert (again.status_code, again.json()) == (400, {"error": "order 20 is not a checkout-draft"})


async def test_draft_in_store(rig: Rig) -> None:
    draft = open_checkout(rig.store, Cart([NewOrderLine(rig.store.product(sku="VIRT-1"))]))
    assert place_order(rig.store, Cart([NewOrderLine(rig.store.product(sku="VIRT-1"))]), draft) is draft


@pytest.mark.parametrize(
    ("path", "body", "topics"),
    [
        ("status", {"status": "completed"}, ["order.updated"]),
        ("pay", {"transaction_id": "T"}, ["order.updated"]),
        ("refund", {"amount": "10.00"}, ["order.updated"]),
        ("touch", {}, ["order.updated"]),
        ("meta", {"k": "v"}, ["order.updated"]),
        ("trash", {}, ["order.deleted"]),
    ],
)
async def test_what_fires(rig: Rig, path: str, body: dict[str, str], topics: list[str]) -> None:
    rig.order()
    rig.register()
    answer = await rig.client.post(f"/_sim/orders/20/{path}", json=body)
    assert answer.status_code == 200
    assert await rig.settled() == topics


async def test_trash_and_restore(rig: Rig) -> None:
    rig.order(status="processing")
    rig.register()
    await rig.client.post("/_sim/orders/20/trash")
    assert await rig.settled() == ["order.deleted"]
    await rig.client.post("/_sim/orders/20/restore")
    assert await rig.settled() == ["order.deleted", "order.restored"]
    sent = [delivery.body for delivery in rig.store.webhooks.deliveries if delivery.order_id]
    assert sent[0] == b'{"id":20}'
    assert sent[1] == order_payload(rig.store.order(20))
    assert rig.receiver.got[1][1]["status"] == "processing"
    assert (await rig.client.post("/_sim/orders/20/restore")).status_code == 400


async def test_deleted_for_good_tells_nothing(rig: Rig) -> None:
    rig.order()
    rig.register()
    await rig.client.delete("/_sim/orders/20")
    assert await rig.settled() == []


async def test_full_refund(rig: Rig) -> None:
    rig.order(set_paid=True)
    await rig.client.post("/_sim/orders/20/refund", json={"amount": "10.00", "reason": "late"})
    assert (await rig.client.get("/_sim/orders/20")).json()["status"] == "processing"
    too_much = await rig.client.post("/_sim/orders/20/refund", json={"amount": "43.05"})
    assert too_much.json() == {"error": "the amount must be above 0 and at most 43.04"}
    order = (await rig.client.post("/_sim/orders/20/refund")).json()
    assert (order["status"], order["total"]) == ("refunded", "53.04")
    assert [refund["total"] for refund in order["refunds"]] == ["-43.04", "-10.00"]


async def test_payload_is_built_when_it_is_delivered_and_events_coalesce(rig: Rig) -> None:
    rig.register()
    await rig.client.post("/_sim/webhooks/hold")
    rig.order()
    for status in ("on-hold", "processing", "completed"):
        await rig.client.post("/_sim/orders/20/status", json={"status": status})
    rig.order()
    listed = (await rig.client.get("/_sim/webhooks")).json()
    assert listed["held"] is True
    assert [(entry["webhook_id"], entry["order_id"]) for entry in listed["pending"]] == [
        *((1, 20), (2, 20)),
        *((1, 21), (2, 21)),
    ]
    with pytest.raises(RuntimeError, match="held"):
        await asyncio.gather(rig.settled())
    assert len((await rig.client.post("/_sim/webhooks/run", json={"limit": 2})).json()) == 2
    assert [(topic, body["status"]) for topic, body in rig.receiver.got] == [
        ("order.created", "completed"),
        ("order.updated", "completed"),
    ]
    await rig.client.post("/_sim/webhooks/release")
    assert len(await rig.settled()) == 4


async def test_change_while_a_delivery_runs_queues_another(rig: Rig) -> None:
    rig.register("order.updated")
    rig.receiver.seconds = 0.2
    rig.order()
    while not rig.receiver.at_once:  # noqa: ASYNC110 - until the first is on the wire
        await asyncio.sleep(0.005)
    rig.store.touch(20)
    rig.store.touch(20)
    assert await rig.settled() == ["order.updated", "order.updated"]


async def test_deliveries_go_one_after_another(rig: Rig) -> None:
    rig.register()
    rig.receiver.seconds = 0.02
    for _ in range(5):
        rig.order()
    assert len(await rig.settled()) == 10
    assert rig.receiver.most_at_once == 1
    assert [body["id"] for _, body in rig.receiver.got] == [20, 20, 21, 21, 22, 22, 23, 23, 24, 24]


async def test_deliveries_wait_for_their_delay() -> None:
    async with open_rig(delivery_delay_seconds=0.4) as rig:
        rig.register("order.created")
        rig.order()
        await asyncio.sleep(0.1)
        assert rig.receiver.got == []
        assert await rig.settled() == ["order.created"]


async def test_vanished_order_gives_a_signed_error(rig: Rig) -> None:
    rig.register()
    rig.store.webhooks.hold()
    rig.order()
    rig.store.delete(20)
    rig.store.webhooks.release()
    assert await rig.settled() == ["order.created", "order.updated"]
    sent = [delivery for delivery in rig.store.webhooks.deliveries if delivery.order_id]
    _, body = capture("067-order.created-vanished")
    assert [delivery.body for delivery in sent] == [body, body]
    assert dict(sent[0].headers)["X-WC-Webhook-Signature"] == sign(body, SECRET)


async def test_owner_without_rights(rig: Rig) -> None:
    rig.register("order.updated", "order.deleted")
    for number in (1, 2):
        await rig.client.patch(f"/_sim/webhooks/{number}", json={"owner_may_read": False})
    rig.order()
    await rig.settled()
    rig.store.trash(20)
    await rig.settled()
    assert [body for _, body in rig.receiver.got] == [
        {
            "code": "woocommerce_rest_cannot_view",
            "message": "Sorry, you cannot view this resource.",
            "data": {"status": 403},
        },
        {"id": 20},
    ]


async def test_delivery_id_depends_on_webhook_and_second_alone() -> None:
    now = [datetime(2026, 11, 21, 19, 16, 41, 900_000, tzinfo=UTC)]
    async with open_rig(clock=lambda: now[0]) as rig:
        rig.register("order.created", "order.updated")
        rig.order()
        rig.order()
        await rig.settled()
        now[0] = now[0].replace(second=42)
        rig.store.touch(20)
        await rig.settled()
        ids = [headers["x-wc-webhook-delivery-id"] for headers in rig.receiver.headers]
    created, updated, created_too, updated_too, later = ids
    assert (created, updated) == (created_too, updated_too)
    assert len({created, updated, later}) == 3


@pytest.mark.parametrize("ping_status", [202, 204, 500])
async def test_ping_is_repeated_until_it_is_answered_200(rig: Rig, ping_status: int) -> None:
    rig.receiver.ping_status = ping_status
    rig.register("order.updated")
    rig.order()
    await rig.settled()
    rig.store.touch(20)
    await rig.settled()
    assert rig.receiver.pings == ["webhook_id=1"] * 3
    rig.receiver.ping_status = 200
    for _ in range(2):
        rig.store.touch(20)
        await rig.settled()
    assert rig.receiver.pings == ["webhook_id=1"] * 4


async def test_ping_follows_redirects() -> None:
    seen: list[str] = []

    async def moved(request: Request) -> Response:
        body = (await request.body()).decode()
        seen.append(f"{request.method} {request.url.path} {body}")
        return Response(status_code=302, headers={"Location": "/there"})

    async def there(request: Request) -> Response:
        seen.append(f"{request.method} {request.url.path} {(await request.body()).decode()}")
        return Response()

    sink = Starlette(routes=[Route("/here", moved, methods=["POST"]), Route("/there", there, methods=["GET", "POST"])])
    async with running(sink) as url, open_rig() as rig:
        webhook = rig.store.webhooks.register(topic="order.created", delivery_url=f"{url}/here")
        await rig.store.webhooks.wait_until_idle()
        assert webhook.pending_delivery is False
        rig.order()
        await rig.store.webhooks.wait_until_idle()
    assert seen[:2] == ["POST /here webhook_id=1", "GET /there webhook_id=1"]
    # The delivery got a 302, which is a success; nobody followed it.
    assert len(seen) == 3
    assert webhook.failure_count == 0


@pytest.mark.parametrize(
    ("status", "failures"), [(200, 0), (202, 0), (204, 0), (301, 0), (302, 0), (303, 1), (307, 1), (404, 1), (500, 1)]
)
async def test_which_answers_are_failures(rig: Rig, status: int, failures: int) -> None:
    (webhook,) = rig.register("order.created")
    rig.receiver.status = status
    rig.order()
    await rig.settled()
    assert webhook.failure_count == failures
    assert len(rig.receiver.got) == 1


async def test_disabled_at_the_seventh_failure_and_what_follows(rig: Rig) -> None:
    (webhook,) = rig.register("order.created")
    await rig.store.webhooks.wait_until_idle()
    rig.receiver.status = 500
    counts = []
    for _ in range(6):
        rig.order()
        await rig.settled()
        counts.append(webhook.failure_count)
    assert counts == [1, 2, 3, 4, 5, 6]
    assert webhook.status == "active"

    rig.store.webhooks.hold()
    rig.order()
    rig.order()
    await rig.store.webhooks.run(1)
    assert (webhook.status, webhook.failure_count) == ("disabled", 6)
    rig.order()
    # What was queued before is still sent, what happened since is not even queued.
    assert rig.store.webhooks.pending == [(1, 27)]
    rig.store.webhooks.release()
    assert len(await rig.settled()) == 8

    pings = len(rig.receiver.pings)
    answer = await rig.client.patch("/_sim/webhooks/1", json={"status": "active"})
    assert (answer.json()["status"], answer.json()["failure_count"]) == ("active", 6)
    assert len(rig.receiver.pings) == pings
    rig.order()
    await rig.settled()
    assert webhook.status == "disabled"

    webhook.status = "active"
    rig.receiver.status = 200
    rig.order()
    await rig.settled()
    assert (webhook.status, webhook.failure_count) == ("active", 0)


async def test_paused_webhook_queues_nothing(rig: Rig) -> None:
    (webhook,) = rig.register("order.created")
    await rig.client.patch("/_sim/webhooks/1", json={"status": "paused"})
    rig.order()
    assert await rig.settled() == []
    assert webhook.failure_count == 0


async def test_time_out_and_refused_connection_are_failures(rig: Rig) -> None:
    (webhook,) = rig.register("order.created")
    await rig.store.webhooks.wait_until_idle()
    rig.store.webhooks.timeout_seconds = 0.05
    rig.receiver.seconds = 0.5
    rig.order()
    await rig.store.webhooks.wait_until_idle()
    webhook.delivery_url = "http://127.0.0.1:1/"
    rig.order()
    await rig.store.webhooks.wait_until_idle()
    webhook.delivery_url = "nonsense"
    rig.order()
    await rig.store.webhooks.wait_until_idle()
    timed_out, refused, nonsense = [entry for entry in rig.store.webhooks.deliveries if entry.order_id]
    assert webhook.failure_count == 3
    assert timed_out.answer.error == "http_request_failed: cURL error 28: Operation timed out after 50 milliseconds"
    assert refused.answer.error is not None
    assert refused.answer.error.startswith("http_request_failed: ConnectError")
    assert nonsense.answer.error is not None
    assert [entry.answer.status for entry in (timed_out, refused, nonsense)] == [None, None, None]


@pytest.mark.parametrize("at_once", [False, True])
async def test_redelivery_sends_the_same_bytes(rig: Rig, *, at_once: bool) -> None:
    rig.register("order.created")
    await rig.store.webhooks.wait_until_idle()
    rig.order()
    await rig.settled()
    rig.receiver.seconds = 0.1
    journal = (await rig.client.get("/_sim/deliveries", params={"last": 1})).json()
    assert journal[0]["answer"]["status"] == 200
    rig.store.touch(20)
    call = {"delivery": journal[0]["id"], "times": 3, "at_once": at_once}
    again = (await rig.client.post("/_sim/redeliver", json=call)).json()
    assert [entry["repeats"] for entry in again] == [journal[0]["id"]] * 3
    assert {entry["body"] for entry in again} == {journal[0]["body"]}
    assert all(entry["headers"] == journal[0]["headers"] for entry in again)
    assert rig.receiver.most_at_once == (3 if at_once else 1)
    assert rig.receiver.topics == ["order.created"] * 4
    assert (await rig.client.post("/_sim/redeliver", json={"delivery": 999})).status_code == 404


async def test_webhook_registered_before_the_shop_opens_is_pinged_then() -> None:
    receiver = Receiver()
    sink = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    async with running(sink) as sink_url:
        app = create_app()
        store: SimulatedShop = app.state.shop
        store.webhooks.register(topic="order.created", delivery_url=f"{sink_url}/hook")
        store.create(OrderChanges(status="pending"))
        with pytest.raises(RuntimeError, match="not being served"):
            await store.webhooks.wait_until_idle()
        async with running(app):
            await store.webhooks.wait_until_idle()
    assert receiver.pings == ["webhook_id=1"]
    assert receiver.topics == ["order.created"]


async def test_address_changed_is_pinged(rig: Rig) -> None:
    await rig.client.post("/_sim/webhooks", json={"delivery_url": rig.hook_url, "topic": "order.created"})
    await rig.client.patch("/_sim/webhooks/1", json={"delivery_url": f"{rig.hook_url}?b"})
    await rig.client.patch("/_sim/webhooks/1", json={"name": "renamed"})
    assert rig.receiver.pings == ["webhook_id=1"] * 2
    assert (await rig.client.delete("/_sim/webhooks/1")).json() == {"deleted": 1}
    rig.order()
    assert await rig.settled() == []


async def test_product_deleted_later_leaves_a_bare_line(rig: Rig) -> None:
    rig.order(18)
    await rig.client.delete("/_sim/products/18")
    line = (await rig.client.get("/_sim/orders/20")).json()["line_items"][0]
    assert line["name"] == "IPTV Subscription - 12 months"
    assert (line["product_id"], line["variation_id"], line["sku"], line["parent_name"]) == (0, 0, None, None)


async def test_checkout_with_everything(rig: Rig) -> None:
    cart = {
        "items": [
            {"product_id": 18, "quantity": 2, "meta": {"panelr_intent": "renewal"}},
            {"product_id": 0, "name": "By hand", "price": "1.00"},
        ],
        "payment_method": "stripe",
        "coupon": "rig10",
        "fee": {"name": "Gift", "amount": "2.50"},
        "note": "Hi",
        "email": "zoe@example.test",
    }
    order = (await rig.client.post("/_sim/checkout", json=cart)).json()
    assert (order["status"], order["customer_note"], order["billing"]["email"]) == (
        "processing",
        "Hi",
        "zoe@example.test",
    )
    assert (order["discount_total"], order["cart_tax"]) == ("18.10", "13.44")
    assert order["fee_lines"][0]["total"] == "2.50"
    # 162.00 + 0.90 + 2.50 + 13.44, and no shipping: nothing of it is a thing
    assert (order["total"], order["shipping_lines"]) == ("178.84", [])
    assert [meta["key"] for meta in order["line_items"][0]["meta_data"]] == ["term", "panelr_intent"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"itms": []}, "unknown: itms"),
        ({"items": [{"sku": "NONE"}]}, "there is no product NONE"),
        ({"items": [{"sku": "VIRT-1", "quantity": 0}]}, "quantity must be above 0"),
        ({"items": [{"sku": "VIRT-1"}], "coupon": "none"}, "there is no coupon none"),
        ({"items": [{"sku": "VIRT-1"}], "payment_method": "gold"}, "payment_method must be one of"),
    ],
)
async def test_controls_say_what_is_wrong(rig: Rig, body: dict[str, Any], words: str) -> None:
    answer = await rig.client.post("/_sim/checkout", json=body)
    assert answer.status_code in {400, 404}
    assert answer.json()["error"].startswith(words)
    assert (await rig.client.get("/_sim/orders")).json() == []


async def test_guide_and_reset(rig: Rig) -> None:
    guide = (await rig.client.get("/_sim/")).json()["controls"]
    assert {
        "do": "DELETE /_sim/orders/{id}",
        "what": "delete an order permanently, without a webhook",
        "example": "",
    } in guide
    for control in guide:
        assert not control["example"] or json.loads(control["example"])
    rig.register("order.created")
    rig.order()
    await rig.settled()
    kept = (await rig.client.delete("/_sim/state", params={"keep": "webhooks"})).json()
    assert [webhook["id"] for webhook in kept["webhooks"]] == [1]
    assert (await rig.client.get("/_sim/orders")).json() == []
    assert rig.order() == 21
    assert (await rig.client.delete("/_sim/state")).json() == {"webhooks": [], "held": False, "pending": []}
