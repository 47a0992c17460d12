"""mappings import, export."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from panelr_bridge import mapping
from panelr_bridge.calls import utc_now
from panelr_bridge.cli.console import err, out
from panelr_bridge.cli.orders import ACTOR, with_database
from panelr_bridge.errors import Invalid
from panelr_bridge.settings import Settings
from panelr_bridge.steps.mapping import Imported, bring_in
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database

app = typer.Typer(help="The product mappings, as a CSV file.", no_args_is_help=True)

EXAMPLE = "for example: sku,panelr_product_id (and then a line such as IPTV-12M,2)"


@app.command("import")
def import_file(
    file: Annotated[str, typer.Argument(help=f"A CSV file, or - for standard input; {EXAMPLE}.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and tell, keep nothing.")] = False,
) -> None:
    """Add or change product mappings: all of the file, or nothing. Orders held for them go on by themselves."""
    wanted = mapping.read_csv(_text(file))

    async def work(opened: Database, chosen: Settings) -> Imported:
        strange = sorted({each.store for each in wanted} - set(chosen.all_stores)) if chosen.all_stores else []
        if strange:
            raise Invalid(f"there is no store {', '.join(strange)}; the stores are {', '.join(chosen.all_stores)}")
        return await opened.write(bring_in, utc_now(), wanted, actor=ACTOR, dry_run=dry_run)

    done = with_database(work)
    head = "would be added" if dry_run else "added"
    out.print(f"{done.added} {head}, {done.changed} changed, {done.unchanged} there already")


@app.command()
def export(
    file: Annotated[str, typer.Argument(help="Where to write the CSV file; - for standard output.")] = "-",
    store: Annotated[str | None, typer.Option(help="Only this store.")] = None,
) -> None:
    """Write every product mapping as a CSV file that `mappings import` takes."""

    async def work(opened: Database, _: Settings) -> str:
        return mapping.write_csv(await opened.read(mappings.export, store=store))

    text = with_database(work)
    if file == "-":
        sys.stdout.write(text)
        return
    Path(file).write_text(text, encoding="utf-8")
    err.print(f"{text.count(chr(10)) - 1} mappings written to {file}")


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8: save it as CSV UTF-8") from None
