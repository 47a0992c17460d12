"""orders: list, show and retry the orders in the bridge."""

from typing import Annotated

import typer

from panelr_bridge.cli import orders_output
from panelr_bridge.settings import DEFAULT_STORE
from panelr_bridge.web.orders import OrderQuery

app = typer.Typer(help="List, show and retry the orders in the bridge.", no_args_is_help=True, add_completion=False)

NumberArgument = Annotated[int, typer.Argument(help="The bridge's id of the order: the first column of orders list.")]
WooOption = Annotated[bool, typer.Option("--woo", help="The number is WooCommerce's order id.")]
StoreOfNumberOption = Annotated[str, typer.Option("--store", help="Name of the store, with --woo.")]


@app.command("list")
def list_orders(
    states: Annotated[
        str | None, typer.Option("--state", help="Only orders in these states, separated by commas.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Only orders of this store.")] = None,
    attention: Annotated[
        bool | None, typer.Option(help="Only orders that need an operator, or only the others.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="Page to print.")] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100, help="Orders on each page.")] = 20,
) -> None:
    """List orders, newest first."""
    orders_output.list_orders(OrderQuery(state=states, store=store, attention=attention, page=page, per_page=per_page))


@app.command()
def show(number: NumberArgument, *, woo: WooOption = False, store: StoreOfNumberOption = DEFAULT_STORE) -> None:
    """Show an order with its deliveries, calls and follow-ups."""
    orders_output.show(number, woo=woo, store=store)


@app.command()
def retry(number: NumberArgument, *, woo: WooOption = False, store: StoreOfNumberOption = DEFAULT_STORE) -> None:
    """Decide an order again with its current mappings, and call Panelr again if needed.

    The worker makes the call. An unconfirmed order is looked up in Panelr first.
    """
    orders_output.retry(number, woo=woo, store=store)
