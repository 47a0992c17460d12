"""orders list, show, retry: what they print."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from rich.markup import escape
from rich.table import Table

from panelr_bridge import settings
from panelr_bridge.application import operator_actions
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.cli.console import out, state
from panelr_bridge.cli.startup import require_file, require_migrated, run
from panelr_bridge.errors import NotFound
from panelr_bridge.settings import Settings
from panelr_bridge.store import database, orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.pagination import order_list
from panelr_bridge.web.orders import ORDERS, OrderQuery, order_story

ACTOR = "command line"
R = TypeVar("R")


def list_orders(asked: OrderQuery) -> None:
    """Print one page of orders."""

    async def work(opened: Database, _: Settings) -> dict[str, Any]:
        return ORDERS.answer(asked, await opened.read(order_list.page, ORDERS.query(asked)))

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


def show(number: int, *, woo: bool, store: str) -> None:
    """Print one order's whole story."""

    async def work(opened: Database, _: Settings) -> dict[str, Any]:
        return await order_story(opened, await _order_id(opened, number, woo=woo, store=store))

    print_story(with_database(work))


def retry(number: int, *, woo: bool, store: str) -> None:
    """Have an order tried again, and print what it is now."""

    async def work(opened: Database, chosen: Settings) -> dict[str, Any]:
        order_id = await _order_id(opened, number, woo=woo, store=store)
        await opened.write(operator_actions.retry, utc_now(), order_id, policy=chosen.policy, actor=ACTOR)
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
        status = f", {escape(story['panelr_status'])}" if story["panelr_status"] else ""
        number = story["work_order_id"] or "unknown"
        out.print(f"  work order   {escape(story['reference_code'] or '?')} (id {number}{status})")
    for reason in story["attention"]:
        out.print(f"  [bold red]attention[/]    {escape(_one(reason))}")
    for reason in story["reasons"]:
        out.print(f"  why          {escape(_one(reason))}")
    for at, words in sorted([*_told(story), *_tried(story)], key=lambda event: event[0]):
        out.print(f"  {_clock(at)} {words}", soft_wrap=True)
    for owed in story["owed_calls"]:
        when = "under way" if owed["lease_until"] else f"due {_clock(owed['next_attempt_at'])}"
        out.print(f"  owed         {owed['action']}, {when}")
    for each in story["follow_ups"]:
        out.print(f"  {each['kind']:<12} {_standing(each)}")


def _told(story: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for told in story["deliveries"]:
        times = f", {told['times']} times" if told["times"] > 1 else ""
        found = told["headers"].get("source") == "backfill"
        words = "found by asking the store" if found else f"told by {escape(told['topic'])}"
        yield told["received_at"], f"{words}{times}"


def _tried(story: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for tried in story["attempt_log"]:
        head = f"{tried['action']} no. {tried['number']}: {tried['outcome']} [dim]({tried['milliseconds']} ms)[/]"
        yield tried["recorded_at"], f"{head} {escape(tried['words'])}"


def _standing(each: dict[str, Any]) -> str:
    if each["lease_until"]:
        return "under way"
    if each["due_at"]:
        return f"due {_clock(each['due_at'])}"
    return f"done {_clock(each['done_at'])}" if each["done_at"] else "needs a person"


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


def _clock(text: str) -> str:
    """The moment to the second; all moments are UTC."""
    return text[:19].replace("T", " ")
