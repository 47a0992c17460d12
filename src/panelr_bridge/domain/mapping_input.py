"""Mappings as people write them: in the admin API's JSON and in a CSV file. Nothing here does I/O."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from panelr_bridge.domain.models import ItemIntent, OnPaid, product_key, sku_key, variation_key
from panelr_bridge.errors import InvalidValue

COLUMNS = ("store", "woo_product_id", "woo_variation_id", "sku", "panelr_product_id", "intent", "quantity")
NOTHING = "none"
"""How a CSV file says "known, and not for Panelr"; an empty cell would too easily be a slip."""

_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def refuse_bool(value: Any) -> Any:
    """Python takes true for 1; as a number it is a slip."""
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004  pydantic tells ValueErrors only
    return value


def require_plain_text(value: str) -> str:
    """Return `value`; raises ValueError for what is no character of a text, which no database takes as it is."""
    if _NO_TEXT.search(value):
        raise ValueError("control characters and line breaks cannot be used")
    return value


Number = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, lt=2**63)]
PanelrNumber = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, lt=2**31)]
PlainText = Annotated[str, AfterValidator(require_plain_text)]
StoreName = Annotated[str, Field(max_length=64), AfterValidator(require_plain_text)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(require_plain_text)]


class ProductMapping(BaseModel):
    """What a WooCommerce product is in Panelr. Several with the same key make a bundle."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"woo_variation_id": 18, "panelr_product_id": 2, "intent": "new_activation"},
                {"woo_product_id": 12, "panelr_product_id": 3, "quantity": 2},
                {"sku": "T-SHIRT", "panelr_product_id": None},
            ]
        },
    )

    store: StoreName = "default"
    woo_product_id: Number | None = Field(
        None, description="The product; its variations too, unless mapped themselves."
    )
    woo_variation_id: Number | None = Field(None, description="One variation; goes before its product.")
    sku: Name | None = Field(None, description="The SKU; looked at when neither id is mapped.")
    panelr_product_id: PanelrNumber | None = Field(
        description="Panelr's product; null says: known, and not for Panelr."
    )
    intent: ItemIntent = Field(ItemIntent.NEW_ACTIVATION, description="Unless the line itself says panelr_intent.")
    quantity: int = Field(1, ge=1, le=100_000, description="How many of it one piece of the WooCommerce product is.")

    @model_validator(mode="before")
    @classmethod
    def zero_is_none(cls, given: Any) -> Any:
        """Take WooCommerce's 0 and an empty SKU for what they mean: there is none."""
        if not isinstance(given, dict):
            return given
        empty = {name for name in ("woo_product_id", "woo_variation_id") if given.get(name) in (0, "0")}
        empty |= {"sku"} if isinstance(given.get("sku"), str) and not given["sku"].strip() else set()
        return {name: value for name, value in given.items() if name not in empty}

    @model_validator(mode="after")
    def has_a_key(self) -> Self:
        """Refuse a mapping of nothing."""
        if self.key is None:
            raise ValueError("give woo_product_id, woo_variation_id or sku")
        return self

    @property
    def key(self) -> str | None:
        """What a line is looked up by: the variation, else the product, else the SKU."""
        if self.woo_variation_id:
            return variation_key(self.woo_variation_id)
        if self.woo_product_id:
            return product_key(self.woo_product_id)
        return sku_key(self.sku) if self.sku else None

    def as_row(self) -> dict[str, Any]:
        """Return the columns of the table."""
        return self.model_dump() | {"key": self.key}


class PaymentMethodMapping(BaseModel):
    """Which payment method of Panelr's a WooCommerce gateway is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"woo_payment_method": "bacs", "panelr_payment_method_id": 1}]},
    )

    store: StoreName = "default"
    woo_payment_method: Name = Field(description="The gateway's slug, such as bacs.")
    panelr_payment_method_id: PanelrNumber
    on_paid: OnPaid | None = Field(
        None,
        description="What Panelr is told when WooCommerce says paid; by the mode of its payment method if left out.",
    )


def read_csv(text: str) -> list[ProductMapping]:
    """Return the mappings in a CSV file; raises Invalid, naming every line that cannot be used and why.

    The first line names the columns (COLUMNS, in any order); all but panelr_product_id may be left out. Where it has
    semicolons and no commas, semicolons separate the cells: Excel writes so in many countries.
    """
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    given: list[tuple[int, dict[str, str | None]]] = []
    line = 1
    try:
        for cells in lines:
            if names is None:
                names = _read_header(cells)
            else:
                given.append((line, _read_cells(names, cells)))
            line = lines.line_num + 1
    except csv.Error as error:
        raise InvalidValue(f"line {line}: {error}") from None
    if names is None:
        _read_header([])
    return _validate_rows((f"line {line}", cells) for line, cells in given if cells)


def read_json(rows: list[Any]) -> list[ProductMapping]:
    """Return the mappings in a JSON list; raises Invalid, naming every entry that cannot be used and why."""
    return _validate_rows((f"entry {number}", row) for number, row in enumerate(rows, start=1))


def write_csv(rows: Iterable[dict[str, Any]]) -> str:
    """Return a CSV file that `read_csv` reads back as the same mappings."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"panelr_product_id": row["panelr_product_id"] or NOTHING})
    return text.getvalue()


def _read_header(cells: list[str]) -> list[str]:
    """The columns that the first line names; raises Invalid where they are not those of a mapping."""
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
    """A line's cells by their columns, without the empty ones."""
    if len(line) > len(names):
        raise csv.Error("the line has more cells than the first one names")
    cells: dict[str, str | None] = {name: cell.strip() for name, cell in zip(names, line, strict=False) if cell.strip()}
    if (cells.get("panelr_product_id") or "").casefold() == NOTHING:
        cells["panelr_product_id"] = None
    return cells


def _validate_rows(given: Iterable[tuple[str, Any]]) -> list[ProductMapping]:
    mappings, problems = [], []
    for where, row in given:
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
