"""What the mappings command prints."""

from rich.markup import escape
from rich.table import Table

from panelr_bridge.application.suggest_mappings import SuggestedMappings
from panelr_bridge.cli.console import out
from panelr_bridge.domain.mapping_conditions import format_conditions, parse_conditions
from panelr_bridge.settings import DEFAULT_STORE
from panelr_bridge.store.pagination import ResultPage
from panelr_bridge.store.rows import ProductMappingRow


def print_mappings(page: ResultPage[ProductMappingRow]) -> None:
    """Print one page of product mappings as a table, which fits into 80 columns."""
    table = Table("id", "product", "when", "Panelr", "intent", "qty")
    for row in page.rows:
        table.add_row(
            str(row["id"]),
            escape(_describe_key(row)),
            escape("\n".join(format_conditions([each]) for each in parse_conditions(row["conditions"]))),
            str(row["panelr_product_id"] or "none"),
            row["intent"],
            str(row["quantity"]),
        )
    out.print(table)
    out.print(f"{len(page.rows)} of {page.total} mappings")


def print_mapping(row: ProductMappingRow, action: str) -> None:
    """Print what was done with a mapping."""
    when = f" when {row['conditions']}" if row["conditions"] else ""
    panelr = f"Panelr's product {row['panelr_product_id']}" if row["panelr_product_id"] else "not for Panelr"
    words = f"mapping {row['id']} {action}: {_describe_key(row)}{when} is {panelr}"
    out.print(escape(words), soft_wrap=True)


def print_suggestions(result: SuggestedMappings) -> None:
    """Print suggested mappings as a table."""
    table = Table("product", "variation", "SKU", "name", "when", "Panelr's product", "score", "reason")
    for each in result.suggestions:
        item, product = each.item, each.product
        table.add_row(
            str(item.product_id),
            str(item.variation_id or ""),
            escape(item.sku),
            escape(item.name),
            escape(format_conditions(item.conditions)),
            escape(f"{product.id} {product.name}"),
            str(each.score),
            ", ".join(each.why),
        )
    out.print(table)
    more = "; the shop has more products than this command reads" if result.more else ""
    choices = f" and {result.choices} choices of add-ons" if result.choices else ""
    out.print(
        f"{len(result.suggestions)} suggestions for {result.not_mapped} products{choices} that are not mapped{more}"
    )


def _describe_key(row: ProductMappingRow) -> str:
    """Return what a mapping is for: its variation, product or SKU, and its store unless that is the default."""
    what, _, value = row["key"].partition(":")
    shown = (row["sku"] or value) if what == "sku" else value
    store = "" if row["store"] == DEFAULT_STORE else f"{row['store']}: "
    return f"{store}{'SKU' if what == 'sku' else what} {shown}"
