"""Builds the requests to Panelr (source: Panelr's API documentation and its own plugin). No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import simplejson

from panelr_bridge import json_codec
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import CartItem, ItemIntent, PriceAdjustment, WorkOrderRequest
from panelr_bridge.domain.panelr_values import WorkOrderProof

ENTRY_POINT = "/api/api.php"
ENDINGS = (ENTRY_POINT, "/api/process.php")
LISTED_WORK_ORDERS = 50


@dataclass(frozen=True, slots=True)
class PanelrRequest:
    """One request to Panelr: the action, its query and, for a POST, its body."""

    action: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def method(self) -> str:
        """POST with a body, GET without."""
        return "GET" if self.body is None else "POST"


def entry_points(base_url: str) -> tuple[str, ...]:
    """Return the addresses that the API may have for any usual form of `base_url`, the likelier one first.

    These are `https://panel.example`, optionally with a folder, and with `/`, `/api/api.php`, `/api/process.php` or a
    query at the end. An address that ends in `/api` may name the API's own folder or a folder of that name.
    """
    parts = urlsplit(base_url.strip())
    path = parts.path.rstrip("/")
    ending = next((ending for ending in ENDINGS if path.endswith(ending)), "")
    folders = [path.removesuffix(ending)]
    if not ending and path.endswith("/api"):
        folders.insert(0, path.removesuffix("/api"))
    paths = (folder.rstrip("/") + ENTRY_POINT for folder in folders)
    return tuple(urlunsplit((parts.scheme, parts.netloc, path, "", "")) for path in paths)


def create_work_order(body: bytes) -> PanelrRequest:
    """Return the call that creates a work order; `body` is written by `dump`."""
    return PanelrRequest("create_work_order", body=body)


def get_work_orders(*, customer_email: str) -> PanelrRequest:
    """Return the call that lists a customer's work orders, newest first."""
    return PanelrRequest(
        "get_work_orders", query=(("customer_email", customer_email), ("limit", str(LISTED_WORK_ORDERS)))
    )


def get_work_order(
    *, reference_code: str, confirmation_token: str | None = None, customer_email: str | None = None
) -> PanelrRequest:
    """Return the call that shows one work order, proved by its token or else by its customer's e-mail address.

    Raises ValueError if both are missing.
    """
    if confirmation_token is not None:
        return PanelrRequest("get_work_order", query=(("ref", reference_code), ("token", confirmation_token)))
    if customer_email is None:
        raise ValueError("get_work_order needs a confirmation token or the customer's e-mail address")
    return PanelrRequest("get_work_order", query=(("ref", reference_code), ("email", customer_email)))


def submit_payment(*, proof: WorkOrderProof, amount: Decimal | None, transaction_id: str | None) -> PanelrRequest:
    """Return the call that adds `amount` to a work order's payments; sent twice, it counts twice.

    Without an amount, Panelr changes the work order's status and records no payment.
    """
    return _build_post(
        "submit_payment", _proof_fields(proof) | {"payment_transaction_id": transaction_id, "amount": amount}
    )


def complete_order(
    *,
    confirmation_token: str,
    amount: Decimal | None,
    transaction_id: str | None,
    payment_method_id: int | None,
    store_discount: Decimal | None = None,
    is_free: bool = False,
) -> PanelrRequest:
    """Return the call that marks an existing work order paid and has it provisioned (Panelr 2.0).

    `store_discount` is the part of the work order's total that the shop's own coupons pay.
    """
    content = {
        "confirmation_token": confirmation_token,
        "payment_transaction_id": transaction_id,
        "payment_amount": amount,
        "payment_method_id": payment_method_id,
        "store_discount": store_discount,
        "is_free": is_free or None,
    }
    return _build_post("complete_order", content)


def send_payment_instructions(*, work_order_id: int, confirm_url: str) -> PanelrRequest:
    """Return the call that e-mails payment instructions; `confirm_url` is the customer's page to return to."""
    return _build_post("send_payment_instructions", {"work_order_id": work_order_id, "confirm_url": confirm_url})


def quote_cart(request: WorkOrderRequest) -> PanelrRequest:
    """Return the call that has Panelr reckon a cart: bundles, the coupon and the payment method. It creates nothing."""
    content = {
        "customer_email": request.customer_email or None,
        "payment_method_id": request.payment_method_id,
        "coupon_code": request.coupon_code,
        "items": [_item_fields(item) for item in request.items],
    }
    return _build_post("quote_cart", content)


def get_lines(*, customer_email: str) -> PanelrRequest:
    """Return the call that lists a customer's lines."""
    return PanelrRequest("get_lines", query=(("customer_email", customer_email),))


def get_products() -> PanelrRequest:
    """Return the call that lists Panelr's products."""
    return PanelrRequest("get_products")


def get_payment_methods() -> PanelrRequest:
    """Return the call that lists Panelr's payment methods; being cheap, it also checks the address and the key."""
    return PanelrRequest("get_payment_methods")


def get_store_settings() -> PanelrRequest:
    """Return the probe's call: cheap, and about no order. An older Panelr refuses it, which is an answer too."""
    return PanelrRequest("get_store_settings")


def dump(request: WorkOrderRequest) -> bytes:
    """Return create_work_order's JSON body; Decimals become JSON numbers digit for digit."""
    return _encode_json(as_json(request))


def as_json(request: WorkOrderRequest) -> dict[str, Any]:
    """Return create_work_order's parameters without those that are None."""
    adjustment = request.adjustment
    content = {
        "customer_email": request.customer_email,
        "customer_name": request.customer_name,
        "customer_phone": request.customer_phone,
        "payment_method_id": request.payment_method_id,
        "payment_amount": request.payment_amount,
        "status": request.status,
        "wc_order_id": request.wc_order_id,
        "source": request.source,
        "adjustment_direction": adjustment and adjustment.direction,
        "adjustment_label": adjustment and adjustment.label,
        "adjustment_amount": adjustment and adjustment.amount,
        "coupon_code": request.coupon_code,
        "referral_code": request.referral_code,
        "items": [_item_fields(item) for item in request.items],
    }
    return _without_none(content)


def load(body: str | bytes) -> WorkOrderRequest:
    """Return the request in a body written by `dump`."""
    content: Mapping[str, Any] = simplejson.loads(body, use_decimal=True)
    adjustment = (
        PriceAdjustment(
            direction=content["adjustment_direction"],
            label=content["adjustment_label"],
            amount=Decimal(content["adjustment_amount"]),
        )
        if "adjustment_direction" in content
        else None
    )
    return WorkOrderRequest(
        customer_email=content["customer_email"],
        status=content["status"],
        items=tuple(
            CartItem(
                product_id=item["product_id"],
                intent=ItemIntent(item["intent"]),
                qty=item["qty"],
                activation_id=item.get("activation_id"),
                unit_price=_optional_decimal(item.get("unit_price")),
                pay_with_points=item.get("pay_with_points", False),
            )
            for item in content["items"]
        ),
        wc_order_id=content["wc_order_id"],
        customer_name=content.get("customer_name"),
        customer_phone=content.get("customer_phone"),
        payment_method_id=content.get("payment_method_id"),
        payment_amount=_optional_decimal(content.get("payment_amount")),
        adjustment=adjustment,
        coupon_code=content.get("coupon_code"),
        referral_code=content.get("referral_code"),
        source=content["source"],
    )


def activations_in(request: WorkOrderRequest) -> tuple[Activation, ...]:
    """Return the lines that a request names: those that it renews or upgrades."""
    items = request.items
    return tuple(Activation(item.activation_id, item.product_id) for item in items if item.activation_id is not None)


def _build_post(action: str, content: Mapping[str, Any]) -> PanelrRequest:
    return PanelrRequest(action, body=_encode_json(_without_none(content)))


def _proof_fields(proof: WorkOrderProof) -> dict[str, Any]:
    """Return the token alone if there is one: Panelr wants a single proof."""
    if proof.confirmation_token is not None:
        return {"confirmation_token": proof.confirmation_token}
    return {"reference_code": proof.reference_code, "customer_email": proof.customer_email}


def _without_none(content: Mapping[str, Any]) -> dict[str, Any]:
    """Drop fields that are None: Panelr accepts no null."""
    return {name: value for name, value in content.items() if value is not None}


def _encode_json(content: Mapping[str, Any]) -> bytes:
    return json_codec.ascii_only(content).encode()


def _item_fields(item: CartItem) -> dict[str, Any]:
    content = {
        "product_id": item.product_id,
        "intent": item.intent,
        "qty": item.qty,
        "activation_id": item.activation_id,
        "unit_price": item.unit_price,
        "pay_with_points": item.pay_with_points or None,
    }
    return _without_none(content)


def _optional_decimal(value: Any) -> Decimal | None:
    """Return an amount as a Decimal; JSON reads a whole one as an int."""
    return None if value is None else Decimal(value)
