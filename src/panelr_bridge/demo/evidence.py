"""Read the results from the shop, the bridge and Panelr, and describe them."""

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
    """An item of a work order, with the fields that the bridge sets."""

    product_id: int
    qty: int = 1
    intent: str = "new_activation"
    activation_id: int | None = None

    def __str__(self) -> str:
        activation = f" of {self.activation_id}" if self.activation_id else ""
        return f"{self.qty} of product {self.product_id}, {self.intent}{activation}"


async def check_created(
    stage: DemoStage, console: DemoConsole, order: Order, items: Sequence[OrderedItem], words: str
) -> Json:
    """Wait until `order` is created, print its state on both sides, and check for one work order with `items`."""
    order_data = await stage.bridge.wait_for_state(order.id, "created")
    work_orders = stage.panel.of_wc_order(str(order.id))
    for work_order in work_orders:
        console.print_line("panelr", _describe_work_order(work_order))
    delivery_count = sum(delivery["times"] for delivery in order_data["deliveries"])
    console.print_line(
        "bridge",
        f"order {order.id} is [green]{order_data['state']}[/] as {order_data['reference_code']};"
        f" {delivery_count} deliveries, {_count_words(len(order_data['attempt_log']))} to Panelr",
    )
    deliveries = await stage.wait_for_deliveries(order.id)
    actual = {
        "work orders in Panelr": len(work_orders),
        "create calls that reached Panelr": count_create_calls(stage, order),
        "items of the work orders": [_describe_items(read_items(each)) for each in work_orders],
        "reference code in the bridge": order_data["reference_code"],
        "deliveries counted by the bridge": delivery_count,
        "deliveries not answered 2xx": [each.answer.status for each in deliveries if not each.succeeded],
    }
    expected = {
        "work orders in Panelr": 1,
        "create calls that reached Panelr": 1,
        "items of the work orders": [_describe_items(items)],
        "reference code in the bridge": work_orders[0].reference_code if work_orders else None,
        "deliveries counted by the bridge": len(deliveries),
        "deliveries not answered 2xx": [],
    }
    console.check(words, actual=actual, expected=expected)
    return order_data


def read_items(work_order: WorkOrder) -> list[OrderedItem]:
    """Return the items of a work order."""
    return [OrderedItem(each.product_id, each.qty, each.intent, each.activation_id) for each in work_order.cart]


def count_create_calls(stage: DemoStage, order: Order) -> int:
    """Return the number of create calls for `order` in Panelr's journal."""
    bodies = [json.loads(entry.body) for entry in stage.panel.journal if entry.action == "create_work_order"]
    return sum(body.get("wc_order_id") == str(order.id) for body in bodies)


def describe_order(order: Order) -> str:
    """Describe an order: lines, total and payment."""
    payment = f"paid by {order.payment_method_title.lower()}" if order.paid else order.payment_method_title.lower()
    return f"order {order.id}: {', '.join(describe_line(line) for line in order.lines)}; {order.total} USD, {payment}"


def describe_line(line: OrderLine) -> str:
    """Describe a line by its SKU, or by its name without one."""
    sku = line.product.sku if line.product else ""
    return f"{escape_markup(sku or line.name)} {TIMES} {line.quantity.normalize():f}"


def describe_mapped_line(stage: DemoStage, line: OrderLine, item: OrderedItem | None) -> str:
    """Describe the Panelr item of a line."""
    if item is None:
        return f"{describe_line(line)} → ignored: mapped to no Panelr product"
    activation = f" of {item.activation_id}" if item.activation_id else ""
    name = escape_markup(stage.panel.products[item.product_id].name)
    return f"{describe_line(line)} → Panelr product {item.product_id} ({name}), {item.intent}{activation}"


def shorten_signature(delivery: Delivery) -> str:
    """Return the first and last characters of a delivery's signature."""
    signature = dict(delivery.headers).get("X-WC-Webhook-Signature", "none")
    return escape_markup(f"{signature[:6]}…{signature[-4:]}")


def describe_response(delivery: Delivery) -> str:
    """Describe the bridge's response to a delivery: its status and the order's state."""
    state = read_response(delivery).get("state")
    return f"{delivery.answer.status or escape_markup(str(delivery.answer.error))}{f' {state}' if state else ''}"


def read_response(delivery: Delivery) -> Json:
    """Return the JSON object of the bridge's response to a delivery; empty if there is none."""
    try:
        response = json.loads(delivery.answer.body)
    except ValueError:
        return {}
    return response if isinstance(response, dict) else {}


def count_responses(deliveries: Iterable[Delivery]) -> str:
    """Describe how many deliveries got which response."""
    counts = Counter(describe_response(each) for each in deliveries)
    return ", ".join(f"{number} {TIMES} {words}" for words, number in sorted(counts.items()))


def describe_calls(order_data: Json) -> str:
    """Describe an order's calls to Panelr from the admin API's attempt log."""
    runs = groupby(order_data["attempt_log"], key=itemgetter("action"))
    return ", then ".join(f"{action} → {', '.join(call['outcome'] for call in run)}" for action, run in runs)


def _count_words(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls"


def _describe_items(items: Iterable[OrderedItem]) -> str:
    return "; ".join(str(item) for item in items)


def _describe_work_order(work_order: WorkOrder) -> str:
    payment = f"{work_order.paid} USD paid" if work_order.paid else "nothing paid yet"
    return f"[bold]{work_order.reference_code}[/] for order {work_order.wc_order_id}: {work_order.status}, {payment}"
