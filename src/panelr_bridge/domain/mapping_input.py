"""Mappings as operators write them: in the admin API's JSON and in CSV files. No I/O."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from panelr_bridge.domain.mapping_conditions import Conditions, format_conditions, order_conditions, parse_conditions
from panelr_bridge.domain.models import ItemIntent, OnPaid, product_key, sku_key, variation_key
from panelr_bridge.errors import InvalidValue
from panelr_bridge.woocommerce.json_fields import refuse_bool

COLUMNS = (
    "store",
    "woo_product_id",
    "woo_variation_id",
    "sku",
    "panelr_product_id",
    "intent",
    "quantity",
    "conditions",
)
NOTHING = "none"
"""The CSV cell for "known, and not for Panelr"; an empty cell could be a mistake."""

_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def require_plain_text(value: str) -> str:
    """Return `value`; raise ValueError for control characters and lone surrogates, which databases refuse."""
    if _UNSTORABLE.search(value):
        raise ValueError("control characters and line breaks cannot be used")
    return value


Number = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, lt=2**63)]
PanelrNumber = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, lt=2**31)]
PlainText = Annotated[str, AfterValidator(require_plain_text)]
StoreName = Annotated[str, Field(max_length=64), AfterValidator(require_plain_text)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(require_plain_text)]


def read_conditions(value: Any) -> Any:
    """Return the conditions in their text, as CSV files and the database hold them; anything else as it is."""
    return () if value is None else parse_conditions(value) if isinstance(value, str) else value


class ProductMapping(BaseModel):
    """The Panelr product of a WooCommerce product.

    Several mappings with one key and the same conditions make a bundle.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"woo_variation_id": 18, "panelr_product_id": 2, "intent": "new_activation"},
                {"woo_product_id": 12, "panelr_product_id": 3, "quantity": 2},
                {"sku": "T-SHIRT", "panelr_product_id": None},
                {
                    "woo_product_id": 101,
                    "conditions": [{"key": "Duration", "value": "12 months"}, {"key": "Connections", "value": "4"}],
                    "panelr_product_id": 5,
                },
            ]
        },
    )

    store: StoreName = "default"
    woo_product_id: Number | None = Field(
        None, description="The product, and those of its variations without a mapping of their own."
    )
    woo_variation_id: Number | None = Field(None, description="One variation; it takes precedence over its product.")
    sku: Name | None = Field(None, description="The SKU; used if neither id is mapped.")
    panelr_product_id: PanelrNumber | None = Field(
        description="The Panelr product; null means: known, and not for Panelr."
    )
    intent: ItemIntent = Field(
        ItemIntent.NEW_ACTIVATION, description="The intent of lines without a panelr_intent of their own."
    )
    quantity: int = Field(1, ge=1, le=100_000, description="Panelr items per piece of the WooCommerce product.")
    conditions: Annotated[Conditions, BeforeValidator(read_conditions), AfterValidator(order_conditions)] = Field(
        (),
        description="What the line's meta must hold, such as the choices of product add-ons; at most 10 entries. The"
        " mapping with the most conditions takes precedence.",
        examples=[[{"key": "duration", "value": "12 months"}, {"key": "connections", "value": "4"}]],
    )

    @model_validator(mode="before")
    @classmethod
    def drop_empty_ids(cls, values: Any) -> Any:
        """Drop ids of 0 and an empty SKU: WooCommerce writes them for "none"."""
        if not isinstance(values, dict):
            return values
        empty = {name for name in ("woo_product_id", "woo_variation_id") if values.get(name) in (0, "0")}
        empty |= {"sku"} if isinstance(values.get("sku"), str) and not values["sku"].strip() else set()
        return {name: value for name, value in values.items() if name not in empty}

    @model_validator(mode="after")
    def require_key(self) -> Self:
        """Refuse a mapping without a product, variation or SKU."""
        if self.key is None:
            raise ValueError("give woo_product_id, woo_variation_id or sku")
        return self

    @property
    def key(self) -> str | None:
        """The look-up key: by the variation, else the product, else the SKU."""
        if self.woo_variation_id:
            return variation_key(self.woo_variation_id)
        if self.woo_product_id:
            return product_key(self.woo_product_id)
        return sku_key(self.sku) if self.sku else None

    def as_row(self) -> dict[str, Any]:
        """Return the columns of the table."""
        return self.model_dump() | {"key": self.key, "conditions": format_conditions(self.conditions)}


class PaymentMethodMapping(BaseModel):
    """The Panelr payment method of a WooCommerce gateway."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"woo_payment_method": "bacs", "panelr_payment_method_id": 1}]},
    )

    store: StoreName = "default"
    woo_payment_method: Name = Field(description="The gateway's slug, such as bacs.")
    panelr_payment_method_id: PanelrNumber
    on_paid: OnPaid | None = Field(
        None,
        description="How a payment is reported to Panelr; if left out, by the mode of the Panelr payment method.",
    )


def read_csv(text: str) -> list[ProductMapping]:
    """Return the mappings in a CSV file; raise InvalidValue with the fault of each unusable line.

    The first line names the columns (COLUMNS, in any order); all but panelr_product_id may be left out. If it holds
    semicolons and no commas, semicolons separate the cells: Excel writes this in many countries.
    """
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    rows: list[tuple[int, dict[str, str | None]]] = []
    line = 1
    try:
        for cells in lines:
            if names is None:
                names = _read_header(cells)
            else:
                rows.append((line, _read_cells(names, cells)))
            line = lines.line_num + 1
    except csv.Error as error:
        raise InvalidValue(f"line {line}: {error}") from None
    if names is None:
        _read_header([])
    return _validate_rows((f"line {line}", cells) for line, cells in rows if cells)


def read_json(rows: list[Any]) -> list[ProductMapping]:
    """Return the mappings in a JSON list; raise InvalidValue with the fault of each unusable entry."""
    return _validate_rows((f"entry {number}", row) for number, row in enumerate(rows, start=1))


def read_options(**values: Any) -> ProductMapping:
    """Return the mapping that a command's options describe; raise InvalidValue with their faults."""
    (mapping,) = _validate_rows(
        [("the mapping", _read_nothing({name: values[name] for name in values if values[name]}))]
    )
    return mapping


def write_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the mappings as a CSV file for `read_csv`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "panelr_product_id": row["panelr_product_id"] or NOTHING})
    return text.getvalue()


def _read_header(cells: list[str]) -> list[str]:
    """Return the column names in the first line; raise InvalidValue if one is unknown, repeated or missing."""
    names = [name.strip() for name in cells]
    unknown = [name for name in names if name not in COLUMNS]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    problems = [f"not {', '.join(unknown)}"] if unknown else [f"{name} only once" for name in twice]
    if not problems and "panelr_product_id" not in names:
        problems = ["no panelr_product_id"]
    if problems:
        raise InvalidValue(f"line 1: the columns are {', '.join(COLUMNS)}; {'; '.join(problems)}")
    return names


def _read_cells(names: list[str], line: list[str]) -> dict[str, str | None]:
    """Return a line's cells by column, without the empty ones."""
    if len(line) > len(names):
        raise csv.Error("the line has more cells than the first one names")
    return _read_nothing({name: cell.strip() for name, cell in zip(names, line, strict=False) if cell.strip()})


def _read_nothing(cells: dict[str, Any]) -> dict[str, Any]:
    """Return the cells with None for the word that says "not for Panelr"."""
    is_nothing = str(cells.get("panelr_product_id", "")).casefold() == NOTHING
    return cells | {"panelr_product_id": None} if is_nothing else cells


def _validate_rows(rows: Iterable[tuple[str, Any]]) -> list[ProductMapping]:
    mappings, problems = [], []
    for where, row in rows:
        try:
            mappings.append(ProductMapping.model_validate(row))
        except ValidationError as error:
            problems += [f"{where}: {_describe_problem(problem)}" for problem in error.errors()]
    if problems:
        raise InvalidValue(
            "; ".join(problems[:20]) + (f"; and {len(problems) - 20} more" if len(problems) > 20 else "")
        )
    return mappings


def _describe_problem(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    if where == "panelr_product_id" and problem["type"] == "missing":
        message = f"is missing; write {NOTHING} for a product that is not for Panelr"
    return f"{where}: {message}" if where else message
