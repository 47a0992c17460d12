"""The accounts at the end: the shop's orders against Panelr's work orders, and what the bridge says of both."""

import time
from dataclasses import dataclass

from rich import box
from rich.padding import Padding
from rich.table import Table

from panelr_bridge.demo.console import DemoConsole, SceneFailed
from panelr_bridge.demo.stage import DemoStage, Json

MOST = 100
"""The longest page of the admin API; the demo has a handful of orders."""

NEVER = frozenset({"doubled", "lost"})


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One thing that was counted, by whoever can know it."""

    what: str
    shop: int | None = None
    bridge: int | None = None
    panelr: int | None = None


async def show_summary(stage: DemoStage, console: DemoConsole, *, began: float, good: bool) -> bool:
    """Show the accounts; returns whether the scenes were `good` and the accounts are even."""
    try:
        rows = await _count_rows(stage)
        console.start_scene("The accounts, counted on each side")
        console.out.print(Padding(_build_table(rows), (0, 0, 0, 2), expand=False))
        if good:
            _check_rows(console, rows)
    except SceneFailed as failed:
        return console.report_failure(failed)
    if good:
        console.out.print()
        console.out.print(f"[bold green]All as it should be[/], in {time.monotonic() - began:.1f} seconds. What next:")
        console.out.print("  [bold]README.md[/]   how to connect your shop and your Panelr")
        console.out.print("  [bold]make serve[/]  start the bridge with the settings of your .env")
    return good


async def _count_rows(stage: DemoStage) -> list[SummaryRow]:
    """Count the same things on all sides."""
    known = (await stage.bridge.call_api("GET", f"/orders?per_page={MOST}"))["data"]
    stories = [await stage.bridge.read_order(order["woo_order_id"]) for order in known]
    told = (await stage.bridge.call_api("GET", f"/deliveries?per_page={MOST}"))["data"]
    calls = [call for story in stories for call in story["attempt_log"] if call["action"] == "create_work_order"]
    created = [order for order in known if order["state"] == "created"]
    made = list(stage.panel.work_orders.values())
    made_for = {order.wc_order_id for order in made}
    seen = made_for | {str(order["woo_order_id"]) for order in known}
    return [
        SummaryRow("orders, and work orders for them", len(stage.shop.orders), len(created), len(made)),
        SummaryRow("reference codes that agree", bridge=_count_matching_references(known, stage), panelr=len(made)),
        SummaryRow(
            "webhooks delivered",
            sum(each.order_id is not None for each in stage.shop.webhooks.deliveries),
            sum(each["times"] for each in told),
        ),
        SummaryRow(
            "requests to create a work order",
            bridge=sum(call["outcome"] != "not_sent" for call in calls),
            panelr=sum(entry.action == "create_work_order" for entry in stage.panel.journal),
        ),
        SummaryRow("held, queued or unconfirmed now", bridge=len(known) - len(created)),
        SummaryRow("doubled", panelr=len(made) - len(made_for)),
        SummaryRow("lost", panelr=sum(str(number) not in seen for number in stage.shop.orders)),
    ]


def _count_matching_references(known: list[Json], stage: DemoStage) -> int:
    pairs = {(str(order["woo_order_id"]), order["reference_code"]) for order in known}
    return sum((order.wc_order_id, order.reference_code) in pairs for order in stage.panel.work_orders.values())


def _check_rows(console: DemoConsole, rows: list[SummaryRow]) -> None:
    """Prove that each row is even, and that nothing is left, doubled or lost where only one side can know."""
    sides = {row.what: [side for side in (row.shop, row.bridge, row.panelr) if side is not None] for row in rows}
    even = {what: counts if len(counts) == 1 else [counts[0]] * len(counts) for what, counts in sides.items()}
    nothing = {what: [0] for what, counts in sides.items() if len(counts) == 1}
    words = "Every order became one work order: none doubled, none lost."
    console.check(words, found=sides, expected=even | nothing)


def _build_table(rows: list[SummaryRow]) -> Table:
    table = Table(box=box.ROUNDED, border_style="dim")
    table.add_column("")
    for name in ("shop", "bridge", "Panelr"):
        table.add_column(name, justify="right")
    for row in rows:
        counts = ("" if side is None else str(side) for side in (row.shop, row.bridge, row.panelr))
        wrong = row.what in NEVER and row.panelr
        table.add_row(row.what, *counts, style="bold red" if wrong else "bold" if row.what in NEVER else None)
    return table
