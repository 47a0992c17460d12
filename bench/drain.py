"""Process a backlog of 50,000 owed calls at the allowed rate, while new orders are answered.

`python -m bench.drain` observes both databases for two minutes and prints the results. It fails if a call was answered
429, if the rate was below 98 % of the limit, or if a new order was not answered 2xx.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

from bench.bridge import PANELR_KEY, run_bridge
from bench.burst import ALLOWED, BurstStage, read_backlog
from bench.databases import POSTGRESQL, SQLITE, open_databases
from bench.load import DeliveryResult, LoadSettings, run_load
from bench.panelr import PanelrProcess
from bench.processes import run_process
from panelr_bridge.store import database
from tests.support import filled_database as filled
from tests.support.ports import free_port

OWED, WATCHED, NEWCOMERS = 50_000, 125.0, 200
FIRST_OWED, FIRST_NEW = 2_000_000, 3_000_000


def main() -> int:
    """Observe both databases at the same time; return 0 on success."""
    folder = Path(tempfile.mkdtemp(prefix="bench-drain-"))
    with contextlib.ExitStack() as stack:
        databases = stack.enter_context(open_databases(folder))
        stages = []
        for kind in (SQLITE, POSTGRESQL):
            url, port, rate = databases.create_migrated(kind), free_port(), str(ALLOWED)
            asyncio.run(_add_owed_calls(url))
            arguments = ("simulate", "panelr", "--port", str(port), "--api-key", PANELR_KEY, "--rate-per-minute", rate)
            panelr = stack.enter_context(
                run_process(f"panelr-{kind}", "panelr_bridge", *arguments, folder=folder, port=port)
            )
            context = run_bridge(folder, url, PanelrProcess(panelr), name=kind, panelr_rate_per_minute=rate)
            stages.append(BurstStage(kind, url, stack.enter_context(context), panelr))
        end = time.monotonic() + WATCHED
        time.sleep(5)
        reports = [
            run_load(LoadSettings([each.bridge.port], FIRST_NEW, NEWCOMERS, 40.0, 0, paced=True)) for each in stages
        ]
        time.sleep(max(0.0, end - time.monotonic()))
        return max(_report(stage, report.answers) for stage, report in zip(stages, reports, strict=True))


async def _add_owed_calls(url: str) -> None:
    async with database.open_database(url) as opened:
        await opened.write(filled.add_orders, FIRST_OWED + 1, FIRST_OWED + OWED, owing="create_work_order")
        await filled.analyze(opened)


def _report(stage: BurstStage, answers: Sequence[DeliveryResult]) -> int:
    backlog = read_backlog(stage)
    milliseconds = sorted(each.seconds * 1000 for each in answers)
    percent = 100 * 60 / fmean(backlog.slot_intervals)
    failed = sum(each.status not in {200, 202} for each in answers)
    print(  # noqa: T201  the output of this command
        f"{stage.kind}: {len(backlog.calls)} calls, {backlog.rate_limited} x 429, {percent:.1f} % of the rate;"
        f" {len(milliseconds)} new orders, {failed} not 2xx, median {median(milliseconds):.1f} ms,"
        f" slowest {milliseconds[-1]:.1f} ms; {backlog.end_mb:.0f} MB"
    )
    return int(percent < 98 or backlog.rate_limited > 0 or failed > 0)


if __name__ == "__main__":
    sys.exit(main())
