"""Reads what Panelr's own plugin, and the bridge's write-back, left in an order's meta. Pure.

An order may name its work order, pay for another one's balance, or be one that the plugin itself will still send.
"""

from panelr_bridge import text_limits
from panelr_bridge.domain.line_intent import BALANCE_PAYMENT, POSITIVE, read_intent
from panelr_bridge.domain.models import Reason
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.woocommerce.order_payload import LineItem, Order

_PLUGIN, _BRIDGE = "_panelr_", "panelr_"
"""What the keys of each begin with."""
_BY_PLUGIN = Reason(
    "adopted_from_plugin", "Panelr's own plugin had already sent this order; its work order was adopted"
)
_BY_ORDER = Reason("adopted_from_order", "the order in WooCommerce already carries this work order; it was adopted")
_TOKEN_TOO_LONG = Reason(
    "token_not_adopted",
    f"the confirmation token in the order's meta is longer than {text_limits.CONFIRMATION_TOKEN} characters and was"
    " left out: Panelr gets the reference code and the e-mail address in its place",
)
_SENDING_STATES = frozenset({"held", "awaiting_payment"})


def carries_plugin_meta(order: Order) -> bool:
    """Return whether the plugin has left anything in the meta of the order or its lines."""
    metas = (order.meta_data, *(line.meta_data for line in order.line_items))
    return any(isinstance(key, str) and key.startswith(_PLUGIN) for entries in metas for key, _ in entries)


def has_balance_payment(order: Order) -> bool:
    """Return whether the order, or one of its lines, pays for an existing work order."""
    return order.has_flag("_panelr_balance_payment") or any(map(_pays_balance, order.line_items))


def balance_payment_reason(order: Order) -> Reason | None:
    """Return the reason that the whole order pays for an existing work order; None if it does not.

    An order with other lines beside its balance payment is not such an order.
    """
    if not _pays_only_balance(order):
        return None
    codes = [part.meta("_panelr_reference_code") for part in order.line_items]
    code = order.meta("_panelr_reference_code") or next(filter(None, codes), None)
    paid = "an existing work order" if code is None else f"work order {code[: text_limits.REFERENCE_CODE]}"
    words = (
        f"this order pays the rest of {paid}: Panelr's own plugin records the payment there."
        " If Panelr does not show it, record it in Panelr"
    )
    return Reason("balance_payment", words)


def _pays_only_balance(order: Order) -> bool:
    lines = order.line_items
    if lines and all(map(_pays_balance, lines)):
        return True
    return order.has_flag("_panelr_balance_payment") and not any(map(_pays_balance, lines))


def _pays_balance(line: LineItem) -> bool:
    return bool(line.panelr_metas) and read_intent(line.panelr_metas) == BALANCE_PAYMENT


def plugin_sends_reason(order: Order) -> Reason | None:
    """Return the reason that the plugin itself will still send the order; None if it will not."""
    state = (order.meta("_panelr_state") or "").casefold()
    if state not in _SENDING_STATES or _read_id(order, _PLUGIN) is not None:
        return None
    words = (
        f"Panelr's own plugin will send this order itself (its _panelr_state is {state})."
        " If the bridge is to send it, empty the plugin's payment map first, then retry the order here"
    )
    return Reason("plugin_will_send", words)


def find_work_order(order: Order) -> tuple[WorkOrder, tuple[Reason, ...]] | None:
    """Return the work order that the order's meta names, with the reasons for its adoption; None for none.

    The plugin writes keys with an underscore after it has sent the order; a second work order would be a duplicate.
    The bridge writes keys without it, always with the reference code, and so finds its work orders again after a loss
    of its tables. Beside the plugin it writes the plugin's keys too, but never a token under them. The plugin's keys in
    an order with a balance payment name the work order that it pays, which is none of its own.
    """
    if not order.panelr_metas:
        return None
    own = _read_work_order(order, _BRIDGE)
    own = own if own is not None and own.reference_code is not None else None
    plugins = _read_work_order(order, _PLUGIN)
    if plugins is not None and has_balance_payment(order):
        plugins = None
    if plugins is None or (own is not None and _is_echo(plugins, own)):
        found, reason = own, _BY_ORDER
    else:
        found, reason = plugins, _BY_PLUGIN
    if found is None:
        return None
    prefix = _PLUGIN if reason is _BY_PLUGIN else _BRIDGE
    token = order.meta(f"{prefix}confirmation_token") or ""
    return found, (reason,) if len(token) <= text_limits.CONFIRMATION_TOKEN else (reason, _TOKEN_TOO_LONG)


def sent_by_plugin_too(*, sent: Order, now: Order) -> list[Reason]:
    """Return the reason for attention if the plugin has made a second work order since `sent` got the bridge's."""
    if has_balance_payment(now):
        return []
    key = f"{_PLUGIN}reference_code"
    code = _read_text(now, key, text_limits.REFERENCE_CODE)
    if code in {None, sent.meta(key), now.meta(f"{_BRIDGE}reference_code")}:
        return []
    words = f"Panelr's own plugin sent this order too, as work order {code}: cancel one of the two in Panelr"
    return [Reason("sent_by_plugin_too", words)]


def reference_reasons(order: Order) -> list[Reason]:
    """Return why the order's meta may name a work order that cannot be read."""
    words = "is longer than a reference code of Panelr's: correct it, or remove it if the order has no work order yet"
    return [
        Reason("unusable_reference_code", f"the order's meta {key} {words}")
        for key in (f"{_BRIDGE}reference_code", f"{_PLUGIN}reference_code")
        if len(order.meta(key) or "") > text_limits.REFERENCE_CODE
        and not (key.startswith(_PLUGIN) and has_balance_payment(order))
    ]


def _is_echo(plugins: WorkOrder, own: WorkOrder) -> bool:
    """Return whether the bridge wrote the plugin's keys: they name its own work order, without the plugin's token."""
    return plugins.reference_code == own.reference_code and plugins.confirmation_token is None


def _read_work_order(order: Order, prefix: str) -> WorkOrder | None:
    work_order_id = _read_id(order, prefix)
    reference_code = _read_text(order, f"{prefix}reference_code", text_limits.REFERENCE_CODE)
    if work_order_id is None and reference_code is None:
        return None
    return WorkOrder(
        reference_code=reference_code,
        work_order_id=work_order_id,
        confirmation_token=_read_text(order, f"{prefix}confirmation_token", text_limits.CONFIRMATION_TOKEN),
        status=_read_status(order, prefix),
    )


def _read_id(order: Order, prefix: str) -> int | None:
    text = order.meta(f"{prefix}work_order_id") or ""
    return int(text) if POSITIVE.fullmatch(text) else None


def _read_text(order: Order, key: str, longest: int) -> str | None:
    """Return the text under `key`; None for a longer one, because a part of it would name something else."""
    text = order.meta(key)
    return text if text is not None and len(text) <= longest else None


def _read_status(order: Order, prefix: str) -> str | None:
    """Return the work order's status; Panelr spells canceled in two ways."""
    text = _read_text(order, f"{prefix}status", text_limits.STATUS)
    return None if text is None else {"cancelled": "canceled"}.get(text.casefold(), text.casefold())
