"""orders list, show, retry."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from panelr_bridge import settings
from panelr_bridge.calls import utc_now
from panelr_bridge.cli.console import out, require_file, require_migrated, run, state
from panelr_bridge.errors import NotFound
from panelr_bridge.settings import DEFAULT_STORE, Settings
from panelr_bridge.steps import operator
from panelr_bridge.store import database, orders
from panelr_bridge.store.database import Database
from panelr_bridge.web.orders import ORDERS, OrderQuery, order_story

app = typer.Typer(help="What became of the orders.", no_args_is_help=True)
ACTOR = "command line"
R = TypeVar("R")

Number = Annotated[int, typer.Argument(help="The order's id in the bridge, the first column of `orders list`.")]
Woo = Annotated[bool, typer.Option("--woo", help="The number is WooCommerce's order id instead.")]
Store = Annotated[str, typer.Option(help="The store, with --woo.")]


@app.command("list")
def list_orders(
    wanted: Annotated[str | None, typer.Option("--state", help="Only these states, separated by commas.")] = None,
    store: Annotated[str | None, typer.Option(help="Only this store.")] = None,
    attention: Annotated[bool | None, typer.Option(help="Only orders that need a person, or only others.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """List orders, the newest first."""
    asked = OrderQuery(state=wanted, store=store, attention=attention, page=page, per_page=per_page)

    async def work(opened: Database, _: Settings) -> dict[str, Any]:
        return ORDERS.answer(asked, await opened.read(orders.page, ORDERS.query(asked)))

    found = with_database(work)
    table = Table("id", "store", "order", "WooCommerce", "state", "work order", "why")
    for row in found["data"]:
        reasons = [reason["words"] for reason in row["attention"] + row["reasons"]]
        table.add_row(
            str(row["id"]),
            escape(row["store"]),
            escape(row["woo_order_number"]),
            escape(row["woo_status"]),
            state(row["state"]) + (" [bold red]![/]" if row["attention"] else ""),
            escape(row["reference_code"] or ""),
            escape("; ".join(reasons)),
        )
    out.print(table)
    out.print(f"{len(found['data'])} of {found['meta']['total']} orders")


@app.command()
def show(number: Number, *, woo: Woo = False, store: Store = DEFAULT_STORE) -> None:
    """Show one order's whole story."""

    async def work(opened: Database, _: Settings) -> dict[str, Any]:
        return await order_story(opened, await _order_id(opened, number, woo=woo, store=store))

    print_story(with_database(work))


@app.command()
def retry(number: Number, *, woo: Woo = False, store: Store = DEFAULT_STORE) -> None:
    """Decide an order anew and owe its call now; the worker makes it. An unconfirmed order is looked up."""

    async def work(opened: Database, chosen: Settings) -> dict[str, Any]:
        order_id = await _order_id(opened, number, woo=woo, store=store)
        await opened.write(operator.retry, utc_now(), order_id, policy=chosen.policy, actor=ACTOR)
        return await order_story(opened, order_id)

    story = with_database(work)
    out.print(f"order {story['woo_order_number']} is {state(story['state'])} now {escape(_words(story['reasons']))}")


def print_story(story: dict[str, Any]) -> None:
    """Print everything that the bridge knows about an order."""
    out.print(
        f"[bold]Order {escape(story['woo_order_number'])}[/] of {escape(story['store'])}"
        f" ({escape(story['woo_status'])}, {story['woo_total']} {escape(story['woo_currency'] or '')}):"
        f" {state(story['state'])}"
    )
    if story["reference_code"] or story["work_order_id"]:
        out.print(f"  work order   {escape(story['reference_code'] or '?')} (id {story['work_order_id'] or 'unknown'})")
    for reason in story["attention"]:
        out.print(f"  [bold red]attention[/]    {escape(_one(reason))}")
    for reason in story["reasons"]:
        out.print(f"  why          {escape(_one(reason))}")
    for told in story["deliveries"]:
        times = f", {told['times']} times" if told["times"] > 1 else ""
        out.print(f"  {_clock(told['received_at'])} told by {escape(told['topic'])}{times}")
    for tried in story["attempt_log"]:
        out.print(
            f"  {_clock(tried['recorded_at'])} {tried['action']} no. {tried['number']}: {tried['outcome']}"
            f" [dim]({tried['milliseconds']} ms)[/] {escape(tried['words'])}"
        )
    for owed in story["owed_calls"]:
        when = "under way" if owed["lease_until"] else f"due {_clock(owed['next_attempt_at'])}"
        out.print(f"  owed         {owed['action']}, {when}")


def with_database(work: Callable[[Database, Settings], Awaitable[R]]) -> R:
    """Run `work` with the database of the settings."""

    async def whole() -> R:
        chosen = settings.load()
        require_file(chosen.database_url)
        async with database.opened(chosen.database_url) as opened:
            await require_migrated(opened)
            return await work(opened, chosen)

    return run(whole())


async def _order_id(opened: Database, number: int, *, woo: bool, store: str) -> int:
    if not woo:
        return number
    row = await opened.read(orders.find, store=store, woo_order_id=number)
    if row is None:
        raise NotFound(f"the bridge knows no order {number} of the store {store}")
    return int(row["id"])


def _words(reasons: list[dict[str, str]]) -> str:
    return f"({'; '.join(_one(reason) for reason in reasons)})" if reasons else ""


def _one(reason: dict[str, str]) -> str:
    return f"{reason['line']}: {reason['words']}" if "line" in reason else reason["words"]


def _clock(text: str) -> str:
    """The moment to the second; all moments are UTC."""
    return text[:19].replace("T", " ")
