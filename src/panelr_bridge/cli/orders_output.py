"""orders list, show, retry: what they print."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from rich.markup import escape
from rich.table import Table

from panelr_bridge import settings
from panelr_bridge.application import operator_actions, order_queries
from panelr_bridge.application.order_queries import OrderStory
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.cli.console import out, state
from panelr_bridge.cli.startup import require_file, require_migrated, run
from panelr_bridge.errors import NotFound
from panelr_bridge.settings import Settings
from panelr_bridge.store import database, orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.tables import Row

ACTOR = "command line"
R = TypeVar("R")


def list_orders(filters: dict[str, Any], *, page: int, per_page: int) -> None:
    """Print one page of orders. `filters` may set state (comma-separated), store and attention; None sets nothing."""

    async def work(opened: Database, _: Settings) -> ResultPage:
        given = {name: value for name, value in filters.items() if value is not None}
        if "state" in given:
            given["state"] = order_queries.parse_states(given["state"])
        return await order_queries.list_orders(opened, PageQuery(filters=given, page=page, per_page=per_page))

    found = with_database(work)
    table = Table("id", "store", "order", "WooCommerce", "state", "work order", "why")
    for row in found.rows:
        attention = row["attention"] or []
        table.add_row(
            str(row["id"]),
            escape(row["store"]),
            escape(row["woo_order_number"]),
            escape(row["woo_status"]),
            state(row["state"]) + (" [bold red]![/]" if attention else ""),
            escape(row["reference_code"] or ""),
            escape("; ".join(reason["words"] for reason in attention + row["reasons"])),
        )
    out.print(table)
    out.print(f"{len(found.rows)} of {found.total} orders")


def show(number: int, *, woo: bool, store: str) -> None:
    """Print one order with everything that belongs to it."""

    async def work(opened: Database, _: Settings) -> OrderStory:
        return await order_queries.read_story(opened, await _order_id(opened, number, woo=woo, store=store))

    print_story(with_database(work))


def retry(number: int, *, woo: bool, store: str) -> None:
    """Retry an order, and print its new state."""

    async def work(opened: Database, chosen: Settings) -> Row:
        order_id = await _order_id(opened, number, woo=woo, store=store)
        await opened.write(operator_actions.retry, utc_now(), order_id, policy=chosen.policy, actor=ACTOR)
        return (await order_queries.read_story(opened, order_id)).order

    order = with_database(work)
    out.print(f"order {order['woo_order_number']} is {state(order['state'])} now {escape(_words(order['reasons']))}")


def print_story(story: OrderStory) -> None:
    """Print an order with everything that belongs to it."""
    order, call = story.order, story.owed_call
    total = "None" if order["woo_total"] is None else f"{order['woo_total']:f}"
    out.print(
        f"[bold]Order {escape(order['woo_order_number'])}[/] of {escape(order['store'])}"
        f" ({escape(order['woo_status'])}, {total} {escape(order['woo_currency'] or '')}): {state(order['state'])}"
    )
    if order["reference_code"] or order["work_order_id"]:
        status = f", {escape(order['panelr_status'])}" if order["panelr_status"] else ""
        number = order["work_order_id"] or "unknown"
        out.print(f"  work order   {escape(order['reference_code'] or '?')} (id {number}{status})")
    for reason in order["attention"] or []:
        out.print(f"  [bold red]attention[/]    {escape(_one(reason))}")
    for reason in order["reasons"]:
        out.print(f"  why          {escape(_one(reason))}")
    for at, words in sorted([*_delivery_events(story), *_attempt_events(story)], key=lambda event: event[0]):
        out.print(f"  {_clock(at)} {words}", soft_wrap=True)
    if call is not None:
        when = "under way" if call["lease_until"] else f"due {_clock(call['next_attempt_at'])}"
        out.print(f"  owed         {call['action']}, {when}")
    for follow_up in story.follow_ups:
        out.print(f"  {follow_up['kind']:<12} {_follow_up_state(follow_up)}")


def _delivery_events(story: OrderStory) -> Iterator[tuple[datetime, str]]:
    for delivery in story.deliveries:
        times = f", {delivery['times']} times" if delivery["times"] > 1 else ""
        is_backfill = delivery["headers"].get("source") == "backfill"
        words = "found by asking the store" if is_backfill else f"told by {escape(delivery['topic'])}"
        yield delivery["received_at"], f"{words}{times}"


def _attempt_events(story: OrderStory) -> Iterator[tuple[datetime, str]]:
    for attempt in story.attempts:
        result = f"{attempt['outcome']} [dim]({attempt['milliseconds']} ms)[/]"
        yield (
            attempt["recorded_at"],
            f"{attempt['action']} no. {attempt['number']}: {result} {escape(attempt['words'])}",
        )


def _follow_up_state(follow_up: Row) -> str:
    if follow_up["lease_until"]:
        return "under way"
    if follow_up["due_at"]:
        return f"due {_clock(follow_up['due_at'])}"
    return f"done {_clock(follow_up['done_at'])}" if follow_up["done_at"] else "needs a person"


def with_database(work: Callable[[Database, Settings], Awaitable[R]]) -> R:
    """Run `work` with the database of the settings."""

    async def whole() -> R:
        chosen = settings.load()
        require_file(chosen.database_url)
        async with database.open_database(chosen.database_url) as opened:
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


def _clock(at: datetime) -> str:
    """Return a time to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
