"""simulate: run a simulated Panelr or WooCommerce shop, to try the bridge by hand."""

import asyncio
from typing import Annotated, Literal

import typer
from starlette.types import ASGIApp

from panelr_bridge.cli.console import out, print_error
from panelr_bridge.cli.startup import STOP_SIGNALS, run
from panelr_bridge.simulators import panelr as simulated_panelr
from panelr_bridge.simulators import woocommerce as simulated_woocommerce
from panelr_bridge.simulators.server import running

app = typer.Typer(
    help="Run a simulated Panelr or a simulated WooCommerce shop.", no_args_is_help=True, add_completion=False
)

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]


@app.command()
def panelr(  # noqa: PLR0913, PLR0917  one for each option
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9090,
    api_key: Annotated[str, typer.Option(help="API key to accept.")] = "panelr-demo-key",
    rate_per_minute: Annotated[int, typer.Option(help="Calls per minute before it answers 429. 0: no limit.")] = 120,
    latency_seconds: Annotated[float, typer.Option(help="Time before each answer, in seconds.")] = 0.0,
    hide_wc_order_id: Annotated[bool, typer.Option(help="Leave wc_order_id out of lists.")] = False,
    without_lists: Annotated[bool, typer.Option(help="Answer get_work_orders as an unknown action.")] = False,
    without_complete_by_token: Annotated[
        bool, typer.Option(help="Do not accept confirmation_token in complete_order.")
    ] = False,
    accept_repeated_payments: Annotated[bool, typer.Option(help="Accept the same payment more than once.")] = False,
    accept_underpayment: Annotated[
        bool, typer.Option(help="Complete work orders whose payment does not cover the total.")
    ] = False,
    generation: Annotated[
        int,
        typer.Option(min=1, max=2, help="2: the newest Panelr. 1: an older one, without unit prices and quotes."),
    ] = 2,
    currency: Annotated[str, typer.Option(help="The panel's currency, three capital letters.")] = "USD",
) -> None:
    """Run a simulated Panelr.

    Its data is kept in memory and lost at the end. Stop it with Ctrl-C. PATCH /_sim/settings changes these settings and
    more while it runs.
    """
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise typer.BadParameter("must be three capital letters", param_hint="--currency")
    simulator = simulated_panelr.create_app(
        api_key=api_key,
        rate_per_minute=rate_per_minute,
        latency_seconds=latency_seconds,
        shows_wc_order_id=not hide_wc_order_id,
        knows_get_work_orders=not without_lists,
        knows_complete_by_token=not without_complete_by_token,
        accepts_repeated_payments=accept_repeated_payments,
        refuses_underpayment=not accept_underpayment,
        generation=generation,
        currency=currency,
    )
    run(_serve("Panelr", simulator, host, port, [f"API key: {api_key}"]))


@app.command()
def woocommerce(  # noqa: PLR0913, PLR0917  one for each option
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9091,
    user: Annotated[str, typer.Option(help="User of the Orders resource, a shop manager.")] = "bridge",
    password: Annotated[str, typer.Option(help="Application password of that user.")] = "application-password",  # noqa: S107  it guards nothing
    consumer_key: Annotated[str, typer.Option(help="REST API key that may read and write wc/v3.")] = "ck_demo",
    consumer_secret: Annotated[str, typer.Option(help="Secret of that key.")] = "cs_demo",  # noqa: S107
    behind_tls: Annotated[bool, typer.Option(help="Treat all requests as https, as behind a proxy.")] = False,
    vendor: Annotated[str, typer.Option(help="Path of the Orders resource below /wp-json.")] = "myplugin/v1",
    delete_mode: Annotated[
        str, typer.Option(help="What DELETE does in the Orders resource: force deletes for good, or trash.")
    ] = "force",
    delivery_delay_seconds: Annotated[
        float, typer.Option(help="Time between an event and its delivery, in seconds.")
    ] = 0.0,
) -> None:
    """Run a simulated WooCommerce shop that sends signed webhooks.

    Its data is kept in memory and lost at the end. Stop it with Ctrl-C.
    """
    if delete_mode not in {"force", "trash"}:
        raise typer.BadParameter("must be force or trash", param_hint="--delete-mode")
    mode: Literal["force", "trash"] = "trash" if delete_mode == "trash" else "force"
    simulator = simulated_woocommerce.create_app(
        user=user,
        password=password,
        consumer_key=consumer_key,
        consumer_secret=consumer_secret,
        behind_tls=behind_tls,
        vendor=vendor,
        delete_mode=mode,
        delivery_delay_seconds=delivery_delay_seconds,
        home_url=f"http://{host}:{port}",
    )
    scheme = "Basic" if behind_tls else "OAuth 1.0a"
    details = [
        f"REST API:        /wp-json/wc/v3, key {consumer_key}, secret {consumer_secret} ({scheme})",
        f"Orders resource: /wp-json/{vendor}/woo/orders, user {user}, password {password}",
    ]
    run(_serve("WooCommerce shop", simulator, host, port, details))


async def _serve(name: str, simulator: ASGIApp, host: str, port: int, details: list[str]) -> None:
    """Serve the simulator until a signal stops it."""
    stopped = asyncio.Event()
    for each in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    try:
        async with running(simulator, host=host, port=port) as url:
            out.print(f"A simulated {name} listens at [bold]{url}[/].")
            for line in details:
                out.print(f"  {line}", soft_wrap=True)
            out.print(f"GET {url}/_sim/ lists its controls. Stop it with Ctrl-C.", soft_wrap=True)
            await stopped.wait()
    except OSError as error:
        print_error(f"cannot listen on {host}:{port}: {error.strerror}. Choose another port with --port")
        raise typer.Exit(1) from None
