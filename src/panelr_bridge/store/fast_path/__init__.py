"""The three statements of the fast path: insert an order, store a repeated delivery, record a created work order.

Each does all that one transaction of `application/transactions` does, or writes nothing; then that transaction runs.
On PostgreSQL each is one autocommit statement, because every round trip costs both sides about 0.1 ms. A SQLite
statement is a function call and can write only one table, so there the parts run one after the other.
"""

from panelr_bridge.store.fast_path.created_work_order import (
    record_created,
    record_created_autocommit,
    record_created_values,
    supports_record_created,
)
from panelr_bridge.store.fast_path.new_order import InsertedOrder, insert_order, insert_order_values
from panelr_bridge.store.fast_path.repeated_delivery import RepeatedDelivery, store_repeat

__all__ = [
    "InsertedOrder",
    "RepeatedDelivery",
    "insert_order",
    "insert_order_values",
    "record_created",
    "record_created_autocommit",
    "record_created_values",
    "store_repeat",
    "supports_record_created",
]
