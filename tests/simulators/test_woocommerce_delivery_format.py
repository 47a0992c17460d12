"""Bytes, headers and payloads of the simulated shop's deliveries, compared with captures of a real WooCommerce."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import (
    Cart,
    NewOrderLine,
    OrderChanges,
    SimulatedShop,
    create_app,
    order_payload,
    place_order,
    sign,
)
from tests.support.files import CAPTURES
from tests.support.webhook_rig import SECRET, open_rig, read_capture


def describe_shape(value: Any) -> Any:
    """Reduce JSON to its keys in order and the types of its values; lists to their first entry."""
    if isinstance(value, dict):
        return [(key, describe_shape(content)) for key, content in value.items()]
    if isinstance(value, list):
        return ["list", *[describe_shape(content) for content in value[:1]]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@contextlib.asynccontextmanager
async def raw_receiver(requests: list[bytes]) -> AsyncIterator[str]:
    """Record the exact bytes of each connection and answer 200."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        body = await reader.readexactly(int(lengths[0].split(b":")[1]))
        requests.append(head + body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        # The client closes the connection, because it sent Connection: close.
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/webhooks/woocommerce"


def head_lines(raw: bytes) -> list[str]:
    return raw.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")


async def test_sent_bytes_equal_the_captures() -> None:
    requests: list[bytes] = []
    async with raw_receiver(requests) as url, running(create_app()) as shop, httpx.AsyncClient() as client:
        hook = {"topic": "order.created", "delivery_url": url, "secret": SECRET}
        registered = await client.post(f"{shop}/_sim/webhooks", json=hook)
        assert registered.json()[0]["ping"]["status"] == 200
        await client.post(f"{shop}/_sim/checkout", json={"items": [{"product_id": 13}]})
        while len(requests) < 2:  # noqa: ASYNC110  a plain socket has no event
            await asyncio.sleep(0.01)
    ping, delivery = requests
    host = url.split("/")[2]

    recorded, body = read_capture("001-ping-ping")
    expected = dict(recorded["header_list"]) | {"Host": host}
    assert head_lines(ping) == [
        "POST /webhooks/woocommerce HTTP/1.1",
        *(f"{k}: {v}" for k, v in expected.items()),
    ]
    assert ping.endswith(b"\r\n\r\n" + body)

    recorded, _ = read_capture("005-order.created-guest")
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
        rig.shop.webhooks.register(topic="order.updated", delivery_url=url, secret=SECRET)
        rig.create_order(meta={"big": "x" * 1_048_576})
        await rig.shop.webhooks.wait_until_idle()
    assert head_lines(requests[1])[-3:-1] == ["Connection: close", "Expect: 100-Continue"]


def test_signature_of_every_capture_verifies() -> None:
    checked = 0
    for path in CAPTURES.glob("*-order.*.json"):
        recorded, body = read_capture(path.stem)
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
    shop = SimulatedShop()
    meta = {"panelr_activation_id": 77, "_hidden_meta": "h", "nested": {"a": [1, 2, {"b": None}]}}
    item = NewOrderLine(shop.product(product_id=line), meta=meta if line == 18 else {})
    order_meta = {"_panelr_ref": "abc", "source_campaign": "fall"} if line == 18 else {}
    order = shop.create(OrderChanges(lines=[item], meta=order_meta, set_paid=paid))
    _, body = read_capture(name)
    payload, real = json.loads(order_payload(order)), json.loads(body)
    assert describe_shape({k: v for k, v in payload.items() if k != "shipping_lines"}) == describe_shape(
        {k: v for k, v in real.items() if k != "shipping_lines"}
    )
    assert list(payload) == list(real)
    ids = {"id": 0, "taxes": 0}
    assert [
        entry | {"id": 0, "meta_data": [meta_entry | ids for meta_entry in entry["meta_data"]]}
        for entry in payload["line_items"]
    ] == [
        entry | {"id": 0, "meta_data": [meta_entry | ids for meta_entry in entry["meta_data"]]}
        for entry in real["line_items"]
    ]


def test_payload_of_a_checkout_with_coupon_is_the_captured_one() -> None:
    moment = datetime(2026, 11, 21, 19, 16, 52, tzinfo=UTC)
    shop = SimulatedShop(clock=lambda: moment)
    cart = Cart([NewOrderLine(shop.product(product_id=12), Decimal(2))], payment_method="cod", coupon="rig10")
    order = place_order(shop, cart)
    payload, real = json.loads(order_payload(order)), json.loads(read_capture("018-order.updated-coupon")[1])
    assert describe_shape(payload) == describe_shape(real)
    own = {
        *("id", "number", "order_key", "cart_hash", "meta_data", "line_items", "tax_lines", "shipping_lines"),
        *("coupon_lines", "payment_url", "_links", "date_modified", "date_modified_gmt"),
    }
    assert {k: v for k, v in payload.items() if k not in own} == {k: v for k, v in real.items() if k not in own}
    for lines in ("line_items", "tax_lines", "shipping_lines", "coupon_lines"):
        without = [[entry | {"id": 0, "meta_data": 0} for entry in body[lines]] for body in (payload, real)]
        assert without[0] == without[1]
    assert [meta["key"] for meta in payload["meta_data"]] == [
        *("_shipping_hash", "_coupons_hash", "_fees_hash", "_taxes_hash", "is_vat_exempt"),
        "_debug_log_source_pending_deletion",
    ]


def test_payload_of_refund_and_of_a_line_typed_by_hand() -> None:
    shop = SimulatedShop()
    order = shop.create(
        OrderChanges(lines=[NewOrderLine(None, Decimal(2), Decimal("7.777"))], currency="EUR", status="completed")
    )
    shop.refund(order.id, Decimal(5), "damaged")
    _, typed = read_capture("079-order.updated-rest-put-meta")
    payload, real = json.loads(order_payload(order)), json.loads(typed)
    assert payload["line_items"][0] | {"id": 0} == real["line_items"][1] | {"id": 0}
    assert payload["currency_symbol"] == real["currency_symbol"] == "\u20ac"
    _, refunded = read_capture("022-order.updated-refund-partial")
    assert describe_shape(payload["refunds"]) == describe_shape(json.loads(refunded)["refunds"])
    assert payload["refunds"] == [{"id": 21, "reason": "damaged", "total": "-5.00"}]
    assert (payload["status"], payload["total"]) == ("completed", "8.42")


def test_payload_is_pure_ascii_with_escaped_slashes() -> None:
    shop = SimulatedShop()
    line = NewOrderLine(shop.product(product_id=11), meta={"html": '<a href="x">y</a> & \0', "_n": True})
    order = shop.create(OrderChanges(lines=[line], billing={"company": "\u682a/\U0001f389"}))
    body = order_payload(order)
    assert b'"company":"\\u682a\\/\\ud83c\\udf89"' in body
    assert b'"value":"<a href=\\"x\\">y<\\/a> & \\u0000","display_key":"html","display_value":"y &amp;"' in body
    assert b"\n" not in body
    body.decode("ascii")
