"""Reads the refunds of an order as `GET /orders/{id}/refunds` shows them: which lines, how many, how much.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#order-refund-properties. Quantities and amounts are
negative there, but plugins write them without the sign, so the sign is ignored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.json_fields import Metas, Money, Quantity, Reference, meta_text, sequence

ORIGINAL_LINE = "_refunded_item_id"
"""The meta of a refund's line that names the order's line."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    quantity: Quantity = Decimal(0)
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)
    meta_data: Metas = ()

    @property
    def line_id(self) -> int:
        text = meta_text(self.meta_data, (ORIGINAL_LINE,)) or ""
        return int(text[:18]) if text.isascii() and text.isdigit() else 0


_Entries = Annotated[tuple[_Entry, ...], BeforeValidator(sequence)]


class _Refund(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Reference = 0
    amount: Money
    line_items: _Entries = ()
    shipping_lines: _Entries = ()
    fee_lines: _Entries = ()


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """What all refunds together took of one line of an order; all of it is positive."""

    quantity: Decimal
    total: Decimal
    total_tax: Decimal

    @property
    def amount(self) -> Decimal:
        """The money with its tax."""
        return self.total + self.total_tax


@dataclass(frozen=True, slots=True)
class ShopRefunds:
    """What the shop's API shows of an order's refunds.

    `ids` are the refunds that the order listed when the shop was asked, `total` is the sum of those that the shop
    showed. `lines` are by the ids of the order's lines. `others` is what shipping and fees had of it.
    """

    ids: frozenset[int]
    total: Decimal
    lines: Mapping[int, RefundedLine]
    others: Decimal

    def as_json(self) -> dict[str, Any]:
        """Return the form in which it is stored."""
        return {
            "ids": sorted(self.ids),
            "total": str(self.total),
            "lines": [
                [line_id, str(line.quantity), str(line.total), str(line.total_tax)]
                for line_id, line in self.lines.items()
            ],
            "others": str(self.others),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return it from the form in which it is stored."""
        return cls(
            ids=frozenset(content["ids"]),
            total=Decimal(content["total"]),
            lines={
                line_id: RefundedLine(*(Decimal(number) for number in numbers))
                for line_id, *numbers in content["lines"]
            },
            others=Decimal(content["others"]),
        )


def read_refunds(payloads: Iterable[Mapping[str, Any]], *, ids: Iterable[int]) -> ShopRefunds:
    """Return the refunds in the shop's answer; `ids` are those that the order lists. Raises UnreadableBody."""
    try:
        refunds = {refund.id: refund for refund in map(_Refund.model_validate, payloads)}.values()
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"] if part not in {"exact", "any"})
        raise UnreadableBody(f"the refunds' {field} cannot be read") from None
    lines: dict[int, RefundedLine] = {}
    for refund in refunds:
        for entry in refund.line_items:
            before = lines.get(entry.line_id, RefundedLine(Decimal(0), Decimal(0), Decimal(0)))
            lines[entry.line_id] = RefundedLine(
                before.quantity + abs(entry.quantity),
                before.total + abs(entry.total),
                before.total_tax + abs(entry.total_tax),
            )
    others = [entry for refund in refunds for entry in (*refund.shipping_lines, *refund.fee_lines)]
    return ShopRefunds(
        ids=frozenset(ids),
        total=sum((abs(refund.amount) for refund in refunds), Decimal(0)),
        lines=lines,
        others=sum((abs(entry.total) + abs(entry.total_tax) for entry in others), Decimal(0)),
    )
