"""What the orders command prints."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from rich.markup import escape
from rich.table import Table

from panelr_bridge.application.bulk_retry import BulkRetryResult
from panelr_bridge.application.order_money import OrderMoney
from panelr_bridge.application.order_queries import OrderStory, RelatedOrder
from panelr_bridge.cli.console import out, style_state
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.store.pagination import ResultPage
from panelr_bridge.store.rows import FollowUpRow, ShownOrderRow

MAX_SKIPPED = 20
"""How many skipped orders are printed."""
MAX_RELATED = 20
"""How many other orders of subscriptions are printed."""


def print_page(page: ResultPage[ShownOrderRow]) -> None:
    """Print one page of orders as a table."""
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


def print_story(story: OrderStory) -> None:
    """Print an order with its money, reasons, deliveries, calls and follow-ups."""
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
    for activation in story.activations:
        product = "" if activation.product_id is None else f" (product {activation.product_id})"
        out.print(f"  activation   {activation.id}{product}")
    _print_money(story.money)
    _print_subscriptions(story)
    for reason in order["attention"] or []:
        out.print(f"  [bold red]attention[/]    {escape(reason_text(reason))}")
    for reason in order["acknowledged"] or []:
        out.print(f"  acknowledged {escape(reason_text(reason))}")
        seen_at = _format_time(datetime.fromisoformat(reason["at"]))
        out.print(f"               {escape(reason['note'])} [dim]({escape(reason['by'])}, {seen_at})[/]")
    for reason in order["reasons"]:
        out.print(f"  reason       {escape(reason_text(reason))}")
    for at, words in sorted([*_delivery_events(story), *_attempt_events(story)], key=lambda event: event[0]):
        out.print(f"  {_format_time(at)} {words}", soft_wrap=True)
    if call is not None:
        when = "in progress" if call["lease_until"] else f"due {_format_time(call['next_attempt_at'])}"
        out.print(f"  owed call    {call['action']}, {when}")
    for follow_up in story.follow_ups:
        out.print(f"  {follow_up['kind']:<12} {_follow_up_state(follow_up)}")


def _print_subscriptions(story: OrderStory) -> None:
    """Print the orders of the order's subscriptions: the first one and the newest."""
    first, others = story.subscriptions[:1], story.subscriptions[1:]
    shown = [*first, *others[-MAX_RELATED:]]
    for related in shown:
        words = _describe_related(related, story.order)
        out.print(f"  subscription {related.subscription_id}: {escape(words)}", soft_wrap=True)
    if len(shown) < len(story.subscriptions):
        out.print(f"  and {len(story.subscriptions) - len(shown)} older orders")


def _describe_related(related: RelatedOrder, order: ShownOrderRow) -> str:
    """Return what an order is to a subscription, and how it stands."""
    name = "first order" if related.kind is RelationKind.FIRST else related.kind
    if related.woo_order_id == order["woo_order_id"]:
        return f"{name} {related.woo_order_id}, this order"
    if related.id is None:
        return f"{name} {related.woo_order_id}, not known here"
    of_work_order = f" as {related.reference_code}" if related.reference_code else ""
    return f"{name} {related.woo_order_id}, {related.state}{of_work_order} (orders show {related.id})"


def _print_money(money: OrderMoney) -> None:
    """Print the amounts on both sides, unless only the shop's total is known: the headline has it."""
    sides = (("shop", money.woo_total), ("Panelr", money.order_total), ("reported as paid", money.reported_paid))
    known = [f"{name} {amount:f}" for name, amount in sides if amount is not None]
    if money.order_total is None and money.reported_paid is None:
        return
    out.print(f"  money        {escape(', '.join(known))} {escape(money.currency or '')}")
    if money.difference is not None:
        side = "more" if money.difference > 0 else "less"
        other = "the shop's total" if money.reported_paid is None else "was reported as paid"
        out.print(f"  [yellow]difference[/]   Panelr's total is {abs(money.difference):f} {side} than {other}")


def count_orders(counts: Mapping[str, int]) -> str:
    """Return how many orders these are, in words."""
    total = sum(counts.values())
    return f"{total} order{'' if total == 1 else 's'}"


def print_bulk_retry(result: BulkRetryResult) -> None:
    """Print how many orders were retried, by their state since, and why others were not."""
    counts = ", ".join(f"{count} now {style_state(state)}" for state, count in sorted(result.retried.items()))
    out.print(f"{count_orders(result.retried)} retried{f': {counts}' if counts else ''}")
    for skipped in result.skipped[:MAX_SKIPPED]:
        out.print(f"  skipped order {skipped.order_id}: {escape(skipped.words)}", soft_wrap=True)
    if len(result.skipped) > MAX_SKIPPED:
        out.print(f"  and {len(result.skipped) - MAX_SKIPPED} more were skipped")
    if result.left:
        out.print(f"{result.left} more orders are in these states: raise --limit")


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


def reason_text(reason: dict[str, str]) -> str:
    """Return a reason's words, with the line that it is about."""
    return f"{reason['line']}: {reason['words']}" if "line" in reason else reason["words"]


def _format_time(at: datetime) -> str:
    """Return a time to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
