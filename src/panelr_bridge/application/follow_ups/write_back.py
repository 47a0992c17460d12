"""Letting the order in WooCommerce carry its work order: meta, once a note, and on completion its status."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any, Protocol

from panelr_bridge.application.follow_ups.lease import WRITING, FollowUpResult, FollowUpTask
from panelr_bridge.application.follow_ups.panelr_request import PanelrExchange
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain.call_outcome import Done, Misconfigured, Outcome, Refused, Unknown
from panelr_bridge.domain.models import Reason
from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopNotFound, ShopRefused, ShopUnsupported

ACTION = "write_back"


class OrderWriter(Protocol):
    """The store's API, as far as this writes to it; both raise ShopError."""

    async def update_order(self, order_id: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Change an order; what may have happened is checked before it is repeated."""

    async def add_note(self, order_id: int, *, note: str) -> None:
        """Add a private note; raises NotOffered where there are none."""

    async def has_note(self, order_id: int, *, note: str) -> bool:
        """Return whether the order has just this note; raises NotOffered where there are none."""


async def carry_out(
    calls: PanelrCaller, writers: Mapping[str, OrderWriter], errand: FollowUpTask, *, terms: CallPolicy
) -> FollowUpResult:
    """Write what the order shall carry, then the note if it has none yet."""
    started_at, began = calls.clock(), time.monotonic()
    told = dict(errand.told)
    outcome: Outcome = Done(words="written", data=None)
    writer = writers.get(errand.store)
    try:
        if writer is None:
            outcome = Misconfigured(words=f"the store {errand.store} has no API settings any more: see BRIDGE_WOO_URL")
        else:
            async with asyncio.timeout(WRITING.total_seconds()):
                await _write(writer, errand, told)
    except ShopError as error:
        outcome = _outcome(error)
    except TimeoutError:
        outcome = Unknown(words=f"the store took longer than {WRITING.total_seconds():g} s")
    asked = PanelrExchange(
        errand=errand,
        action=ACTION,
        outcome=outcome,
        started_at=started_at,
        now=calls.clock(),
        milliseconds=round((time.monotonic() - began) * 1000),
    )
    return _result(asked, told, terms=terms)


async def _write(writer: OrderWriter, errand: FollowUpTask, told: dict[str, Any]) -> None:
    """Write step by step; `told` keeps what has been done, for the next try if this one breaks off."""
    wanted = told["wanted"]
    if told.get("written") != wanted:
        token = {"panelr_confirmation_token": errand.work_order.confirmation_token} if "with_token" in wanted else {}
        meta = [{"key": key, "value": value} for key, value in (wanted["meta"] | token).items()]
        moves = "status" in wanted and "status" not in told.get("written", {})  # once: what the shop does then stays
        status = {"status": wanted["status"]} if moves else {}
        await writer.update_order(errand.woo_order_id, {"meta_data": meta} | status)
        told["written"] = wanted
    if not told.get("noted"):
        await _note(writer, errand)
        told["noted"] = True


async def _note(writer: OrderWriter, errand: FollowUpTask) -> None:
    """Add the note, once: a try before this one may have ended between the note and its record."""
    name = errand.work_order.reference_code or f"number {errand.work_order.work_order_id}"
    note = f"Panelr work order {name} belongs to this order."
    with contextlib.suppress(ShopUnsupported):
        first = errand.attempt == 1 and not errand.adopted
        if first or not await writer.has_note(errand.woo_order_id, note=note):
            await writer.add_note(errand.woo_order_id, note=note)


def _outcome(error: ShopError) -> Outcome:
    if isinstance(error, ShopMisconfigured):
        return Misconfigured(words=str(error))
    if isinstance(error, (ShopRefused, ShopNotFound)):
        return Refused(words=str(error))
    return Unknown(words=str(error))


def _result(asked: PanelrExchange, told: dict[str, Any], *, terms: CallPolicy) -> FollowUpResult:
    changes = {"told": told}
    if isinstance(asked.outcome, Done):
        words = ", ".join(f"{key} {value}" for key, value in told["wanted"]["meta"].items())
        return asked.result(f"the order carries {words}", done=True, changes=changes)
    if isinstance(asked.outcome, Refused):
        words = f"the store refused to take the work order: {asked.outcome.words}"
        return asked.result(words, attention=Reason("write_back_failed", words), changes=changes)
    return asked.again(terms, changes=changes)
