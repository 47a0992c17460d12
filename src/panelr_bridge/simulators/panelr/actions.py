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
from panelr_bridge.simulators.panelr.quote_cart import quote_cart
from panelr_bridge.simulators.panelr.renewals import check_renewals
from panelr_bridge.simulators.panelr.work_order_input import parse_new_work_order
from panelr_bridge.simulators.panelr.work_order_views import view_created, view_detail, view_in_list
from panelr_bridge.simulators.panelr.work_orders import WorkOrder
from panelr_bridge.simulators.transport import HttpResponse

DEFAULT_LIMIT = 20


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
    if panel.settings.checks_renewals:
        check_renewals(new.items, panel.lines)
    return view_created(panel.create(new), panel.rules)


def get_work_order(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Return one work order by its reference code, and its token or its customer's e-mail address."""
    work_order = panel.find_by_reference(call.query.get("ref", ""))
    if work_order is None:
        raise ApiError(404, "Work order not found")
    if not _proves(call, work_order):
        if panel.rules.forbids_wrong_proof:
            raise ApiError(403, "The reference code and the token or e-mail address do not go together")
        raise ApiError(404, "Work order not found")
    return view_detail(work_order, panel.payment_methods.get(work_order.payment_method_id or 0), panel.rules)


def get_work_orders(panel: Panel, call: ApiCall) -> list[dict[str, Any]]:
    """Return a customer's work orders, newest first."""
    limit = min(read_positive(call.query.get("limit", str(DEFAULT_LIMIT)), "limit"), panel.settings.list_cap)
    work_orders = panel.list_by_customer(_read_customer_id(panel, call))
    return [view_in_list(work_order, panel.rules) for work_order in work_orders[:limit]]


def get_lines(panel: Panel, call: ApiCall) -> list[dict[str, Any]]:
    """Return a customer's lines in the order of their creation."""
    customer_id = _read_customer_id(panel, call)
    return [
        line.as_json() for line in panel.lines.values() if panel.find_customer_id(line.customer_email) == customer_id
    ]


def get_products(panel: Panel, _call: ApiCall) -> list[dict[str, Any]]:
    """Return the products."""
    return [product.as_json(currency=panel.settings.currency) for product in panel.products.values()]


def get_payment_methods(panel: Panel, _call: ApiCall) -> list[dict[str, Any]]:
    """Return the payment methods."""
    return [method.as_json() for method in panel.payment_methods.values()]


def get_store_settings(panel: Panel, _call: ApiCall) -> dict[str, Any]:
    """Return the store's settings."""
    return catalogue.store_settings(currency=panel.settings.currency, generation=panel.settings.generation)


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
    "quote_cart": ApiAction("POST", quote_cart),
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
    if action is None or call.action in _list_unknown_actions(panel):
        raise ApiError(404, f"Unknown action {call.action}" if call.action else "action is required")
    if call.method != action.method:
        raise ApiError(405, f"{call.action} must be called with {action.method}")
    return action.run


def _list_unknown_actions(panel: Panel) -> list[str]:
    """Return the actions that this installation does not know."""
    known = {"get_work_orders": panel.settings.knows_get_work_orders, "quote_cart": panel.rules.knows_quote_cart}
    return [name for name, is_known in known.items() if not is_known]


def _proves(call: ApiCall, work_order: WorkOrder) -> bool:
    """Return whether a request has the token or the customer's e-mail address of a work order."""
    email = call.query.get("email")
    is_customer = email is not None and email.casefold() == work_order.customer_email.casefold()
    return is_customer or call.query.get("token") == work_order.confirmation_token


def _read_customer_id(panel: Panel, call: ApiCall) -> int | None:
    """Return the customer id that a request names; None if no customer has that e-mail address."""
    email, customer_id = call.query.get("customer_email"), call.query.get("customer_id")
    if email:
        return panel.find_customer_id(email)
    if customer_id:
        return read_positive(customer_id, "customer_id")
    raise ApiError(422, "customer_email or customer_id is required")
