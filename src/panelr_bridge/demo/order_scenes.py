"""The scenes of an ordinary day: setting up, an order, and an order that a person must help along."""

from collections.abc import Sequence

from panelr_bridge.demo.console import DemoConsole, SceneFailed, escape_markup
from panelr_bridge.demo.evidence import (
    OrderedItem,
    check_created,
    count_create_calls,
    describe_mapped_line,
    describe_order,
    describe_response,
    shorten_signature,
)
from panelr_bridge.demo.stage import DemoStage, Json
from panelr_bridge.simulators.woocommerce import Cart, Delivery, NewOrderLine, place_order
from panelr_bridge.simulators.woocommerce.deliveries import TOPICS
from panelr_bridge.simulators.woocommerce.models import Order

YEAR, MONTH, CREDITS, MUG = "IPTV-12M", "IPTV-1M", "PANEL-1000", 11
CARD = 2
MAPPINGS: tuple[Json, ...] = (
    {"sku": YEAR, "panelr_product_id": 2},
    {"sku": MONTH, "panelr_product_id": 1},
    {"woo_product_id": MUG, "panelr_product_id": None},
)


async def set_up(stage: DemoStage, console: DemoConsole) -> None:
    """Tell where the three are, add mappings, register webhooks."""
    console.start_scene("A shop, the bridge and Panelr")
    dispatcher = stage.shop.webhooks
    console.print_line("shop", f"{stage.shop_url}  a simulated WooCommerce")
    console.print_line("panelr", f"{stage.panelr.url}  a simulated Panelr")
    console.print_line("bridge", f"{stage.bridge.url}  the real server, with its worker, on SQLite")
    for mapping in MAPPINGS:
        await stage.bridge.call_api("POST", "/product-mappings", json=mapping)
    card = {"woo_payment_method": "stripe", "panelr_payment_method_id": CARD}
    await stage.bridge.call_api("POST", "/payment-method-mappings", json=card)
    mapped = (await stage.bridge.call_api("GET", "/product-mappings?sort=id"))["data"]
    console.print_line("mapped", ", ".join(_describe_mapping(stage, each) for each in mapped))
    address, secret = stage.bridge.webhooks_url, stage.webhook_secret
    hooks = [dispatcher.add(topic=topic, delivery_url=address, secret=secret) for topic in TOPICS]
    pings = [await dispatcher.ping(each) for each in hooks]
    console.print_line("webhooks", ", ".join(each.topic for each in hooks))
    console.check(
        "The mappings are kept, and each webhook's ping was answered 200.",
        found={"pings": [each.answer.status for each in pings], "mappings": len(mapped)},
        expected={"pings": [200] * len(TOPICS), "mappings": len(MAPPINGS)},
    )


async def order_placed(stage: DemoStage, console: DemoConsole) -> None:
    """Follow one order from the checkout to Panelr; then tell the same order with a forged body."""
    console.start_scene("An order is placed, and becomes a work order")
    year, mug = stage.shop.product(sku=YEAR), stage.shop.product(product_id=MUG)
    order = await place_demo_order(stage, console, NewOrderLine(year), NewOrderLine(mug))
    items = (OrderedItem(product_id=2), None)
    genuine = (await report_deliveries(stage, console, order))[0]
    console.print_line("", f"the first: {len(genuine.body):,} bytes, signed {shorten_signature(genuine)} (HMAC-SHA256)")
    await check_items(stage, console, order, items, "Panelr has one work order for it, with exactly these items.")
    forged = genuine.body.replace(b'"total":"90.00"', b'"total":"00.01"')
    before = await _count_deliveries(stage)
    answer = await stage.bridge.request("POST", "/webhooks/woocommerce", content=forged, headers=genuine.headers)
    console.check(
        "The same bytes with a forged price: 401, and nothing is stored.",
        found={
            "answer": answer.status_code,
            "deliveries": await _count_deliveries(stage),
            "forged": forged != genuine.body,
        },
        expected={"answer": 401, "deliveries": before, "forged": True},
    )


async def order_held(stage: DemoStage, console: DemoConsole) -> None:
    """Hold an order with a product that nobody has mapped; map it, and see it go on by itself."""
    console.start_scene("An order is held, because nobody has mapped its product")
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=CREDITS)), by="bacs")
    await report_deliveries(stage, console, order)
    story = await stage.bridge.wait_for_state(order.id, "held")
    reason = story["reasons"][0]
    console.print_line("held", f"[yellow]{escape_markup(reason['line'])}: {escape_markup(reason['words'])}[/]")
    console.check(
        "Panelr was not told of it, and the reason names the product.",
        found={
            "calls to Panelr": count_create_calls(stage, order),
            "reason": reason["code"],
            "named": CREDITS in reason["words"],
        },
        expected={"calls to Panelr": 0, "reason": "unmapped_product", "named": True},
    )
    added = await stage.bridge.call_api("POST", "/product-mappings", json={"sku": CREDITS, "panelr_product_id": 3})
    console.print_line("operator", f"adds the mapping {_describe_mapping(stage, added['data'])}")
    words = "The order went on by itself: no restart, no second webhook."
    await check_items(stage, console, order, (OrderedItem(product_id=3),), words)


async def place_demo_order(stage: DemoStage, console: DemoConsole, *lines: NewOrderLine, by: str = "stripe") -> Order:
    """Have a shopper place an order, and tell what she bought."""
    order = place_order(stage.shop, Cart(items=list(lines), payment_method=by))
    console.print_line("shop", describe_order(order))
    return order


async def report_deliveries(stage: DemoStage, console: DemoConsole, order: Order) -> list[Delivery]:
    """Wait for the webhooks of an order and tell how they were answered; raises Failed when one was turned away."""
    deliveries = await stage.wait_for_deliveries(order.id)
    console.print_line("webhooks", ", ".join(f"{each.topic} → {describe_response(each)}" for each in deliveries))
    if not deliveries or not all(each.succeeded for each in deliveries):
        raise SceneFailed(f"the webhooks of order {order.id} should be answered 2xx")
    return deliveries


async def check_items(
    stage: DemoStage, console: DemoConsole, order: Order, items: Sequence[OrderedItem | None], words: str
) -> Json:
    """Tell what each line of `order` is for Panelr, None being nothing, and prove that Panelr has just that, once."""
    console.print_line("items", *(describe_mapped_line(stage, *pair) for pair in zip(order.lines, items, strict=True)))
    return await check_created(stage, console, order, [each for each in items if each is not None], words)


def _describe_mapping(stage: DemoStage, mapping: Json) -> str:
    wanted = mapping["panelr_product_id"]
    what = mapping["sku"] or stage.shop.product(product_id=mapping["woo_product_id"]).name
    return f"{escape_markup(what)} → {f'product {wanted}' if wanted else 'nothing'}"


async def _count_deliveries(stage: DemoStage) -> int:
    answer = await stage.bridge.call_api("GET", "/deliveries?per_page=1")
    return int(answer["meta"]["total"])
