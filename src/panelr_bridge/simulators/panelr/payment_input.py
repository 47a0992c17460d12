"""Parse the bodies of the three payment actions, without changing state.

null is invalid for an optional field. `strict` also rejects fields that the documentation does not name. Every function
raises ApiError (422) with the first invalid field.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from panelr_bridge.simulators.panelr.catalogue import Product
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.field_checks import (
    check_unknown_fields,
    is_int,
    read_amount,
    read_boolean,
    read_email,
    read_existing_id,
    read_positive,
    read_required_text,
    read_text,
)
from panelr_bridge.simulators.panelr.work_order_input import NewWorkOrder, parse_items

PROOFS = ("confirmation_token", "reference_code", "customer_email")
SUBMIT_FIELDS = (*PROOFS, "payment_transaction_id", "customer_note", "amount")
CODES = ("coupon_code", "referral_code")
BY_TOKEN_FIELDS = (
    "confirmation_token",
    "payment_transaction_id",
    "payment_amount",
    "payment_method_id",
    "store_discount",
    "is_free",
    *CODES,
)
KEPT_TEXTS = ("customer_name", "customer_phone", "wc_order_id", "source", *CODES)
EXTRAS = ("customer_address", "is_free", "bouquet_ids", "categories", "notes")
CREATE_FIELDS = (
    "customer_email",
    "payment_method_id",
    "items",
    "payment_transaction_id",
    "payment_amount",
    "store_discount",
    *KEPT_TEXTS,
    *EXTRAS,
)
INSTRUCTIONS_FIELDS = ("work_order_id", "confirm_url")


@dataclass(frozen=True)
class WorkOrderProof:
    """How a request names a work order: by its token, otherwise by its reference code and e-mail address."""

    token: str | None
    reference_code: str
    customer_email: str


@dataclass(frozen=True)
class NewPayment:
    """A valid payment; with `amount` None, no payment is recorded."""

    amount: Decimal | None
    transaction_id: str | None
    note: str | None = None
    payment_method_id: int | None = None
    store_discount: Decimal | None = None
    coupon_code: str | None = None
    referral_code: str | None = None
    is_free: bool | None = None


def parse_submission(body: Mapping[str, Any], *, strict: bool) -> tuple[WorkOrderProof, NewPayment]:
    """Parse the body of submit_payment."""
    if strict:
        check_unknown_fields(body, SUBMIT_FIELDS)
    payment = NewPayment(
        amount=_read_optional_amount(body, "amount"),
        transaction_id=_read_optional_text(body, "payment_transaction_id"),
        note=_read_optional_text(body, "customer_note"),
    )
    return _read_proof(body), payment


def parse_completion_by_token(
    body: Mapping[str, Any], *, methods: Collection[int], strict: bool
) -> tuple[WorkOrderProof, NewPayment]:
    """Parse the body of complete_order with the confirmation token of an existing work order."""
    if strict:
        check_unknown_fields(body, BY_TOKEN_FIELDS)
    payment = NewPayment(
        amount=_read_optional_amount(body, "payment_amount"),
        transaction_id=_read_optional_text(body, "payment_transaction_id"),
        payment_method_id=read_existing_id(body, "payment_method_id", methods) if "payment_method_id" in body else None,
        store_discount=_read_optional_amount(body, "store_discount"),
        coupon_code=_read_optional_text(body, "coupon_code"),
        referral_code=_read_optional_text(body, "referral_code"),
        is_free=read_boolean(body, "is_free") if "is_free" in body else None,
    )
    return WorkOrderProof(read_required_text(body, "confirmation_token"), "", ""), payment


def parse_completion(
    body: Mapping[str, Any], *, products: Mapping[int, Product], methods: Collection[int], strict: bool
) -> NewWorkOrder:
    """Parse the body of complete_order for a new work order."""
    customer_email = read_email(body)  # checked first: version 1 answers this error to a body with a confirmation token
    if strict:
        check_unknown_fields(body, CREATE_FIELDS)
    return NewWorkOrder(
        customer_email=customer_email,
        status="queued",
        items=parse_items(body, products, strict=strict),
        texts={name: read_text(body, name) for name in KEPT_TEXTS if name in body},
        payment_method_id=read_existing_id(body, "payment_method_id", methods),
        payment_amount=_read_optional_amount(body, "payment_amount"),
        transaction_id=_read_optional_text(body, "payment_transaction_id"),
        store_discount=_read_optional_amount(body, "store_discount"),
        extras=_read_extras(body),
    )


def parse_instructions(body: Mapping[str, Any], *, strict: bool) -> tuple[int, str]:
    """Parse the body of send_payment_instructions; return the work order's id and the confirm URL."""
    if strict:
        check_unknown_fields(body, INSTRUCTIONS_FIELDS)
    work_order_id = read_positive(body, "work_order_id")
    address = read_required_text(body, "confirm_url")
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ApiError(422, "confirm_url must be an http or https address")
    return work_order_id, address


def _read_proof(body: Mapping[str, Any]) -> WorkOrderProof:
    if "confirmation_token" in body:
        return WorkOrderProof(read_required_text(body, "confirmation_token"), "", "")
    if "reference_code" not in body or "customer_email" not in body:
        raise ApiError(422, "confirmation_token is required, or reference_code with customer_email")
    return WorkOrderProof(None, read_required_text(body, "reference_code"), read_email(body))


def _read_optional_text(body: Mapping[str, Any], name: str) -> str | None:
    return read_text(body, name) if name in body else None


def _read_optional_amount(body: Mapping[str, Any], name: str) -> Decimal | None:
    return read_amount(body, name) if name in body else None


def _read_extras(body: Mapping[str, Any]) -> dict[str, Any]:
    extras = {name: body[name] for name in EXTRAS if name in body}
    for name in ("customer_address", "notes"):
        _read_optional_text(extras, name)
    if not isinstance(extras.get("is_free", False), bool):
        raise ApiError(422, "is_free must be true or false")
    if not isinstance(extras.get("categories", []), list):
        raise ApiError(422, "categories must be a list")
    bouquets = extras.get("bouquet_ids", [])
    if not isinstance(bouquets, list) or not all(is_int(each) for each in bouquets):
        raise ApiError(422, "bouquet_ids must be a list of integers")
    return extras
