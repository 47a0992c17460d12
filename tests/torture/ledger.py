"""The shop's ledger: the deliveries that it sent, and the answer to each."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.bridge_kit import order, sign

CREATED, UPDATED = "order.created", "order.updated"
_TEMPLATE = order()


def email_of(order_id: int) -> str:
    """Return the customer's address: each order has its own customer."""
    return f"customer-{order_id}@shop.test"


def snapshot(order_id: int, version: int = 0, **changes: Any) -> bytes:
    """Return the body of an order; versions differ in fields that Panelr does not get."""
    billing = _TEMPLATE["billing"] | {"email": email_of(order_id)}
    fields = {
        "id": order_id,
        "number": str(order_id),
        "billing": billing,
        "customer_note": f"version {version}",
        "date_modified_gmt": f"2026-11-21T20:{version // 60:02}:{version % 60:02}",
    }
    return json.dumps(_TEMPLATE | fields | changes).encode()


def headers(body: bytes, topic: str) -> dict[str, str]:
    """Return the headers of a delivery."""
    return {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": sign(body), "Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """The answer to one delivery, without a status when none came. Times are of the monotonic clock."""

    order_id: int
    status: int | None
    began: float
    ended: float

    @property
    def accepted(self) -> bool:
        """Whether the bridge accepted the delivery."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def seconds(self) -> float:
        """Seconds until the answer."""
        return self.ended - self.began


def nothing_but_accepted(answer: Answer) -> bool:
    """Return whether an answer is allowed: accepted, or cut off by the end of its server."""
    return answer.accepted or answer.status is None


@dataclass
class Ledger:
    """Every order delivered, those with an accepted delivery, and every answer that is not allowed."""

    is_allowed: Callable[[Answer], bool] = nothing_but_accepted
    delivered: dict[int, bytes] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)
    statuses: Counter[int | None] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def note(self, answer: Answer, body: bytes) -> None:
        """Record one delivery and its answer."""
        self.delivered[answer.order_id] = body
        self.statuses[answer.status] += 1
        self.slowest = max(self.slowest, answer.seconds)
        if answer.accepted:
            self.accepted.add(answer.order_id)
        if not self.is_allowed(answer):
            self.wrong.append(f"order {answer.order_id} was answered {answer.status} after {answer.seconds:.1f} s")
