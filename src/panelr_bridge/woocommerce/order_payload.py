"""Parses WooCommerce's order payload once, into a frozen value in WooCommerce's own terms.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties and deliveries of a real
store (tests/captures). Only the fields used by the bridge are read, so a plugin's faulty additions elsewhere cannot
make an order unreadable.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypedDict, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from panelr_bridge import json_codec
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.json_fields import (
    Flag,
    Id,
    Metas,
    Moment,
    Money,
    OptionalText,
    Quantity,
    Reference,
    ShortText,
    Text,
    clean,
    meta_text,
    sequence,
    why_unreadable,
)

ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
DELETED_TOPIC = "order.deleted"
OWNER_MAY_NOT_READ = frozenset({"woocommerce_rest_cannot_view", "woocommerce_rest_authentication_error"})


class _PayloadModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class BillingAddress(_PayloadModel):
    """The fields of the billing address used in a work order."""

    first_name: Text = ""
    last_name: Text = ""
    email: Text = ""
    phone: Text = ""


class LineItem(_PayloadModel):
    """One line; ids are 0 and the SKU is empty for a line typed by hand and for a deleted product."""

    id: Reference = 0
    name: Text = ""
    product_id: Reference = 0
    variation_id: Reference = 0
    sku: Text = ""
    quantity: Quantity = Decimal(0)
    subtotal: Money = Decimal(0)
    subtotal_tax: Money = Decimal(0)
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)
    meta_data: Metas = ()

    def meta(self, *names: str) -> str | None:
        """Return the line's meta under the first of `names` that is not empty, as text."""
        return meta_text(self.meta_data, names)


class FeeLine(_PayloadModel):
    """A fee; a negative one is a discount."""

    name: Text = ""
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)


class CouponLine(_PayloadModel):
    """A coupon used in the order."""

    code: Text = ""


class OrderRefund(_PayloadModel):
    """A refund; `total` is negative."""

    total: Money = Decimal(0)


class Order(_PayloadModel):
    """An order in the form of WooCommerce's API version 3. Money is in `currency`, times are in UTC."""

    id: Id
    status: ShortText
    number: ShortText = ""
    order_key: ShortText = ""
    payment_url: OptionalText = ""
    currency: ShortText = ""
    prices_include_tax: Flag = False
    total: Money = Decimal(0)
    shipping_total: Money = Decimal(0)
    date_modified_gmt: Moment = None
    date_paid_gmt: Moment = None
    payment_method: ShortText = ""
    transaction_id: ShortText = ""
    billing: Annotated[BillingAddress, BeforeValidator(lambda value: value or {})] = BillingAddress()
    line_items: Annotated[tuple[LineItem, ...], BeforeValidator(sequence)]
    fee_lines: Annotated[tuple[FeeLine, ...], BeforeValidator(sequence)] = ()
    coupon_lines: Annotated[tuple[CouponLine, ...], BeforeValidator(sequence)] = ()
    refunds: Annotated[tuple[OrderRefund, ...], BeforeValidator(sequence)] = ()
    meta_data: Metas = ()

    def meta(self, *names: str) -> str | None:
        """Return the order's meta under the first of `names` that is not empty, as text."""
        return meta_text(self.meta_data, names)

    def has_flag(self, name: str) -> bool:
        """Return whether the order's meta `name` says yes, in any form in which PHP writes that."""
        text = "1" if (name, True) in self.meta_data else self.meta(name)
        return text is not None and text.casefold() not in {"0", "no", "false", "off"}

    @property
    def is_paid(self) -> bool:
        """Whether the order is paid; cash on delivery may be `processing` and unpaid."""
        return self.date_paid_gmt is not None

    @property
    def refunded(self) -> Decimal:
        """The sum of all refunds, as a positive amount."""
        return -sum((refund.total for refund in self.refunds), Decimal(0))


@dataclass(frozen=True, slots=True)
class OrderDeleted:
    """The order went to the trash: the body is `{"id": 31}` and nothing else."""

    id: int


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """An error that WooCommerce signed and sent instead of the order, because it could not read the order."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class OtherTopic:
    """A topic that the bridge does not use."""

    topic: str


DeliveryContent = Order | OrderDeleted | ErrorObject | OtherTopic


def _build_shape(part: type[_PayloadModel], *more: str) -> Any:
    """Return a TypedDict with the fields of `part` and of its inner models; the decoder skips all other fields."""
    fields: dict[str, Any] = dict.fromkeys(more, Any)
    for name, field in part.model_fields.items():
        kind: Any = field.annotation
        item_types = get_args(kind)  # (LineItem, ...) of a tuple
        if isinstance(kind, type) and issubclass(kind, _PayloadModel):
            fields[name] = _build_shape(kind)
        elif item_types and isinstance(item_types[0], type) and issubclass(item_types[0], _PayloadModel):
            fields[name] = list[_build_shape(item_types[0])]  # type: ignore[misc]
        else:
            fields[name] = Any
    return TypedDict(part.__name__, fields, total=False)  # type: ignore[operator]


_READER = json_codec.reader(_build_shape(Order, "code", "message"))


def parse(*, body: bytes, topic: str) -> DeliveryContent:
    """Return the content of an authentic delivery; `topic` is the header X-WC-Webhook-Topic.

    Raises UnreadableBody if the body does not hold what the topic announces.
    """
    if topic != DELETED_TOPIC and topic not in ORDER_TOPICS:
        return OtherTopic(clean(topic))
    content = _read_object(body)
    if "code" in content and "id" not in content:
        return ErrorObject(clean(str(content["code"])), clean(str(content.get("message", ""))))
    if topic == DELETED_TOPIC:
        return OrderDeleted(_read_order_id(content))
    return _validate_order(content)


def read_order(body: bytes) -> Order:
    """Return the order in `body`, of any topic; raise UnreadableBody if it holds none."""
    return _validate_order(_read_object(body))


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        content = json_codec.read(body, by=_READER, allow_nan=False)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise UnreadableBody(f"the body is not JSON: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise UnreadableBody("the body is JSON, but not an object")
    return content


def _validate_order(content: dict[str, Any]) -> Order:
    try:
        return Order.model_validate(content)
    except ValidationError as error:
        raise UnreadableBody(f"the body is not a readable order: {why_unreadable(error)}") from None


def _read_order_id(content: dict[str, Any]) -> int:
    value = content.get("id")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
        raise UnreadableBody("the body of an order.deleted holds no order id")
    return value
