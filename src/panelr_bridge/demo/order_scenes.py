"""The scenes without problems: the set-up, a paid order, and an order that waits for a mapping."""

from collections.abc import Sequence
from decimal import Decimal

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
LISTED_PRICE = Decimal("12.00")
MAPPINGS: tuple[Json, ...] = (
    {"sku": YEAR, "panelr_product_id": 2},
    {"sku": MONTH, "panelr_product_id": 1},
    {"woo_product_id": MUG, "panelr_product_id": None},
)


async def set_up(stage: DemoStage, console: DemoConsole) -> None:
    """Print the addresses, add mappings and register webhooks."""
    console.start_scene("Set-up: the shop, the bridge and Panelr")
    dispatcher = stage.shop.webhooks
    console.print_line("shop", f"{stage.shop_url}  simulated WooCommerce")
    console.print_line("panelr", f"{stage.panelr.url}  simulated Panelr")
    console.print_line("bridge", f"{stage.bridge.url}  the real server with its worker, on SQLite")
    for mapping in MAPPINGS:
        await stage.bridge.call_api("POST", "/product-mappings", json=mapping)
    card = {"woo_payment_method": "stripe", "panelr_payment_method_id": CARD}
    await stage.bridge.call_api("POST", "/payment-method-mappings", json=card)
    mappings = (await stage.bridge.call_api("GET", "/product-mappings?sort=id"))["data"]
    console.print_line("mappings", ", ".join(_describe_mapping(stage, each) for each in mappings))
    address, secret = stage.bridge.webhooks_url, stage.webhook_secret
    webhooks = [dispatcher.add(topic=topic, delivery_url=address, secret=secret) for topic in TOPICS]
    pings = [await dispatcher.ping(each) for each in webhooks]
    console.print_line("webhooks", ", ".join(each.topic for each in webhooks))
    console.check(
        "The mappings are stored. Each webhook's ping was answered with 200.",
        actual={"pings": [each.answer.status for each in pings], "mappings": len(mappings)},
        expected={"pings": [200] * len(TOPICS), "mappings": len(MAPPINGS)},
    )


async def order_placed(stage: DemoStage, console: DemoConsole) -> None:
    """Follow one order from the checkout to Panelr; then deliver it again with a forged body."""
    console.start_scene("A paid order becomes a work order")
    year, mug = stage.shop.product(sku=YEAR), stage.shop.product(product_id=MUG)
    order = await place_demo_order(stage, console, NewOrderLine(year), NewOrderLine(mug))
    items = (OrderedItem(product_id=2), None)
    genuine = (await report_deliveries(stage, console, order))[0]
    console.print_line(
        "", f"first delivery: {len(genuine.body):,} bytes, signature {shorten_signature(genuine)} (HMAC-SHA256)"
    )
    await check_items(
        stage, console, order, items, "Panelr has exactly one work order for it, with exactly these items."
    )
    forged = genuine.body.replace(b'"total":"90.00"', b'"total":"00.01"')
    before = await _count_deliveries(stage)
    response = await stage.bridge.request("POST", "/webhooks/woocommerce", content=forged, headers=genuine.headers)
    console.check(
        "A copy with a forged price is answered 401, and nothing is stored.",
        actual={
            "answer": response.status_code,
            "deliveries": await _count_deliveries(stage),
            "forged": forged != genuine.body,
        },
        expected={"answer": 401, "deliveries": before, "forged": True},
    )


async def other_price(stage: DemoStage, console: DemoConsole) -> None:
    """Sell a product at another price than Panelr's list price, and follow the order until Panelr sets it up."""
    console.start_scene("The shop's price differs from Panelr's list price")
    product = stage.panel.products[1]
    product.price_decimal = LISTED_PRICE
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=MONTH)))
    console.print_line("panelr", f"lists product 1 ({escape_markup(product.name)}) at {product.price_decimal} USD")
    await report_deliveries(stage, console, order)
    order_data = await stage.bridge.wait_for_state(order.id, "created", attempts=2)
    (work_order,) = stage.panel.of_wc_order(str(order.id))
    console.print_line("bridge", f"reports the payment; the work order costs {order_data['order_total']} USD")
    console.check(
        "Panelr's total is what the customer paid. Panelr took the payment and sets it up.",
        actual={
            "Panelr's total": work_order.order_total,
            "paid": work_order.paid,
            "status": work_order.status,
            "attention": order_data["attention"],
        },
        expected={"Panelr's total": order.total, "paid": order.total, "status": "queued", "attention": []},
    )


async def order_held(stage: DemoStage, console: DemoConsole) -> None:
    """Hold an order with an unmapped product, add the mapping, and check that the order continues."""
    console.start_scene("An order with an unmapped product is held")
    order = await place_demo_order(stage, console, NewOrderLine(stage.shop.product(sku=CREDITS)), gateway="bacs")
    await report_deliveries(stage, console, order)
    order_data = await stage.bridge.wait_for_state(order.id, "held")
    reason = order_data["reasons"][0]
    console.print_line(
        "bridge", f"[yellow]held[/]: [yellow]{escape_markup(reason['line'])}: {escape_markup(reason['words'])}[/]"
    )
    console.check(
        "The bridge made no call to Panelr. The reason names the product.",
        actual={
            "calls to Panelr": count_create_calls(stage, order),
            "reason": reason["code"],
            "named": CREDITS in reason["words"],
        },
        expected={"calls to Panelr": 0, "reason": "unmapped_product", "named": True},
    )
    mapping = await stage.bridge.call_api("POST", "/product-mappings", json={"sku": CREDITS, "panelr_product_id": 3})
    console.print_line("operator", f"adds the mapping {_describe_mapping(stage, mapping['data'])}")
    words = "The order continued automatically: no restart, no new webhook."
    await check_items(stage, console, order, (OrderedItem(product_id=3),), words)


async def place_demo_order(
    stage: DemoStage, console: DemoConsole, *lines: NewOrderLine, gateway: str = "stripe"
) -> Order:
    """Place an order in the shop and print it."""
    order = place_order(stage.shop, Cart(items=list(lines), payment_method=gateway))
    console.print_line("shop", describe_order(order))
    return order


async def report_deliveries(stage: DemoStage, console: DemoConsole, order: Order) -> list[Delivery]:
    """Wait for the webhooks of an order and print their responses. Raises SceneFailed if one was not accepted."""
    deliveries = await stage.wait_for_deliveries(order.id)
    console.print_line("webhooks", ", ".join(f"{each.topic} → {describe_response(each)}" for each in deliveries))
    if not deliveries or not all(each.succeeded for each in deliveries):
        raise SceneFailed(f"the webhooks of order {order.id} should be answered 2xx")
    return deliveries


async def check_items(
    stage: DemoStage, console: DemoConsole, order: Order, items: Sequence[OrderedItem | None], words: str
) -> Json:
    """Print the Panelr item of each line (None: ignored), and check that Panelr has exactly these items, once."""
    console.print_line("items", *(describe_mapped_line(stage, *pair) for pair in zip(order.lines, items, strict=True)))
    return await check_created(stage, console, order, [each for each in items if each is not None], words)


def _describe_mapping(stage: DemoStage, mapping: Json) -> str:
    product_id = mapping["panelr_product_id"]
    product_name = mapping["sku"] or stage.shop.product(product_id=mapping["woo_product_id"]).name
    return f"{escape_markup(product_name)} → {f'product {product_id}' if product_id else 'ignored'}"


async def _count_deliveries(stage: DemoStage) -> int:
    page = await stage.bridge.call_api("GET", "/deliveries?per_page=1")
    return int(page["meta"]["total"])
