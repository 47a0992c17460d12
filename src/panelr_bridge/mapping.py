"""Mappings as people write them: in the admin API's JSON and in a CSV file. Nothing here does I/O."""

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from panelr_bridge.errors import Invalid
from panelr_bridge.values import Intent, product_key, sku_key, variation_key

COLUMNS = ("store", "woo_product_id", "woo_variation_id", "sku", "panelr_product_id", "intent", "quantity")
NOTHING = "none"
"""How a CSV file says "known, and not for Panelr"; an empty cell would too easily be a slip."""

Number = Annotated[int, Field(ge=1, lt=2**63)]
PanelrNumber = Annotated[int, Field(ge=1, lt=2**31)]
OnPaid = Literal["submit_payment", "complete_order", "none"]


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

    store: str = Field("default", max_length=64)
    woo_product_id: Number | None = Field(
        None, description="The product; its variations too, unless mapped themselves."
    )
    woo_variation_id: Number | None = Field(None, description="One variation; goes before its product.")
    sku: str | None = Field(None, max_length=200, description="The SKU; looked at when neither id is mapped.")
    panelr_product_id: PanelrNumber | None = Field(
        description="Panelr's product; null says: known, and not for Panelr."
    )
    intent: Intent = Field(Intent.NEW_ACTIVATION, description="Unless the line itself says panelr_intent.")
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

    store: str = Field("default", max_length=64)
    woo_payment_method: str = Field(min_length=1, max_length=200, description="The gateway's slug, such as bacs.")
    panelr_payment_method_id: PanelrNumber
    on_paid: OnPaid = Field("none", description="What Panelr is told when WooCommerce says paid.")

    def as_row(self) -> dict[str, Any]:
        """Return the columns of the table."""
        return self.model_dump()


def read_csv(text: str) -> list[ProductMapping]:
    """Return the mappings in a CSV file; raises Invalid, naming every line that cannot be used and why.

    The first line names the columns (COLUMNS, in any order); all but panelr_product_id may be left out.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restkey="more", strict=True)
    names = [name.strip() for name in rows.fieldnames or ()]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "panelr_product_id" not in names:
        raise Invalid(
            f"line 1: the columns are {', '.join(COLUMNS)}; "
            + (f"not {', '.join(unknown)}" if unknown else "no panelr_product_id")
        )
    rows.fieldnames = names
    try:
        given = [(rows.line_num, _cells(row)) for row in rows]
    except csv.Error as error:
        raise Invalid(f"line {rows.line_num}: {error}") from None
    return _validated((f"line {line}", cells) for line, cells in given if cells)


def read_json(rows: list[Any]) -> list[ProductMapping]:
    """Return the mappings in a JSON list; raises Invalid, naming every entry that cannot be used and why."""
    return _validated((f"entry {number}", row) for number, row in enumerate(rows, start=1))


def write_csv(rows: Iterable[dict[str, Any]]) -> str:
    """Return a CSV file that `read_csv` reads back as the same mappings."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"panelr_product_id": row["panelr_product_id"] or NOTHING})
    return text.getvalue()


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """A line's cells without the empty ones."""
    if "more" in row:
        raise csv.Error("the line has more cells than the first one names")
    cells = {name: value.strip() for name, value in row.items() if value and value.strip()}
    if cells.get("panelr_product_id", "").casefold() == NOTHING:
        cells["panelr_product_id"] = None
    return cells


def _validated(given: Iterable[tuple[str, Any]]) -> list[ProductMapping]:
    mappings, problems = [], []
    for where, row in given:
        try:
            mappings.append(ProductMapping.model_validate(row))
        except ValidationError as error:
            problems += [f"{where}: {_words(problem)}" for problem in error.errors()]
    if problems:
        raise Invalid("; ".join(problems[:20]) + (f"; and {len(problems) - 20} more" if len(problems) > 20 else ""))
    return mappings


def _words(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    if where == "panelr_product_id" and problem["type"] == "missing":
        message = f"is missing; write {NOTHING} for a product that is not for Panelr"
    return f"{where}: {message}" if where else message
