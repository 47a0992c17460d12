"""orders list, show, retry. Each imports what it needs when it is called."""

from typing import Annotated

import typer

from panelr_bridge.settings import DEFAULT_STORE

app = typer.Typer(help="What became of the orders.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The order's id in the bridge, the first column of `orders list`.")]
Woo = Annotated[bool, typer.Option("--woo", help="The number is WooCommerce's order id instead.")]
Store = Annotated[str, typer.Option(help="The store, with --woo.")]


@app.command("list")
def list_orders(
    wanted: Annotated[str | None, typer.Option("--state", help="Only these states, separated by commas.")] = None,
    store: Annotated[str | None, typer.Option(help="Only this store.")] = None,
    attention: Annotated[bool | None, typer.Option(help="Only orders that need a person, or only others.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """List orders, the newest first."""
    from panelr_bridge.cli import orders_output

    filters = {"state": wanted, "store": store, "attention": attention}
    orders_output.list_orders(filters, page=page, per_page=per_page)


@app.command()
def show(number: Number, *, woo: Woo = False, store: Store = DEFAULT_STORE) -> None:
    """Show one order's whole story."""
    from panelr_bridge.cli import orders_output

    orders_output.show(number, woo=woo, store=store)


@app.command()
def retry(number: Number, *, woo: Woo = False, store: Store = DEFAULT_STORE) -> None:
    """Decide an order anew and owe its call now; the worker makes it. An unconfirmed order is looked up."""
    from panelr_bridge.cli import orders_output

    orders_output.retry(number, woo=woo, store=store)
