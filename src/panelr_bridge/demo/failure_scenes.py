"""The scenes of a bad day: told again and again, an answer that is lost, a Panelr that is down."""

import asyncio
from dataclasses import replace

from panelr_bridge.demo.console import DemoConsole, escape_markup
from panelr_bridge.demo.evidence import OrderedItem, check_created, count_responses, describe_calls, read_response
from panelr_bridge.demo.order_scenes import MONTH, YEAR, check_items, place_demo_order, report_deliveries
from panelr_bridge.demo.stage import DemoStage
from panelr_bridge.simulators.woocommerce import Delivery, NewOrderLine, delivery_headers, order_payload
from panelr_bridge.simulators.woocommerce.http_sender import DeliveryResponse
from panelr_bridge.simulators.woocommerce.models import Order

TOLD_AT_ONCE = 40
SLOW_SECONDS = 0.3
UNSENT = DeliveryResponse(status=None, body=b"", location=None, milliseconds=0, error=None)


async def repeated_deliveries(stage: DemoStage, console: DemoConsole) -> None:
    """Tell of a new order many times at once, under two topics, while Panelr is slow."""
    console.start_scene("One order is told again and again, at the same moment")
    webhooks = stage.shop.webhooks
    webhooks.hold()
    stage.panel.settings = replace(stage.panel.settings, latency_seconds=SLOW_SECONDS)
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=MONTH)))
    unsent = [_build_delivery(stage, order, topic) for topic in ("order.created", "order.updated")]
    half = TOLD_AT_ONCE // len(unsent)
    console.print_line("webhooks", f"{TOLD_AT_ONCE} at once, while Panelr takes {SLOW_SECONDS:g} s for an answer ...")
    heard = await asyncio.gather(*(webhooks.redeliver(each, half, at_once=True) for each in unsent))
    console.print_line("", f"→ {count_responses(each for part in heard for each in part)}")
    stage.panel.settings = replace(stage.panel.settings, latency_seconds=0.0)
    webhooks.release()
    deliveries = await stage.wait_for_deliveries(order.id)
    console.print_line(
        "", f"... and {len(deliveries) - TOLD_AT_ONCE} more afterwards → {count_responses(deliveries[TOLD_AT_ONCE:])}"
    )
    words = f"{len(deliveries)} deliveries, one request to Panelr, one work order."
    await check_created(stage, console, order, [OrderedItem(product_id=1)], words)


async def answer_lost(stage: DemoStage, console: DemoConsole) -> None:
    """Let Panelr create the work order and cut the connection before it has answered."""
    console.start_scene("Panelr creates the work order, and its answer is lost")
    stage.panel.faults.add("reset", action="create_work_order", when="after")
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=YEAR)))
    # The state of the moment is in the first answer; by the time that one could ask, the look-up may be done.
    answer = read_response((await report_deliveries(stage, console, order))[0])
    console.print_line("bridge", f"[magenta]{answer.get('state')}[/]: {escape_markup(str(answer.get('reason')))}")
    story = await stage.bridge.wait_for_state(order.id, "created")
    console.print_line("calls", describe_calls(story))
    console.check(
        "It was not sent again: the bridge looked, and found it.",
        found={"state": answer.get("state"), "adopted": story["adopted"], "reason": story["reasons"][0]["code"]},
        expected={"state": "unconfirmed", "adopted": True, "reason": "adopted_by_look_up"},
    )
    await check_created(stage, console, order, [OrderedItem(product_id=2)], "Adopted: one work order, no double.")


async def panelr_down(stage: DemoStage, console: DemoConsole) -> None:
    """Shut Panelr down, place an order, and bring Panelr back."""
    console.start_scene("Panelr is down for a moment")
    await stage.panelr.stop()
    console.print_line("panelr", "shut down: nothing listens at its address any more")
    renewal = {"panelr_intent": "renewal", "panelr_activation_id": "4711"}
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=MONTH), meta=renewal))
    await report_deliveries(stage, console, order)
    story = await stage.bridge.wait_for_state(order.id, "queued", attempts=2)
    console.print_line(
        "bridge", f"[cyan]queued[/]: {escape_markup(story['reasons'][0]['words'])}; owed, and tried again"
    )
    await stage.panelr.start()
    console.print_line("panelr", "is back")
    story = await stage.bridge.wait_for_state(order.id, "created")
    console.print_line("calls", describe_calls(story))
    words = "Panelr was back, and the order was created by itself: once."
    await check_items(stage, console, order, (OrderedItem(product_id=1, intent="renewal", activation_id=4711),), words)


def _build_delivery(stage: DemoStage, order: Order, topic: str) -> Delivery:
    """Return the delivery that the shop has yet to make: the same bytes, signed with the same secret."""
    webhooks = stage.shop.webhooks
    webhook = next(each for each in webhooks.registered.values() if each.topic == topic)
    body = order_payload(order, home_url=stage.shop.home_url)
    second = int(stage.shop.now().timestamp())
    headers = delivery_headers(webhook, body, home_url=stage.shop.home_url, unix_second=second)
    return Delivery(0, webhook.id, topic, order.id, webhook.delivery_url, headers, body, UNSENT)
