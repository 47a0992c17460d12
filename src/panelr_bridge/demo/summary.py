"""The summary: the counts of the shop, the bridge and Panelr side by side."""

import time
from dataclasses import dataclass

from rich import box
from rich.padding import Padding
from rich.table import Table

from panelr_bridge.demo.console import DemoConsole, SceneFailed
from panelr_bridge.demo.stage import DemoStage, Json

PAGE_SIZE = 100
"""The largest page of the admin API; the demo has only a few orders."""

DUPLICATES, LOST = "duplicate work orders", "lost orders"
FAILURES = (DUPLICATES, LOST)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One row of the summary, with a count for each side that knows it."""

    label: str
    shop: int | None = None
    bridge: int | None = None
    panelr: int | None = None


async def show_summary(stage: DemoStage, console: DemoConsole, *, started: float, succeeded: bool) -> bool:
    """Print the summary; return whether the scenes succeeded and the counts match."""
    try:
        rows = await _count_rows(stage)
        console.start_scene("Summary: what each side counted")
        console.out.print(Padding(_build_table(rows), (0, 0, 0, 2), expand=False))
        if succeeded:
            _check_rows(console, rows)
    except SceneFailed as failure:
        return console.report_failure(failure)
    if succeeded:
        console.out.print()
        console.out.print(f"[bold green]The demo succeeded[/] in {time.monotonic() - started:.1f} seconds. Next steps:")
        console.out.print("  [bold]README.md[/]   connect your shop and your Panelr")
        console.out.print("  [bold]make serve[/]  start the bridge with the settings in .env")
    return succeeded


async def _count_rows(stage: DemoStage) -> list[SummaryRow]:
    """Count the orders, calls and deliveries on each side."""
    orders = (await stage.bridge.call_api("GET", f"/orders?per_page={PAGE_SIZE}"))["data"]
    details = [await stage.bridge.read_order(order["woo_order_id"]) for order in orders]
    deliveries = (await stage.bridge.call_api("GET", f"/deliveries?per_page={PAGE_SIZE}"))["data"]
    calls = [
        call for order_data in details for call in order_data["attempt_log"] if call["action"] == "create_work_order"
    ]
    created = [order for order in orders if order["state"] == "created"]
    work_orders = list(stage.panel.work_orders.values())
    ordered_ids = {order.wc_order_id for order in work_orders}
    known_ids = ordered_ids | {str(order["woo_order_id"]) for order in orders}
    return [
        SummaryRow("orders and their work orders", len(stage.shop.orders), len(created), len(work_orders)),
        SummaryRow(
            "matching reference codes", bridge=_count_matching_references(orders, stage), panelr=len(work_orders)
        ),
        SummaryRow(
            "webhook deliveries",
            sum(each.order_id is not None for each in stage.shop.webhooks.deliveries),
            sum(each["times"] for each in deliveries),
        ),
        SummaryRow(
            "calls to create a work order",
            bridge=sum(call["outcome"] != "not_sent" for call in calls),
            panelr=sum(entry.action == "create_work_order" for entry in stage.panel.journal),
        ),
        SummaryRow("orders held, queued or unconfirmed", bridge=len(orders) - len(created)),
        SummaryRow(DUPLICATES, panelr=len(work_orders) - len(ordered_ids)),
        SummaryRow(LOST, panelr=sum(str(number) not in known_ids for number in stage.shop.orders)),
    ]


def _count_matching_references(orders: list[Json], stage: DemoStage) -> int:
    pairs = {(str(order["woo_order_id"]), order["reference_code"]) for order in orders}
    return sum((order.wc_order_id, order.reference_code) in pairs for order in stage.panel.work_orders.values())


def _check_rows(console: DemoConsole, rows: list[SummaryRow]) -> None:
    """Check that the counts of each row match, and that rows of only one side are 0."""
    sides = {row.label: [side for side in (row.shop, row.bridge, row.panelr) if side is not None] for row in rows}
    equal = {label: counts if len(counts) == 1 else [counts[0]] * len(counts) for label, counts in sides.items()}
    zero = {label: [0] for label, counts in sides.items() if len(counts) == 1}
    words = "Every order became exactly one work order. No duplicates, no losses."
    console.check(words, actual=sides, expected=equal | zero)


def _build_table(rows: list[SummaryRow]) -> Table:
    table = Table(box=box.ROUNDED, border_style="dim")
    table.add_column("")
    for name in ("shop", "bridge", "Panelr"):
        table.add_column(name, justify="right")
    for row in rows:
        counts = ("" if side is None else str(side) for side in (row.shop, row.bridge, row.panelr))
        is_wrong = row.label in FAILURES and row.panelr
        table.add_row(row.label, *counts, style="bold red" if is_wrong else "bold" if row.label in FAILURES else None)
    return table
