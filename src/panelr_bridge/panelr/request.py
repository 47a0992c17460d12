"""What is sent to Panelr, built without I/O (source: Panelr's API page for create_work_order)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import simplejson

from panelr_bridge.values import Adjustment, CartItem, Intent, WorkOrderRequest

ENTRY_POINT = "/api/api.php"
LISTED_WORK_ORDERS = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One request to Panelr: the action, its query and, for a POST, its body."""

    action: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def method(self) -> str:
        """POST with a body, GET without."""
        return "GET" if self.body is None else "POST"


def entry_point(base_url: str) -> str:
    """Return the one address of the API, whichever form of it an operator saved.

    `https://panel.example`, with a slash, with a folder, with `/api`, `/api/`, `/api/api.php` or a query on its end.
    """
    parts = urlsplit(base_url.strip())
    path = parts.path.rstrip("/")
    for ending in (ENTRY_POINT, "/api"):
        path = path.removesuffix(ending).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path + ENTRY_POINT, "", ""))


def create_work_order(request: WorkOrderRequest) -> Call:
    """Return the call that creates `request`."""
    return Call("create_work_order", body=dump(request))


def get_work_orders(*, customer_email: str) -> Call:
    """Return the call that lists a customer's work orders, newest first."""
    return Call("get_work_orders", query=(("customer_email", customer_email), ("limit", str(LISTED_WORK_ORDERS))))


def get_products() -> Call:
    """Return the call that lists Panelr's products."""
    return Call("get_products")


def get_payment_methods() -> Call:
    """Return the call that lists Panelr's payment methods; cheap, so it also proves address and key."""
    return Call("get_payment_methods")


def dump(request: WorkOrderRequest) -> bytes:
    """Return create_work_order's JSON body; Decimals become JSON numbers digit for digit."""
    text: str = simplejson.dumps(as_json(request), use_decimal=True, separators=(",", ":"))
    return text.encode()


def as_json(request: WorkOrderRequest) -> dict[str, Any]:
    """Return create_work_order's parameters; what is None is left out."""
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
        "items": [_item(item) for item in request.items],
    }
    return {name: value for name, value in content.items() if value is not None}


def load(body: str | bytes) -> WorkOrderRequest:
    """Return the request that `dump` wrote."""
    content: Mapping[str, Any] = simplejson.loads(body, use_decimal=True)
    adjustment = (
        Adjustment(
            direction=content["adjustment_direction"],
            label=content["adjustment_label"],
            amount=_decimal(content["adjustment_amount"]),
        )
        if "adjustment_direction" in content
        else None
    )
    amount = content.get("payment_amount")
    return WorkOrderRequest(
        customer_email=content["customer_email"],
        status=content["status"],
        items=tuple(
            CartItem(
                product_id=item["product_id"],
                intent=Intent(item["intent"]),
                qty=item["qty"],
                activation_id=item.get("activation_id"),
            )
            for item in content["items"]
        ),
        wc_order_id=content["wc_order_id"],
        customer_name=content.get("customer_name"),
        customer_phone=content.get("customer_phone"),
        payment_method_id=content.get("payment_method_id"),
        payment_amount=None if amount is None else _decimal(amount),
        adjustment=adjustment,
        source=content["source"],
    )


def _item(item: CartItem) -> dict[str, Any]:
    content = {"product_id": item.product_id, "intent": item.intent.value, "qty": item.qty}
    return content if item.activation_id is None else content | {"activation_id": item.activation_id}


def _decimal(value: Any) -> Decimal:
    """A whole number of money is written without a point and read back as an int."""
    return Decimal(value)
