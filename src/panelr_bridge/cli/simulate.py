"""simulate panelr, simulate woocommerce: something to try the bridge against, driven by hand with curl."""

from typing import Annotated, Literal

import typer

app = typer.Typer(help="Run a simulated Panelr or WooCommerce store.", no_args_is_help=True)

Host = Annotated[str, typer.Option(help="Address to listen on.")]


@app.command()
def panelr(  # noqa: PLR0913, PLR0917  one for each option
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9090,
    api_key: Annotated[str, typer.Option(help="The key that it accepts.")] = "panelr-demo-key",
    rate_per_minute: Annotated[int, typer.Option(help="Calls in a minute before it answers 429; 0: no limit.")] = 120,
    latency_seconds: Annotated[float, typer.Option(help="How long each answer takes.")] = 0.0,
    hide_wc_order_id: Annotated[bool, typer.Option(help="Lists do not show wc_order_id.")] = False,
    without_lists: Annotated[bool, typer.Option(help="It does not know get_work_orders.")] = False,
    without_complete_by_token: Annotated[
        bool, typer.Option(help="complete_order takes no confirmation_token.")
    ] = False,
    accept_repeated_payments: Annotated[bool, typer.Option(help="A payment that was taken is taken again.")] = False,
) -> None:
    """Run a simulated Panelr."""
    from panelr_bridge.cli.simulate_server import serve
    from panelr_bridge.simulators.panelr import create_app

    simulator = create_app(
        api_key=api_key,
        rate_per_minute=rate_per_minute,
        latency_seconds=latency_seconds,
        shows_wc_order_id=not hide_wc_order_id,
        knows_get_work_orders=not without_lists,
        knows_complete_by_token=not without_complete_by_token,
        accepts_repeated_payments=accept_repeated_payments,
    )
    serve("Panelr", simulator, host, port, f"key {api_key}")


@app.command()
def woocommerce(  # noqa: PLR0913, PLR0917  one for each thing that a shop may be set up with
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9091,
    user: Annotated[str, typer.Option(help="Shop manager, the user of the Orders resource.")] = "bridge",
    password: Annotated[str, typer.Option(help="Application password of that user.")] = "application-password",  # noqa: S107  it guards nothing
    consumer_key: Annotated[str, typer.Option(help="REST API key that may read and write wc/v3.")] = "ck_demo",
    consumer_secret: Annotated[str, typer.Option(help="Secret of that key.")] = "cs_demo",  # noqa: S107
    behind_tls: Annotated[bool, typer.Option(help="All requests count as https, as behind a proxy.")] = False,
    vendor: Annotated[str, typer.Option(help="Where the Orders resource is mounted below /wp-json.")] = "myplugin/v1",
    delete_mode: Annotated[str, typer.Option(help="What DELETE does: force or trash.")] = "force",
    delivery_delay_seconds: Annotated[float, typer.Option(help="From an event to its delivery.")] = 0.0,
) -> None:
    """Run a simulated WooCommerce store that fires signed webhooks."""
    from panelr_bridge.cli.simulate_server import serve
    from panelr_bridge.simulators.woocommerce import create_app

    if delete_mode not in {"force", "trash"}:
        raise typer.BadParameter("force or trash", param_hint="--delete-mode")
    mode: Literal["force", "trash"] = "trash" if delete_mode == "trash" else "force"
    simulator = create_app(
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
    where = (
        f"Orders resource at /wp-json/{vendor}/woo/orders for {user}; "
        f"WooCommerce's own API at /wp-json/wc/v3 for {consumer_key}:{consumer_secret} by {scheme}"
    )
    serve("WooCommerce", simulator, host, port, where)
