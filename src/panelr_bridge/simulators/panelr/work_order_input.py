"""Parse the body of create_work_order as strictly as a careful PHP API, without changing state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr.catalogue import PaymentMethod, Product
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.field_checks import (
    check_unknown_fields,
    read_amount,
    read_boolean,
    read_choice,
    read_email,
    read_existing_id,
    read_positive,
    read_text,
    read_unit_price,
)
from panelr_bridge.simulators.panelr.pricing import PriceAdjustment
from panelr_bridge.simulators.panelr.work_orders import CREATE_STATUSES, INTENTS

TEXTS = ("customer_name", "customer_phone", "wc_order_id", "source", "adjustment_label", "coupon_code", "referral_code")
FIELDS = (
    "customer_email",
    "status",
    "items",
    "payment_method_id",
    "payment_amount",
    "adjustment_direction",
    "adjustment_amount",
    *TEXTS,
)
ITEM_FIELDS = ("product_id", "intent", "activation_id", "qty", "unit_price", "pay_with_points")


@dataclass(frozen=True)
class NewItem:
    """A valid item."""

    product: Product
    intent: str
    activation_id: int | None
    qty: int
    unit_price: Decimal | None = None
    pay_with_points: bool = False


@dataclass(frozen=True)
class NewWorkOrder:
    """A valid request for a new work order."""

    customer_email: str
    status: str
    items: Sequence[NewItem]
    texts: Mapping[str, str]
    payment_method_id: int | None
    payment_amount: Decimal | None
    adjustment: PriceAdjustment | None = None
    transaction_id: str | None = None
    store_discount: Decimal | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


def parse_new_work_order(
    body: Mapping[str, Any],
    *,
    products: Mapping[int, Product],
    methods: Mapping[int, PaymentMethod],
    strict: bool,
) -> NewWorkOrder:
    """Parse the body of create_work_order.

    `strict` also rejects fields that the documentation does not name. Raises ApiError (422) with the first invalid
    field. null is invalid for an optional field.
    """
    if strict:
        check_unknown_fields(body, FIELDS)
    return NewWorkOrder(
        customer_email=read_email(body),
        status=read_choice(body, "status", CREATE_STATUSES),
        items=parse_items(body, products, strict=strict),
        texts={name: read_text(body, name) for name in TEXTS if name in body},
        payment_method_id=read_existing_id(body, "payment_method_id", methods) if "payment_method_id" in body else None,
        payment_amount=read_amount(body, "payment_amount") if "payment_amount" in body else None,
        adjustment=_parse_adjustment(body),
    )


def parse_items(body: Mapping[str, Any], products: Mapping[int, Product], *, strict: bool) -> list[NewItem]:
    """Parse the items of a cart. Raises ApiError (422)."""
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise ApiError(422, "items must be a list with at least one item")
    return [_parse_item(item, f"items[{place}]", products, strict=strict) for place, item in enumerate(items)]


def _parse_item(item: object, place: str, products: Mapping[int, Product], *, strict: bool) -> NewItem:
    if not isinstance(item, dict):
        raise ApiError(422, f"{place} must be an object")
    prefix = f"{place}."
    if strict:
        check_unknown_fields(item, ITEM_FIELDS, prefix)
    product_id = read_existing_id(item, "product_id", products, prefix)
    intent = read_choice(item, "intent", INTENTS, prefix)
    if intent != "new_activation" and "activation_id" not in item:
        raise ApiError(422, f"{prefix}activation_id is required for {intent}")
    return NewItem(
        product=products[product_id],
        intent=intent,
        activation_id=read_positive(item, "activation_id", prefix) if "activation_id" in item else None,
        qty=read_positive(item, "qty", prefix) if "qty" in item else 1,
        unit_price=read_unit_price(item, prefix) if "unit_price" in item else None,
        pay_with_points=read_boolean(item, "pay_with_points", prefix) if "pay_with_points" in item else False,
    )


def _parse_adjustment(body: Mapping[str, Any]) -> PriceAdjustment | None:
    given = [name for name in ("adjustment_direction", "adjustment_amount") if name in body]
    if not given and "adjustment_label" not in body:
        return None
    if len(given) != 2:
        raise ApiError(422, "adjustment_direction and adjustment_amount are needed together")
    money = read_amount(body, "adjustment_amount")
    if money == 0:
        raise ApiError(422, "adjustment_amount must be more than 0")
    direction = read_choice(body, "adjustment_direction", ("fee", "discount"))
    return PriceAdjustment(direction, body.get("adjustment_label", ""), money)
