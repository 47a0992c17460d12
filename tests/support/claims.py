"""Claims that a test makes, lets expire and answers, as a process of the bridge would."""

import json
from datetime import timedelta
from typing import Any

from panelr_bridge.application.transactions import claim_call, receive_delivery, record_outcome
from panelr_bridge.application.transactions.call_report import CallReport
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.domain.call_outcome import Done
from panelr_bridge.domain.models import OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.woocommerce.order_payload import read_order
from tests.support.bridge_kit import Kit, order


async def claim_order(kit: Kit, number: int, **changes: Any) -> Claim:
    """Receive an order and claim its call, as a process that then stalls; return the claim."""
    body = json.dumps(order(id=number, **changes)).encode()
    delivery = Delivery(
        store="default", topic="order.updated", body=body, headers={}, verdict="order", woo_order_id=number
    )
    bridge = kit.runtime.bridge
    received = await bridge.write(
        receive_delivery.receive, delivery, read_order(body), policy=bridge.policy, call_policy=bridge.call_policy
    )
    assert received.claim is not None
    return received.claim


async def end_lease(kit: Kit, claim: Claim) -> None:
    """End the lease of a claim."""
    bridge = kit.runtime.bridge
    after = claim.lease_until + timedelta(seconds=1)
    assert (
        await bridge.database.write(claim_call.end_one_lease, after, call_policy=bridge.call_policy) == claim.order_id
    )


async def record_created(kit: Kit, claim: Claim, code: str, number: int) -> OrderState:
    """Record that Panelr created a work order; return the order's new state."""
    report = CallReport(
        claim=claim,
        outcome=Done(words="done", status=200, data={}),
        started_at=claim.claimed_at,
        milliseconds=1,
    )
    made = WorkOrder(work_order_id=number, reference_code=code, confirmation_token=f"token of {code}")
    return await kit.runtime.bridge.write(record_outcome.record_created, report, made)
