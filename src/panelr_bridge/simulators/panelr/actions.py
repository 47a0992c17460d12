"""The actions of the API: a table, and one function for each. No HTTP except status numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from panelr_bridge.simulators.panelr import catalogue
from panelr_bridge.simulators.panelr.api_call import ApiCall, read_json_object, read_positive
from panelr_bridge.simulators.panelr.envelope import failure_response, success_response
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.payment_actions import complete_order, send_payment_instructions, submit_payment
from panelr_bridge.simulators.panelr.work_order_input import parse_new_work_order
from panelr_bridge.simulators.transport import HttpResponse

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100


def run_action(panel: Panel, call: ApiCall) -> HttpResponse:
    """Run the requested action and return its response. A failed action changes nothing."""
    try:
        function = _find_action(panel, call)
        data = function(panel, call)
    except ApiError as error:
        retry_after = error.retry_after if panel.settings.sends_retry_after else None
        return failure_response(error.status, error.text, retry_after)
    panel.rate_limiter.count(address=call.address, now=call.arrived_at)
    return success_response(data)


def create_work_order(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Create a work order, without provisioning it."""
    new = parse_new_work_order(
        read_json_object(panel, call),
        products=panel.products,
        methods=panel.payment_methods,
        strict=panel.settings.strict,
    )
    return panel.create(new).created_json()


def get_work_order(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Return one work order by its reference code, and its token or its customer's e-mail address."""
    work_order = panel.find_by_reference(call.query.get("ref", ""))
    token, email = call.query.get("token"), call.query.get("email")
    if work_order is None or not (
        token == work_order.confirmation_token
        or (email is not None and email.casefold() == work_order.customer_email.casefold())
    ):
        raise ApiError(404, "Work order not found")
    method = panel.payment_methods.get(work_order.payment_method_id or 0)
    return work_order.detail_json(
        payment_method=method.name if method else None, with_wc_order_id=panel.settings.shows_wc_order_id
    )


def get_work_orders(panel: Panel, call: ApiCall) -> list[dict[str, Any]]:
    """Return a customer's work orders, newest first."""
    limit = min(read_positive(call.query.get("limit", str(DEFAULT_LIMIT)), "limit"), LARGEST_LIMIT)
    work_orders = panel.list_by_customer(_read_customer_id(panel, call))
    with_wc_order_id = panel.settings.shows_wc_order_id
    return [work_order.list_json(with_wc_order_id=with_wc_order_id) for work_order in work_orders[:limit]]


def get_lines(panel: Panel, call: ApiCall) -> list[dict[str, Any]]:
    """Return a customer's lines in the order of their creation."""
    customer_id = _read_customer_id(panel, call)
    return [
        line.as_json() for line in panel.lines.values() if panel.find_customer_id(line.customer_email) == customer_id
    ]


def get_products(panel: Panel, _call: ApiCall) -> list[dict[str, Any]]:
    """Return the products."""
    return [product.as_json() for product in panel.products.values()]


def get_payment_methods(panel: Panel, _call: ApiCall) -> list[dict[str, Any]]:
    """Return the payment methods."""
    return [method.as_json() for method in panel.payment_methods.values()]


def get_store_settings(_panel: Panel, _call: ApiCall) -> dict[str, Any]:
    """Return the store's settings."""
    return catalogue.store_settings()


@dataclass(frozen=True)
class ApiAction:
    """The HTTP method of an action and its function. The function returns the envelope's data or raises ApiError."""

    method: str
    run: Callable[[Panel, ApiCall], Any]


ACTIONS: Mapping[str, ApiAction] = {
    "create_work_order": ApiAction("POST", create_work_order),
    "get_work_order": ApiAction("GET", get_work_order),
    "get_work_orders": ApiAction("GET", get_work_orders),
    "submit_payment": ApiAction("POST", submit_payment),
    "complete_order": ApiAction("POST", complete_order),
    "send_payment_instructions": ApiAction("POST", send_payment_instructions),
    "get_lines": ApiAction("GET", get_lines),
    "get_products": ApiAction("GET", get_products),
    "get_payment_methods": ApiAction("GET", get_payment_methods),
    "get_store_settings": ApiAction("GET", get_store_settings),
}


def _find_action(panel: Panel, call: ApiCall) -> Callable[[Panel, ApiCall], Any]:
    settings = panel.settings
    panel.key_guard.check(given=call.key, expected=settings.api_key, address=call.address, now=call.arrived_at)
    panel.rate_limiter.check(address=call.address, limit=settings.rate_per_minute, now=call.arrived_at)
    action = ACTIONS.get(call.action)
    is_hidden = call.action == "get_work_orders" and not settings.knows_get_work_orders
    if action is None or is_hidden:
        raise ApiError(404, f"Unknown action {call.action}" if call.action else "action is required")
    if call.method != action.method:
        raise ApiError(405, f"{call.action} must be called with {action.method}")
    return action.run


def _read_customer_id(panel: Panel, call: ApiCall) -> int | None:
    """Return the customer id that a request names; None if no customer has that e-mail address."""
    email, customer_id = call.query.get("customer_email"), call.query.get("customer_id")
    if email:
        return panel.find_customer_id(email)
    if customer_id:
        return read_positive(customer_id, "customer_id")
    raise ApiError(422, "customer_email or customer_id is required")
