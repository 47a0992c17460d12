"""connect: check everything that a shop's webhooks need, create them, and print what an operator must still do."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from panelr_bridge.application.container import delivery_endpoint, shop_client
from panelr_bridge.cli.check import check_orders, check_panelr
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.cli.connect_ping import ping_bridge
from panelr_bridge.cli.connect_webhooks import Backfill, WebhookConnector, run_backfill
from panelr_bridge.cli.options import StoreOption
from panelr_bridge.cli.startup import run
from panelr_bridge.errors import ConfigurationError, ShopError
from panelr_bridge.settings import (
    DEFAULT_STORE,
    Settings,
    StoreSettings,
    load_settings,
    prefix_of,
    require_ready,
    require_shop,
)
from panelr_bridge.woocommerce import delivery_url
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from panelr_bridge.woocommerce.webhook_setup import DeliveryEndpoint

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """The options of the command."""

    store: str
    url: str | None = None
    dry_run: bool = False
    repair: bool = False
    new_secret: bool = False


@app.command()
def connect(
    *,
    store: StoreOption = DEFAULT_STORE,
    url: Annotated[
        str | None, typer.Option(help="Address at which the shop reaches the bridge. Default: BRIDGE_PUBLIC_URL.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check; change nothing in the shop.")] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Also activate disabled webhooks, correct their address and secret, and pause duplicates.",
        ),
    ] = False,
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Also copy the webhook secret of the settings into existing webhooks.")
    ] = False,
) -> None:
    """Connect a shop: check its settings and create its webhooks.

    You can run it again at any time: it keeps webhooks that work.
    """
    options = ConnectOptions(store=store, url=url, dry_run=dry_run, repair=repair, new_secret=new_secret)
    if not connect_shop(options):
        raise typer.Exit(1)


def connect_shop(options: ConnectOptions) -> bool:
    """Connect a shop and print each step. Return whether nothing is missing."""
    return run(run_steps(options, Checklist(), run_backfill))


async def run_steps(options: ConnectOptions, checklist: Checklist, backfill: Backfill) -> bool:
    """Run the steps and add each to the checklist. Return whether nothing is missing.

    After a repair, `backfill` fetches the orders of the time in which the webhooks did not work.
    """
    settings = load_settings()
    store = settings.all_stores.get(options.store, StoreSettings())
    _check_settings(checklist, settings, options.store, store)
    if not checklist.all_ok:
        checklist.add_details("The shop was not called and nothing was changed. Correct this, then run it again.")
        return False
    endpoint = await _check_address(checklist, options, settings, store)
    async with shop_client(store) as client:
        is_readable = await _check_shop(checklist, client, store)
        orders = await check_orders(settings, options.store)
        (checklist.ok if orders.ok else checklist.warn)("orders", orders.words)
        panelr = await check_panelr(settings)
        (checklist.ok if panelr.ok else checklist.fail)("panelr", panelr.words)
        if not is_readable or endpoint is None:
            checklist.add_details("The shop's webhooks were not changed. Correct this, then run it again.")
            return False
        connector = WebhookConnector(
            checklist=checklist, client=client, settings=settings, store=options.store, endpoint=endpoint
        )
        await connector.connect(
            dry_run=options.dry_run, repair=options.repair, new_secret=options.new_secret, backfill=backfill
        )
    return checklist.all_ok


def _check_settings(checklist: Checklist, settings: Settings, name: str, store: StoreSettings) -> None:
    problems = _find_problems(settings, name, store)
    setting = f"{prefix_of(name)}WEBHOOK_SECRET"
    secret_problems = [problem for problem in problems if problem.startswith(f"{setting} is ")]
    fault = delivery_url.secret_fault(store.webhook_secret.get_secret_value())
    for problem in problems:
        if problem not in secret_problems:
            checklist.fail("settings", problem)
    if fault or secret_problems:
        checklist.fail(
            "secret", f"{setting} {fault or 'is a placeholder'}. Put this line into .env and restart the bridge:"
        )
        checklist.add_details(f"{setting}={secrets.token_urlsafe(32)}")
    if checklist.all_ok:
        checklist.ok("settings", f"the REST API and the webhook secret of the store {name} are set")


def _find_problems(settings: Settings, name: str, store: StoreSettings) -> Sequence[str]:
    """Return one sentence for each wrong setting, without duplicates."""
    problems: dict[str, None] = {}
    for require in (partial(require_ready, settings), partial(require_shop, name, store)):
        try:
            require()
        except ConfigurationError as error:
            problems |= dict.fromkeys(error.problems)
    return tuple(problems)


async def _check_address(
    checklist: Checklist, options: ConnectOptions, settings: Settings, store: StoreSettings
) -> DeliveryEndpoint | None:
    """Return the delivery endpoint at the address that the shop will use, or None if it does not work."""
    address = options.url or settings.public_url
    if not address:
        words = "the bridge's own address is unknown: give --url https://... or set BRIDGE_PUBLIC_URL"
        checklist.fail("address", words)
        return None
    is_usable = True
    for issue in delivery_url.check_url(address, shop_url=store.woo_url):
        if issue.ok or not issue.vital:
            (checklist.ok if issue.ok else checklist.warn)("address", issue.words)
        else:
            checklist.fail("address", f"{delivery_url.without_credentials(address)}: {issue.words}")
            is_usable = False
    endpoint = delivery_endpoint(options.store, address)
    if not is_usable or endpoint.url is None:
        return None
    base_url = delivery_url.bridge_base_url(address)
    if fault := await ping_bridge(endpoint.url, health=f"{base_url}/healthz"):
        checklist.fail("ping", f"{endpoint.url}: {fault}")
        return None
    checklist.ok("ping", f"{endpoint.url} answers WooCommerce's ping")
    if not (settings.public_url and delivery_url.same_url(delivery_url.bridge_base_url(settings.public_url), base_url)):
        checklist.warn("address", f"set BRIDGE_PUBLIC_URL={base_url}, so that panelr-bridge check uses it too")
    return endpoint


async def _check_shop(checklist: Checklist, client: ShopClient, store: StoreSettings) -> bool:
    try:
        page = await client.list_orders(query=OrdersQuery(per_page=1, fields=("id",)))
    except ShopError as error:
        checklist.fail("shop", f"{store.woo_url}: {error.words}")
        return False
    orders = f"{page.total} orders" if page.total is not None else "its orders"
    checklist.ok("shop", f"{store.woo_url} accepts the key and shows {orders}")
    return True
