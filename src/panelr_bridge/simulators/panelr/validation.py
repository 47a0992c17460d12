"""What a body of create_work_order must look like: strict, as a careful PHP API is. No state is changed here."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeGuard

from panelr_bridge.simulators.panelr.catalogue import PaymentMethod, Product
from panelr_bridge.simulators.panelr.refused import Refused
from panelr_bridge.simulators.panelr.work_orders import CREATE_STATUSES, INTENTS, Adjustment

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
TEXTS = ("customer_name", "customer_phone", "wc_order_id", "source", "adjustment_label")
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
ITEM_FIELDS = ("product_id", "intent", "activation_id", "qty")
LARGEST_AMOUNT = Decimal("99999999.99")


@dataclass(frozen=True)
class NewItem:
    """One item that passed."""

    product: Product
    intent: str
    activation_id: int | None
    qty: int


@dataclass(frozen=True)
class NewWorkOrder:
    """A request that passed."""

    customer_email: str
    status: str
    items: Sequence[NewItem]
    texts: Mapping[str, str]
    payment_method_id: int | None
    payment_amount: Decimal | None
    adjustment: Adjustment | None


def checked(
    body: Mapping[str, Any],
    *,
    products: Mapping[int, Product],
    methods: Mapping[int, PaymentMethod],
    strict: bool,
) -> NewWorkOrder:
    """Check the body of create_work_order.

    `strict` also refuses fields that the documentation does not name. Raises Refused (422) with the first field
    that is wrong. An optional field is left out when there is nothing to say: null is refused.
    """
    if strict:
        _nothing_else(body, FIELDS, "")
    return NewWorkOrder(
        customer_email=_email(body),
        status=_one_of(body, "status", CREATE_STATUSES),
        items=_items(body, products, strict=strict),
        texts={name: _text(body, name) for name in TEXTS if name in body},
        payment_method_id=_known(body, "payment_method_id", methods) if "payment_method_id" in body else None,
        payment_amount=_amount(body, "payment_amount") if "payment_amount" in body else None,
        adjustment=_adjustment(body),
    )


def _nothing_else(given: Mapping[str, Any], allowed: Collection[str], prefix: str) -> None:
    unknown = [name for name in given if name not in allowed]
    if unknown:
        raise Refused(422, f"Unknown field {prefix}{unknown[0]}; known are {', '.join(allowed)}")


def _email(body: Mapping[str, Any]) -> str:
    value = body.get("customer_email")
    if not isinstance(value, str) or not value:
        raise Refused(422, "customer_email is required")
    if len(value) > 254 or EMAIL.fullmatch(value) is None:
        raise Refused(422, "customer_email must be a valid e-mail address")
    return value


def _one_of(given: Mapping[str, Any], name: str, allowed: Sequence[str], prefix: str = "") -> str:
    value = given.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise Refused(422, f"{prefix}{name} must be one of {', '.join(allowed)}")
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise Refused(422, f"{name} must be a string")
    return value


def _known(given: Mapping[str, Any], name: str, known: Collection[int], prefix: str = "") -> int:
    value = given.get(name)
    if not _is_int(value):
        raise Refused(422, f"{prefix}{name} must be an integer")
    if value not in known:
        raise Refused(422, f"{prefix}{name} {value} is unknown")
    return value


def _positive(given: Mapping[str, Any], name: str, prefix: str) -> int:
    value = given[name]
    if not _is_int(value) or value < 1:
        raise Refused(422, f"{prefix}{name} must be an integer of at least 1")
    return value


def _is_int(value: object) -> TypeGuard[int]:
    # JSON's true is an int to Python; 1.0 arrives as a Decimal and is none.
    return isinstance(value, int) and not isinstance(value, bool)


def _amount(body: Mapping[str, Any], name: str) -> Decimal:
    value = body[name]
    if not _is_int(value) and not isinstance(value, Decimal):
        raise Refused(422, f"{name} must be a number")
    amount = Decimal(value)
    if not 0 <= amount <= LARGEST_AMOUNT:
        raise Refused(422, f"{name} must lie between 0 and {LARGEST_AMOUNT}")
    return amount


def _items(body: Mapping[str, Any], products: Mapping[int, Product], *, strict: bool) -> list[NewItem]:
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise Refused(422, "items must be a list with at least one item")
    return [_item(item, f"items[{place}]", products, strict=strict) for place, item in enumerate(items)]


def _item(item: object, place: str, products: Mapping[int, Product], *, strict: bool) -> NewItem:
    if not isinstance(item, dict):
        raise Refused(422, f"{place} must be an object")
    prefix = f"{place}."
    if strict:
        _nothing_else(item, ITEM_FIELDS, prefix)
    product_id = _known(item, "product_id", products, prefix)
    intent = _one_of(item, "intent", INTENTS, prefix)
    if intent != "new_activation" and "activation_id" not in item:
        raise Refused(422, f"{prefix}activation_id is required for {intent}")
    return NewItem(
        product=products[product_id],
        intent=intent,
        activation_id=_positive(item, "activation_id", prefix) if "activation_id" in item else None,
        qty=_positive(item, "qty", prefix) if "qty" in item else 1,
    )


def _adjustment(body: Mapping[str, Any]) -> Adjustment | None:
    given = [name for name in ("adjustment_direction", "adjustment_amount") if name in body]
    if not given and "adjustment_label" not in body:
        return None
    if len(given) != 2:
        raise Refused(422, "adjustment_direction and adjustment_amount are needed together")
    amount = _amount(body, "adjustment_amount")
    if amount == 0:
        raise Refused(422, "adjustment_amount must be more than 0")
    direction = _one_of(body, "adjustment_direction", ("fee", "discount"))
    return Adjustment(direction, body.get("adjustment_label", ""), amount)
