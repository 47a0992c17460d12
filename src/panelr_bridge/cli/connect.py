"""connect, smoke: a shop and the bridge, joined and tried. Each imports what it needs when it is called."""

from typing import Annotated

import typer

from panelr_bridge.settings import DEFAULT_STORE

Store = Annotated[str, typer.Option(help="The store.")]


def connect(
    *,
    store: Store = DEFAULT_STORE,
    url: Annotated[
        str | None, typer.Option(help="Where the shop reaches the bridge, in place of BRIDGE_PUBLIC_URL.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and tell, change nothing in the shop.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Also mend webhooks that are stopped, point elsewhere or are too many.")
    ] = False,
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Set the secret of the settings in webhooks that are there already.")
    ] = False,
) -> None:
    """Connect a shop: look at everything that its webhooks need, and make them. May be run again at any time."""
    from panelr_bridge.cli import connect_steps

    asked = connect_steps.ConnectOptions(store=store, url=url, dry_run=dry_run, repair=repair, new_secret=new_secret)
    if not connect_steps.connect(asked):
        raise typer.Exit(1)


def smoke(
    *,
    store: Store = DEFAULT_STORE,
    product: Annotated[int | None, typer.Option(min=1, help="WooCommerce's id of the product to order.")] = None,
    sku: Annotated[str | None, typer.Option(help="Or its SKU. Without either: one that is mapped.")] = None,
    email: Annotated[str | None, typer.Option(help="The test customer's address.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="How many seconds each step is waited for.")] = 120,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the test order in the shop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Place a test order in the shop, follow it into Panelr and back, and delete it from the shop again."""
    from panelr_bridge.cli import smoke as smoking

    asked = smoking.SmokeOptions(store=store, product=product, sku=sku, email=email, timeout=timeout, keep=keep)
    plan = smoking.prepare(asked)
    if not yes:
        typer.confirm(f"{plan.words} Go on?", abort=True, err=True)
    if not smoking.place(asked, plan):
        raise typer.Exit(1)
