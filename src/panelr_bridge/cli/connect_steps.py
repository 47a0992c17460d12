"""connect: looks at everything that a shop's webhooks need, makes them, and says what is left to a person."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from panelr_bridge import settings
from panelr_bridge.application.container import delivery_endpoint, shop_client
from panelr_bridge.cli import check
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.cli.connect_ping import ping_bridge
from panelr_bridge.cli.connect_webhooks import Backfill, WebhookConnector, last_backfill
from panelr_bridge.cli.startup import run
from panelr_bridge.errors import ConfigurationError, ShopError
from panelr_bridge.settings import Settings, StoreSettings, prefix_of, require_ready, require_shop
from panelr_bridge.woocommerce import delivery_url
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from panelr_bridge.woocommerce.webhook_setup import DeliveryEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """What the person wants."""

    store: str
    url: str | None = None
    dry_run: bool = False
    repair: bool = False
    new_secret: bool = False


def connect(asked: ConnectOptions, *, backfill: Backfill = last_backfill) -> bool:
    """Connect a shop, and print every step; returns whether nothing is missing.

    `backfill` brings the orders of the time in which webhooks were stopped, after a repair.
    """
    return run(_connect(asked, Checklist(), backfill))


async def _connect(asked: ConnectOptions, report: Checklist, backfill: Backfill) -> bool:
    chosen = settings.load()
    store = chosen.all_stores.get(asked.store, StoreSettings())
    _look_at_settings(report, chosen, asked.store, store)
    if not report.well:
        report.more("Nothing was asked and nothing was changed. Mend this, and run it again.")
        return False
    door = await _look_at_address(report, asked, chosen, store)
    async with shop_client(store) as client:
        readable = await _look_at_shop(report, client, store)
        panelr = await check.panelr(chosen)
        (report.good if panelr.ok else report.bad)("panelr", panelr.words)
        if not readable or door is None:
            report.more("The shop's webhooks were left as they are.")
            return False
        linking = WebhookConnector(report=report, client=client, settings=chosen, store=asked.store, door=door)
        await linking.link(dry_run=asked.dry_run, repair=asked.repair, new_secret=asked.new_secret, backfill=backfill)
    return report.well


def _look_at_settings(report: Checklist, chosen: Settings, name: str, store: StoreSettings) -> None:
    problems = _problems(chosen, name, store)
    setting = f"{prefix_of(name)}WEBHOOK_SECRET"
    about_secret = any(problem.startswith(f"{setting} is ") for problem in problems)
    fault = delivery_url.secret_fault(store.webhook_secret.get_secret_value())
    for problem in problems:
        if not problem.startswith(f"{setting} is "):
            report.bad("settings", problem)
    if fault or about_secret:
        report.bad(
            "secret", f"{setting} {fault or 'is a placeholder'}. Put this line into .env and restart the bridge:"
        )
        report.more(f"{setting}={secrets.token_urlsafe(32)}")
    if report.well:
        report.good("settings", f"the store {name}, its API and its webhook secret are set")


def _problems(chosen: Settings, name: str, store: StoreSettings) -> Sequence[str]:
    """Return a sentence for each setting that is wrong, each once."""
    found: dict[str, None] = {}
    for required in (partial(require_ready, chosen), partial(require_shop, name, store)):
        try:
            required()
        except ConfigurationError as error:
            found |= dict.fromkeys(error.problems)
    return tuple(found)


async def _look_at_address(
    report: Checklist, asked: ConnectOptions, chosen: Settings, store: StoreSettings
) -> DeliveryEndpoint | None:
    """Return the bridge's door as the shop reaches it; None where it does not."""
    address = asked.url or chosen.public_url
    if not address:
        words = "where the shop reaches the bridge is not known: give --url https://... or set BRIDGE_PUBLIC_URL"
        report.bad("address", words)
        return None
    reachable = True
    for remark in delivery_url.check_url(address, shop_url=store.woo_url):
        if remark.ok or not remark.vital:
            (report.good if remark.ok else report.warn)("address", remark.words)
        else:
            report.bad("address", f"{delivery_url.without_credentials(address)}: {remark.words}")
            reachable = False
    door = delivery_endpoint(asked.store, address)
    if not reachable or door.url is None:
        return None
    if wrong := await ping_bridge(door.url, health=f"{delivery_url.bridge_base_url(address)}/healthz"):
        report.bad("ping", f"{door.url}: {wrong}")
        return None
    report.good("ping", f"{door.url} answers as WooCommerce wants it")
    if not (
        chosen.public_url
        and delivery_url.same_url(
            delivery_url.bridge_base_url(chosen.public_url), delivery_url.bridge_base_url(address)
        )
    ):
        report.warn(
            "address", f"set BRIDGE_PUBLIC_URL={delivery_url.bridge_base_url(address)}, so that check knows it as well"
        )
    return door


async def _look_at_shop(report: Checklist, client: ShopClient, store: StoreSettings) -> bool:
    try:
        page = await client.list_orders(query=OrdersQuery(per_page=1, fields=("id",)))
    except ShopError as error:
        report.bad("shop", f"{store.woo_url}: {error.words}")
        return False
    told = f"{page.total} orders" if page.total is not None else "its orders"
    report.good("shop", f"{store.woo_url} accepts the key and shows {told}")
    return True
