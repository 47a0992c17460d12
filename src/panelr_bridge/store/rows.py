"""The types of the rows that queries return, with each column's Python type, and the functions that read them.

`tests/unit/store/test_rows.py` compares each type with its table.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.sql.base import Executable

from panelr_bridge.store.tables import Columns

R = TypeVar("R", bound=Mapping[str, object])
V = TypeVar("V")
Json = dict[str, Any]


class ListedDeliveryRow(TypedDict):
    """A delivery without its body, as lists show it."""

    id: int
    store: str
    topic: str
    headers: dict[str, str]
    verdict: str
    words: str | None
    woo_order_id: int | None
    times: int
    received_at: datetime
    last_received_at: datetime
    unresolved_since: datetime | None
    resolution: Json | None


class UnreadDeliveryRow(ListedDeliveryRow):
    """A delivery that brought no order; `read_as` is a later one of the same order that was read."""

    read_as: int | None


class RefusedWebhook(TypedDict):
    """The deliveries that one webhook sent with a wrong signature. All of it is what the requests claim.

    Without a webhook's id it stands for all webhooks beyond the first few.
    """

    webhook: str | None
    host: str | None
    count: int
    since: str
    last: str


class DeliveryRow(ListedDeliveryRow):
    """A row of `deliveries`."""

    body: bytes
    body_sha256: bytes
    repeated: bool


class AnsweredOrder(TypedDict):
    """The columns of an order that the answer to a delivery shows."""

    state: str
    reasons: list[Json]
    work_order_id: int | None
    reference_code: str | None


class KnownOrderRow(TypedDict):
    """The columns of an order that a backfill run compares with the shop's list."""

    woo_order_id: int
    woo_modified_at: datetime | None
    woo_status: str
    woo_total: Decimal | None
    snapshot_sha256: bytes | None
    state: str


class OwedCallColumns(TypedDict):
    """The columns of an order that hold its owed call; all are null if no call is owed."""

    owes: str | None
    owes_since: datetime | None
    tries: int | None
    not_found_since: datetime | None
    next_attempt_at: datetime | None
    call_until: datetime | None
    call_slot: int | None
    waits_for_outage: bool


class _OrderColumns(KnownOrderRow, OwedCallColumns, AnsweredOrder):
    store: str
    woo_order_number: str
    woo_order_key: str
    woo_source: str
    woo_currency: str | None
    delivery_id: int | None
    sent_delivery_id: int | None
    attention: list[Json] | None
    acknowledged: list[Json] | None
    overridden: list[str] | None
    request: str | None
    first_sent_at: datetime | None
    likeness: str | None
    panelr_status: str | None
    order_total: Decimal | None
    adopted: bool
    attempts: int
    awaits_mapping: bool
    mapping_revision: int
    created_at: datetime
    updated_at: datetime
    follow_at: datetime | None
    customer_lines: Json | None
    shop_refunds: Json | None
    continuation: Json | None


class NewOrderRow(_OrderColumns):
    """The columns of an order that is not inserted yet."""

    confirmation_token: str | None


class ShownOrderRow(_OrderColumns):
    """An order without its confirmation token."""

    id: int


class OrderRow(ShownOrderRow):
    """A row of `orders`."""

    confirmation_token: str | None


class SettledOrderRow(TypedDict):
    """The latest snapshot of an order whose create attempt was settled, and the status in it."""

    delivery_id: int | None
    woo_status: str


class _FollowUpColumns(TypedDict):
    """The columns of a follow-up that its order does not have."""

    kind: str
    sent_at: datetime | None
    empty_since: datetime | None
    slot: int | None
    told: Any


class FollowUpRow(_FollowUpColumns):
    """A row of `follow_ups`."""

    id: int
    store: str
    order_id: int
    due_at: datetime | None
    attempt: int
    lease_until: datetime | None
    owed_since: datetime
    done_at: datetime | None
    waits_for_outage: bool


class FollowUpWithOrderRow(OrderRow, _FollowUpColumns):
    """A follow-up joined to its order; `of_...` are the follow-up's columns that could be taken for the order's."""

    of_id: int
    of_attempt: int
    of_due_at: datetime | None
    of_lease_until: datetime | None
    of_owed_since: datetime


class NewAttemptRow(TypedDict):
    """The columns of an attempt that is not inserted yet."""

    order_id: int
    action: str
    number: int
    outcome: str
    status: int | None
    milliseconds: int | None
    words: str
    started_at: datetime | None
    recorded_at: datetime


class AttemptRow(NewAttemptRow):
    """A row of `attempts`."""

    id: int


class ImportedMappingRow(TypedDict):
    """The columns of a product mapping that an import compares."""

    id: int
    store: str
    key: str
    conditions: str
    panelr_product_id: int | None
    intent: str
    quantity: int


class ProductMappingRow(ImportedMappingRow):
    """A row of `product_mappings`."""

    woo_product_id: int | None
    woo_variation_id: int | None
    sku: str | None
    created_at: datetime
    updated_at: datetime


class PaymentMethodMappingRow(TypedDict):
    """A row of `payment_method_mappings`."""

    id: int
    store: str
    woo_payment_method: str
    panelr_payment_method_id: int
    on_paid: str
    created_at: datetime
    updated_at: datetime


class BackfillCursorRow(TypedDict):
    """A row of `marks`."""

    store: str
    kind: str
    moment: datetime
    paced_until: datetime | None
    next_at: datetime
    holder: str | None
    lease_until: datetime | None
    began_at: datetime | None
    ended_at: datetime | None
    looked_at: int
    known: int
    found: int
    failed: int
    found_in_all: int
    failures: int
    failing_since: datetime | None
    words: str | None


class WebhookHealthRow(TypedDict):
    """A row of `shop_states`."""

    store: str
    looked_at: datetime
    ok: bool
    words: str


class KnownStoreRow(TypedDict):
    """A row of `known_stores`."""

    store: str
    first_seen_at: datetime
    source: str | None


class OwedCallView(TypedDict):
    """An owed call under the names of the admin API."""

    store: str
    action: str
    attempt: int
    empty_since: datetime | None
    next_attempt_at: datetime
    lease_until: datetime | None
    owed_since: datetime


MappingRow = ProductMappingRow | PaymentMethodMappingRow


def fetch_one(connection: Connection, statement: Executable, values: Columns, row_type: type[R]) -> R | None:
    """Execute a query and return its only row as `row_type`; None if it returns no row."""
    row = connection.execute(statement, values).mappings().one_or_none()
    return None if row is None else _convert(row, row_type)


def fetch_all(connection: Connection, statement: Executable, values: Columns, row_type: type[R]) -> list[R]:
    """Execute a query and return its rows, each as `row_type`."""
    return [_convert(row, row_type) for row in connection.execute(statement, values).mappings()]


def with_columns(row: R, columns: Columns) -> R:
    """Return a copy of `row` with the values of `columns`, whose names and types must be those of the row."""
    return cast("R", {**row, **columns})


def not_null(value: V | None) -> V:
    """Return the value of a column that the row's state makes non-null; raises LookupError if it is null."""
    if value is None:
        raise LookupError("a column is null that must have a value in this state")
    return value


def _convert(row: RowMapping, row_type: type[R]) -> R:  # noqa: ARG001  for the type checker
    return cast("R", dict(row))
