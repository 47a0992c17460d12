"""mappings: list, add and remove product mappings; import, export and suggest them as CSV files."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from panelr_bridge.application.container import call_policy, shop_client
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.panelr_catalogue import PanelrCatalogue
from panelr_bridge.application.suggest_mappings import SuggestedMappings, suggest_mappings
from panelr_bridge.application.transactions import change_mappings
from panelr_bridge.application.transactions.change_mappings import ImportResult
from panelr_bridge.cli.console import err, out
from panelr_bridge.cli.mappings_output import print_mapping, print_mappings, print_suggestions
from panelr_bridge.cli.options import StoreOption
from panelr_bridge.cli.panelr_access import open_caller
from panelr_bridge.cli.startup import ACTOR, require_store, run_with_database
from panelr_bridge.domain import mapping_input
from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.domain.models import ItemIntent
from panelr_bridge.errors import ConfigurationError, InvalidValue, UpstreamUnavailable
from panelr_bridge.settings import DEFAULT_STORE, Settings
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.rows import ProductMappingRow

LARGEST_ID = 2**63 - 1
app = typer.Typer(
    help="List, change, import, export and suggest product mappings.\n\n"
    "A mapping says which Panelr product a shop's product is.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("list")
def list_mappings(
    store: Annotated[str | None, typer.Option(help="Only the mappings of this store.")] = None,
    product: Annotated[int | None, typer.Option(min=1, help="Only the mappings of this WooCommerce product.")] = None,
    page: Annotated[int, typer.Option(min=1, help="Page to print.")] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100, help="Mappings on each page.")] = 20,
) -> None:
    """List product mappings, newest first."""
    values = {"store": store, "woo_product_id": product}
    filters = {name: value for name, value in values.items() if value is not None}

    async def work(database: Database, _: Settings) -> ResultPage[ProductMappingRow]:
        query = PageQuery(filters=filters, page=page, per_page=per_page)
        return await database.read(mappings.page, mappings.PRODUCT, query)

    print_mappings(run_with_database(work))


@app.command()
def add(
    panelr_product: Annotated[
        str, typer.Argument(help="Panelr's product id, or none for a product that is not for Panelr.")
    ],
    *,
    variation: Annotated[int | None, typer.Option(help="WooCommerce's variation id.")] = None,
    product: Annotated[int | None, typer.Option(help="WooCommerce's product id.")] = None,
    sku: Annotated[str | None, typer.Option(help="The SKU.")] = None,
    when: Annotated[
        list[str] | None,
        typer.Option(
            help="What the line's meta must hold, such as Duration=12 months. A key alone means any value."
            " May be given several times: all must hold."
        ),
    ] = None,
    intent: Annotated[ItemIntent, typer.Option(help="What Panelr does for the item.")] = ItemIntent.NEW_ACTIVATION,
    quantity: Annotated[int, typer.Option(help="Number of Panelr items for one piece of the product.")] = 1,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Add a product mapping.

    For example: mappings add 5 --product 101 --when "Duration=12 months" --when "Connections=4"
    """
    wanted = mapping_input.read_options(
        store=store,
        woo_product_id=product,
        woo_variation_id=variation,
        sku=sku,
        panelr_product_id=panelr_product,
        intent=intent,
        quantity=quantity,
        conditions="; ".join(when or ()),
    )

    async def work(database: Database, settings: Settings) -> ProductMappingRow:
        await _check(database, settings, [wanted])
        return await database.write(change_mappings.add, utc_now(), mappings.PRODUCT, wanted.as_row(), actor=ACTOR)

    print_mapping(run_with_database(work), "added")


@app.command()
def remove(
    number: Annotated[int, typer.Argument(min=1, max=LARGEST_ID, help="The first column of mappings list.")],
) -> None:
    """Remove a product mapping. Work orders that exist stay; waiting orders are decided again."""

    async def work(database: Database, _: Settings) -> ProductMappingRow:
        return await database.write(change_mappings.remove, utc_now(), mappings.PRODUCT, number, actor=ACTOR)

    print_mapping(run_with_database(work), "removed")


@app.command("import")
def import_file(
    file: Annotated[
        str,
        typer.Argument(
            help="CSV file, or - for standard input. Its first line names the columns, for example"
            " sku,panelr_product_id; a next line could be IPTV-12M,2."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the file; store nothing.")] = False,
) -> None:
    """Add and change product mappings from a CSV file.

    If one line is wrong, nothing is imported.
    Orders that were held because of a missing mapping then continue.
    """
    rows = mapping_input.read_csv(_read_text(file))

    async def work(database: Database, settings: Settings) -> ImportResult:
        await _check(database, settings, rows)
        return await database.write(change_mappings.import_mappings, utc_now(), rows, actor=ACTOR, dry_run=dry_run)

    result = run_with_database(work)
    note = "; nothing was stored (--dry-run)" if dry_run else ""
    out.print(f"{result.added} added, {result.changed} changed, {result.unchanged} unchanged{note}")


@app.command()
def export(
    file: Annotated[str, typer.Argument(help="CSV file to write, or - for standard output.")] = "-",
    store: Annotated[str | None, typer.Option(help="Only the mappings of this store.")] = None,
) -> None:
    """Write all product mappings to a CSV file.

    mappings import reads the same format.
    """

    async def work(database: Database, _: Settings) -> str:
        return mapping_input.write_csv(await database.read(mappings.export, store=store))

    text = run_with_database(work)
    if file == "-":
        sys.stdout.write(text)
        return
    Path(file).write_text(text, encoding="utf-8")
    err.print(f"{text.count(chr(10)) - 1} mappings written to {file}")


@app.command()
def suggest(
    store: StoreOption = DEFAULT_STORE,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV file for mappings import.")] = False,
) -> None:
    """Suggest mappings for the shop's products that have none.

    Compares names and SKUs with Panelr's products. Needs the shop's REST API.
    It stores nothing: check the suggestions, then import them.
    """

    async def work(database: Database, settings: Settings) -> SuggestedMappings:
        if not settings.panelr_url:
            raise ConfigurationError(["BRIDGE_PANELR_URL is missing: it is needed to read Panelr's products"])
        shop = require_store(settings, store)
        async with open_catalogue(database, settings) as catalogue:
            products = await catalogue.products()
            last_error = catalogue.last_error
        if products is None:
            raise UpstreamUnavailable(f"Panelr's products could not be read: {last_error}")
        async with shop_client(shop) as client:
            return await suggest_mappings(database, client, products.items, store=store)

    result = run_with_database(work)
    if as_csv:
        sys.stdout.write(mapping_input.write_csv(each.as_row(store) for each in result.suggestions))
        return
    print_suggestions(result)


async def _check(database: Database, settings: Settings, wanted: list[ProductMapping]) -> None:
    """Raise InvalidValue if a store or a Panelr product of `wanted` is unknown."""
    stores = settings.all_stores
    unknown = sorted({each.store for each in wanted} - set(stores)) if stores else []
    if unknown:
        raise InvalidValue(f"there is no store {', '.join(unknown)}; the stores are {', '.join(stores)}")
    if settings.panelr_url:  # mappings may be stored before Panelr is configured
        async with open_catalogue(database, settings) as catalogue:
            await catalogue.require_products(wanted)


@contextlib.asynccontextmanager
async def open_catalogue(database: Database, settings: Settings) -> AsyncIterator[PanelrCatalogue]:
    """Open Panelr's catalogue with a client of its own, for the time of the context."""
    async with open_caller(database, settings) as caller:
        catalogue = PanelrCatalogue(caller, call_policy(settings), wake_worker=asyncio.Event())
        yield catalogue
        await catalogue.drain()
        await caller.probe.drain()


def _read_text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidValue(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"{file} is not UTF-8: save it as CSV UTF-8") from None
