"""WooCommerce's order payload, parsed once into a frozen value that keeps WooCommerce's words.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties and deliveries of a real
store (tests/captures). Only what the bridge uses is read; what a plugin adds or misshapes elsewhere in the
payload cannot make an order unreadable.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypedDict, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from panelr_bridge import json_codec
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.json_fields import (
    Id,
    Metas,
    Moment,
    Money,
    Quantity,
    Reference,
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
    """The billing address, as far as a work order needs it."""

    first_name: Text = ""
    last_name: Text = ""
    email: Text = ""
    phone: Text = ""


class LineItem(_PayloadModel):
    """One line; product_id and variation_id are 0 and sku empty for a line typed by hand or a deleted product."""

    id: Reference = 0
    name: Text = ""
    product_id: Reference = 0
    variation_id: Reference = 0
    sku: Text = ""
    quantity: Quantity = Decimal(0)
    subtotal: Money = Decimal(0)
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)
    meta_data: Metas = ()

    def meta(self, *names: str) -> str | None:
        """Return the line's meta as text: of the first name that is there and not empty."""
        return meta_text(self.meta_data, names)


class FeeLine(_PayloadModel):
    """A fee; a negative one is a discount."""

    name: Text = ""
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)


class CouponLine(_PayloadModel):
    """A coupon that the customer used."""

    code: Text = ""


class OrderRefund(_PayloadModel):
    """A refund; `total` is negative."""

    total: Money = Decimal(0)


class Order(_PayloadModel):
    """An order as WooCommerce's API version 3 tells it. Money in `currency`; times in UTC."""

    id: Id
    status: Text
    number: Text = ""
    order_key: Text = ""
    currency: Text = ""
    total: Money = Decimal(0)
    date_modified_gmt: Moment = None
    date_paid_gmt: Moment = None
    payment_method: Text = ""
    transaction_id: Text = ""
    billing: Annotated[BillingAddress, BeforeValidator(lambda value: value or {})] = BillingAddress()
    line_items: Annotated[tuple[LineItem, ...], BeforeValidator(sequence)]
    fee_lines: Annotated[tuple[FeeLine, ...], BeforeValidator(sequence)] = ()
    coupon_lines: Annotated[tuple[CouponLine, ...], BeforeValidator(sequence)] = ()
    refunds: Annotated[tuple[OrderRefund, ...], BeforeValidator(sequence)] = ()
    meta_data: Metas = ()

    def meta(self, *names: str) -> str | None:
        """Return the order's meta as text: of the first name that is there and not empty."""
        return meta_text(self.meta_data, names)

    @property
    def is_paid(self) -> bool:
        """Whether the money is there; cash on delivery is `processing` without it."""
        return self.date_paid_gmt is not None

    @property
    def refunded(self) -> Decimal:
        """What has been given back so far, as a positive amount."""
        return -sum((refund.total for refund in self.refunds), Decimal(0))


@dataclass(frozen=True, slots=True)
class OrderDeleted:
    """The order went to the trash: the body is `{"id": 31}` and nothing else."""

    id: int


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """WooCommerce signed and sent an error in place of the order, because it could not read it."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class OtherTopic:
    """A topic that the bridge has no use for."""

    topic: str


DeliveryContent = Order | OrderDeleted | ErrorObject | OtherTopic


def _build_shape(part: type[_PayloadModel], *more: str) -> Any:
    """Return what is read of `part`: its fields, and of parts within it theirs; most of an order is passed over."""
    fields: dict[str, Any] = dict.fromkeys(more, Any)
    for name, field in part.model_fields.items():
        kind: Any = field.annotation
        several = get_args(kind)  # (LineItem, ...) of a tuple
        if isinstance(kind, type) and issubclass(kind, _PayloadModel):
            fields[name] = _build_shape(kind)
        elif several and isinstance(several[0], type) and issubclass(several[0], _PayloadModel):
            fields[name] = list[_build_shape(several[0])]  # type: ignore[misc]
        else:
            fields[name] = Any
    return TypedDict(part.__name__, fields, total=False)  # type: ignore[operator]


_READER = json_codec.reader(_build_shape(Order, "code", "message"))


def parse(*, body: bytes, topic: str) -> DeliveryContent:
    """Return what an authentic delivery says.

    `topic` is the header X-WC-Webhook-Topic. Raises Unreadable, with words, for a body that is not what the
    topic announces.
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
    """Return the order in `body`, whatever topic brought it; raises Unreadable."""
    return _validate_order(_read_object(body))


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        content = json_codec.read(body, _whole, by=_READER)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise UnreadableBody(f"the body is no JSON: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise UnreadableBody("the body is JSON, but no object")
    return content


def _whole(body: bytes) -> Any:
    """Return all that `body` says, which has another shape than an order mostly has."""
    return json_codec.read(body, _patiently)


def _patiently(body: bytes) -> Any:
    return _PATIENT.decode(body.decode(json.detect_encoding(body), "surrogatepass"))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_PATIENT = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def _validate_order(content: dict[str, Any]) -> Order:
    try:
        return Order.model_validate(content)
    except ValidationError as error:
        raise UnreadableBody(f"the body is no order that can be read: {why_unreadable(error)}") from None


def _read_order_id(content: dict[str, Any]) -> int:
    value = content.get("id")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
        raise UnreadableBody("the body of an order.deleted holds no order id")
    return value
