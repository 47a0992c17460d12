"""Burst: 2,000 deliveries in ten seconds, while Panelr takes 120 calls a minute.

A real `serve`, a simulated Panelr that keeps its limit in a process of its own, real sockets, and one connection a
delivery, on SQLite and on PostgreSQL. Then the backlog is watched for as long as it takes to use every slot of the
limit twice: a slot's next call tells the rate at which 2,000 leave, without waiting for all of them.

    python -m bench.burst [--quick]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.burst_deliveries import Delivery, deliveries
from bench.burst_stage import bridge, databases, memory, simulator, worked

ALLOWED = 120
APART = 6
"""Seconds from the end of one burst to the other: they share a machine, and only the waiting goes side by side."""


@dataclass(frozen=True)
class Size:
    """How much is delivered, in how many seconds, and how long the backlog is watched after that."""

    deliveries: int
    seconds: float
    watched: float


FULL = Size(2000, 10.0, 128.0)
QUICK = Size(400, 2.0, 4.0)


@dataclass
class Answers:
    """What the door said: of each delivery the status, and the milliseconds from connecting to the last byte."""

    statuses: list[int] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


async def deliver(url: httpx.URL, given: list[Delivery], seconds: float) -> Answers:
    """Post every delivery at its moment, whether or not those before it are answered, each on its own connection."""
    answers, began = Answers(), time.perf_counter()

    async def one(delivery: Delivery, due: float) -> None:
        await asyncio.sleep(due - time.perf_counter())
        start = time.perf_counter()
        status = await _post(url, delivery)
        answers.milliseconds.append((time.perf_counter() - start) * 1000)
        answers.statuses.append(status)
        answers.late.append((start - due) * 1000)

    step = seconds / len(given)
    await asyncio.gather(*(one(each, began + number * step) for number, each in enumerate(given)))
    return answers


async def _post(url: httpx.URL, delivery: Delivery) -> int:
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(delivery.request)
        answer = await reader.read()
        return int(answer.split(b" ", 2)[1])
    finally:
        writer.close()


async def watch(process_id: int, until: float) -> list[int]:
    """Return a process's memory in MB, every second until then."""
    seen = []
    while time.monotonic() < until:
        seen.append(memory(process_id))
        await asyncio.sleep(1)
    return seen


def door(answers: Answers) -> dict[str, Any]:
    """Return what the door took: over all, and of those that were told to wait for the limit."""
    waiting = [took for took, status in zip(answers.milliseconds, answers.statuses, strict=True) if status == 202]
    return {
        "statuses": dict(Counter(answers.statuses)),
        "all": _milliseconds(answers.milliseconds),
        "budget_gone": _milliseconds(waiting),
        "loader_late_p99": _share(answers.late, 0.99),
    }


def _milliseconds(took: list[float]) -> dict[str, float]:
    return {"median": _share(took, 0.5), "p99": _share(took, 0.99), "most": _share(took, 1)}


def _share(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 1) if ordered else 0.0


def leaving(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how the backlog left, by Panelr's journal.

    Call n + 120 takes the slot that call n has left. The time between the two is what the limit costs: at 60 seconds
    the backlog leaves at 100% of what is allowed. The first 120, which found every slot free, are counted once, as
    what the others wait for.
    """
    times = sorted(datetime.fromisoformat(call["time"]).timestamp() for call in calls)
    turns = [later - earlier for earlier, later in zip(times, times[ALLOWED:], strict=False)]
    told: dict[str, Any] = {
        "calls": len(calls),
        "answered_429": sum(call["status"] == 429 for call in calls),
        "not_200": sum(call["status"] != 200 for call in calls),
    }
    if turns:
        told |= {
            "slot_seconds": round(statistics.mean(turns), 2),
            "slot_seconds_most": round(max(turns), 2),
            "percent_of_allowed": round(100 * 60 / statistics.mean(turns), 1),
        }
    return told


async def one(url: str, folder: Path, size: Size, *, after: float) -> dict[str, Any]:
    """Measure one database."""
    await asyncio.sleep(after)
    given = deliveries(size.deliveries)
    async with simulator(folder, rate_per_minute=ALLOWED) as panelr, bridge(folder, url, panelr) as running:
        await running.map_product()
        at_rest = memory(running.process_id)
        until = time.monotonic() + size.seconds + size.watched
        watching = asyncio.create_task(watch(running.process_id, until))
        before = worked(running.process_id)
        answers = await deliver(httpx.URL(running.url), given, size.seconds)
        busy = worked(running.process_id) - before
        seen = await watching
        states = await running.states()
        calls = (await running.ask.get(f"{panelr}/_sim/requests")).json()
    return {
        "door": door(answers) | {"cpu_ms_a_delivery": round(1000 * busy / len(given), 2)},
        "orders": states,
        "orders_committed": sum(states.values()),
        "leaving": leaving([call for call in calls if call["action"] == "create_work_order"]),
        "memory_mb": {
            "at_rest": at_rest,
            "most": max(seen),
            "a_minute_in": seen[min(60, len(seen) - 1)],
            "end": seen[-1],
        },
    }


async def measure(size: Size) -> dict[str, Any]:
    """Measure both databases, side by side but for their bursts."""
    with tempfile.TemporaryDirectory(prefix="bench-burst-") as name:
        folder = Path(name)
        async with databases(folder) as urls:
            turns = [number * (size.seconds + APART) for number in range(len(urls))]
            found = await asyncio.gather(
                *(one(url, folder, size, after=turn) for url, turn in zip(urls.values(), turns, strict=True))
            )
            return dict(zip(urls, found, strict=True))


def run(quick: bool) -> dict[str, Any]:
    """Measure; returns the figures by database."""
    return asyncio.run(measure(QUICK if quick else FULL))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="The burst.")
    arguments.add_argument("--quick", action="store_true")
    sys.stdout.write(json.dumps(run(arguments.parse_args().quick), indent=1) + "\n")
