"""The health checks of the deliveries: unread ones, refused ones, and topics that are not used."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.health_check import HealthCheck, count, format_since
from panelr_bridge.application.refusal_counter import list_refused
from panelr_bridge.application.unread_deliveries import UnreadBatch, read_unread
from panelr_bridge.application.unused_topics import find_unused_topics
from panelr_bridge.settings import DEFAULT_STORE, prefix_of
from panelr_bridge.store.rows import ListedDeliveryRow, RefusedWebhook

MOST_SHOWN = 3
"""How many unread deliveries, refused webhooks and unused topics are named."""
MAX_WORDS = 110


def check_unread(connection: Connection, *, now: datetime) -> HealthCheck:
    """Fail while deliveries that brought no order are unresolved. Never more than five lines."""
    batch = read_unread(connection)
    if not batch.unread:
        return HealthCheck(
            name="webhooks", ok=True, words="every signed delivery was read, or is resolved", vital=False
        )
    since = min(row["unresolved_since"] or row["received_at"] for row in batch.unread)
    number = f"{'more than ' if batch.last_id else ''}{count(len(batch.unread), 'delivery')}"
    words = (
        f"{number} brought no order, the first {format_since(since, now=now)}:"
        " see panelr-bridge deliveries list --unresolved"
    )
    return HealthCheck(name="webhooks", ok=False, words=words, vital=False, details=_describe_unread(batch))


def _describe_unread(batch: UnreadBatch) -> tuple[str, ...]:
    shown = batch.unread[:MOST_SHOWN]
    lines = [_describe_delivery(row) for row in shown]
    first = shown[0]["id"]
    advice = (
        f"correct the cause, then: panelr-bridge deliveries replay {first};"
        f' or, if it is dealt with: deliveries resolve {first} --note "..."'
    )
    return (*lines, advice)


def _describe_delivery(row: ListedDeliveryRow) -> str:
    order = "" if row["woo_order_id"] is None else f", order {row['woo_order_id']}"
    times = "" if row["times"] == 1 else f", {row['times']} times"
    words = shorten(row["words"] or "no words", MAX_WORDS)
    return f"delivery {row['id']} ({shorten(row['topic'], 40)}{order}{times}): {row['verdict']}: {words}"


def check_refused(connection: Connection, *, now: datetime) -> HealthCheck:
    """Fail while deliveries were refused because of a wrong secret, and their webhook has delivered nothing since."""
    refused = [(store, each) for store, webhooks in list_refused(connection).items() for each in webhooks]
    if not refused:
        return HealthCheck(name="secrets", ok=True, words="no delivery was refused because of its secret", vital=False)
    lines = [_describe_refused(store, each, now=now) for store, each in refused[:MOST_SHOWN]]
    return _list_problems("secrets", lines, more=len(refused) - len(lines))


def _describe_refused(store: str, refused: RefusedWebhook, *, now: datetime) -> str:
    since = format_since(datetime.fromisoformat(refused["since"]), now=now)
    if refused["webhook"] is None:
        return f"store {store}: {count(refused['count'], 'delivery')} of other webhooks since {since}"
    host = f" of {refused['host']}" if refused["host"] else ""
    return (
        f"{count(refused['count'], 'delivery')} refused since {since}: the secret of this webhook differs"
        f" (webhook {refused['webhook']}{host}): set {prefix_of(store)}WEBHOOK_SECRET to that webhook's secret"
    )


def check_topics(connection: Connection, *, now: datetime) -> HealthCheck:
    """Fail while a webhook sends whole orders under a topic that the bridge does not use."""
    topics = find_unused_topics(connection, now=now)
    if not topics:
        return HealthCheck(name="topics", ok=True, words="no orders come under topics that are not used", vital=False)
    lines = [
        f"the webhook with topic {shorten(each.topic, 60)} sends whole orders, which the bridge does not use:"
        f" set its topic to Order updated{_of_webhook(each.store, each.webhook)}"
        for each in topics[:MOST_SHOWN]
    ]
    return _list_problems("topics", lines, more=len(topics) - len(lines))


def _of_webhook(store: str, webhook: str | None) -> str:
    of_store = "" if store == DEFAULT_STORE else f" of store {store}"
    return "" if webhook is None else f" (webhook {shorten(webhook, 20)}{of_store})"


def _list_problems(name: str, lines: list[str], *, more: int) -> HealthCheck:
    """Return a failed check with one line for each problem."""
    first, *others = [*lines, f"and {more} more"] if more > 0 else lines
    return HealthCheck(name=name, ok=False, words=first, vital=False, details=tuple(others))


def shorten(text: str, length: int) -> str:
    """Return a text as one line of at most `length` characters that a terminal shows as they are."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
