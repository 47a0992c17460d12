"""What the shop knows: which deliveries it has sent, and how each was answered."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.bridge_kit import order, sign

CREATED, UPDATED = "order.created", "order.updated"
_TEMPLATE = order()


def email_of(order_id: int) -> str:
    """Return the customer's address: each order has a customer of its own."""
    return f"customer-{order_id}@shop.test"


def snapshot(order_id: int, version: int = 0, **changes: Any) -> bytes:
    """Return an order as the shop tells it; a later version differs in what Panelr is not told."""
    billing = _TEMPLATE["billing"] | {"email": email_of(order_id)}
    told = {
        "id": order_id,
        "number": str(order_id),
        "billing": billing,
        "customer_note": f"version {version}",
        "date_modified_gmt": f"2026-11-21T20:{version // 60:02}:{version % 60:02}",
    }
    return json.dumps(_TEMPLATE | told | changes).encode()


def headers(body: bytes, topic: str) -> dict[str, str]:
    """Return what comes with a delivery."""
    return {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": sign(body), "Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """How one delivery was answered; no status when no answer came. The moments are of the monotonic clock."""

    order_id: int
    status: int | None
    began: float
    ended: float

    @property
    def accepted(self) -> bool:
        """Whether the bridge has taken the delivery over."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


def nothing_but_accepted(answer: Answer) -> bool:
    """Return whether an answer may be: accepted, or cut off by the end of its server."""
    return answer.accepted or answer.status is None


@dataclass
class Ledger:
    """Every order told, those of which at least one delivery was accepted, and every answer that must not be."""

    may_be: Callable[[Answer], bool] = nothing_but_accepted
    told: dict[int, bytes] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)
    statuses: Counter[int | None] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def note(self, answer: Answer, body: bytes) -> None:
        """Enter one delivery and its answer."""
        self.told[answer.order_id] = body
        self.statuses[answer.status] += 1
        self.slowest = max(self.slowest, answer.seconds)
        if answer.accepted:
            self.accepted.add(answer.order_id)
        if not self.may_be(answer):
            self.wrong.append(f"order {answer.order_id} was answered {answer.status} after {answer.seconds:.1f} s")
