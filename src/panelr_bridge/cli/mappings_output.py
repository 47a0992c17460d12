"""mappings import, export, suggest: what they do."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection

from panelr_bridge.application.container import call_policy, shop_client
from panelr_bridge.application.panelr_caller import PanelrCaller, utc_now
from panelr_bridge.application.panelr_catalogue import PanelrCatalogue
from panelr_bridge.application.suggest_mappings import SuggestedMappings, suggest_mappings
from panelr_bridge.application.transactions.change_mappings import ImportResult, import_mappings
from panelr_bridge.application.transactions.claim_call import RATE
from panelr_bridge.cli.console import err, out
from panelr_bridge.cli.orders_output import ACTOR, with_database
from panelr_bridge.cli.woo_output import chosen_store
from panelr_bridge.domain import mapping_input
from panelr_bridge.errors import ConfigurationError, InvalidValue, UpstreamUnavailable
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.settings import Settings
from panelr_bridge.store import mappings, rate_limit
from panelr_bridge.store.database import Database


def bring(file: str, *, dry_run: bool) -> None:
    """Import a file, and print what that came to."""
    wanted = mapping_input.read_csv(_text(file))

    async def work(opened: Database, chosen: Settings) -> ImportResult:
        strange = sorted({each.store for each in wanted} - set(chosen.all_stores)) if chosen.all_stores else []
        if strange:
            raise InvalidValue(f"there is no store {', '.join(strange)}; the stores are {', '.join(chosen.all_stores)}")
        if chosen.panelr_url:  # mappings may be prepared before there is a Panelr
            async with catalogue_of(opened, chosen) as catalogue:
                await catalogue.require_products(wanted)
        return await opened.write(import_mappings, utc_now(), wanted, actor=ACTOR, dry_run=dry_run)

    done = with_database(work)
    head = "would be added" if dry_run else "added"
    out.print(f"{done.added} {head}, {done.changed} changed, {done.unchanged} there already")


def export(file: str, *, store: str | None) -> None:
    """Write a file."""

    async def work(opened: Database, _: Settings) -> str:
        return mapping_input.write_csv(await opened.read(mappings.export, store=store))

    text = with_database(work)
    if file == "-":
        sys.stdout.write(text)
        return
    Path(file).write_text(text, encoding="utf-8")
    err.print(f"{text.count(chr(10)) - 1} mappings written to {file}")


def suggest(*, store: str, as_csv: bool) -> None:
    """Print what the store's products that are not mapped yet probably are at Panelr."""

    async def work(opened: Database, chosen: Settings) -> SuggestedMappings:
        if not chosen.panelr_url:
            raise ConfigurationError(["BRIDGE_PANELR_URL is missing: Panelr is asked for its products"])
        shop = chosen_store(chosen, store)
        async with catalogue_of(opened, chosen) as catalogue:
            offer = await catalogue.products()
            hindrance = catalogue.last_error
        if offer is None:
            raise UpstreamUnavailable(f"Panelr has not told its products yet, and cannot be asked now: {hindrance}")
        async with shop_client(shop) as client:
            return await suggest_mappings(opened, client, offer.items, store=store)

    found = with_database(work)
    if as_csv:
        sys.stdout.write(mapping_input.write_csv(each.as_row(store) for each in found.suggestions))
        return
    table = Table("product", "variation", "SKU", "name", "Panelr's product", "score", "why")
    for each in found.suggestions:
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
    more = "; the shop has more than were looked at" if found.more else ""
    out.print(f"{len(found.suggestions)} suggestions for {found.not_mapped} products that are not mapped{more}")


@contextlib.asynccontextmanager
async def catalogue_of(opened: Database, chosen: Settings) -> AsyncIterator[PanelrCatalogue]:
    """Open a way to Panelr's lists."""
    await opened.write(_prepare, rate_per_minute=chosen.panelr_rate_per_minute)
    async with PanelrClient(
        base_url=chosen.panelr_url,
        api_key=chosen.panelr_api_key.get_secret_value(),
        timeout_seconds=chosen.panelr_timeout_seconds,
    ) as panelr:
        catalogue = PanelrCatalogue(
            PanelrCaller(database=opened, panelr=panelr), call_policy(chosen), wake_worker=asyncio.Event()
        )
        yield catalogue
        await catalogue.drain()


def _prepare(connection: Connection, *, rate_per_minute: int) -> None:
    """Make the rate limit's rows; a gate that is closed stays so."""
    rate_limit.prepare(connection, name=RATE, limit=rate_per_minute, now=utc_now())


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidValue(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"{file} is not UTF-8: save it as CSV UTF-8") from None
