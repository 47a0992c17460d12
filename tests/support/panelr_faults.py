"""Every fault of Panelr as data, and the end of the order that each one strikes."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.support.bridge_kit import Kit, order, tried

TIMEOUT = 3.0
"""Seconds that a call may take. A busy machine answers in time; a call that hangs or drips takes as long."""


@dataclass(frozen=True)
class Fault:
    """A fault, and the fate of the order that it strikes, such as `lost before` or `lost after` the creation."""

    name: str
    fate: str
    kind: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """The end of an order: state, codes of reason and attention, attempts, and the number of its work orders."""

    state: str
    reason: str | None
    attention: str | None
    tries: tuple[str, ...]
    made: int


def lost(name: str, kind: str, **more: Any) -> tuple[Fault, Fault]:
    """Return a fault that loses the answer, once before the creation and once after it."""
    return tuple(  # type: ignore[return-value]
        Fault(f"{name}, {when}", f"lost {when}", kind, more | {"when": when}) for when in ("before", "after")
    )


def statuses(body: str) -> list[Fault]:
    """Return each server error with such a body."""
    return [
        fault
        for status in (500, 502, 503, 504)
        for fault in lost(f"{status} with {body}", "status", status=status, body=body)
    ]


FAULTS: tuple[Fault, ...] = (
    Fault("dripped at once", "done", "slow", {"seconds": 0}),
    Fault("422", "refused", "refuse"),
    *(
        Fault(f"{status} with envelope", "refused", "status", {"status": status, "body": "envelope"})
        for status in (400, 404, 409)
    ),
    *(Fault(f"{status} with html", "lost before", "status", {"status": status}) for status in (400, 404, 422)),
    *statuses("html"),
    *statuses("envelope"),
    *lost("hang", "hang", seconds=60),
    *lost("reset", "reset"),
    *lost("close", "close"),
    *lost("html", "html"),
    *lost("empty", "empty"),
    *lost("truncated", "truncated"),
    *lost("garbage", "garbage"),
    Fault("warnings before the JSON of an error", "lost before", "warnings", {"when": "before"}),
    Fault("warnings before the JSON", "done", "warnings"),
    Fault("warnings before the JSON and a 500", "lost after", "warnings", {"status": 500}),
    Fault("wrong type of an error", "lost before", "wrong_type", {"when": "before"}),
    Fault("wrong type", "done", "wrong_type"),
    Fault("dripped in time", "done", "slow", {"seconds": 0.2}),
    Fault("dripped too slowly", "lost after", "slow", {"seconds": 60}),
    Fault("an error dripped too slowly", "lost before", "slow", {"seconds": 60, "when": "before"}),
)
PAUSES: tuple[Fault, ...] = (
    *lost("503 with Retry-After and html", "status", status=503, retry_after=1),
    *lost(
        "503 with Retry-After and a date and html", "status", status=503, retry_after="Sat, 21 Nov 2026 19:16:43 GMT"
    ),
)
CREATE, LOOK_UP = "create_work_order", "look_up"
ENDS: dict[str, End] = {
    "done": End("created", None, None, (f"{CREATE} done",), 1),
    "refused": End("refused", "refused", None, (f"{CREATE} refused",), 0),
    "lost after": End("created", "adopted_by_look_up", None, (f"{CREATE} unknown", f"{LOOK_UP} done"), 1),
    "lost before": End(
        "created", None, None, (f"{CREATE} unknown", f"{LOOK_UP} done", f"{LOOK_UP} done", f"{CREATE} done"), 1
    ),
}
HIDES = "hides wc_order_id"


def order_of_customer(number: int) -> dict[str, Any]:
    """Return an order of a customer without other orders."""
    return order(id=number, billing=order()["billing"] | {"email": f"customer-{number}@example.test"})


async def wait_until_settled(kit: Kit, *, seconds: float = 60) -> None:
    """Wait until every order is settled or waits for an operator."""
    async with asyncio.timeout(seconds):
        while True:
            asked = "/orders?state=sending,queued,unconfirmed&attention=false"
            if (await kit.api("GET", asked)).json()["meta"]["total"] == 0:
                return
            await asyncio.sleep(0.05)


async def read_end(kit: Kit, number: int) -> End:
    """Check what an order says of its work order; return the order's end."""
    story = await kit.order(number)
    made = kit.panel.of_wc_order(str(number))
    codes = [each["code"] for each in story["reasons"]], [each["code"] for each in story["attention"]]
    assert (story["owed_calls"], max(map(len, codes)) <= 1) == ([], True)
    if story["state"] == "created":
        assert story["reference_code"] in {each.reference_code for each in made}
    tries = tuple(f"{each['action']} {each['outcome']}" for each in tried(story))
    return End(story["state"], "".join(codes[0]) or None, "".join(codes[1]) or None, tries, len(made))
