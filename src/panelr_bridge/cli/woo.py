"""woo: read and change orders in the shop."""

from datetime import datetime
from typing import Annotated

import typer

from panelr_bridge.cli import woo_output
from panelr_bridge.cli.options import MOMENT_FORMATS, MOMENT_HELP, StoreOption, YesOption, as_utc
from panelr_bridge.settings import DEFAULT_STORE
from panelr_bridge.woocommerce.rest.models import OrdersQuery

app = typer.Typer(
    help="Read and change orders in the shop, over its REST API.", no_args_is_help=True, add_completion=False
)
orders = typer.Typer(help="List, get, create, update and delete the shop's orders.", no_args_is_help=True)
app.add_typer(orders, name="orders")

NumberArgument = Annotated[int, typer.Argument(min=1, help="WooCommerce's id of the order.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@orders.command("list")
def list_orders(  # noqa: PLR0913  the options of a list
    status: Annotated[
        list[str] | None, typer.Option(help="Only orders with these statuses, separated by commas.")
    ] = None,
    search: Annotated[str, typer.Option(help="Only orders that contain this text.")] = "",
    customer: Annotated[int | None, typer.Option(help="Only orders of the customer with this id.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="Sort by date_created, date_modified or id. A leading - sorts in descending order. (An Orders"
            " resource can also sort by total.)"
        ),
    ] = "-date_created",
    page: Annotated[int, typer.Option(min=1, help="Page to print.")] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100, help="Orders on each page.")] = 20,
    fields: Annotated[list[str] | None, typer.Option(help="Only these fields, separated by commas.")] = None,
    modified_since: Annotated[
        datetime | None,
        typer.Option(
            formats=MOMENT_FORMATS,
            metavar="MOMENT",
            help=f"Only orders that were modified at this moment or later, {MOMENT_HELP}.",
        ),
    ] = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """List the shop's orders, newest first."""
    query = OrdersQuery(
        statuses=_split_list(status),
        customer_id=customer,
        search=search,
        sort=sort,
        modified_since=as_utc(modified_since),
        page=page,
        per_page=per_page,
        fields=_split_list(fields),
    )
    woo_output.list_orders(query, store=store, as_json=json)


@orders.command()
def get(number: NumberArgument, *, store: StoreOption = DEFAULT_STORE, json: JsonOption = False) -> None:
    """Show an order as the shop returns it."""
    woo_output.get(number, store=store, as_json=json)


@orders.command()
def create(
    file: Annotated[str, typer.Argument(help="JSON file with the order's fields, or - for standard input.")],
    *,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Create an order in the shop.

    If the shop's answer is lost, the command looks for the order first.
    So the order is not created twice.
    """
    woo_output.create(file, store=store, as_json=json)


@orders.command()
def update(
    number: NumberArgument,
    file: Annotated[
        str | None, typer.Argument(help="JSON file with the fields to change, or - for standard input.")
    ] = None,
    *,
    status: Annotated[str | None, typer.Option(help="New status of the order.")] = None,
    meta: Annotated[list[str] | None, typer.Option(help="Metadata to add, as key=value. Can be repeated.")] = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Change an order in the shop, by a file or by options."""
    woo_output.update(number, file, status=status, meta=meta or [], store=store, as_json=json)


@orders.command()
def delete(
    number: NumberArgument,
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Delete the order for good. (An Orders resource has its own setting and ignores this.)"
        ),
    ] = False,
    yes: YesOption = False,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Move an order of the shop to the trash, or delete it for good with --force.

    It asks for confirmation first.
    """
    if not yes:
        what = "for good" if force else "from the shop"
        typer.confirm(f"Delete order {number} {what}?", abort=True, err=True)
    woo_output.delete(number, force=force, store=store, as_json=json)


def _split_list(values: list[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for text in values or [] for part in text.split(",") if part.strip())
