"""A backlog of 50,000 owed calls leaves at the allowed rate, and new orders are answered meanwhile.

`python -m bench.drain` watches it for two minutes on both databases, and says what it has seen; by the burst's means.
It fails where a call was answered 429, where a slot's next call was late, or where a new order was not answered 2xx.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

from bench.bridge import PANELR_KEY, bridge
from bench.burst import ALLOWED, Stage, backlog
from bench.databases import POSTGRESQL, SQLITE, databases
from bench.load import Answered, Load, deliver
from bench.panelr import Panelr
from bench.processes import running
from panelr_bridge.store import database
from tests.support import filled_database as filled
from tests.support.ports import free_port

OWED, WATCHED, NEWCOMERS = 50_000, 125.0, 200
FIRST_OWED, FIRST_NEW = 2_000_000, 3_000_000


def main() -> int:
    """Watch both databases at the same time; return 0 where all was as it should be."""
    folder = Path(tempfile.mkdtemp(prefix="bench-drain-"))
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(databases(folder))
        stages = []
        for kind in (SQLITE, POSTGRESQL):
            url, port, rate = made.migrated(kind), free_port(), str(ALLOWED)
            asyncio.run(_owe(url))
            asked = ("simulate", "panelr", "--port", str(port), "--api-key", PANELR_KEY, "--rate-per-minute", rate)
            limited = stack.enter_context(running(f"panelr-{kind}", "panelr_bridge", *asked, folder=folder, port=port))
            started = bridge(folder, url, Panelr(limited), name=kind, panelr_rate_per_minute=rate)
            stages.append(Stage(kind, url, stack.enter_context(started), limited))
        end = time.monotonic() + WATCHED
        time.sleep(5)
        new = [deliver(Load([each.bridge.port], FIRST_NEW, NEWCOMERS, 40.0, 0, paced=True)) for each in stages]
        time.sleep(max(0.0, end - time.monotonic()))
        return max(_told(stage, report.answers) for stage, report in zip(stages, new, strict=True))


async def _owe(url: str) -> None:
    async with database.open_database(url) as opened:
        await opened.write(filled.add_orders, FIRST_OWED + 1, FIRST_OWED + OWED, owing="create_work_order")
        await filled.analyze(opened)


def _told(stage: Stage, answers: Sequence[Answered]) -> int:
    left = backlog(stage)
    took = sorted(each.seconds * 1000 for each in answers)
    percent = 100 * 60 / fmean(left.turns)
    wrong = sum(each.status not in {200, 202} for each in answers)
    print(  # noqa: T201  what was asked for
        f"{stage.kind}: {len(left.calls)} calls, {left.limited} x 429, {percent:.1f} % of the rate;"
        f" {len(took)} new orders, {wrong} not 2xx, median {median(took):.1f} ms, slowest {took[-1]:.1f} ms;"
        f" {left.end_mb:.0f} MB"
    )
    return int(percent < 98 or left.limited > 0 or wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
