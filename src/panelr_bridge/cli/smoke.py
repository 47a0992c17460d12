"""smoke: chooses what to order, places a test order in the shop, and deletes it again whatever happens."""

import asyncio
from dataclasses import dataclass
from typing import Any

from panelr_bridge import settings
from panelr_bridge.application.container import shop_client
from panelr_bridge.cli import smoke_order
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.cli.smoke_trace import StepFailed, calm, follow
from panelr_bridge.cli.startup import require_file, require_migrated, run
from panelr_bridge.errors import InvalidValue, ShopError, ShopUnclear
from panelr_bridge.settings import Settings, StoreSettings, require_ready, require_shop
from panelr_bridge.store import database, mappings
from panelr_bridge.store.database import Database
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeOptions:
    """What the person wants."""

    store: str
    product: int | None = None
    sku: str | None = None
    email: str | None = None
    timeout: float = 120
    keep: bool = False


@dataclass(frozen=True, slots=True)
class SmokePlan:
    """The order that will be placed, and what a person is asked about it."""

    fields: dict[str, Any]
    words: str


def prepare(asked: SmokeOptions) -> SmokePlan:
    """Choose what to order; raises ConfigurationError, and Invalid where nothing can be ordered."""
    return run(_prepare(asked))


def place(asked: SmokeOptions, plan: SmokePlan) -> bool:
    """Place the order and follow it, and print every step; returns whether all of it went well."""
    return run(_place(asked, plan, Checklist()))


async def _prepare(asked: SmokeOptions) -> SmokePlan:
    chosen, store = _chosen(asked)
    async with database.open_database(chosen.database_url) as opened, shop_client(store) as client:
        await require_migrated(opened)
        line = await _line(asked, opened, client)
        method = await opened.read(mappings.first_payment_method, store=asked.store) if _wants_method(chosen) else None
    email = asked.email or smoke_order.email_of(store.woo_url)
    status = smoke_order.status_of(chosen.create_on)
    what = " ".join(f"{name} {number}" for name, number in line.items())
    words = f"A test order ({status}; {what}) for {email} will be placed in {store.woo_url}, its work order in Panelr."
    return SmokePlan(smoke_order.order(line=line, status=status, email=email, payment_method=method), words)


def _chosen(asked: SmokeOptions) -> tuple[Settings, StoreSettings]:
    chosen = settings.load()
    require_ready(chosen)
    if asked.store not in chosen.all_stores:
        raise InvalidValue(f"there is no store {asked.store}; the stores are {', '.join(chosen.all_stores)}")
    store = chosen.all_stores[asked.store]
    require_shop(asked.store, store)
    require_file(chosen.database_url)
    return chosen, store


def _wants_method(chosen: Settings) -> bool:
    """Without a payment method, Panelr mails no payment instructions; so it is left out where it may be."""
    return chosen.require_payment_method


async def _line(asked: SmokeOptions, opened: Database, client: ShopClient) -> dict[str, Any]:
    """Return the line to order; raises Invalid."""
    if asked.product is not None:
        return {"product_id": asked.product, "quantity": 1}
    if asked.sku is not None:
        if (found := await _by_sku(client, asked.sku)) is None:
            raise InvalidValue(f"the shop has no product with the SKU {asked.sku}")
        return found
    for mapping in smoke_order.usable(await opened.read(mappings.export, store=asked.store)):
        line = smoke_order.line_of(mapping) or await _by_sku(client, mapping["sku"])
        if line is not None:
            return line
    words = "no product of this store is mapped to one of Panelr's with the intent new_activation"
    raise InvalidValue(f"{words}: panelr-bridge mappings import, or give --product or --sku")


async def _by_sku(client: ShopClient, sku: str) -> dict[str, Any] | None:
    """Return the line of the product or variation with this SKU."""
    more, page = True, 1
    while more:
        listed = await client.list_products(page)
        for product in listed.items:
            if (line := await _fitting(client, product, sku)) is not None:
                return line
        more, page = listed.has_more, page + 1
    return None


async def _fitting(client: ShopClient, product: Payload, sku: str) -> dict[str, Any] | None:
    if product.get("sku") == sku:
        return smoke_order.product_line(product)
    more, page = product.get("type") == "variable", 1
    while more:
        listed = await client.list_variations(product["id"], page)
        found = next((each for each in listed.items if each.get("sku") == sku), None)
        if found is not None:
            return smoke_order.product_line(found, parent=product["id"])
        more, page = listed.has_more, page + 1
    return None


async def _place(asked: SmokeOptions, plan: SmokePlan, report: Checklist) -> bool:
    chosen, store = _chosen(asked)
    async with database.open_database(chosen.database_url) as opened, shop_client(store) as client:
        making = asyncio.ensure_future(client.create_order(plan.fields))
        calmed = False
        try:
            order = await asyncio.shield(making)  # told to stop meanwhile, we still learn what to delete
            number, wait = order["id"], asked.timeout
            report.good("order", f"order {number} is placed in the shop ({order.get('status')})")
            await follow(report, opened, client, chosen=chosen, store=asked.store, number=number, wait=wait)
            calmed = asked.keep or await calm(opened, client, store=asked.store, number=number, wait=wait)
        except ShopError as error:
            report.bad("order", error.words)
        except StepFailed as stuck:
            report.bad(stuck.step, str(stuck))
            report.more(*(f"- {cause}" for cause in stuck.causes))
        finally:
            await _clean_up(report, client, making, keep=asked.keep, calmed=calmed)
    return report.well


async def _clean_up(
    report: Checklist, client: ShopClient, making: "asyncio.Future[Payload]", *, keep: bool, calmed: bool
) -> None:
    """Delete the order from the shop, if there is one."""
    try:
        number = (await making)["id"]
    except ShopUnclear:
        report.warn("clean-up", "the order may be in the shop all the same: look there for Smoke Test (panelr-bridge)")
        return
    except ShopError:
        return
    if keep:
        report.warn("clean-up", f"order {number} stays in the shop: --keep")
        return
    try:
        await client.delete_order(number, force=True)
    except ShopError as error:
        report.bad("clean-up", f"order {number} could not be deleted from the shop: {error.words}")
        report.more(f"panelr-bridge woo orders delete {number} --force")
        return
    report.good("clean-up", f"order {number} is deleted from the shop")
    report.more("A deletion for good fires no webhook: the bridge shows the order as it last knew it.")
    if not calmed:
        report.more(smoke_order.STILL_OWED)
