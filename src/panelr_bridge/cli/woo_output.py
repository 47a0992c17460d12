"""woo orders: call the shop and print its answer."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import simplejson
import typer
from rich.markup import escape
from rich.table import Table

from panelr_bridge.application.container import shop_client
from panelr_bridge.cli.console import out, print_error
from panelr_bridge.cli.startup import require_store, run
from panelr_bridge.errors import InvalidValue
from panelr_bridge.settings import load_settings
from panelr_bridge.woocommerce.rest import compare
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import OrdersPage, OrdersQuery, Payload

R = TypeVar("R")
COLUMNS = ("id", "number", "status", "total", "currency", "customer_id", "date_created", "date_modified")
ORDER_LINES = (*COLUMNS, "payment_method_title", "date_paid", "customer_note")


def list_orders(query: OrdersQuery, *, store: str, as_json: bool) -> None:
    """Print one page of the shop's orders."""

    async def work(client: ShopClient) -> OrdersPage:
        return await client.list_orders(query=query)

    page = with_shop(store, work)
    if as_json:
        meta = {"page": query.page, "per_page": query.per_page, "total": page.total, "has_more": page.has_more}
        _print_json({"data": list(page.orders), "meta": meta})
        return
    columns = query.fields or COLUMNS
    table = Table(*columns)
    for order in page.orders:
        table.add_row(*(escape(_cell_text(order.get(name))) for name in columns))
    out.print(table)
    more = "; see the next ones with --page" if page.has_more else ""
    out.print(f"{len(page.orders)} of {'?' if page.total is None else page.total} orders{more}")


def get(number: int, *, store: str, as_json: bool) -> None:
    """Print one order."""

    async def work(client: ShopClient) -> Payload:
        return await client.get_order(number)

    _print_order(with_shop(store, work), as_json=as_json)


def create(file: str, *, store: str, as_json: bool) -> None:
    """Create an order and print it."""
    fields = _read_json(file)

    async def work(client: ShopClient) -> Payload:
        return await client.create_order(fields)

    _print_changed(with_shop(store, work), fields, as_json=as_json)


def update(
    number: int, file: str | None, *, status: str | None, meta: Sequence[str], store: str, as_json: bool
) -> None:
    """Change an order by a file and options, and print its new state."""
    changes = _build_changes(file, status, meta)

    async def work(client: ShopClient) -> Payload:
        return await client.update_order(number, changes)

    _print_changed(with_shop(store, work), changes, as_json=as_json)


def delete(number: int, *, force: bool, store: str, as_json: bool) -> None:
    """Delete an order."""

    async def work(client: ShopClient) -> Payload:
        return await client.delete_order(number, force=force)

    answer = with_shop(store, work)
    if as_json:
        _print_json(answer)
    else:
        is_gone = force or answer.get("deleted")  # wc/v3 answers with the order and no such field
        out.print(f"order {number} is {'deleted' if is_gone else 'in the trash'}")


def with_shop(store: str, work: Callable[[ShopClient], Awaitable[R]]) -> R:
    """Run `work` with a client of the store's REST API."""

    async def open_and_work() -> R:
        async with shop_client(require_store(load_settings(), store)) as client:
            return await work(client)

    return run(open_and_work())


def _build_changes(file: str | None, status: str | None, meta: Sequence[str]) -> dict[str, Any]:
    changes = _read_json(file) if file is not None else {}
    if status is not None:
        changes["status"] = status
    if meta:
        entries = changes.get("meta_data", [])
        if not isinstance(entries, list):
            raise InvalidValue("meta_data in the file is not a list, so --meta cannot be added to it")
        changes["meta_data"] = [*entries, *(_read_meta(text) for text in meta)]
    if not changes:
        raise InvalidValue("there is nothing to change: give a file, --status or --meta key=value")
    return changes


def _read_meta(text: str) -> dict[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise InvalidValue(f"--meta {text} is not of the form key=value")
    return {"key": key, "value": value}


def _read_json(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
        content = simplejson.loads(text, use_decimal=True)
    except OSError as error:
        raise InvalidValue(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InvalidValue(f"{file} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise InvalidValue(f"{file} must contain one JSON object with the fields of an order")
    return content


def _print_changed(order: Payload, changes: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an order after a write; exit with an error if the shop did not take the status."""
    _print_order(order, as_json=as_json)
    if not compare.has_status(order, changes):
        print_error(
            f"order {order.get('id')} has the status {order.get('status')}, not {changes['status']}:",
            "the shop does not know this status, or a plugin changed it. Correct it with woo orders update.",
        )
        raise typer.Exit(1)


def _print_order(order: Payload, *, as_json: bool) -> None:
    if as_json:
        _print_json(order)
        return
    out.print(f"[bold]Order {escape(_cell_text(order.get('number') or order.get('id')))}[/]")
    table = Table(show_header=False, box=None, pad_edge=False)
    for name in ORDER_LINES:
        if order.get(name) not in {None, ""}:
            table.add_row(f"  {name}", escape(_cell_text(order[name])))
    for name in ("billing", "shipping"):
        if isinstance(order.get(name), dict):
            table.add_row(f"  {name}", escape(", ".join(str(value) for value in order[name].values() if value)))
    out.print(table)
    lines = Table("line", "product", "variation", "name", "quantity", "total")
    for line in order.get("line_items") or []:
        names = ("id", "product_id", "variation_id", "name", "quantity", "total")
        lines.add_row(*(escape(_cell_text(line.get(name))) for name in names))
    if lines.row_count:
        out.print(lines)
    for entry in order.get("meta_data") or []:
        out.print(f"  [dim]{escape(_cell_text(entry.get('key')))}[/] {escape(_cell_text(entry.get('value')))}")


def _cell_text(value: Any) -> str:
    """Return a value as text of at most 80 characters."""
    if value is None:
        return ""
    text = _to_json(value) if isinstance(value, (dict, list)) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _print_json(content: Any) -> None:
    sys.stdout.write(_to_json(content, indent=2) + "\n")


def _to_json(content: Any, indent: int | None = None) -> str:
    text: str = simplejson.dumps(content, use_decimal=True, ensure_ascii=False, indent=indent)
    return text
