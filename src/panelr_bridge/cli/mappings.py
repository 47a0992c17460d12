"""mappings import, export, suggest. Each imports what it needs when it is called."""

from typing import Annotated

import typer

app = typer.Typer(help="The product mappings, as a CSV file.", no_args_is_help=True)

EXAMPLE = "for example: sku,panelr_product_id (and then a line such as IPTV-12M,2)"


@app.command("import")
def import_file(
    file: Annotated[str, typer.Argument(help=f"A CSV file, or - for standard input; {EXAMPLE}.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and tell, keep nothing.")] = False,
) -> None:
    """Add or change product mappings: all of the file, or nothing. Orders held for them go on by themselves."""
    from panelr_bridge.cli import mappings_output

    mappings_output.bring(file, dry_run=dry_run)


@app.command()
def export(
    file: Annotated[str, typer.Argument(help="Where to write the CSV file; - for standard output.")] = "-",
    store: Annotated[str | None, typer.Option(help="Only this store.")] = None,
) -> None:
    """Write every product mapping as a CSV file that `mappings import` takes."""
    from panelr_bridge.cli import mappings_output

    mappings_output.export(file, store=store)


@app.command()
def suggest(
    store: Annotated[str, typer.Option(help="Whose products; its REST API must be set up.")] = "default",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV file that `mappings import` takes.")] = False,
) -> None:
    """Compare the store's products that are not mapped yet with Panelr's, and print the likely ones."""
    from panelr_bridge.cli import mappings_output

    mappings_output.suggest(store=store, as_csv=as_csv)
