"""The shop's client and answers of wc/v3: what it sends, what it repeats, and the errors that it raises."""

import asyncio
import contextlib
import json
import socket
import ssl
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
import respx

from panelr_bridge.errors import (
    ShopMisconfigured,
    ShopNotFound,
    ShopRefused,
    ShopUnclear,
    ShopUnreachable,
    ShopUnsupported,
)
from panelr_bridge.simulators.server import reset_on_close
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from tests.support.files import DATA
from tests.support.shop_client import SHOP, WC, client

GONE = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
NO_ROUTE = {"code": "rest_no_route", "message": "No route.", "data": {"status": 404}}


async def test_over_https_the_key_goes_into_a_header() -> None:
    with respx.mock() as mock:
        route = mock.get(f"{WC}/orders/7").respond(200, content=b'{"id": 7, "total": 19.10}')
        async with client() as shop:
            assert await shop.get_order(7) == {"id": 7, "total": Decimal("19.10")}
    request = route.calls[0].request
    assert request.headers["authorization"] == httpx.BasicAuth("ck_demo", "cs_demo")._auth_header
    assert request.url.query == b""


async def test_over_http_every_request_is_signed_anew() -> None:
    with respx.mock() as mock:
        route = mock.get("http://shop.test/wp-json/wc/v3/orders/7").respond(200, json={"id": 7})
        async with client("http://shop.test") as shop:
            await shop.get_order(7)
            await shop.get_order(7)
    first, second = (call.request for call in route.calls)
    assert "authorization" not in first.headers
    assert first.url.params["oauth_consumer_key"] == "ck_demo"
    assert first.url.params["oauth_nonce"] != second.url.params["oauth_nonce"]
    assert abs(int(first.url.params["oauth_timestamp"]) - datetime.now(UTC).timestamp()) < 60


async def test_a_list_with_its_total() -> None:
    with respx.mock() as mock:
        route = mock.get(f"{WC}/orders").respond(
            200, json=[{"id": 1}], headers={"X-WP-Total": "3", "X-WP-TotalPages": "3"}
        )
        async with client() as shop:
            page = await shop.list_orders(query=OrdersQuery(statuses=("processing", "on-hold"), per_page=1))
    assert (page.orders, page.total, page.has_more) == (({"id": 1},), 3, True)
    assert route.calls[0].request.url.params["status"] == "processing,on-hold"


@pytest.mark.parametrize("trouble", [429, 502, 503, 504, "connect", "read"])
async def test_a_read_is_tried_again(trouble: int | str) -> None:
    error = {"connect": httpx.ConnectError("x"), "read": httpx.ReadError("x")}
    bad = error[trouble] if isinstance(trouble, str) else httpx.Response(trouble)
    with respx.mock() as mock:
        route = mock.get(f"{WC}/orders/7")
        route.side_effect = [bad, bad, httpx.Response(200, json={"id": 7})]
        async with client() as shop:
            assert (await shop.get_order(7))["id"] == 7


@pytest.mark.parametrize(
    ("status", "kind", "times"),
    [(503, ShopUnreachable, 3), (500, ShopUnreachable, 3), (404, ShopMisconfigured, 1), (422, ShopRefused, 1)],
)
async def test_a_read_is_tried_so_often(status: int, kind: type[Exception], times: int) -> None:
    with respx.mock() as mock:
        route = mock.get(f"{WC}/orders/7").respond(status)
        async with client() as shop:
            with pytest.raises(kind):
                await shop.get_order(7)
        assert route.call_count == times


async def test_a_redirect_is_reported_and_not_followed() -> None:
    with respx.mock() as mock:
        mock.get(f"{WC}/orders/7").respond(301, headers={"Location": "https://www.shop.test/"})
        async with client() as shop:
            with pytest.raises(ShopMisconfigured, match=r"to https://www\.shop\.test \(301\)"):
                await shop.get_order(7)


def orders_list(mark: str | None) -> httpx.Response:
    meta = [{"id": 1, "key": "panelr_bridge_key", "value": mark}] if mark else []
    return httpx.Response(200, json=[{"id": 9, "meta_data": meta}, {"id": 8, "meta_data": []}])


async def test_an_order_whose_answer_was_lost_is_found_and_not_made_again() -> None:
    with respx.mock() as mock:
        create = mock.post(f"{WC}/orders").mock(side_effect=httpx.ReadTimeout("x"))

        def listed(_: httpx.Request) -> httpx.Response:
            sent = json.loads(create.calls[0].request.content)
            return orders_list(sent["meta_data"][-1]["value"])

        mock.get(f"{WC}/orders").mock(side_effect=listed)
        mock.get(f"{WC}/orders/9").respond(200, json={"id": 9, "status": "pending"})
        async with client() as shop:
            made = await shop.create_order({"status": "pending", "meta_data": [{"key": "a", "value": "b"}]})
    assert (made["id"], create.call_count) == (9, 1)
    sent = json.loads(create.calls[0].request.content)
    assert [entry["key"] for entry in sent["meta_data"]] == ["a", "panelr_bridge_key"]
    assert create.calls[0].request.headers["idempotency-key"] == sent["meta_data"][1]["value"]


async def test_an_order_that_cannot_be_found_is_made_again_once_and_then_it_is_unclear() -> None:
    with respx.mock() as mock:
        create = mock.post(f"{WC}/orders").respond(504)
        mock.get(f"{WC}/orders").mock(return_value=orders_list(None))
        async with client() as shop:
            with pytest.raises(ShopUnclear, match="before you repeat it"):
                await shop.create_order({})
    bodies = {call.request.content for call in create.calls}
    assert (create.call_count, len(bodies)) == (2, 1)


async def test_when_looking_fails_too_nothing_is_repeated() -> None:
    with respx.mock() as mock:
        create = mock.post(f"{WC}/orders").respond(502)
        mock.get(f"{WC}/orders").respond(503)
        async with client() as shop:
            with pytest.raises(ShopUnclear, match="the look-up failed"):
                await shop.create_order({})
    assert create.call_count == 1


async def test_what_certainly_did_not_happen_is_sent_again_without_looking() -> None:
    with respx.mock() as mock:
        create = mock.post(f"{WC}/orders")
        create.side_effect = [httpx.ConnectError("x"), httpx.Response(429), httpx.Response(201, json={"id": 9})]
        async with client() as shop:
            assert (await shop.create_order({}))["id"] == 9


async def test_what_the_shop_refuses_is_not_repeated() -> None:
    with respx.mock() as mock:
        route = mock.put(f"{WC}/orders/7").respond(400, json=GONE)
        async with client() as shop:
            with pytest.raises(ShopNotFound):
                await shop.update_order(7, {"status": "completed"})
    assert route.call_count == 1


@pytest.mark.parametrize(("found", "times"), [("completed", 1), ("processing", 2)])
async def test_a_change_whose_answer_was_lost_is_compared_before_it_is_sent_again(found: str, times: int) -> None:
    meta = [{"id": 5, "key": "a", "value": "1"}]
    with respx.mock() as mock:
        change = mock.put(f"{WC}/orders/7")
        change.side_effect = [httpx.ReadError("x"), httpx.Response(200, json={"id": 7, "status": "completed"})]
        mock.get(f"{WC}/orders/7").respond(200, json={"id": 7, "status": found, "meta_data": meta})
        async with client() as shop:
            order = await shop.update_order(7, {"status": "wc-completed", "meta_data": [{"key": "a", "value": 1}]})
    assert (order["status"], change.call_count) == ("completed", times)


async def test_a_line_that_would_be_added_twice_is_not_sent_twice() -> None:
    with respx.mock() as mock:
        change = mock.put(f"{WC}/orders/7").respond(504)
        mock.get(f"{WC}/orders/7").respond(200, json={"id": 7, "fee_lines": []})
        async with client() as shop:
            with pytest.raises(ShopUnclear):
                await shop.update_order(7, {"fee_lines": [{"name": "a fee", "total": "1.00"}]})
    assert change.call_count == 1


async def test_a_deletion_whose_answer_was_lost_has_happened_when_the_order_is_gone() -> None:
    with respx.mock() as mock:
        delete = mock.delete(f"{WC}/orders/7").respond(504)
        mock.get(f"{WC}/orders/7").respond(404, json=GONE)
        async with client() as shop:
            assert await shop.delete_order(7, force=True) == {"id": 7, "deleted": True}
    assert dict(delete.calls[0].request.url.params) == {"force": "true"}


@pytest.mark.parametrize(("there", "times"), [("<p>Sent &amp; done</p>\n", 1), ("another", 2)])
async def test_a_note_is_written_once(there: str, times: int) -> None:
    with respx.mock() as mock:
        write = mock.post(f"{WC}/orders/7/notes")
        write.side_effect = [httpx.ReadError("x"), httpx.Response(201, json={"id": 2})]
        mock.get(f"{WC}/orders/7/notes").respond(200, json=[{"id": 1, "note": there}])
        async with client() as shop:
            await shop.add_note(7, note="Sent & done")
    assert write.call_count == times
    assert json.loads(write.calls[0].request.content) == {"note": "Sent & done", "customer_note": False}


@pytest.mark.parametrize(("orders_api", "kind"), [("wc/v3", ShopMisconfigured), ("myplugin/v1/woo", ShopUnsupported)])
async def test_a_note_where_wc_v3_does_not_answer(orders_api: str, kind: type[Exception]) -> None:
    with respx.mock() as mock:
        mock.post(f"{WC}/orders/7/notes").respond(404, json=NO_ROUTE)
        async with client(orders_api=orders_api) as shop:
            with pytest.raises(kind):
                await shop.add_note(7, note="x")


HOOK = {"id": 3, "name": "Panelr", "topic": "order.created", "delivery_url": "https://b.test/w", "status": "active"}


async def test_webhooks_are_listed_to_the_last_page() -> None:
    with respx.mock() as mock:
        route = mock.get(f"{WC}/webhooks")
        pages = {"X-WP-TotalPages": "2"}
        route.side_effect = [httpx.Response(200, json=[{"id": each}], headers=pages) for each in (1, 2)]
        async with client(orders_api="myplugin/v1/woo") as shop:
            assert [hook["id"] for hook in await shop.list_webhooks()] == [1, 2]


@pytest.mark.parametrize(("there", "made", "times"), [([HOOK], 3, 1), ([HOOK | {"topic": "order.updated"}], 4, 2)])
async def test_a_webhook_is_made_once(there: list[object], made: int, times: int) -> None:
    with respx.mock() as mock:
        create = mock.post(f"{WC}/webhooks")
        create.side_effect = [httpx.ReadError("x"), httpx.Response(201, json={"id": 4})]
        mock.get(f"{WC}/webhooks").respond(200, json=there)
        async with client() as shop:
            hook = await shop.create_webhook(
                name="Panelr", topic="order.created", delivery_url="https://b.test/w", secret="s"
            )
    assert (hook["id"], create.call_count) == (made, times)
    sent = json.loads(create.calls[0].request.content)
    assert (sent["secret"], sent["status"]) == ("s", "active")


@pytest.mark.parametrize(("changes", "times"), [({"status": "active"}, 1), ({"status": "active", "secret": "s"}, 2)])
async def test_a_webhook_is_changed_and_its_secret_cannot_be_compared(changes: dict[str, str], times: int) -> None:
    with respx.mock() as mock:
        change = mock.put(f"{WC}/webhooks/3")
        change.side_effect = [httpx.ReadError("x"), httpx.Response(200, json=HOOK)]
        mock.get(f"{WC}/webhooks/3").respond(200, json=HOOK)
        async with client() as shop:
            assert (await shop.update_webhook(3, changes))["id"] == 3
    assert change.call_count == times


async def test_products_and_variations() -> None:
    with respx.mock() as mock:
        mock.get(f"{WC}/products", params={"page": "2", "per_page": "100"}).respond(200, json=[{"id": 16}])
        mock.get(f"{WC}/products/16/variations").respond(200, json=[{"id": 18}])
        async with client() as shop:
            assert (await shop.list_products(2)).items == ({"id": 16},)
            assert (await shop.list_variations(16)).items == ({"id": 18},)


async def test_a_shop_that_never_ends_its_answer_does_not_hold_us() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n ")
        await reader.read()  # until the client hangs up
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with client(url, timeout_seconds=0.3, waits=()) as shop:
        with pytest.raises(ShopUnreachable, match=r"within 0\.3 s"):
            await shop.get_order(7)
    server.close()


async def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        async with client(f"http://127.0.0.1:{bound.getsockname()[1]}") as shop:
            with pytest.raises(ShopUnreachable, match="no connection") as caught:
                await shop.get_order(7)
    assert caught.value.maybe_done is False


async def test_a_connection_that_is_reset_as_it_is_made() -> None:
    def reset_each(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                accepted, _ = listener.accept()
                reset_on_close(accepted)
                accepted.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        resetting = asyncio.create_task(asyncio.to_thread(reset_each, listener))
        try:
            async with client(f"http://127.0.0.1:{listener.getsockname()[1]}", waits=()) as shop:
                for _ in range(300):  # each meets the reset at another point
                    with pytest.raises(ShopUnreachable):
                        await shop.get_order(7)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            await resetting


async def test_a_certificate_that_nobody_vouches_for_is_a_matter_for_a_person() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "self-signed.crt", DATA / "self-signed.key")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as shop:
        with pytest.raises(ShopMisconfigured, match="certificate is not valid"):
            await shop.get_order(7)
    server.close()


@pytest.mark.parametrize("url", ["nonsense", "ftp://shop.test", "http://", "http://shop.test:99999"])
async def test_an_address_that_is_none(url: str) -> None:
    async with client(url) as shop:
        with pytest.raises(ShopMisconfigured, match="WOO_URL is not an address"):
            await shop.get_order(7)


async def test_no_error_shows_a_key() -> None:
    said = {"code": "x", "message": "key cs_demo of ck_demo, oauth_signature=abc", "data": {}}
    with respx.mock() as mock:
        mock.get(f"{SHOP}/wp-json/wc/v3/orders/7").respond(400, json=said)
        async with client() as shop:
            with pytest.raises(ShopRefused) as caught:
                await shop.get_order(7)
    assert not any(part in f"{caught.value!r}" for part in ("cs_demo", "ck_demo", "abc"))
