"""The scenes with problems: repeated deliveries, a lost answer, Panelr is down."""

import asyncio
from dataclasses import replace

from panelr_bridge.demo.console import DemoConsole, escape_markup
from panelr_bridge.demo.evidence import OrderedItem, check_created, count_responses, describe_calls, read_response
from panelr_bridge.demo.order_scenes import MONTH, YEAR, check_items, place_demo_order, report_deliveries
from panelr_bridge.demo.stage import DemoStage
from panelr_bridge.simulators.woocommerce import Delivery, NewOrderLine, delivery_headers, order_payload
from panelr_bridge.simulators.woocommerce.http_sender import DeliveryResponse
from panelr_bridge.simulators.woocommerce.models import Order

DELIVERIES_AT_ONCE = 40
SLOW_SECONDS = 0.3
UNSENT = DeliveryResponse(status=None, body=b"", location=None, milliseconds=0, error=None)


async def repeated_deliveries(stage: DemoStage, console: DemoConsole) -> None:
    """Deliver a new order many times at once, with two topics, while Panelr is slow."""
    console.start_scene("The same order is delivered many times at once")
    webhooks = stage.shop.webhooks
    webhooks.hold()
    stage.panel.settings = replace(stage.panel.settings, latency_seconds=SLOW_SECONDS)
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=MONTH)))
    first_deliveries = [_build_delivery(stage, order, topic) for topic in ("order.created", "order.updated")]
    half = DELIVERIES_AT_ONCE // len(first_deliveries)
    console.print_line(
        "webhooks", f"{DELIVERIES_AT_ONCE} deliveries at once, while Panelr takes {SLOW_SECONDS:g} s to answer"
    )
    repeated = await asyncio.gather(*(webhooks.redeliver(each, half, at_once=True) for each in first_deliveries))
    console.print_line("", f"→ {count_responses(each for part in repeated for each in part)}")
    stage.panel.settings = replace(stage.panel.settings, latency_seconds=0.0)
    webhooks.release()
    deliveries = await stage.wait_for_deliveries(order.id)
    console.print_line(
        "", f"then {len(deliveries) - DELIVERIES_AT_ONCE} more → {count_responses(deliveries[DELIVERIES_AT_ONCE:])}"
    )
    words = f"{len(deliveries)} deliveries led to one create call and one work order."
    await check_created(stage, console, order, [OrderedItem(product_id=1)], words)


async def answer_lost(stage: DemoStage, console: DemoConsole) -> None:
    """Let Panelr create the work order, and reset the connection before the answer."""
    console.start_scene("Panelr creates the work order, but its answer is lost")
    stage.panel.faults.add("reset", action="create_work_order", when="after")
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=YEAR)))
    # Read the state from the first response. The look-up may be finished before a request to the admin API.
    response = read_response((await report_deliveries(stage, console, order))[0])
    console.print_line("bridge", f"[magenta]{response.get('state')}[/]: {escape_markup(str(response.get('reason')))}")
    order_data = await stage.bridge.wait_for_state(order.id, "created")
    console.print_line("calls", describe_calls(order_data))
    console.check(
        "The bridge did not create it again: its look-up found the work order.",
        actual={
            "state": response.get("state"),
            "adopted": order_data["adopted"],
            "reason": order_data["reasons"][0]["code"],
        },
        expected={"state": "unconfirmed", "adopted": True, "reason": "adopted_by_look_up"},
    )
    await check_created(
        stage, console, order, [OrderedItem(product_id=2)], "Panelr has one work order and no duplicate."
    )


async def panelr_down(stage: DemoStage, console: DemoConsole) -> None:
    """Shut Panelr down, place an order, and start Panelr again."""
    console.start_scene("Panelr is down for a moment")
    await stage.panelr.stop()
    console.print_line("panelr", "stopped: its address refuses connections")
    renewal = {"panelr_intent": "renewal", "panelr_activation_id": "4711"}
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=MONTH), meta=renewal))
    await report_deliveries(stage, console, order)
    order_data = await stage.bridge.wait_for_state(order.id, "queued", attempts=2)
    console.print_line(
        "bridge",
        f"[cyan]queued[/]: {escape_markup(order_data['reasons'][0]['words'])}; the call is stored and will be repeated",
    )
    await stage.panelr.start()
    console.print_line("panelr", "started again")
    order_data = await stage.bridge.wait_for_state(order.id, "created")
    console.print_line("calls", describe_calls(order_data))
    words = "The bridge created the work order after the outage, exactly once."
    await check_items(stage, console, order, (OrderedItem(product_id=1, intent="renewal", activation_id=4711),), words)


def _build_delivery(stage: DemoStage, order: Order, topic: str) -> Delivery:
    """Return the delivery that the shop would send: the same bytes, signed with the same secret."""
    webhooks = stage.shop.webhooks
    webhook = next(each for each in webhooks.registered.values() if each.topic == topic)
    body = order_payload(order, home_url=stage.shop.home_url)
    second = int(stage.shop.now().timestamp())
    headers = delivery_headers(webhook, body, home_url=stage.shop.home_url, unix_second=second)
    return Delivery(0, webhook.id, topic, order.id, webhook.delivery_url, headers, body, UNSENT)
