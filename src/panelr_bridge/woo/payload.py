"""WooCommerce's order payload, parsed once into a frozen value that keeps WooCommerce's words.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties and deliveries of a real
store (tests/captures). Only what the bridge uses is read; what a plugin adds or misshapes elsewhere in the
payload cannot make an order unreadable.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError

from panelr_bridge.errors import Unreadable

ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
DELETED_TOPIC = "order.deleted"
OWNER_MAY_NOT_READ = frozenset({"woocommerce_rest_cannot_view", "woocommerce_rest_authentication_error"})

# Control characters and lone surrogates: no database and no panel can store them, and none means anything here.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    return value if value.isprintable() else _UNSTORABLE.sub("", value)


def _money(value: Any) -> Any:
    return Decimal(0) if value is None or value == "" else value


def _count(value: Any) -> Any:
    return 0 if value is None or value == "" else value


def _moment(value: Any) -> datetime | None:
    """Read WooCommerce's UTC time without an offset; what cannot be read is no time, not a lost order."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _no_bool(value: Any) -> Any:
    """Python takes true for 1; as an id it is a slip."""
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004  pydantic tells ValueErrors only
    return value


def _sequence(value: Any) -> Any:
    """PHP writes a list with gaps in its keys, as filters leave it behind, as an object."""
    if value is None:
        return ()
    return list(value.values()) if isinstance(value, dict) else value


Text = Annotated[str, BeforeValidator(_text)]
# The bounds stand next to the type: behind a validator of ours, pydantic would look at them in Python.
Money = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=18), BeforeValidator(_money)]
Quantity = Money
Reference = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_count)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Meta(NamedTuple):
    """A meta entry; the value keeps the structure that the plugin gave it."""

    key: str
    value: Any


def _metas(value: Any) -> tuple[Meta, ...]:
    """Read meta entries. An order has dozens, of any plugin's making: none of them is worth an error."""
    entries = _sequence(value)
    if not isinstance(entries, (list, tuple)):
        return ()
    # a list, not a generator: an order has thirty of them
    return tuple(
        [
            Meta(entry["key"], entry.get("value"))
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("key"), str)
        ]
    )


Metas = Annotated[tuple[Meta, ...], PlainValidator(_metas)]


class Address(_Part):
    """The billing address, as far as a work order needs it."""

    first_name: Text = ""
    last_name: Text = ""
    email: Text = ""
    phone: Text = ""


class LineItem(_Part):
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
        return _meta(self.meta_data, names)


class FeeLine(_Part):
    """A fee; a negative one is a discount."""

    name: Text = ""
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)


class CouponLine(_Part):
    """A coupon that the customer used."""

    code: Text = ""


class Refund(_Part):
    """A refund; `total` is negative."""

    total: Money = Decimal(0)


class Order(_Part):
    """An order as WooCommerce's API version 3 tells it. Money in `currency`; times in UTC."""

    id: Annotated[int, Field(ge=1, lt=2**63), BeforeValidator(_no_bool)]
    status: Text
    number: Text = ""
    order_key: Text = ""
    currency: Text = ""
    total: Money = Decimal(0)
    date_modified_gmt: Moment = None
    date_paid_gmt: Moment = None
    payment_method: Text = ""
    transaction_id: Text = ""
    billing: Annotated[Address, BeforeValidator(lambda value: value or {})] = Address()
    line_items: Annotated[tuple[LineItem, ...], BeforeValidator(_sequence)]
    fee_lines: Annotated[tuple[FeeLine, ...], BeforeValidator(_sequence)] = ()
    coupon_lines: Annotated[tuple[CouponLine, ...], BeforeValidator(_sequence)] = ()
    refunds: Annotated[tuple[Refund, ...], BeforeValidator(_sequence)] = ()
    meta_data: Metas = ()

    def meta(self, *names: str) -> str | None:
        """Return the order's meta as text: of the first name that is there and not empty."""
        return _meta(self.meta_data, names)

    @property
    def is_paid(self) -> bool:
        """Whether the money is there; cash on delivery is `processing` without it."""
        return self.date_paid_gmt is not None

    @property
    def refunded(self) -> Decimal:
        """What has been given back so far, as a positive amount."""
        return -sum((refund.total for refund in self.refunds), Decimal(0))


@dataclass(frozen=True, slots=True)
class Deleted:
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


Event = Order | Deleted | ErrorObject | OtherTopic


def parse(*, body: bytes, topic: str) -> Event:
    """Return what an authentic delivery says.

    `topic` is the header X-WC-Webhook-Topic. Raises Unreadable, with words, for a body that is not what the
    topic announces.
    """
    if topic != DELETED_TOPIC and topic not in ORDER_TOPICS:
        return OtherTopic(_text(topic))
    content = _json_object(body)
    if "code" in content and "id" not in content:
        return ErrorObject(_text(str(content["code"])), _text(str(content.get("message", ""))))
    if topic == DELETED_TOPIC:
        return Deleted(_order_id(content))
    return _order(content)


def read_order(body: bytes) -> Order:
    """Return the order in `body`, whatever topic brought it; raises Unreadable."""
    return _order(_json_object(body))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Unreadable(f"the body is no JSON: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise Unreadable("the body is JSON, but no object")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _order(content: dict[str, Any]) -> Order:
    try:
        return Order.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"the body is no order that can be read: {where}: {first['msg']}") from None


def _order_id(content: dict[str, Any]) -> int:
    value = content.get("id")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
        raise Unreadable("the body of an order.deleted holds no order id")
    return value


def _meta(entries: Iterable[Meta], names: tuple[str, ...]) -> str | None:
    for name in names:
        for key, value in entries:
            if key == name and isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
                text = str(_text(value)).strip()
                if text:
                    return text
    return None
