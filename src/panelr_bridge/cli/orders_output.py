"""orders list, show, retry: read or change orders and print them."""

from collections.abc import Iterator
from typing import Any

from rich.markup import escape
from rich.table import Table

from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.transactions import operator_actions
from panelr_bridge.cli.console import out, style_state
from panelr_bridge.cli.startup import ACTOR, run_with_database
from panelr_bridge.errors import NotFound
from panelr_bridge.settings import Settings
from panelr_bridge.store import order_list, orders
from panelr_bridge.store.database import Database
from panelr_bridge.web.orders import ORDERS, OrderQuery, order_story


def list_orders(asked: OrderQuery) -> None:
    """Print one page of orders."""

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        return ORDERS.answer(asked, await database.read(order_list.page, ORDERS.query(asked)))

    page = run_with_database(work)
    table = Table("id", "store", "order", "WooCommerce", "state", "work order", "reason")
    for row in page["data"]:
        reasons = [reason["words"] for reason in row["attention"] + row["reasons"]]
        table.add_row(
            str(row["id"]),
            escape(row["store"]),
            escape(row["woo_order_number"]),
            escape(row["woo_status"]),
            style_state(row["state"]) + (" [bold red]![/]" if row["attention"] else ""),
            escape(row["reference_code"] or ""),
            escape("; ".join(reasons)),
        )
    out.print(table)
    out.print(f"{len(page['data'])} of {page['meta']['total']} orders")


def show(number: int, *, woo: bool, store: str) -> None:
    """Print one order with everything that happened to it."""

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        return await order_story(database, await _order_id(database, number, woo=woo, store=store))

    print_story(run_with_database(work))


def retry(number: int, *, woo: bool, store: str) -> None:
    """Decide an order again and print its new state."""

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        order_id = await _order_id(database, number, woo=woo, store=store)
        await database.write(operator_actions.retry, utc_now(), order_id, policy=settings.policy, actor=ACTOR)
        return await order_story(database, order_id)

    story = run_with_database(work)
    reasons = escape(_join_reasons(story["reasons"]))
    out.print(f"order {story['woo_order_number']} is now {style_state(story['state'])} {reasons}")


def print_story(story: dict[str, Any]) -> None:
    """Print an order, its deliveries, attempts, owed calls and follow-ups."""
    out.print(
        f"[bold]Order {escape(story['woo_order_number'])}[/] of {escape(story['store'])}"
        f" ({escape(story['woo_status'])}, {story['woo_total']} {escape(story['woo_currency'] or '')}):"
        f" {style_state(story['state'])}"
    )
    if story["reference_code"] or story["work_order_id"]:
        status = f", {escape(story['panelr_status'])}" if story["panelr_status"] else ""
        number = story["work_order_id"] or "unknown"
        out.print(f"  work order   {escape(story['reference_code'] or '?')} (id {number}{status})")
    for reason in story["attention"]:
        out.print(f"  [bold red]attention[/]    {escape(_reason_text(reason))}")
    for reason in story["reasons"]:
        out.print(f"  reason       {escape(_reason_text(reason))}")
    for at, words in sorted([*_delivery_events(story), *_attempt_events(story)], key=lambda event: event[0]):
        out.print(f"  {_format_time(at)} {words}", soft_wrap=True)
    for owed in story["owed_calls"]:
        when = "in progress" if owed["lease_until"] else f"due {_format_time(owed['next_attempt_at'])}"
        out.print(f"  owed         {owed['action']}, {when}")
    for each in story["follow_ups"]:
        out.print(f"  {each['kind']:<12} {_follow_up_status(each)}")


def _delivery_events(story: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for delivery in story["deliveries"]:
        repeats = f", {delivery['times']} times" if delivery["times"] > 1 else ""
        is_backfill = delivery["headers"].get("source") == "backfill"
        words = "found by backfill" if is_backfill else f"received {escape(delivery['topic'])}"
        yield delivery["received_at"], f"{words}{repeats}"


def _attempt_events(story: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for attempt in story["attempt_log"]:
        duration = f"[dim]({attempt['milliseconds']} ms)[/]"
        head = f"{attempt['action']} no. {attempt['number']}: {attempt['outcome']} {duration}"
        yield attempt["recorded_at"], f"{head} {escape(attempt['words'])}"


def _follow_up_status(each: dict[str, Any]) -> str:
    if each["lease_until"]:
        return "in progress"
    if each["due_at"]:
        return f"due {_format_time(each['due_at'])}"
    return f"done {_format_time(each['done_at'])}" if each["done_at"] else "needs an operator"


async def _order_id(database: Database, number: int, *, woo: bool, store: str) -> int:
    if not woo:
        return number
    row = await database.read(orders.find, store=store, woo_order_id=number)
    if row is None:
        raise NotFound(f"the bridge has no order {number} of the store {store}")
    return int(row["id"])


def _join_reasons(reasons: list[dict[str, str]]) -> str:
    return f"({'; '.join(_reason_text(reason) for reason in reasons)})" if reasons else ""


def _reason_text(reason: dict[str, str]) -> str:
    return f"{reason['line']}: {reason['words']}" if "line" in reason else reason["words"]


def _format_time(text: str) -> str:
    """Return a UTC time without fractions of a second."""
    return text[:19].replace("T", " ")
