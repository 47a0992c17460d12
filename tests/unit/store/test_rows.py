"""The row types have the columns of their tables and queries, with their Python types."""

from typing import Any, get_type_hints

import pytest
from sqlalchemy import JSON, Column, ColumnElement
from sqlalchemy.types import TypeDecorator

from panelr_bridge.store import backfill_cursors, deliveries, follow_ups, orders, owed_calls, rows, tables


def columns_of(table: str) -> list["ColumnElement[Any]"]:
    return list(tables.orders.metadata.tables[table].c)


def without(columns: list["ColumnElement[Any]"], *names: str) -> list["ColumnElement[Any]"]:
    return [column for column in columns if column.key not in names]


@pytest.mark.parametrize(
    ("row_type", "columns"),
    [
        (rows.DeliveryRow, columns_of("deliveries")),
        (rows.ListedDeliveryRow, deliveries.LISTED_COLUMNS),
        (rows.OrderRow, columns_of("orders")),
        (rows.NewOrderRow, without(columns_of("orders"), "id")),
        (rows.ShownOrderRow, list(orders.SHOWN.selected_columns)),
        (rows.KnownOrderRow, list(backfill_cursors.KNOWN_ORDERS.selected_columns)),
        (rows.OwedCallColumns, [tables.orders.c[name] for name in owed_calls.NO_OWED_CALL]),
        (rows.FollowUpRow, columns_of("follow_ups")),
        (rows.FollowUpWithOrderRow, list(follow_ups.WITH_ORDER.selected_columns)),
        (rows.AttemptRow, columns_of("attempts")),
        (rows.NewAttemptRow, without(columns_of("attempts"), "id")),
        (rows.ProductMappingRow, columns_of("product_mappings")),
        (rows.PaymentMethodMappingRow, columns_of("payment_method_mappings")),
        (rows.BackfillCursorRow, columns_of("marks")),
        (rows.WebhookHealthRow, columns_of("shop_states")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_row_type_has_the_columns_and_their_types(row_type: type, columns: list["ColumnElement[Any]"]) -> None:
    hints = get_type_hints(row_type)
    assert hints.keys() == {column.key for column in columns}
    assert {name: hint for name, hint in hints.items() if name in _scalars(columns)} == _scalars(columns)


def _scalars(columns: list["ColumnElement[Any]"]) -> dict[str, Any]:
    """Return the Python types of the columns, without those of JSON."""
    return {str(column.key): _python_type(column) for column in columns if not isinstance(column.type, JSON)}


def _python_type(column: "ColumnElement[Any]") -> Any:
    source = next(iter(column.base_columns))
    assert isinstance(source, Column)
    kind = source.type.impl_instance if isinstance(source.type, TypeDecorator) else source.type
    return kind.python_type | None if source.nullable else kind.python_type
