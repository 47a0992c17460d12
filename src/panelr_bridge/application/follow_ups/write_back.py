"""Follow-up `write_back`: save the work order in the WooCommerce order, as meta, one note, and a final status."""

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from panelr_bridge.application.follow_ups.exchange import FollowUpExchange, ask_shop
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
    ShopOrders,
)
from panelr_bridge.domain.call_outcome import Done, Refused
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.continuation import OWN_MARKS_KEY
from panelr_bridge.domain.follow_up_rules import CreatedOrder, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, PluginKeys, Reason
from panelr_bridge.domain.plugin_meta import carries_plugin_meta, has_balance_payment
from panelr_bridge.domain.relation import RelationKind, has_sub_orders
from panelr_bridge.errors import ShopUnsupported

ACTION = "write_back"
WRITE_TIMEOUT = timedelta(seconds=120)
"""The longest time for one write-back: it is several requests, and the client repeats some of them."""
LEASE_MARGIN = timedelta(seconds=30)
NOTE_ONLY = "the order has a note alone: its market place makes new vendors' orders at every other write"


def plan(created: CreatedOrder) -> Step | None:
    """Schedule a write-back if the order should hold something else than what was written last."""
    if not created.store.writes_back or created.order.status == "trash" or _is_sub_order(created):
        return None
    state = created.follow_ups.get(FollowUpKind.WRITE_BACK)
    before: Mapping[str, Any] = state.content if state is not None else {}
    wanted = wanted_content(created, before)
    if before.get("wanted") == wanted:
        return None
    return Schedule(FollowUpKind.WRITE_BACK, created.now, {**before, "wanted": wanted})


def wanted_content(created: CreatedOrder, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the WooCommerce order should hold.

    Meta keys have no leading underscore, because the Orders resource refuses those; the plugin's keys come beside them.
    The confirmation token itself is not part of the content, only the wish to write it. A market place's order gets
    the note alone: at every other write the market place deletes the vendors' orders and makes new ones.
    """
    if has_sub_orders(created.order):
        return {"meta": {}}
    work_order = created.work_order
    meta = {
        "panelr_work_order_id": work_order.work_order_id,
        "panelr_reference_code": work_order.reference_code,
        "panelr_status": work_order.status,
    }
    if _writes_plugin_keys(created):
        meta |= {f"_{key}": value for key, value in meta.items()}
    if created.relation is not None and created.relation.renews:  # plugins copy a first order's keys to it
        meta[OWN_MARKS_KEY] = created.order.id
    wanted: dict[str, Any] = {"meta": {key: str(value) for key, value in meta.items() if value is not None}}
    if created.store.with_token and work_order.confirmation_token is not None:
        wanted["with_token"] = True
    completes = created.order.status == "processing" and work_order.status == "completed" and created.store.completes
    if completes or (created.order.status == "completed" and "status" in before.get("wanted", {})):
        wanted["status"] = "completed"
    return wanted


def _is_sub_order(created: CreatedOrder) -> bool:
    return created.relation is not None and created.relation.kind is RelationKind.SUB_ORDER


def _writes_plugin_keys(created: CreatedOrder) -> bool:
    """Return whether Panelr's plugin should see that the order was sent, so that it does not list it as never sent.

    The keys are left to the plugin where it sent the order, or where they name another work order that the order pays.
    """
    keys = created.store.plugin_keys
    if keys is PluginKeys.NEVER or created.by_plugin or has_balance_payment(created.order):
        return False
    return keys is PluginKeys.ALWAYS or carries_plugin_meta(created.order)


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Write the wanted content, then the note if the order has none yet."""
    content = dict(task.content)
    exchange = await ask_shop(
        context, task, lambda client: _write(client, task, content), action=ACTION, limit=WRITE_TIMEOUT
    )
    return _result(exchange, content, call_policy=context.call_policy)


async def _write(client: ShopOrders, task: FollowUpTask, content: dict[str, Any]) -> None:
    """Write step by step; `content` records each finished step, so that a retry continues there."""
    wanted = content["wanted"]
    if content.get("written") != wanted and wanted["meta"]:
        token = {"panelr_confirmation_token": task.work_order.confirmation_token} if "with_token" in wanted else {}
        meta = [{"key": key, "value": value} for key, value in (wanted["meta"] | token).items()]
        # the status is written once: a later change in the shop stays
        is_new_status = "status" in wanted and "status" not in content.get("written", {})
        status = {"status": wanted["status"]} if is_new_status else {}
        await client.update_order(task.woo_order_id, {"meta_data": meta} | status)
        content["written"] = wanted
    if not content.get("noted"):
        await _write_note(client, task)
        content["noted"] = True


async def _write_note(client: ShopOrders, task: FollowUpTask) -> None:
    """Add the note once: an earlier attempt may have ended after the note and before its record."""
    name = task.work_order.reference_code or f"number {task.work_order.work_order_id}"
    note = f"Panelr work order {name} belongs to this order."
    with contextlib.suppress(ShopUnsupported):
        is_first = task.attempt == 1 and not task.adopted
        if is_first or not await client.has_note(task.woo_order_id, note=note):
            await client.add_note(task.woo_order_id, note=note)


def _result(exchange: FollowUpExchange, content: dict[str, Any], *, call_policy: CallPolicy) -> FollowUpResult:
    changes = {"told": content}
    if isinstance(exchange.outcome, Done):
        written = ", ".join(f"{key} {value}" for key, value in content["wanted"]["meta"].items())
        words = f"the order carries {written}" if written else NOTE_ONLY
        return exchange.result(words, done=True, changes=changes)
    if isinstance(exchange.outcome, Refused):
        words = f"the shop refused to take the work order: {exchange.outcome.words}"
        return exchange.result(words, attention=Reason("write_back_failed", words), changes=changes)
    return exchange.retry(call_policy, changes=changes)


SPEC = FollowUpSpec(
    kind=FollowUpKind.WRITE_BACK,
    plans_for=CreatedOrder,
    plan=plan,
    carry_out=carry_out,
    calls_panelr=False,
    lease=WRITE_TIMEOUT + LEASE_MARGIN,
    gave_up=Reason("write_back_failed", "the work order could not be saved in the shop"),
    attention_codes=frozenset({"write_back_failed"}),
)
