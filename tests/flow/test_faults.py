"""Every fault of Panelr in one running bridge: each order has a fault of its own, and all come at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.settings import Settings
from tests.support.bridge_kit import Kit, order, tried

TIMEOUT = 3.0
"""Long enough that a busy machine answers in time what has no fault; what hangs or drips takes as long."""


@dataclass(frozen=True)
class Fault:
    """A fault, and what becomes of the order that it strikes: `lost before` the creation or after it, or neither."""

    name: str
    fate: str
    kind: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """Where an order ends: its state, the codes of its reason and attention, what was tried, what Panelr has."""

    state: str
    reason: str | None
    attention: str | None
    tries: tuple[str, ...]
    made: int


def lost(name: str, kind: str, **more: Any) -> tuple[Fault, Fault]:
    """A fault that loses the answer, before the creation and after it."""
    return tuple(  # type: ignore[return-value]
        Fault(f"{name}, {when}", f"lost {when}", kind, more | {"when": when}) for when in ("before", "after")
    )


def statuses(body: str) -> list[Fault]:
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

DOORS = {"done": (200, "created"), "refused": (200, "refused")}
CREATE, LOOK_UP = "create_work_order", "look_up"
ENDS: dict[str, End] = {
    "done": End("created", None, None, (f"{CREATE} done",), 1),
    "refused": End("refused", "refused", None, (f"{CREATE} refused",), 0),
    "lost after": End("created", "adopted_by_look_up", None, (f"{CREATE} unknown", f"{LOOK_UP} done"), 1),
    "lost before": End(
        "created", None, None, (f"{CREATE} unknown", f"{LOOK_UP} done", f"{LOOK_UP} done", f"{CREATE} done"), 1
    ),
}
NOT_KNOWN = {
    f"lost {when}": End(
        "unconfirmed", "unconfirmed", "cannot_look_up", (f"{CREATE} unknown", f"{LOOK_UP} refused"), made
    )
    for when, made in (("before", 0), ("after", 1))
}
RESOLVED: dict[str, End] = {
    "lost before": End("created", None, None, (*NOT_KNOWN["lost before"].tries, f"{CREATE} done"), 1),
    "lost after": End("created", "linked_by_person", None, NOT_KNOWN["lost after"].tries, 1),
}
HIDES = "hides wc_order_id"
MODES: dict[str, dict[str, bool]] = {
    "shows wc_order_id": {},
    HIDES: {"shows_wc_order_id": False},
    "does not know get_work_orders": {"knows_get_work_orders": False},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Room for all of them at once, and for the answers that hang."""
    changes = {"panelr_rate_per_minute": 600, "panelr_timeout_seconds": TIMEOUT, "sync_budget_seconds": 25.0}
    return settings.model_copy(update=changes)


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge that knows PANEL-1000, and a Panelr that does not count."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.settings.rate_per_minute = 0
    return kit


def customers(number: int) -> dict[str, Any]:
    """Return an order of a customer who has no other."""
    return order(id=number, billing=order()["billing"] | {"email": f"customer-{number}@example.test"})


async def told_at_once(kit: Kit, faults: Sequence[Fault]) -> dict[int, Fault]:
    """Post one order for each fault and look at the answers; the clock stands still meanwhile: nothing falls due."""
    numbered = dict(enumerate(faults, 701))
    waiting = {
        number: kit.panel.faults.add(fault.kind, action=CREATE, wc_order_id=str(number), **fault.more)
        for number, fault in numbered.items()
    }
    moment = utc_now()
    kit.runtime.bridge.clock = lambda: moment
    answers = await asyncio.gather(*(kit.post(customers(number)) for number in numbered))
    doors = {
        fault.name: (answer.status_code, answer.json()["state"]) for fault, answer in zip(faults, answers, strict=True)
    }
    assert doors == {fault.name: DOORS.get(fault.fate, (202, "unconfirmed")) for fault in faults}
    assert [numbered[number].name for number, fault in waiting.items() if fault.struck != 1] == []
    kit.runtime.bridge.clock = utc_now
    kit.runtime.bridge.wake_worker.set()
    return numbered


async def settled(kit: Kit, *, seconds: float = 60) -> None:
    """Wait until no order is on its way any more: what is left is settled, or a person's."""
    async with asyncio.timeout(seconds):
        while True:
            asked = "/orders?state=sending,queued,unconfirmed&attention=false"
            if (await kit.api("GET", asked)).json()["meta"]["total"] == 0:
                return
            await asyncio.sleep(0.05)


async def end_of(kit: Kit, number: int) -> End:
    """Return where an order is, once what it says of its work order is proven true."""
    story = await kit.order(number)
    made = kit.panel.of_wc_order(str(number))
    codes = [each["code"] for each in story["reasons"]], [each["code"] for each in story["attention"]]
    assert (story["owed_calls"], max(map(len, codes)) <= 1) == ([], True)
    if story["state"] == "created":
        assert story["reference_code"] in {each.reference_code for each in made}
    tries = tuple(f"{each['action']} {each['outcome']}" for each in tried(story))
    return End(story["state"], "".join(codes[0]) or None, "".join(codes[1]) or None, tries, len(made))


async def ends(kit: Kit, numbered: dict[int, Fault]) -> dict[str, End]:
    return {fault.name: await end_of(kit, number) for number, fault in numbered.items()}


@pytest.mark.parametrize(("dialect", "mode"), [*(("sqlite", mode) for mode in MODES), ("postgresql", HIDES)])
async def test_every_fault_ends_with_at_most_one_work_order(mapped: Kit, mode: str) -> None:
    for name, value in MODES[mode].items():
        setattr(mapped.panel.settings, name, value)
    expected = ENDS if mapped.panel.settings.knows_get_work_orders else ENDS | NOT_KNOWN
    numbered = await told_at_once(mapped, FAULTS)
    await settled(mapped)
    assert await ends(mapped, numbered) == {fault.name: expected[fault.fate] for fault in FAULTS}
    if mapped.panel.settings.knows_get_work_orders:
        return
    for number, fault in numbered.items():
        await resolve(mapped, number, fault)
    await settled(mapped)
    assert await ends(mapped, numbered) == {fault.name: (expected | RESOLVED)[fault.fate] for fault in FAULTS}


async def resolve(kit: Kit, number: int, fault: Fault) -> None:
    """Do what a person does who has looked into Panelr: tell the truth about a lost answer."""
    if not fault.fate.startswith("lost"):
        return
    made = kit.panel.of_wc_order(str(number))
    linked = [{"work_order_id": each.id, "reference_code": each.reference_code} for each in made]
    story = await kit.order(number)
    answer = await kit.api("POST", f"/orders/{story['id']}/resolve", json=linked[0] if made else {"not_created": True})
    assert answer.status_code == 200, answer.text


async def test_a_pause_that_a_page_asks_for_is_a_lost_answer(mapped: Kit) -> None:
    """Whatever stands in front of Panelr may say 503 after Panelr has done it: only Panelr's own words are a no."""
    numbered = await told_at_once(mapped, PAUSES)
    await settled(mapped)
    assert await ends(mapped, numbered) == {fault.name: ENDS[fault.fate] for fault in PAUSES}
