"""The JSON forms of a work order in the answers of the actions, according to the panel's settings."""

from datetime import UTC, datetime
from typing import Any

from panelr_bridge.simulators.panelr.cart import CartItem
from panelr_bridge.simulators.panelr.catalogue import PaymentMethod
from panelr_bridge.simulators.panelr.pricing import show_amount
from panelr_bridge.simulators.panelr.settings import PanelSettings
from panelr_bridge.simulators.panelr.work_orders import WorkOrder


def view_created(work_order: WorkOrder, settings: PanelSettings) -> dict[str, Any]:
    """Return the data of create_work_order."""
    token = {"confirmation_token": work_order.confirmation_token}
    return _view_head(work_order) | token | _view_summary(work_order, settings)


def view_queued(work_order: WorkOrder, settings: PanelSettings) -> dict[str, Any]:
    """Return the data of complete_order."""
    return _view_head(work_order) | _view_summary(work_order, settings)


def view_submitted(work_order: WorkOrder, *, with_amount: bool) -> dict[str, Any]:
    """Return the data of submit_payment. Assumption: `amount_paid` is the sum of all payments."""
    answer = _view_head(work_order) | {"fully_paid": not work_order.balance_due}
    amounts = {"amount_paid": show_amount(work_order.paid), "balance_due": show_amount(work_order.balance_due)}
    return answer | amounts if with_amount else answer


def view_detail(work_order: WorkOrder, method: PaymentMethod | None, settings: PanelSettings) -> dict[str, Any]:
    """Return the data of get_work_order."""
    is_newer = settings.shows_details
    charges = work_order.charges
    adjustment = charges.shown_adjustment
    detail = {
        "reference_code": work_order.reference_code,
        "status": work_order.status,
        "type": work_order.type,
        "source": work_order.source,
        "customer_email": work_order.customer_email,
        "customer_name": work_order.customer_name,
        "currency": work_order.currency,
        "cart": [_view_item(item, settings) for item in work_order.cart],
        "snap_total": show_amount(work_order.snap_total),
        "order_total": show_amount(work_order.order_total),
        "prev_paid": show_amount(work_order.paid),
        "balance_due": show_amount(work_order.balance_due),
        "has_partials": bool(work_order.paid and work_order.balance_due),
        "payment_history": [{"amount": each.amount, "at": format_time(each.at)} for each in work_order.payments],
        "adjustment": adjustment.as_json() if adjustment else None,
        "payment_method": (method.order_json() if is_newer else method.name) if method else None,
        "created_at": format_time(work_order.created_at),
        "updated_at": format_time(work_order.updated_at),
    }
    if not is_newer:
        return detail
    return detail | {
        "coupon": _view_coupon(work_order),
        "bundles": [each.as_json() for each in charges.bundles],
        "credits_paid": work_order.credits_spent,
        "disputed": work_order.disputed,
    }


def view_in_list(work_order: WorkOrder, settings: PanelSettings) -> dict[str, Any]:
    """Return one entry of get_work_orders."""
    adjustment = work_order.charges.shown_adjustment
    ids = [item.activation_id for item in work_order.cart if item.activation_id is not None]
    return {
        "reference_code": work_order.reference_code,
        "status": work_order.status,
        "currency": work_order.currency,
        "created_at": format_time(work_order.created_at),
        "items": [item.list_json(with_wc_order_id=settings.shows_wc_order_id) for item in work_order.cart],
        "order_total": show_amount(work_order.order_total),
        "balance_due": show_amount(work_order.balance_due),
        "adjustment": adjustment.as_json() if adjustment else None,
        "coupon": _view_coupon(work_order),
        **({"activation_ids": ids} if settings.shows_activation_ids else {}),
    }


def view_everything(work_order: WorkOrder) -> dict[str, Any]:
    """Return the complete work order for the controls. A real Panelr never sends this."""
    settings = PanelSettings(api_key="none")
    return (
        view_detail(work_order, None, settings)
        | view_created(work_order, settings)
        | {
            "wc_order_id": work_order.wc_order_id,
            "customer_id": work_order.customer_id,
            "customer_phone": work_order.customer_phone,
            "payment_method": work_order.payment_method_id,
            "referral_code": work_order.referral_code,
            "store_discount": work_order.store_discount,
            "payments": [
                {"amount": each.amount, "at": format_time(each.at), "transaction_id": each.transaction_id}
                for each in work_order.payments
            ],
            "instructions": [
                {"at": format_time(each.at), "confirm_url": each.confirm_url} for each in work_order.instructions
            ],
            "notes": work_order.notes,
            "extras": work_order.extras,
        }
    )


def format_time(moment: datetime) -> str:
    """Return a time in Panelr's format: UTC, whole seconds, no offset."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _view_item(item: CartItem, settings: PanelSettings) -> dict[str, Any]:
    """Return an item in the form of get_work_order."""
    if not settings.shows_details:
        return item.list_json(with_wc_order_id=settings.shows_wc_order_id)
    shown = item.detail_json(with_wc_order_id=settings.shows_wc_order_id)
    return shown if settings.shows_activation_ids else {**shown, "activation_id": None}


def _view_head(work_order: WorkOrder) -> dict[str, Any]:
    return {
        "work_order_id": work_order.id,
        "reference_code": work_order.reference_code,
        "status": work_order.status,
    }


def _view_summary(work_order: WorkOrder, settings: PanelSettings) -> dict[str, Any]:
    summary: dict[str, Any] = {"type": work_order.type, "item_count": len(work_order.cart)}
    if not settings.answers_totals:
        return summary
    return summary | {
        "order_total": show_amount(work_order.order_total),
        "bundle_discount": show_amount(work_order.charges.bundle_discount),
        "coupon_discount": show_amount(work_order.charges.coupon_discount),
        "credits_spent": work_order.credits_spent,
    }


def _view_coupon(work_order: WorkOrder) -> dict[str, Any] | None:
    coupon = work_order.charges.coupon
    return coupon.order_json() if coupon else None
