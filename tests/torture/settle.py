"""The end of a scenario: deliver again what got no answer, wait until nothing is owed, and compare with Panelr."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.torture.ledger import UPDATED
from tests.torture.result import Result
from tests.torture.stage import Stage

UNSETTLED = "queued,sending,unconfirmed"
PATIENCE = 150.0
"""A killed call keeps its lease for up to 22 s, a killed probe the gate for 60 s."""
IN_FLIGHT = 16
STORIES = 3
"""The number of wrong orders whose log lines are printed."""
LONGEST_LINE = 2000
NEVER_LEVEL = ("error", "critical")
NEVER_SAID = ("Traceback", "database is locked", '"worker.waits"')


async def settle(
    stage: Stage, *, scenario: str, database: str, patience: float = PATIENCE, excused: tuple[str, ...] = ()
) -> Result:
    """Bring every delivered order to its end and return the result; log lines with one of `excused` are ignored."""
    ledger = stage.ledger
    known = await _read_orders(stage)
    forgotten = sorted(ledger.accepted - known.keys())
    await _send_unanswered(stage)
    await _wait_until_settled(stage, patience)
    rows = await _read_orders(stage)
    made = Counter(each.wc_order_id for each in stage.panel.work_orders.values())
    counts = {order_id: made.pop(str(order_id), 0) for order_id in ledger.delivered}
    result = Result(scenario, database, runs=stage.starts, kills=stage.kills, delivered=len(ledger.delivered))
    result.expected = len(ledger.delivered)
    result.found = sum(counts.values())
    result.lost = sum(count == 0 for count in counts.values())
    result.doubled = sum(count > 1 for count in counts.values())
    result.seconds = time.monotonic() - stage.began
    result.problems = [f"order {order_id} was answered 2xx, and then was not there" for order_id in forgotten]
    result.problems += ledger.wrong
    result.problems += [f"work orders for {name}, which was never delivered" for name in made]
    wrong = {order_id: _wrong(stage, order_id, count, rows.get(order_id)) for order_id, count in counts.items()}
    result.problems += [words for words in wrong.values() if words]
    result.problems += _said(stage, excused)
    for order_id in [order_id for order_id, words in wrong.items() if words][:STORIES]:
        result.problems.append(_story(stage, order_id))
    return result


async def _send_unanswered(stage: Stage) -> None:
    """Deliver the orders without any accepted delivery again, as backfill does."""
    ledger = stage.ledger
    room = asyncio.Semaphore(IN_FLIGHT)

    async def send(order_id: int) -> None:
        async with room:
            for _ in range(10):
                if (await stage.deliver(order_id, ledger.delivered[order_id], topic=UPDATED)).accepted:
                    break
                await asyncio.sleep(0.2)

    await asyncio.gather(*(send(order_id) for order_id in ledger.delivered.keys() - ledger.accepted))


async def _wait_until_settled(stage: Stage, patience: float) -> None:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = await stage.api("GET", f"/orders?state={UNSETTLED}&per_page=1")
        if answer.status_code == 200 and answer.json()["meta"]["total"] == 0:
            return
        await asyncio.sleep(0.2)


async def _read_orders(stage: Stage) -> dict[int, dict[str, Any]]:
    """Return every order that the bridge knows, by the shop's number."""
    found: dict[int, dict[str, Any]] = {}
    page = 1
    while True:
        fields = "woo_order_id,state,reasons,reference_code,attention"
        answer = await stage.api("GET", f"/orders?fields={fields}&sort=id&per_page=100&page={page}")
        rows = answer.raise_for_status().json()["data"]
        if not rows:
            return found
        found |= {row["woo_order_id"]: row for row in rows}
        page += 1


def _wrong(stage: Stage, order_id: int, count: int, row: dict[str, Any] | None) -> str:
    """Return what is wrong with one order, "" when all is well."""
    if row is None:
        return f"order {order_id} is not known to the bridge; Panelr has {count} work orders for it"
    if row["state"] != "created" or count != 1:
        words = f"order {order_id} is {row['state']}, and Panelr has {count} work orders for it"
        return f"{words} ({row['reasons']}, attention {row['attention']})"
    found = stage.panel.find_by_reference(row["reference_code"] or "")
    if found is None or found.wc_order_id != str(order_id):
        return f"order {order_id} has the work order {row['reference_code']}, which was not made for it"
    return f"order {order_id} asks for a person: {row['attention']}" if row["attention"] else ""


def _said(stage: Stage, excused: tuple[str, ...]) -> list[str]:
    """Return the log lines that are not allowed."""
    return [
        f"{where}: {line[:LONGEST_LINE]}"
        for where, line in _log(stage)
        if never(line) and not any(mark in line for mark in excused)
    ]


def never(line: str) -> bool:
    """Return whether a line of a bridge's log is not allowed."""
    return _fields(line).get("level") in NEVER_LEVEL or any(mark in line for mark in NEVER_SAID)


def _fields(line: str) -> dict[str, Any]:
    """Return the fields of the bridge's own log line; none for others."""
    with contextlib.suppress(ValueError):
        found = json.loads(line)
        return found if isinstance(found, dict) else {}
    return {}


def _story(stage: Stage, order_id: int) -> str:
    """Return the bridges' log lines of one order, the oldest first."""
    lines = [(_fields(line), where, line) for where, line in _log(stage)]
    lines = [each for each in lines if each[0].get("woo_order_id") == order_id]
    lines.sort(key=lambda each: str(each[0].get("timestamp")))
    return "\n".join([f"the logs of order {order_id}:", *(f"  {at}: {line[:LONGEST_LINE]}" for _, at, line in lines)])


def _log(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield every line of every bridge's log, with its place."""
    for bridge in stage.bridges:
        for number, line in enumerate(bridge.said(lines=0).splitlines(), 1):
            yield f"{bridge.log.name}, line {number}", line
