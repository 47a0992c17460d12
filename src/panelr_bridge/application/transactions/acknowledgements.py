"""Acknowledged attention: an operator has seen a reason, and the same reason is not raised again."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from panelr_bridge.store.rows import Json, OrderRow
from panelr_bridge.store.tables import Columns


def without_acknowledged(row: OrderRow, reasons: list[Json]) -> list[Json]:
    """Return the `reasons` that no operator has acknowledged for this order.

    A reason with other words, such as another amount, is another reason.
    """
    acknowledged = {_identity(each) for each in row["acknowledged"] or []}
    return [reason for reason in reasons if _identity(reason) not in acknowledged]


def acknowledged_columns(row: OrderRow, codes: Collection[str], *, note: str, by: str, now: datetime) -> Columns:
    """Return the columns of an order whose attention with one of `codes` is acknowledged."""
    attention = row["attention"] or []
    mark = {"by": by, "at": now.isoformat(), "note": note}
    seen = [reason | mark for reason in attention if reason["code"] in codes]
    others = [reason for reason in attention if reason["code"] not in codes]
    return {"attention": others or None, "acknowledged": [*(row["acknowledged"] or []), *seen]}


def settled_columns(row: OrderRow, codes: Collection[str]) -> Columns:
    """Return the columns of an order without attention of `codes`, acknowledged or not: it may be raised again."""
    return {
        name: [reason for reason in reasons or [] if reason["code"] not in codes] or None
        for name, reasons in (("attention", row["attention"]), ("acknowledged", row["acknowledged"]))
    }


def _identity(reason: Mapping[str, Any]) -> tuple[Any, ...]:
    return reason["code"], reason["words"], reason.get("line")
