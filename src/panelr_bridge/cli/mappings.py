"""mappings: import, export and suggest product mappings, as CSV files."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from panelr_bridge.application.container import call_policy, shop_client
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.panelr_catalogue import PanelrCatalogue
from panelr_bridge.application.suggest_mappings import SuggestedMappings, suggest_mappings
from panelr_bridge.application.transactions.change_mappings import ImportResult, import_mappings
from panelr_bridge.cli.console import err, out
from panelr_bridge.cli.options import StoreOption
from panelr_bridge.cli.panelr_access import open_caller
from panelr_bridge.cli.startup import ACTOR, require_store, run_with_database
from panelr_bridge.domain import mapping_input
from panelr_bridge.errors import ConfigurationError, InvalidValue, UpstreamUnavailable
from panelr_bridge.settings import DEFAULT_STORE, Settings
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database

app = typer.Typer(
    help="Import, export and suggest product mappings.\n\nA mapping says which Panelr product a shop's product is.",
    no_args_is_help=True,
    add_completion=False,
)


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
        stores = settings.all_stores
        unknown = sorted({each.store for each in rows} - set(stores)) if stores else []
        if unknown:
            raise InvalidValue(f"there is no store {', '.join(unknown)}; the stores are {', '.join(stores)}")
        if settings.panelr_url:  # mappings may be imported before Panelr is configured
            async with open_catalogue(database, settings) as catalogue:
                await catalogue.require_products(rows)
        return await database.write(import_mappings, utc_now(), rows, actor=ACTOR, dry_run=dry_run)

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
    _print_suggestions(result)


def _print_suggestions(result: SuggestedMappings) -> None:
    table = Table("product", "variation", "SKU", "name", "Panelr's product", "score", "reason")
    for each in result.suggestions:
        item, product = each.item, each.product
        table.add_row(
            str(item.product_id),
            str(item.variation_id or ""),
            escape(item.sku),
            escape(item.name),
            escape(f"{product.id} {product.name}"),
            str(each.score),
            ", ".join(each.why),
        )
    out.print(table)
    more = "; the shop has more products than this command reads" if result.more else ""
    out.print(f"{len(result.suggestions)} suggestions for {result.not_mapped} products that are not mapped{more}")


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
