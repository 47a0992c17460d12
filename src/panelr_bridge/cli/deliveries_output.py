"""What the deliveries command prints."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import simplejson
from rich.markup import escape

from panelr_bridge.application.bridge import DeliveryResult
from panelr_bridge.application.delivery_checks import shorten
from panelr_bridge.cli.console import out, style_state
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.rows import DeliveryRow, ListedDeliveryRow

WIDTH = 80
"""A line of the list is no wider."""
SHOWN = ("store", "topic", "verdict", "words", "woo_order_id", "times", "received_at", "last_received_at")


def print_page(page: ResultPage[ListedDeliveryRow], query: PageQuery, *, as_json: bool) -> None:
    """Print one page of deliveries, two lines for one with words; say what was cut and what is on other pages."""
    if as_json:
        meta = {"page": query.page, "per_page": query.per_page, "total": page.total}
        if page.more:
            meta["total_is_a_minimum"] = True
        _print_json({"data": [_plain(row) for row in page.rows], "meta": meta})
        return
    id_width = max((len(str(row["id"])) for row in page.rows), default=2)
    is_cut = False
    out.print(f"[bold]{'id':>{id_width}}  {'received':<16}  {'topic':<15} {'order':>9}  verdict[/]", soft_wrap=True)
    for row in page.rows:
        lines = [_list_line(row, id_width), *([f"{'':{id_width}}  {_one_line(row['words'])}"] if row["words"] else [])]
        for line in lines:
            is_cut |= len(line) > WIDTH
            out.print(escape(shorten_line(line)), soft_wrap=True)
    out.print(_describe_page(page, query, is_cut=is_cut), soft_wrap=True)


def _list_line(row: ListedDeliveryRow, id_width: int) -> str:
    order = "" if row["woo_order_id"] is None else str(row["woo_order_id"])
    marks = " !" if row["unresolved_since"] is not None else ""
    times = f", {row['times']} times" if row["times"] > 1 else ""
    of_store = "" if row["store"] == "default" else f", {_one_line(row['store'])}"
    return (
        f"{row['id']:>{id_width}}  {row['last_received_at']:%Y-%m-%d %H:%M}  {_one_line(row['topic']):<15}"
        f" {order:>9}  {row['verdict']}{marks}{times}{of_store}"
    )


def _describe_page(page: ResultPage[ListedDeliveryRow], query: PageQuery, *, is_cut: bool) -> str:
    words = f"{len(page.rows)} of {'more than ' if page.more else ''}{page.total} deliveries"
    if query.page * query.per_page < page.total:
        words += f"; the next: --page {query.page + 1}"
    if any(row["unresolved_since"] is not None for row in page.rows):
        words += "; ! is unread"
    return words + ("\n… is cut: panelr-bridge deliveries show ID has all" if is_cut else "")


def shorten_line(line: str) -> str:
    """Return a line that fits WIDTH."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def print_delivery(row: DeliveryRow, *, as_json: bool) -> None:
    """Print a delivery without its body."""
    if as_json:
        _print_json(_plain(row) | {"bytes": len(row["body"])})
        return
    out.print(f"[bold]Delivery {row['id']}[/]")
    for name in SHOWN:
        if row[name] is not None:  # type: ignore[literal-required]
            _print_field(name, row[name])  # type: ignore[literal-required]
    for name, value in sorted(row["headers"].items()):
        _print_field(name, value)
    _print_field("body", f"{len(row['body'])} bytes; --body prints them")
    if row["unresolved_since"] is not None:
        _print_field("unread since", row["unresolved_since"])
        out.print(f"  replay it:   panelr-bridge deliveries replay {row['id']}", soft_wrap=True)
        out.print(f'  or:          panelr-bridge deliveries resolve {row["id"]} --note "..."', soft_wrap=True)
    elif row["resolution"] is not None:
        resolution = row["resolution"]
        _print_field("resolved", f"{resolution['note']} ({resolution['by']}, {resolution['at'][:16]})")


def _print_field(name: str, value: object) -> None:
    text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else _one_line(str(value))
    out.print(f"  {escape(name.replace('_', ' ')):<12} {escape(text)}", soft_wrap=True)


def print_body(row: DeliveryRow) -> None:
    """Write a delivery's body to standard output, byte for byte."""
    sys.stdout.buffer.write(row["body"])
    sys.stdout.buffer.flush()


def print_result(number: int, result: DeliveryResult, *, as_json: bool) -> None:
    """Print what the replay of a delivery led to."""
    order = result.order
    reason = order["reasons"][0]["words"] if order and order["reasons"] else result.words
    if as_json:
        state, code = (order["state"], order["reference_code"]) if order else (None, None)
        _print_json(
            {
                "delivery": number,
                "verdict": result.verdict,
                "order_id": result.woo_order_id,
                "state": state,
                "reference_code": code,
                "reason": reason,
            }
        )
        return
    words = escape(_one_line(reason or ""))
    if order is None:
        out.print(f"delivery {number}: {result.verdict}{f': {words}' if words else ''}", soft_wrap=True)
        return
    code = f" as {escape(order['reference_code'])}" if order["reference_code"] else ""
    out.print(
        f"delivery {number}: order {result.woo_order_id} is {style_state(order['state'])}{code}"
        f"{f': {words}' if words else ''}",
        soft_wrap=True,
    )


def _one_line(text: str | None) -> str:
    return shorten(text or "", 500)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a delivery's columns as JSON shows them, without its body."""
    hidden = {"body", "body_sha256", "repeated"}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in hidden
    }


def _print_json(content: Any) -> None:
    sys.stdout.write(simplejson.dumps(content, ensure_ascii=False, indent=2) + "\n")
