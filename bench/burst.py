"""The burst: 2,000 deliveries in ten seconds, while Panelr takes 120 calls a minute.

Every delivery comes at its moment, whether or not those before it are answered. Panelr is the simulated one, which
keeps its limit by itself. Then the backlog is watched until every slot of the limit has been used twice again: the time
from one call of a slot to its next tells the rate at which 2,000 leave, without waiting for all of them.
"""

import contextlib
import http.client
import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from bench.bridge import PANELR_KEY, bridge
from bench.databases import POSTGRESQL, SQLITE, states
from bench.ledger import shortened
from bench.load import Answered, Load, deliver
from bench.measure import Bench, quantile
from bench.outcome import Goal, Outcome, Sheet, Spread, short
from bench.panelr import Panelr
from bench.processes import Process, peak_bytes, running
from tests.support.ports import free_port

ALLOWED = 120
APART = 2.0
"""Seconds from the end of one burst to the other: they share a machine, and only the waiting goes side by side."""
KEPT = {"queued", "sending", "created"}
"""What an order may be while the backlog leaves."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is delivered, in how many seconds, and for how many the backlogs are watched after that."""

    deliveries: int
    seconds: float
    watched: float


FULL = Size(2000, 10.0, 120.0)
QUICK = Size(400, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Stage:
    """A bridge on a database of one kind, and a simulated Panelr of its own."""

    kind: str
    url: str
    bridge: Process
    panelr: Process


@dataclass(frozen=True, slots=True)
class Door:
    """What came of the deliveries: every answer, the CPU milliseconds of one, and the memory in MB before them."""

    answers: Sequence[Answered]
    cpu_ms: float
    memory_mb: float

    def milliseconds(self, *, waiting: bool = False) -> list[float]:
        """Return what the answers took, the slowest last; `waiting`: of the orders for which no slot was left."""
        return sorted(each.seconds * 1000 for each in self.answers if not waiting or each.status == 202)

    def late(self, size: Size) -> list[float]:
        """Return by how many milliseconds each delivery missed its moment: that is the load's doing."""
        first, step = min(each.number for each in self.answers), size.seconds / size.deliveries
        return sorted((each.began - (each.number - first) * step) * 1000 for each in self.answers)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What was there at the end: states and work orders by the shop's number, creations as Panelr met them, MB."""

    states: Mapping[int, str]
    made: Mapping[int, int]
    calls: Sequence[tuple[float, int | None]]
    most_mb: float
    end_mb: float

    @property
    def limited(self) -> int:
        """How many creations were answered 429."""
        return sum(status == 429 for _, status in self.calls)

    @property
    def turns(self) -> list[float]:
        """Return the seconds from every call to the one that takes its slot: the one that comes 120 calls later."""
        times = sorted(moment for moment, _ in self.calls)
        return [later - earlier for earlier, later in zip(times, times[ALLOWED:], strict=False)]

    @property
    def percents(self) -> list[float]:
        """Return at which rate the backlog left, of the allowed: 100 where a slot is used every 60 seconds."""
        return [100 * 60 / fmean(self.turns)] if self.turns else []


def burst(bench: Bench) -> Outcome:
    """Play it on both databases."""
    size = QUICK if bench.quick else FULL
    with contextlib.ExitStack() as stack:
        stages = [stack.enter_context(_stage(bench, kind)) for kind in (SQLITE, POSTGRESQL)]
        doors = [_deliver(bench, stage, size) for stage in stages]
        _wait(bench, size.watched)
        backlogs = [backlog(stage) for stage in stages]
    outcome = Outcome([_door_sheet(size, stages, doors), _leaving_sheet(size, stages, doors, backlogs)])
    for stage, door, backlog in zip(stages, doors, backlogs, strict=True):
        problems = [f"Panelr answered {backlog.limited} calls 429"] if backlog.limited else []
        problems += shortened(wrong(door.answers, backlog.states, backlog.made))
        bench.problems += [f"{stage.kind}, burst: {words}" for words in problems]
        outcome.goals.extend(_goals(stage.kind, door, backlog))
        outcome.data[stage.kind] = _plain(size, door, backlog)
    return outcome


def wrong(answers: Collection[Answered], known: Mapping[int, str], made: Mapping[int, int]) -> list[str]:
    """Say which orders were not answered 2xx, are not in the database as they should be, or became two work orders."""
    problems = [f"order {each.number} was answered {each.status}" for each in answers if each.status // 100 != 2]
    for number in sorted(each.number for each in answers):
        state = known.get(number, "not there")
        if state not in KEPT:
            problems.append(f"order {number} is {state} in the database")
        elif state == "created" and number not in made:
            problems.append(f"order {number} is created in the database, and has no work order")
    problems += [f"order {number} is doubled: {count} work orders" for number, count in made.items() if count > 1]
    return problems


@contextlib.contextmanager
def _stage(bench: Bench, kind: str) -> Iterator[Stage]:
    """Run a bridge and a Panelr that allow the same: the orders are none of the bare Panelr's."""
    url, port = bench.databases.migrated(kind), free_port()
    rate, name = str(ALLOWED), f"burst-{kind}"
    arguments = ("simulate", "panelr", "--port", str(port), "--api-key", PANELR_KEY, "--rate-per-minute", rate)
    with (
        running(f"panelr-limited-{kind}", "panelr_bridge", *arguments, folder=bench.folder, port=port) as limited,
        bridge(bench.folder, url, Panelr(limited), name=name, panelr_rate_per_minute=rate) as process,
    ):
        yield Stage(kind, url, process, limited)


def _deliver(bench: Bench, stage: Stage, size: Size) -> Door:
    bench.say(f"{stage.kind}, burst: {size.deliveries:,} deliveries in {size.seconds:.0f} s")
    before = stage.bridge.usage()
    load = Load([stage.bridge.port], bench.fresh(), size.deliveries, size.seconds, 0, paced=True)
    answers = deliver(load).answers
    cpu = stage.bridge.usage().cpu_seconds - before.cpu_seconds
    time.sleep(APART)
    return Door(answers, cpu * 1000 / len(answers), before.rss_bytes / 1e6)


def _wait(bench: Bench, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        bench.say(f"the backlog leaves; {rest:.0f} s more")
        time.sleep(min(rest, 1))


def backlog(stage: Stage) -> Backlog:
    """Return what is there at the end."""
    # the database first: every order that it knows as created then is in Panelr's list
    known = states(stage.url)
    made = Counter(int(each["wc_order_id"]) for each in _read(stage.panelr, "/_sim/work-orders"))
    calls = [
        (datetime.fromisoformat(each["time"]).timestamp(), each["status"])
        for each in _read(stage.panelr, "/_sim/requests")
        if each["action"] == "create_work_order"
    ]
    most, end = peak_bytes(stage.bridge.pid), stage.bridge.usage().rss_bytes
    return Backlog(known, made, calls, most / 1e6, end / 1e6)


def _read(panelr: Process, path: str) -> Any:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", panelr.port, timeout=30)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


def _goals(kind: str, door: Door, backlog: Backlog) -> Iterator[Goal]:
    if waiting := door.milliseconds(waiting=True):
        middle = quantile(waiting, 0.5)
        yield Goal("burst: median ms at the door, limit used up", kind, Spread(middle, middle, middle), 50)
    if backlog.percents:
        words = "burst: % of the allowed rate at which it leaves"
        yield Goal(words, kind, Spread.of(backlog.percents), 98, at_least=True)
    yield Goal("burst: answers 429 from Panelr", kind, Spread.of([backlog.limited]), 0)


def _door_sheet(size: Size, stages: Sequence[Stage], doors: Sequence[Door]) -> Sheet:
    times = ("median ms", "p99 ms", "limit used up: median ms", "p99 ms")
    columns = ("", "answers", *times, "CPU ms/order", "load late by ms (p99)")
    rows = []
    for stage, door in zip(stages, doors, strict=True):
        took, waiting = _shares(door.milliseconds()), _shares(door.milliseconds(waiting=True))
        shares = (short(each[name]) if each else "" for each in (took, waiting) for name in ("median", "p99"))
        rows.append((stage.kind, _counted(door), *shares, short(door.cpu_ms), short(_shares(door.late(size))["p99"])))
    title = f"Burst: {size.deliveries:,} deliveries in {size.seconds:.0f} s, Panelr allows {ALLOWED} calls a minute"
    return Sheet(title, columns, rows)


def _leaving_sheet(size: Size, stages: Sequence[Stage], doors: Sequence[Door], backlogs: Sequence[Backlog]) -> Sheet:
    columns = ("", "orders kept", "calls", "429", "not 200", "s a slot", "% of the rate")
    memory = ("MB at rest", "most", "end", "most/at rest")
    rows = []
    for stage, door, backlog in zip(stages, doors, backlogs, strict=True):
        kept = sum(backlog.states.get(each.number) in KEPT for each in door.answers)
        refused = sum(status != 200 for _, status in backlog.calls)
        turns = [str(Spread.of(backlog.turns)), short(backlog.percents[0])] if backlog.turns else ["", ""]
        counts = map(str, (kept, len(backlog.calls), backlog.limited, refused))
        rows.append((stage.kind, *counts, *turns, *map(short, _memory(door, backlog).values())))
    return Sheet(f"Burst: how it leaves, watched for {size.watched:.0f} s", (*columns, *memory), rows)


def _counted(door: Door) -> str:
    counts = Counter(f"{each.status} {each.state}" for each in door.answers)
    return ", ".join(f"{count} x {words}" for words, count in sorted(counts.items()))


def _plain(size: Size, door: Door, backlog: Backlog) -> dict[str, Any]:
    """Return it for JSON."""
    return {
        "answers": _counted(door),
        "milliseconds": _shares(door.milliseconds()),
        "milliseconds_limit_used_up": _shares(door.milliseconds(waiting=True)),
        "milliseconds_load_late": _shares(door.late(size)),
        "cpu_ms": round(door.cpu_ms, 3),
        "orders": dict(Counter(backlog.states.values())),
        "calls": dict(Counter(str(status) for _, status in backlog.calls)),
        "seconds_a_slot": _shares(sorted(backlog.turns)),
        "percent_of_the_rate": [round(each, 2) for each in backlog.percents],
        "memory_mb": {name: round(each, 1) for name, each in _memory(door, backlog).items()},
    }


def _memory(door: Door, backlog: Backlog) -> dict[str, float]:
    return {
        "at rest": door.memory_mb,
        "most": backlog.most_mb,
        "end": backlog.end_mb,
        "most/at rest": backlog.most_mb / door.memory_mb,
    }


def _shares(ordered: Sequence[float]) -> dict[str, float]:
    parts = {"median": 0.5, "p99": 0.99, "most": 1.0}
    return {name: round(quantile(ordered, part), 3) for name, part in parts.items()} if ordered else {}
