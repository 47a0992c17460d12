"""The webhook queue of the simulated shop: order, pings, failures and repeated deliveries."""

import asyncio
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import (
    OrderChanges,
    SimulatedShop,
    create_app,
    sign,
)
from tests.support.webhook_rig import SECRET, WebhookReceiver, WebhookRig, open_rig, read_capture


async def test_payload_is_built_at_delivery_and_events_are_merged(rig: WebhookRig) -> None:
    rig.register()
    await rig.client.post("/_sim/webhooks/hold")
    rig.create_order()
    for status in ("on-hold", "processing", "completed"):
        await rig.client.post("/_sim/orders/20/status", json={"status": status})
    rig.create_order()
    listed = (await rig.client.get("/_sim/webhooks")).json()
    assert listed["held"] is True
    assert [(entry["webhook_id"], entry["order_id"]) for entry in listed["pending"]] == [
        *((1, 20), (2, 20)),
        *((1, 21), (2, 21)),
    ]
    with pytest.raises(RuntimeError, match="held"):
        await asyncio.gather(rig.wait_for_topics())
    assert len((await rig.client.post("/_sim/webhooks/run", json={"limit": 2})).json()) == 2
    assert [(topic, body["status"]) for topic, body in rig.receiver.received] == [
        ("order.created", "completed"),
        ("order.updated", "completed"),
    ]
    await rig.client.post("/_sim/webhooks/release")
    assert len(await rig.wait_for_topics()) == 4


async def test_change_while_a_delivery_runs_queues_another(rig: WebhookRig) -> None:
    rig.register("order.updated")
    rig.receiver.seconds = 0.2
    rig.create_order()
    while not rig.receiver.concurrency:  # noqa: ASYNC110 - until the first is on the wire
        await asyncio.sleep(0.005)
    rig.shop.touch(20)
    rig.shop.touch(20)
    assert await rig.wait_for_topics() == ["order.updated", "order.updated"]


async def test_deliveries_are_sent_one_after_another(rig: WebhookRig) -> None:
    rig.register()
    rig.receiver.seconds = 0.02
    for _ in range(5):
        rig.create_order()
    assert len(await rig.wait_for_topics()) == 10
    assert rig.receiver.peak_concurrency == 1
    assert [body["id"] for _, body in rig.receiver.received] == [20, 20, 21, 21, 22, 22, 23, 23, 24, 24]


async def test_deliveries_wait_for_their_delay() -> None:
    async with open_rig(delivery_delay_seconds=0.4) as rig:
        rig.register("order.created")
        rig.create_order()
        await asyncio.sleep(0.1)
        assert rig.receiver.received == []
        assert await rig.wait_for_topics() == ["order.created"]


async def test_deleted_order_gives_a_signed_error(rig: WebhookRig) -> None:
    rig.register()
    rig.shop.webhooks.hold()
    rig.create_order()
    rig.shop.delete(20)
    rig.shop.webhooks.release()
    assert await rig.wait_for_topics() == ["order.created", "order.updated"]
    sent = [delivery for delivery in rig.shop.webhooks.deliveries if delivery.order_id]
    _, body = read_capture("067-order.created-vanished")
    assert [delivery.body for delivery in sent] == [body, body]
    assert dict(sent[0].headers)["X-WC-Webhook-Signature"] == sign(body, SECRET)


async def test_owner_without_rights(rig: WebhookRig) -> None:
    rig.register("order.updated", "order.deleted")
    for number in (1, 2):
        await rig.client.patch(f"/_sim/webhooks/{number}", json={"owner_may_read": False})
    rig.create_order()
    await rig.wait_for_topics()
    rig.shop.trash(20)
    await rig.wait_for_topics()
    assert [body for _, body in rig.receiver.received] == [
        {
            "code": "woocommerce_rest_cannot_view",
            "message": "Sorry, you cannot view this resource.",
            "data": {"status": 403},
        },
        {"id": 20},
    ]


async def test_delivery_id_depends_only_on_webhook_and_second() -> None:
    now = [datetime(2026, 11, 21, 19, 16, 41, 900_000, tzinfo=UTC)]
    async with open_rig(clock=lambda: now[0]) as rig:
        rig.register("order.created", "order.updated")
        rig.create_order()
        rig.create_order()
        await rig.wait_for_topics()
        now[0] = now[0].replace(second=42)
        rig.shop.touch(20)
        await rig.wait_for_topics()
        ids = [headers["x-wc-webhook-delivery-id"] for headers in rig.receiver.headers]
    created, updated, created_too, updated_too, later = ids
    assert (created, updated) == (created_too, updated_too)
    assert len({created, updated, later}) == 3


@pytest.mark.parametrize("ping_status", [202, 204, 500])
async def test_ping_is_repeated_until_it_is_answered_200(rig: WebhookRig, ping_status: int) -> None:
    rig.receiver.ping_status = ping_status
    rig.register("order.updated")
    rig.create_order()
    await rig.wait_for_topics()
    rig.shop.touch(20)
    await rig.wait_for_topics()
    assert rig.receiver.pings == ["webhook_id=1"] * 3
    rig.receiver.ping_status = 200
    for _ in range(2):
        rig.shop.touch(20)
        await rig.wait_for_topics()
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
        webhook = rig.shop.webhooks.register(topic="order.created", delivery_url=f"{url}/here")
        await rig.shop.webhooks.wait_until_idle()
        assert webhook.pending_delivery is False
        rig.create_order()
        await rig.shop.webhooks.wait_until_idle()
    assert seen[:2] == ["POST /here webhook_id=1", "GET /there webhook_id=1"]
    # The delivery was answered 302, which is a success. The redirect is not followed.
    assert len(seen) == 3
    assert webhook.failure_count == 0


@pytest.mark.parametrize(
    ("status", "failures"), [(200, 0), (202, 0), (204, 0), (301, 0), (302, 0), (303, 1), (307, 1), (404, 1), (500, 1)]
)
async def test_which_answers_are_failures(rig: WebhookRig, status: int, failures: int) -> None:
    (webhook,) = rig.register("order.created")
    rig.receiver.status = status
    rig.create_order()
    await rig.wait_for_topics()
    assert webhook.failure_count == failures
    assert len(rig.receiver.received) == 1


async def test_webhook_is_disabled_at_the_seventh_failure(rig: WebhookRig) -> None:
    (webhook,) = rig.register("order.created")
    await rig.shop.webhooks.wait_until_idle()
    rig.receiver.status = 500
    counts = []
    for _ in range(6):
        rig.create_order()
        await rig.wait_for_topics()
        counts.append(webhook.failure_count)
    assert counts == [1, 2, 3, 4, 5, 6]
    assert webhook.status == "active"

    rig.shop.webhooks.hold()
    rig.create_order()
    rig.create_order()
    await rig.shop.webhooks.run(1)
    assert (webhook.status, webhook.failure_count) == ("disabled", 6)
    rig.create_order()
    # Deliveries queued earlier are still sent. Later events are not queued.
    assert rig.shop.webhooks.pending == [(1, 27)]
    rig.shop.webhooks.release()
    assert len(await rig.wait_for_topics()) == 8

    pings = len(rig.receiver.pings)
    answer = await rig.client.patch("/_sim/webhooks/1", json={"status": "active"})
    assert (answer.json()["status"], answer.json()["failure_count"]) == ("active", 6)
    assert len(rig.receiver.pings) == pings
    rig.create_order()
    await rig.wait_for_topics()
    assert webhook.status == "disabled"

    webhook.status = "active"
    rig.receiver.status = 200
    rig.create_order()
    await rig.wait_for_topics()
    assert (webhook.status, webhook.failure_count) == ("active", 0)


async def test_paused_webhook_queues_nothing(rig: WebhookRig) -> None:
    (webhook,) = rig.register("order.created")
    await rig.client.patch("/_sim/webhooks/1", json={"status": "paused"})
    rig.create_order()
    assert await rig.wait_for_topics() == []
    assert webhook.failure_count == 0


async def test_time_out_and_refused_connection_are_failures(rig: WebhookRig) -> None:
    (webhook,) = rig.register("order.created")
    await rig.shop.webhooks.wait_until_idle()
    rig.shop.webhooks.timeout_seconds = 0.05
    rig.receiver.seconds = 0.5
    rig.create_order()
    await rig.shop.webhooks.wait_until_idle()
    webhook.delivery_url = "http://127.0.0.1:1/"
    rig.create_order()
    await rig.shop.webhooks.wait_until_idle()
    webhook.delivery_url = "nonsense"
    rig.create_order()
    await rig.shop.webhooks.wait_until_idle()
    timed_out, refused, nonsense = [entry for entry in rig.shop.webhooks.deliveries if entry.order_id]
    assert webhook.failure_count == 3
    assert timed_out.answer.error == "http_request_failed: cURL error 28: Operation timed out after 50 milliseconds"
    assert refused.answer.error is not None
    assert refused.answer.error.startswith("http_request_failed: ConnectError")
    assert nonsense.answer.error is not None
    assert [entry.answer.status for entry in (timed_out, refused, nonsense)] == [None, None, None]


@pytest.mark.parametrize("at_once", [False, True])
async def test_redelivery_sends_the_same_bytes(rig: WebhookRig, *, at_once: bool) -> None:
    rig.register("order.created")
    await rig.shop.webhooks.wait_until_idle()
    rig.create_order()
    await rig.wait_for_topics()
    rig.receiver.seconds = 0.1
    journal = (await rig.client.get("/_sim/deliveries", params={"last": 1})).json()
    assert journal[0]["answer"]["status"] == 200
    rig.shop.touch(20)
    call = {"delivery": journal[0]["id"], "times": 3, "at_once": at_once}
    again = (await rig.client.post("/_sim/redeliver", json=call)).json()
    assert [entry["repeats"] for entry in again] == [journal[0]["id"]] * 3
    assert {entry["body"] for entry in again} == {journal[0]["body"]}
    assert all(entry["headers"] == journal[0]["headers"] for entry in again)
    assert rig.receiver.peak_concurrency == (3 if at_once else 1)
    assert rig.receiver.topics == ["order.created"] * 4
    assert (await rig.client.post("/_sim/redeliver", json={"delivery": 999})).status_code == 404


async def test_webhook_registered_before_the_shop_opens_is_pinged_then() -> None:
    receiver = WebhookReceiver()
    sink = Starlette(routes=[Route("/hook", receiver.handle, methods=["POST"])])
    async with running(sink) as sink_url:
        app = create_app()
        shop: SimulatedShop = app.state.shop
        shop.webhooks.register(topic="order.created", delivery_url=f"{sink_url}/hook")
        shop.create(OrderChanges(status="pending"))
        with pytest.raises(RuntimeError, match="not being served"):
            await shop.webhooks.wait_until_idle()
        async with running(app):
            await shop.webhooks.wait_until_idle()
    assert receiver.pings == ["webhook_id=1"]
    assert receiver.topics == ["order.created"]


async def test_changed_url_is_pinged(rig: WebhookRig) -> None:
    await rig.client.post("/_sim/webhooks", json={"delivery_url": rig.webhook_url, "topic": "order.created"})
    await rig.client.patch("/_sim/webhooks/1", json={"delivery_url": f"{rig.webhook_url}?b"})
    await rig.client.patch("/_sim/webhooks/1", json={"name": "renamed"})
    assert rig.receiver.pings == ["webhook_id=1"] * 2
    assert (await rig.client.delete("/_sim/webhooks/1")).json() == {"deleted": 1}
    rig.create_order()
    assert await rig.wait_for_topics() == []
