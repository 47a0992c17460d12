"""smoke: place a test order in the shop, follow it to Panelr and back, and delete it from the shop in any case."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from panelr_bridge.application.container import delivery_endpoint, shop_client
from panelr_bridge.cli import smoke_order
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.cli.options import StoreOption, YesOption
from panelr_bridge.cli.smoke_trace import OrderTrace, StepFailed
from panelr_bridge.cli.startup import require_file, require_migrated, require_store, run
from panelr_bridge.errors import InvalidValue, ShopError, ShopUnclear
from panelr_bridge.settings import DEFAULT_STORE, Settings, StoreSettings, load_settings, require_ready
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database, open_database
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import Payload

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeOptions:
    """The options of the command."""

    store: str
    product: int | None = None
    sku: str | None = None
    email: str | None = None
    timeout: float = 120
    keep: bool = False


@dataclass(frozen=True, slots=True)
class SmokePlan:
    """The order to place, and the sentence that asks for confirmation."""

    fields: dict[str, Any]
    words: str


@app.command()
def smoke(
    *,
    store: StoreOption = DEFAULT_STORE,
    product: Annotated[int | None, typer.Option(min=1, help="WooCommerce's id of the product to order.")] = None,
    sku: Annotated[
        str | None, typer.Option(help="SKU of the product to order. Default: a product that is mapped.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(help="E-mail address of the test customer. Default: smoke-test@ the shop's domain.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Longest wait for each step, in seconds.")] = 120,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the test order in the shop.")] = False,
    yes: YesOption = False,
) -> None:
    """Place a test order in the shop and follow it to Panelr and back.

    The order is deleted from the shop afterwards.
    Its work order stays in Panelr: cancel it there.
    """
    options = SmokeOptions(store=store, product=product, sku=sku, email=email, timeout=timeout, keep=keep)
    plan = prepare(options)
    if not yes:
        typer.confirm(f"{plan.words} Continue?", abort=True, err=True)
    if not place(options, plan):
        raise typer.Exit(1)


def prepare(options: SmokeOptions) -> SmokePlan:
    """Choose what to order. Raises ConfigurationError, and InvalidValue if no product can be ordered."""
    return run(prepare_order(options))


def place(options: SmokeOptions, plan: SmokePlan) -> bool:
    """Place the order, follow it and print each step. Return whether all steps succeeded."""
    return run(place_order(options, plan, Checklist()))


async def prepare_order(options: SmokeOptions) -> SmokePlan:
    """Choose what to order; see `prepare`."""
    settings, store = _read_settings(options)
    async with open_database(settings.database_url) as database, shop_client(store) as client:
        await require_migrated(database)
        line = await _choose_line(options, database, client)
        method = None
        if settings.require_payment_method:  # otherwise it is left out: with one, Panelr mails payment instructions
            method = await database.read(mappings.first_payment_method, store=options.store)
    email = options.email or smoke_order.customer_email(store.woo_url)
    status = smoke_order.choose_status(settings.create_on)
    what = " ".join(f"{name} {number}" for name, number in line.items())
    words = (
        f"A test order ({status}; {what}) for {email} will be placed in {store.woo_url}."
        " The bridge will create a work order for it in Panelr."
    )
    return SmokePlan(smoke_order.build_order(line=line, status=status, email=email, payment_method=method), words)


def _read_settings(options: SmokeOptions) -> tuple[Settings, StoreSettings]:
    settings = load_settings()
    require_ready(settings)
    store = require_store(settings, options.store)
    require_file(settings.database_url)
    return settings, store


async def _choose_line(options: SmokeOptions, database: Database, client: ShopClient) -> dict[str, Any]:
    """Return the order line. Raises InvalidValue if there is no product to order."""
    if options.product is not None:
        return {"product_id": options.product, "quantity": 1}
    if options.sku is not None:
        if (line := await _find_line_by_sku(client, options.sku)) is None:
            raise InvalidValue(f"the shop has no product with the SKU {options.sku}: check --sku")
        return line
    for mapping in smoke_order.usable_mappings(await database.read(mappings.export, store=options.store)):
        line = smoke_order.mapping_line(mapping) or await _find_line_by_sku(client, mapping["sku"])
        if line is not None:
            return line
    words = "no product of this store is mapped to a Panelr product with the intent new_activation"
    raise InvalidValue(f"{words}: run panelr-bridge mappings import, or give --product or --sku")


async def _find_line_by_sku(client: ShopClient, sku: str) -> dict[str, Any] | None:
    """Return the line of the product or variation with this SKU, or None."""
    has_more, page = True, 1
    while has_more:
        products = await client.list_products(page)
        for product in products.items:
            if (line := await _match_sku(client, product, sku)) is not None:
                return line
        has_more, page = products.has_more, page + 1
    return None


async def _match_sku(client: ShopClient, product: Payload, sku: str) -> dict[str, Any] | None:
    """Return the line if the product or one of its variations has this SKU, else None."""
    if product.get("sku") == sku:
        return smoke_order.product_line(product)
    has_more, page = product.get("type") == "variable", 1
    while has_more:
        variations = await client.list_variations(product["id"], page)
        variation = next((each for each in variations.items if each.get("sku") == sku), None)
        if variation is not None:
            return smoke_order.product_line(variation, parent=product["id"])
        has_more, page = variations.has_more, page + 1
    return None


async def place_order(options: SmokeOptions, plan: SmokePlan, checklist: Checklist) -> bool:
    """Place the order and follow it; see `place`."""
    settings, store = _read_settings(options)
    async with open_database(settings.database_url) as database, shop_client(store) as client:
        creation = asyncio.ensure_future(client.create_order(plan.fields))
        is_settled = False
        try:
            order = await asyncio.shield(creation)  # after Ctrl-C, the clean-up still needs the order's number
            checklist.ok("order", f"order {order['id']} is placed in the shop ({order.get('status')})")
            trace = OrderTrace(
                database=database, client=client, store=options.store, number=order["id"], wait=options.timeout
            )
            await trace.follow(checklist, write_back=store.write_back)
            is_settled = options.keep or await trace.wait_until_settled()
        except ShopError as error:
            checklist.fail("order", error.words)
        except StepFailed as failure:
            checklist.fail(failure.step, str(failure))
            checklist.add_details(*(f"- {cause}" for cause in failure.causes))
        finally:
            await _clean_up(checklist, client, creation, options, is_settled=is_settled)
    return checklist.all_ok


async def _clean_up(
    checklist: Checklist,
    client: ShopClient,
    creation: "asyncio.Future[Payload]",
    options: SmokeOptions,
    *,
    is_settled: bool,
) -> None:
    """Delete the order from the shop, if it was created."""
    try:
        number = (await creation)["id"]
    except ShopUnclear:
        words = "the order may still be in the shop: look for the customer Smoke Test (panelr-bridge) and delete it"
        checklist.warn("clean-up", words)
        return
    except ShopError:
        return
    if options.keep:
        checklist.warn("clean-up", f"order {number} stays in the shop: --keep")
        return
    try:
        await client.delete_order(number, force=True)
    except ShopError as error:
        checklist.fail("clean-up", f"order {number} could not be deleted from the shop: {error.words}")
        of_store = delivery_endpoint(options.store, "").store_option
        checklist.add_details(f"Delete it with: panelr-bridge woo orders delete {number} --force{of_store}")
        return
    checklist.ok("clean-up", f"order {number} is deleted from the shop")
    checklist.add_details("A permanent deletion fires no webhook: the bridge keeps the order in its last state.")
    if not is_settled:
        checklist.add_details(smoke_order.DELIVERY_PENDING)
