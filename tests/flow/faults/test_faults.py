"""Every fault of Panelr in one bridge: each order meets its own fault, and all are posted at once."""

import asyncio
from collections.abc import Sequence

import pytest

from panelr_bridge.application.panelr_caller import utc_now
from tests.support.bridge_kit import Kit
from tests.support.panelr_faults import (
    CREATE,
    ENDS,
    FAULTS,
    HIDES,
    LOOK_UP,
    PAUSES,
    End,
    Fault,
    order_of_customer,
    read_end,
    wait_until_settled,
)

DOORS = {"done": (200, "created"), "refused": (200, "refused")}
NOT_KNOWN = {
    f"lost {when}": End(
        "unconfirmed", "unconfirmed", "cannot_look_up", (f"{CREATE} unknown", f"{LOOK_UP} refused"), made
    )
    for when, made in (("before", 0), ("after", 1))
}
RESOLVED: dict[str, End] = {
    "lost before": End("created", None, None, (*NOT_KNOWN["lost before"].tries, f"{CREATE} done"), 1),
    "lost after": End("created", "linked_by_person", None, (*NOT_KNOWN["lost after"].tries, "verify_link done"), 1),
}
MODES: dict[str, dict[str, bool]] = {
    "shows wc_order_id": {},
    HIDES: {"shows_wc_order_id": False},
    "does not know get_work_orders": {"knows_get_work_orders": False},
}


async def told_at_once(kit: Kit, faults: Sequence[Fault]) -> dict[int, Fault]:
    """Post one order for each fault and check the answers. The clock stands still meanwhile, so nothing falls due."""
    numbered = dict(enumerate(faults, 701))
    waiting = {
        number: kit.panel.faults.add(fault.kind, action=CREATE, wc_order_id=str(number), **fault.more)
        for number, fault in numbered.items()
    }
    moment = utc_now()
    kit.runtime.bridge.clock = lambda: moment
    answers = await asyncio.gather(*(kit.post(order_of_customer(number)) for number in numbered))
    doors = {
        fault.name: (answer.status_code, answer.json()["state"]) for fault, answer in zip(faults, answers, strict=True)
    }
    assert doors == {fault.name: DOORS.get(fault.fate, (202, "unconfirmed")) for fault in faults}
    assert [numbered[number].name for number, fault in waiting.items() if fault.struck != 1] == []
    kit.runtime.bridge.clock = utc_now
    kit.runtime.bridge.wake_worker.set()
    return numbered


async def ends(kit: Kit, numbered: dict[int, Fault]) -> dict[str, End]:
    return {fault.name: await read_end(kit, number) for number, fault in numbered.items()}


@pytest.mark.parametrize(("dialect", "mode"), [*(("sqlite", mode) for mode in MODES), ("postgresql", HIDES)])
async def test_every_fault_ends_with_at_most_one_work_order(mapped: Kit, mode: str) -> None:
    for name, value in MODES[mode].items():
        setattr(mapped.panel.settings, name, value)
    expected = ENDS if mapped.panel.settings.knows_get_work_orders else ENDS | NOT_KNOWN
    numbered = await told_at_once(mapped, FAULTS)
    await wait_until_settled(mapped)
    assert await ends(mapped, numbered) == {fault.name: expected[fault.fate] for fault in FAULTS}
    if mapped.panel.settings.knows_get_work_orders:
        return
    for number, fault in numbered.items():
        await resolve(mapped, number, fault)
    await wait_until_settled(mapped)
    assert await ends(mapped, numbered) == {fault.name: (expected | RESOLVED)[fault.fate] for fault in FAULTS}


async def resolve(kit: Kit, number: int, fault: Fault) -> None:
    """Resolve a lost answer as an honest operator does who has looked into Panelr."""
    if not fault.fate.startswith("lost"):
        return
    made = kit.panel.of_wc_order(str(number))
    linked = [{"work_order_id": each.id, "reference_code": each.reference_code} for each in made]
    story = await kit.order(number)
    answer = await kit.api("POST", f"/orders/{story['id']}/resolve", json=linked[0] if made else {"not_created": True})
    assert answer.status_code == 200, answer.text


async def test_a_pause_that_a_page_asks_for_is_a_lost_answer(mapped: Kit) -> None:
    """A proxy may answer 503 after Panelr has created the work order: only Panelr's own envelope is a refusal."""
    numbered = await told_at_once(mapped, PAUSES)
    await wait_until_settled(mapped)
    assert await ends(mapped, numbered) == {fault.name: ENDS[fault.fate] for fault in PAUSES}
