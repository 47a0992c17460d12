"""What the scenes look up on both sides, and how it reads."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from panelr_bridge.demo.console import DemoConsole, escape_markup
from panelr_bridge.demo.stage import DemoStage, Json
from panelr_bridge.simulators.panelr import WorkOrder
from panelr_bridge.simulators.woocommerce import Delivery
from panelr_bridge.simulators.woocommerce.models import Order, OrderLine

TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class OrderedItem:
    """An item of a work order, as far as the bridge decides it."""

    product_id: int
    qty: int = 1
    intent: str = "new_activation"
    activation_id: int | None = None

    def __str__(self) -> str:
        renewed = f" of {self.activation_id}" if self.activation_id else ""
        return f"{self.qty} of product {self.product_id}, {self.intent}{renewed}"


async def check_created(
    stage: DemoStage, console: DemoConsole, order: Order, items: Sequence[OrderedItem], words: str
) -> Json:
    """Wait until `order` is created, tell what Panelr and the bridge keep of it, and prove that it is `items`, once."""
    story = await stage.bridge.wait_for_state(order.id, "created")
    work_orders = stage.panel.of_wc_order(str(order.id))
    for work_order in work_orders:
        console.print_line("panelr", _describe_work_order(work_order))
    told = sum(delivery["times"] for delivery in story["deliveries"])
    console.print_line(
        "stored",
        f"order {order.id} is [green]{story['state']}[/], {story['reference_code']};"
        f" webhooks {told}, calls to Panelr {len(story['attempt_log'])}",
    )
    deliveries = await stage.wait_for_deliveries(order.id)
    found = {
        "work orders in Panelr": len(work_orders),
        "calls to create it that reached Panelr": count_create_calls(stage, order),
        "their items": [_describe_items(read_items(each)) for each in work_orders],
        "reference code in the admin API": story["reference_code"],
        "deliveries counted by the bridge": told,
        "deliveries not answered 2xx": [each.answer.status for each in deliveries if not each.succeeded],
    }
    expected = {
        "work orders in Panelr": 1,
        "calls to create it that reached Panelr": 1,
        "their items": [_describe_items(items)],
        "reference code in the admin API": work_orders[0].reference_code if work_orders else None,
        "deliveries counted by the bridge": len(deliveries),
        "deliveries not answered 2xx": [],
    }
    console.check(words, found=found, expected=expected)
    return story


def read_items(work_order: WorkOrder) -> list[OrderedItem]:
    """Return what is in a work order."""
    return [OrderedItem(each.product_id, each.qty, each.intent, each.activation_id) for each in work_order.cart]


def count_create_calls(stage: DemoStage, order: Order) -> int:
    """Return how often Panelr was asked to create a work order for `order`, by its own journal."""
    bodies = [json.loads(entry.body) for entry in stage.panel.journal if entry.action == "create_work_order"]
    return sum(body.get("wc_order_id") == str(order.id) for body in bodies)


def describe_order(order: Order) -> str:
    """Say what was ordered."""
    paid = f"paid by {order.payment_method_title.lower()}" if order.paid else order.payment_method_title.lower()
    return f"order {order.id}: {', '.join(describe_line(line) for line in order.lines)}; {order.total} USD, {paid}"


def describe_line(line: OrderLine) -> str:
    """Say a line by its SKU, or by its name where it has none."""
    sku = line.product.sku if line.product else ""
    return f"{escape_markup(sku or line.name)} {TIMES} {line.quantity.normalize():f}"


def describe_mapped_line(stage: DemoStage, line: OrderLine, item: OrderedItem | None) -> str:
    """Say what became of a line."""
    if item is None:
        return f"{describe_line(line)} → nothing: known, and not for Panelr"
    renewed = f" of {item.activation_id}" if item.activation_id else ""
    name = escape_markup(stage.panel.products[item.product_id].name)
    return f"{describe_line(line)} → Panelr product {item.product_id} ({name}), {item.intent}{renewed}"


def shorten_signature(delivery: Delivery) -> str:
    """Say a delivery's signature, shortened."""
    signature = dict(delivery.headers).get("X-WC-Webhook-Signature", "none")
    return escape_markup(f"{signature[:6]}…{signature[-4:]}")


def describe_response(delivery: Delivery) -> str:
    """Say how the bridge answered a delivery: status, and the order's state."""
    state = read_response(delivery).get("state")
    return f"{delivery.answer.status or escape_markup(str(delivery.answer.error))}{f' {state}' if state else ''}"


def read_response(delivery: Delivery) -> Json:
    """Return what the bridge answered to a delivery; nothing where that was no JSON object."""
    try:
        answer = json.loads(delivery.answer.body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def count_responses(deliveries: Iterable[Delivery]) -> str:
    """Say how many deliveries were answered in which way."""
    counted = Counter(describe_response(each) for each in deliveries)
    return ", ".join(f"{number} {TIMES} {words}" for words, number in sorted(counted.items()))


def describe_calls(story: Json) -> str:
    """Say an order's calls to Panelr as the admin API tells them."""
    runs = groupby(story["attempt_log"], key=itemgetter("action"))
    return ", then ".join(f"{action} → {', '.join(call['outcome'] for call in run)}" for action, run in runs)


def _describe_items(items: Iterable[OrderedItem]) -> str:
    return "; ".join(str(item) for item in items)


def _describe_work_order(work_order: WorkOrder) -> str:
    paid = f"{work_order.paid} USD paid" if work_order.paid else "nothing paid yet"
    return f"[bold]{work_order.reference_code}[/] for order {work_order.wc_order_id}: {work_order.status}, {paid}"
