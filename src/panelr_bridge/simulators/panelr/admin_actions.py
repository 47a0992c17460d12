"""What an administrator does with a work order. There is no API action for any of this."""

from datetime import UTC, datetime

from panelr_bridge.simulators.panelr.cart import CartItem
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.work_orders import WorkOrder


class AdminActionError(ValueError):
    """An administrator's action that the work order's status does not allow."""


def provision(panel: Panel, work_order: WorkOrder) -> None:
    """Set up the lines of new activations and complete the work order."""
    for item in work_order.cart:
        if item.intent == "new_activation" and item.activation_id is None:
            _activate(panel, work_order, item)
    _set_status(work_order, "completed")


def reset_payment(work_order: WorkOrder) -> None:
    """Set payment_submitted back to pending_payment. Raises AdminActionError unless a balance remains."""
    _require(work_order, "payment_submitted")
    if not work_order.balance_due:
        raise AdminActionError("The work order has no balance left")
    _set_status(work_order, "pending_payment")


def void(panel: Panel, work_order: WorkOrder) -> None:
    """Cancel a completed work order and end its lines. Raises AdminActionError for another status."""
    _require(work_order, "completed")
    _set_lines(panel, work_order, "canceled")
    _set_status(work_order, "canceled")


def dispute(panel: Panel, work_order: WorkOrder) -> None:
    """Flag a completed work order and suspend its lines. Raises AdminActionError for another status."""
    _require(work_order, "completed")
    _set_lines(panel, work_order, "suspended")
    work_order.disputed = True
    _set_status(work_order, "completed")


def _activate(panel: Panel, work_order: WorkOrder, item: CartItem) -> None:
    product = panel.products[item.product_id]
    username = f"user{work_order.id}x{len(panel.lines) + 1}"
    line = panel.add_line(
        work_order.customer_email,
        is_trial=product.is_trial,
        plugin_id=item.plugin_id,
        plugin_name=item.plugin_name,
        product_name=item.name,
        connections=product.connections,
        usernames=[username],
    )
    item.activation_id, item.linked_username = line.id, username


def _set_lines(panel: Panel, work_order: WorkOrder, status: str) -> None:
    for item in work_order.cart:
        if item.activation_id in panel.lines:
            panel.edit_line(item.activation_id, status=status)


def _set_status(work_order: WorkOrder, status: str) -> None:
    work_order.status = status
    work_order.updated_at = datetime.now(UTC)


def _require(work_order: WorkOrder, status: str) -> None:
    if work_order.status != status:
        raise AdminActionError(f"The work order is {work_order.status}; it must be {status}")
