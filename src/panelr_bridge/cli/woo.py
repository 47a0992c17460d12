"""woo orders list, get, create, update, delete. Each imports what it needs when it is called."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from panelr_bridge.settings import DEFAULT_STORE

app = typer.Typer(help="The store itself, over its REST API.", no_args_is_help=True)
orders = typer.Typer(help="The store's orders, as the store tells them.", no_args_is_help=True)
app.add_typer(orders, name="orders")

Number = Annotated[int, typer.Argument(min=1, help="WooCommerce's id of the order.")]
Store = Annotated[str, typer.Option(help="The store.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"]


@orders.command("list")
def list_orders(  # noqa: PLR0913  the options of a list
    status: Annotated[list[str] | None, typer.Option(help="Only these statuses, separated by commas.")] = None,
    search: Annotated[str, typer.Option(help="Only orders in which this text is found.")] = "",
    customer: Annotated[int | None, typer.Option(help="Only orders of this customer's id.")] = None,
    sort: Annotated[
        str, typer.Option(help="date_created, date_modified, id (or total, of an Orders resource); - descends.")
    ] = "-date_created",
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100)] = 20,
    fields: Annotated[list[str] | None, typer.Option(help="Only these fields, separated by commas.")] = None,
    modified_since: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="Only orders modified then or later; UTC without offset.")
    ] = None,
    *,
    store: Store = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """List the store's orders, the newest first."""
    from panelr_bridge.cli import woo_output
    from panelr_bridge.woocommerce.rest.models import OrdersQuery

    since = modified_since.replace(tzinfo=UTC) if modified_since and not modified_since.tzinfo else modified_since
    query = OrdersQuery(
        statuses=_parts(status),
        customer_id=customer,
        search=search,
        sort=sort,
        modified_since=since,
        page=page,
        per_page=per_page,
        fields=_parts(fields),
    )
    woo_output.list_orders(query, store=store, as_json=json)


@orders.command()
def get(number: Number, *, store: Store = DEFAULT_STORE, json: AsJson = False) -> None:
    """Show one order as the store tells it."""
    from panelr_bridge.cli import woo_output

    woo_output.get(number, store=store, as_json=json)


@orders.command()
def create(
    file: Annotated[str, typer.Argument(help="A JSON file with the order's fields, or - for standard input.")],
    *,
    store: Store = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """Make an order in the store. If the answer is lost, the order is looked for before it is made again."""
    from panelr_bridge.cli import woo_output

    woo_output.create(file, store=store, as_json=json)


@orders.command()
def update(
    number: Number,
    file: Annotated[str | None, typer.Argument(help="A JSON file with what changes, or - for standard input.")] = None,
    *,
    status: Annotated[str | None, typer.Option(help="Its new status.")] = None,
    meta: Annotated[list[str] | None, typer.Option(help="key=value; may be given several times.")] = None,
    store: Store = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """Change an order in the store, by a file or by options."""
    from panelr_bridge.cli import woo_output

    woo_output.update(number, file, status=status, meta=meta or [], store=store, as_json=json)


@orders.command()
def delete(
    number: Number,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="For good, not into the trash. (An Orders resource decides that itself.)")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: Store = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """Put an order of the store into the trash, or with --force delete it for good. It asks first."""
    from panelr_bridge.cli import woo_output

    if not yes:
        what = "for good" if force else "from the store"
        typer.confirm(f"Delete order {number} {what}?", abort=True, err=True)
    woo_output.delete(number, force=force, store=store, as_json=json)


def _parts(given: list[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for text in given or [] for part in text.split(",") if part.strip())
