"""orders: list, show and retry the orders in the bridge."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from panelr_bridge.application import operator_actions, order_queries
from panelr_bridge.application.order_queries import OrderStory
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.cli.console import out, style_state
from panelr_bridge.cli.startup import ACTOR, run_with_database
from panelr_bridge.errors import NotFound
from panelr_bridge.settings import DEFAULT_STORE, Settings
from panelr_bridge.store import orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.rows import FollowUpRow, ShownOrderRow

app = typer.Typer(help="List, show and retry the orders in the bridge.", no_args_is_help=True, add_completion=False)

NumberArgument = Annotated[int, typer.Argument(help="The bridge's id of the order: the first column of orders list.")]
WooOption = Annotated[bool, typer.Option("--woo", help="The number is WooCommerce's order id.")]
StoreOfNumberOption = Annotated[str, typer.Option("--store", help="Name of the store, with --woo.")]


@app.command("list")
def list_orders(
    states: Annotated[
        str | None, typer.Option("--state", help="Only orders in these states, separated by commas.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Only orders of this store.")] = None,
    attention: Annotated[
        bool | None, typer.Option(help="Only orders that need an operator, or only the others.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="Page to print.")] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100, help="Orders on each page.")] = 20,
) -> None:
    """List orders, newest first."""
    values = {
        "state": None if states is None else order_queries.parse_states(states),
        "store": store,
        "attention": attention,
    }
    filters = {name: value for name, value in values.items() if value is not None}

    async def work(database: Database, _: Settings) -> ResultPage[ShownOrderRow]:
        return await order_queries.list_orders(database, PageQuery(filters=filters, page=page, per_page=per_page))

    _print_page(run_with_database(work))


@app.command()
def show(number: NumberArgument, *, woo: WooOption = False, store: StoreOfNumberOption = DEFAULT_STORE) -> None:
    """Show an order with its deliveries, calls and follow-ups. Times are UTC."""

    async def work(database: Database, _: Settings) -> OrderStory:
        return await order_queries.read_story(database, await _find_id(database, number, woo=woo, store=store))

    _print_story(run_with_database(work))


@app.command()
def retry(number: NumberArgument, *, woo: WooOption = False, store: StoreOfNumberOption = DEFAULT_STORE) -> None:
    """Decide an order again with its current mappings, and call Panelr again if needed.

    The worker makes the call. An unconfirmed order is looked up in Panelr first.
    """

    async def work(database: Database, settings: Settings) -> ShownOrderRow:
        order_id = await _find_id(database, number, woo=woo, store=store)
        await database.write(operator_actions.retry, utc_now(), order_id, policy=settings.policy, actor=ACTOR)
        return (await order_queries.read_story(database, order_id)).order

    order = run_with_database(work)
    reasons = "; ".join(_reason_text(reason) for reason in order["reasons"])
    note = f" ({escape(reasons)})" if reasons else ""
    out.print(f"order {order['woo_order_number']} is now {style_state(order['state'])}{note}")


async def _find_id(database: Database, number: int, *, woo: bool, store: str) -> int:
    """Return the bridge's id of an order. Raises NotFound for an unknown WooCommerce order id."""
    if not woo:
        return number
    row = await database.read(orders.find, store=store, woo_order_id=number)
    if row is None:
        raise NotFound(f"the bridge has no order {number} of the store {store}")
    return row["id"]


def _print_page(page: ResultPage[ShownOrderRow]) -> None:
    table = Table("id", "store", "order", "shop status", "state", "work order", "reason")
    for row in page.rows:
        attention = row["attention"] or []
        table.add_row(
            str(row["id"]),
            escape(row["store"]),
            escape(row["woo_order_number"]),
            escape(row["woo_status"]),
            style_state(row["state"]) + (" [bold red]![/]" if attention else ""),
            escape(row["reference_code"] or ""),
            escape("; ".join(reason["words"] for reason in attention + row["reasons"])),
        )
    out.print(table)
    out.print(f"{len(page.rows)} of {page.total} orders")


def _print_story(story: OrderStory) -> None:
    order, call = story.order, story.owed_call
    total = "unknown total" if order["woo_total"] is None else f"{order['woo_total']:f} {order['woo_currency'] or ''}"
    out.print(
        f"[bold]Order {escape(order['woo_order_number'])}[/] of {escape(order['store'])}"
        f" ({escape(order['woo_status'])}, {escape(total)}): {style_state(order['state'])}"
    )
    if order["reference_code"] or order["work_order_id"]:
        status = f", {escape(order['panelr_status'])}" if order["panelr_status"] else ""
        number = order["work_order_id"] or "unknown"
        out.print(f"  work order   {escape(order['reference_code'] or '?')} (id {number}{status})")
    for reason in order["attention"] or []:
        out.print(f"  [bold red]attention[/]    {escape(_reason_text(reason))}")
    for reason in order["reasons"]:
        out.print(f"  reason       {escape(_reason_text(reason))}")
    for at, words in sorted([*_delivery_events(story), *_attempt_events(story)], key=lambda event: event[0]):
        out.print(f"  {_format_time(at)} {words}", soft_wrap=True)
    if call is not None:
        when = "in progress" if call["lease_until"] else f"due {_format_time(call['next_attempt_at'])}"
        out.print(f"  owed call    {call['action']}, {when}")
    for follow_up in story.follow_ups:
        out.print(f"  {follow_up['kind']:<12} {_follow_up_state(follow_up)}")


def _delivery_events(story: OrderStory) -> Iterator[tuple[datetime, str]]:
    for delivery in story.deliveries:
        repeats = f", {delivery['times']} times" if delivery["times"] > 1 else ""
        is_backfill = delivery["headers"].get("source") == "backfill"
        words = "found by backfill" if is_backfill else f"received {escape(delivery['topic'])}"
        yield delivery["received_at"], f"{words}{repeats}"


def _attempt_events(story: OrderStory) -> Iterator[tuple[datetime, str]]:
    for attempt in story.attempts:
        result = f"{attempt['outcome']} [dim]({attempt['milliseconds']} ms)[/]"
        words = f"{attempt['action']} no. {attempt['number']}: {result} {escape(attempt['words'])}"
        yield attempt["recorded_at"], words


def _follow_up_state(follow_up: FollowUpRow) -> str:
    if follow_up["lease_until"]:
        return "in progress"
    if follow_up["due_at"]:
        return f"due {_format_time(follow_up['due_at'])}"
    return f"done {_format_time(follow_up['done_at'])}" if follow_up["done_at"] else "needs an operator"


def _reason_text(reason: dict[str, str]) -> str:
    return f"{reason['line']}: {reason['words']}" if "line" in reason else reason["words"]


def _format_time(at: datetime) -> str:
    """Return a time to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
