"""Parses WooCommerce's order payload once, into a frozen value in WooCommerce's own terms.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties and deliveries of a real
store (tests/captures). Only the fields used by the bridge are read, so a plugin's faulty additions elsewhere cannot
make an order unreadable. An order with a field that cannot be read is still an order: `Order.unreadable` names it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypedDict, get_args

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError

from panelr_bridge import json_codec
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.error_object import API_VERSION, ErrorObject, read_error
from panelr_bridge.woocommerce.json_fields import (
    Amount,
    Currency,
    Flag,
    Id,
    Meta,
    Metas,
    Money,
    OptionalText,
    Quantity,
    Reference,
    ShortText,
    Status,
    Text,
    clean,
    existing_sequence,
    meta_text,
    metas_of_panelr,
    read_amount,
    sequence,
)
from panelr_bridge.woocommerce.payload_time import Moment, PaidMoment
from panelr_bridge.woocommerce.subscription_payload import (
    READ_FIELDS,
    Subscription,
    is_subscription,
    is_subscription_topic,
    read_id,
    read_subscription,
)
from panelr_bridge.woocommerce.unreadable_fields import UNKNOWN_STATUS, UnreadableField, remove_unreadable

ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
DELETED_TOPIC = "order.deleted"
MONEY_DUE = (
    *("_order_due_ammount", "_order_due_amount"),
    *("_wc_deposits_second_payment", "_awcdp_deposits_second_payment"),
)
"""The order meta of deposit plugins with what is still to be paid: Bayna's in its own spelling, Webtomizer's and
Acowebs'. These two tell with `_paid` behind the key that it was paid."""


class _PayloadModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class BillingAddress(_PayloadModel):
    """The fields of the billing address used in a work order."""

    first_name: Text = ""
    last_name: Text = ""
    company: Text = ""
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
    subtotal: Amount = Decimal(0)
    subtotal_tax: Money = Decimal(0)
    total: Amount = Decimal(0)
    total_tax: Money = Decimal(0)
    meta_data: Metas = Field((), validation_alias=AliasChoices("meta_data", "meta"))
    """API version 1 has it under `meta`."""

    @functools.cached_property
    def panelr_metas(self) -> tuple[Meta, ...]:
        """The entries whose keys name Panelr, in any spelling: few lines have one."""
        return metas_of_panelr(self.meta_data)

    def meta(self, *names: str) -> str | None:
        """Return the line's meta under the first of Panelr's keys `names` that is not empty, as text."""
        entries = self.panelr_metas
        return meta_text(entries, names) if entries else None


class FeeLine(_PayloadModel):
    """A fee; a negative one is a discount."""

    id: Reference = 0
    name: Text = ""
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)


class CouponLine(_PayloadModel):
    """A coupon used in the order."""

    code: Text = ""


class OrderRefund(_PayloadModel):
    """A refund; `total` is negative, and plugins write it without the sign."""

    id: Reference = 0
    total: Amount
    """A refund without it gave back an unknown amount."""


class Order(_PayloadModel):
    """An order in the form of WooCommerce's API version 3. Money is in `currency`, times are in UTC."""

    id: Id
    status: Status
    number: ShortText = ""
    order_key: ShortText = ""
    parent_id: Reference = 0
    created_via: ShortText = ""
    payment_url: OptionalText = ""
    currency: Currency = ""
    prices_include_tax: Flag = False
    total: Amount
    shipping_total: Money = Decimal(0)
    date_created_gmt: Moment = None
    date_modified_gmt: Moment = None
    date_paid_gmt: PaidMoment = None
    payment_method: ShortText = ""
    transaction_id: ShortText = ""
    billing: Annotated[BillingAddress, BeforeValidator(lambda value: value or {})] = BillingAddress()
    line_items: Annotated[tuple[LineItem, ...], BeforeValidator(existing_sequence)]
    fee_lines: Annotated[tuple[FeeLine, ...], BeforeValidator(sequence)] = ()
    coupon_lines: Annotated[tuple[CouponLine, ...], BeforeValidator(sequence)] = ()
    refunds: Annotated[tuple[OrderRefund, ...], BeforeValidator(sequence)] = ()
    meta_data: Metas = ()
    unreadable: Annotated[tuple[UnreadableField, ...], PlainValidator(lambda _: ())] = ()
    """The important fields that cannot be read; they hold their defaults. A body cannot set this."""

    @functools.cached_property
    def panelr_metas(self) -> tuple[Meta, ...]:
        """The entries whose keys name Panelr, in any spelling: few orders have one."""
        return metas_of_panelr(self.meta_data)

    @functools.cached_property
    def meta_by_key(self) -> dict[str, Any]:
        """One entry of each key: for finding out which keys there are."""
        try:
            return dict(self.meta_data)
        except TypeError:
            return {key: value for key, value in self.meta_data if isinstance(key, str)}

    def meta(self, *names: str) -> str | None:
        """Return the order's meta under the first of Panelr's keys `names` that is not empty, as text."""
        entries = self.panelr_metas
        return meta_text(entries, names) if entries else None

    def has_flag(self, name: str) -> bool:
        """Return whether any meta `name` of the order says yes, in any form in which PHP writes that."""
        entries = self.panelr_metas if "panelr" in name else self.meta_data
        text = "1" if (name, True) in entries else meta_text(entries, (name,))
        return text is not None and text.casefold() not in {"0", "no", "false", "off"}

    @property
    def is_status_known(self) -> bool:
        """Whether the status could be read."""
        return self.status != UNKNOWN_STATUS

    @property
    def is_paid(self) -> bool:
        """Whether the order is paid; cash on delivery may be `processing` and unpaid."""
        return self.date_paid_gmt is not None

    @property
    def refunded(self) -> Decimal:
        """The sum of all refunds, as a positive amount; their signs are ignored."""
        return sum((abs(refund.total) for refund in self.refunds), Decimal(0)) if self.refunds else Decimal(0)

    @property
    def due_text(self) -> str | None:
        """What is still to be paid of a deposit, as its plugin wrote it; None for an order without a deposit."""
        found = [key for key in MONEY_DUE if key in self.meta_by_key and not self.has_flag(f"{key}_paid")]
        texts = (str(clean(value)).strip() for key, value in self.meta_data if key in found) if found else ()
        return next(filter(None, texts), None)

    @property
    def money_due(self) -> Decimal:
        """What is still to be paid of a deposit; 0 if nothing is, or it cannot be read."""
        due = read_amount(self.due_text or "")
        return Decimal(0) if due is None else max(due, Decimal(0))


@dataclass(frozen=True, slots=True)
class OrderDeleted:
    """The order went to the trash: the body is `{"id": 31}` and nothing else."""

    id: int


@dataclass(frozen=True, slots=True)
class OtherTopic:
    """A topic that the bridge does not use."""

    topic: str


DeliveryContent = Order | OrderDeleted | Subscription | ErrorObject | OtherTopic


def _build_shape(part: type[_PayloadModel], *more: str) -> Any:
    """Return a TypedDict with the fields of `part` and of its inner models; the decoder skips all other fields."""
    fields: dict[str, Any] = dict.fromkeys(more, Any)
    for name, field in part.model_fields.items():
        kind: Any = field.annotation
        if isinstance(field.validation_alias, AliasChoices):
            fields |= dict.fromkeys(map(str, field.validation_alias.choices), Any)
        item_types = get_args(kind)  # (LineItem, ...) of a tuple
        if isinstance(kind, type) and issubclass(kind, _PayloadModel):
            fields[name] = _build_shape(kind)
        elif item_types and isinstance(item_types[0], type) and issubclass(item_types[0], _PayloadModel):
            fields[name] = list[_build_shape(item_types[0])]  # type: ignore[misc]
        else:
            fields[name] = Any
    return TypedDict(part.__name__, fields, total=False)  # type: ignore[operator]


_OTHER_FIELDS = ("code", "message", "date_paid", "date_created", "order", "errors", *READ_FIELDS)
_READER = json_codec.reader(_build_shape(Order, *_OTHER_FIELDS))


def parse(*, body: bytes, topic: str) -> DeliveryContent:
    """Return the content of an authentic delivery; `topic` is the header X-WC-Webhook-Topic.

    Raises UnreadableBody if the body does not hold what the topic announces.
    """
    is_about_subscription = is_subscription_topic(topic)
    if topic != DELETED_TOPIC and topic not in ORDER_TOPICS and not is_about_subscription:
        return OtherTopic(clean(topic))
    content = _read_object(body)
    if "id" not in content and (error := read_error(content)) is not None:
        return error
    if topic == DELETED_TOPIC:
        return OrderDeleted(_read_order_id(content))
    if is_about_subscription:
        return read_subscription(content)
    order = _validate_order(content)
    return read_subscription(content) if is_subscription(content, order.meta_by_key) else order


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
    if "date_paid_gmt" not in content and "date_paid" in content:
        content["date_paid_gmt"] = content["date_paid"]  # older APIs have the shop's local time only
    if "date_created_gmt" not in content and "date_created" in content:
        content["date_created_gmt"] = content["date_created"]
    try:
        order = Order.model_validate(content)
    except ValidationError as error:
        order = _read_partly(content, error)
    return without_repeats(order)


def _read_partly(content: dict[str, Any], error: ValidationError) -> Order:
    """Return an order with the fields that can be read."""
    legacy = content.get("order")
    if "id" not in content and isinstance(legacy, dict):
        return _read_legacy(legacy)
    unreadable = remove_unreadable(content, error)
    return Order.model_validate(content).model_copy(update={"unreadable": unreadable})


def _read_legacy(content: dict[str, Any]) -> Order:
    """Return an order of the legacy API by its number alone: all else has another form there."""
    try:
        order_id = _read_order_id(content)
    except UnreadableBody:
        raise UnreadableBody(f"the body is in the form of the legacy API: {API_VERSION}") from None
    order = Order.model_validate({"id": order_id, "status": UNKNOWN_STATUS, "total": 0, "line_items": []})
    words = f"the webhook sends this order in the form of WooCommerce's legacy API: {API_VERSION}, then save the order"
    unreadable = UnreadableField(words, has_advice=True)
    number = clean(content.get("order_number"))
    update = {"number": number[:20] if isinstance(number, str) else "", "unreadable": (unreadable,)}
    return order.model_copy(update=update)


_Entry = LineItem | FeeLine | OrderRefund


def without_repeats(order: Order) -> Order:
    """Return the order with each line, fee and refund once: plugins' filters make the API repeat them.

    Two of one id and product, with different contents, contradict each other.
    """
    lines, fees, refunds = order.line_items, order.fee_lines, order.refunds
    if not (_has_repeats(lines) or _has_repeats(fees) or _has_repeats(refunds)):
        return order
    unreadable = list(order.unreadable)
    update = {
        "line_items": _keep_first("line_items", lines, unreadable),
        "fee_lines": _keep_first("fee_lines", fees, unreadable),
        "refunds": _keep_first("refunds", refunds, unreadable),
    }
    return order.model_copy(update=update | {"unreadable": tuple(unreadable)})


def _has_repeats(entries: Sequence[_Entry]) -> bool:
    return len(entries) > 1 and len({entry.id for entry in entries}) < len(entries)


def _keep_first(name: str, entries: Sequence[_Entry], unreadable: list[UnreadableField]) -> tuple[_Entry, ...]:
    first: dict[tuple[int | str, ...], _Entry] = {}
    kept: list[_Entry] = []
    for entry in entries:
        known = first.setdefault((entry.id, *_product(entry)), entry)
        if known is entry or not entry.id:
            kept.append(entry)
        elif known != entry:
            unreadable.append(UnreadableField(f"{name} hold the id {entry.id} twice, with different contents"))
    return tuple(kept)


def _product(entry: _Entry) -> tuple[int | str, ...]:
    return (entry.product_id, entry.variation_id, entry.sku) if isinstance(entry, LineItem) else ()


def _read_order_id(content: dict[str, Any]) -> int:
    order_id = read_id(content.get("id"))
    if order_id is None:
        raise UnreadableBody("the body of an order.deleted holds no order id")
    return order_id
