"""Controls of the work orders: what an administrator or the provisioning does."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.admin_actions import AdminActionError, dispute, provision, reset_payment, void
from panelr_bridge.simulators.panelr.control.request import (
    BadRequestError,
    get_panel,
    json_response,
    not_found_response,
    read_object,
)
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.work_order_views import view_everything
from panelr_bridge.simulators.panelr.work_orders import CREATE_STATUSES, LATER_STATUSES, WorkOrder

STATUSES = (*CREATE_STATUSES, *LATER_STATUSES)
ADMIN_ACTIONS: dict[str, Callable[[Panel, WorkOrder], None]] = {
    "provision": provision,
    "reset-payment": lambda _panel, work_order: reset_payment(work_order),
    "void": void,
    "dispute": dispute,
}
PAGES = {
    "GET /_sim/work-orders": "the complete work orders, with payments and sent instructions; filter with ?wc_order_id=",
    "POST /_sim/work-orders/{id}/status": "set the status, as an admin does: an object with status",
    "POST /_sim/work-orders/{id}/provision": "set up the lines of new activations, and complete the work order",
    "POST /_sim/work-orders/{id}/reset-payment": "set payment_submitted back to pending_payment while a balance "
    "remains",
    "POST /_sim/work-orders/{id}/void": "cancel a completed work order; its lines end",
    "POST /_sim/work-orders/{id}/dispute": "flag a completed work order; its lines are suspended",
}


async def list_work_orders(request: Request) -> Response:
    """List the complete work orders, oldest first."""
    panel, wc_order_id = get_panel(request), request.query_params.get("wc_order_id")
    work_orders = list(panel.work_orders.values()) if wc_order_id is None else panel.of_wc_order(wc_order_id)
    return json_response([view_everything(each) for each in work_orders])


async def set_status(request: Request) -> Response:
    """Set the status of a work order, as an admin or the provisioning does."""
    status = (await read_object(request, ("status",))).get("status")
    if status not in STATUSES:
        raise BadRequestError(f"status must be one of {', '.join(STATUSES)}")
    try:
        work_order = get_panel(request).set_status(request.path_params["id"], status)
    except KeyError:
        return not_found_response("work order")
    return json_response(view_everything(work_order))


async def run_admin_action(request: Request) -> Response:
    """Do what an administrator does; answer 400 if the work order's status does not allow it."""
    panel, parameters = get_panel(request), request.path_params
    work_order, action = panel.work_orders.get(parameters["id"]), ADMIN_ACTIONS.get(parameters["action"])
    if work_order is None:
        return not_found_response("work order")
    if action is None:
        return not_found_response("control")
    try:
        action(panel, work_order)
    except AdminActionError as error:
        raise BadRequestError(str(error)) from error
    return json_response(view_everything(work_order))


ROUTES = [
    Route("/work-orders", list_work_orders),
    Route("/work-orders/{id:int}/status", set_status, methods=["POST"]),
    Route("/work-orders/{id:int}/{action}", run_admin_action, methods=["POST"]),
]
