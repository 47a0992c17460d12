"""The demo: the real bridge between a simulated shop and a simulated Panelr, in seven scenes.

Each result is read from the shop's journal, from Panelr's state and from the bridge's admin API. A failed check ends
the demo and prints the expected and the actual values, and the bridge's log.
"""

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console

from panelr_bridge.demo import failure_scenes, order_scenes, summary
from panelr_bridge.demo.console import DemoConsole, SceneFailed
from panelr_bridge.demo.stage import DemoStage, open_stage

TIME_LIMIT_SECONDS = 40.0
"""Time limit of a run, without stopping the servers. A normal run takes five to eight seconds, a failing one 15."""
LOG_FILE = "bridge.log"
SCENES = (
    order_scenes.set_up,
    order_scenes.order_placed,
    order_scenes.other_price,
    order_scenes.order_held,
    failure_scenes.repeated_deliveries,
    failure_scenes.answer_lost,
    failure_scenes.panelr_down,
)


async def play(out: Console) -> bool:
    """Play all scenes and return whether all checks passed. Leaves no process and no file behind."""
    started = time.monotonic()
    console = DemoConsole(out)
    with tempfile.TemporaryDirectory(prefix="panelr-bridge-demo-") as name:
        log = Path(name) / LOG_FILE
        console.print_intro()
        try:
            async with (
                _stop_on_sigterm(),
                asyncio.timeout(TIME_LIMIT_SECONDS),
                open_stage(Path(name), log=log) as stage,
            ):
                succeeded = await _play_scenes(stage, console, started=started)
        except TimeoutError:
            succeeded = console.report_failure(SceneFailed(f"the demo did not end within {TIME_LIMIT_SECONDS:g} s"))
        except SceneFailed as failure:
            succeeded = console.report_failure(failure)
        if not succeeded:
            console.print_log(log)
    return succeeded


async def _play_scenes(stage: DemoStage, console: DemoConsole, *, started: float) -> bool:
    """Play the scenes until one fails, then print the summary in any case."""
    succeeded = True
    try:
        for scene in SCENES:
            await scene(stage, console)
    except SceneFailed as failure:
        succeeded = console.report_failure(failure)
    return await summary.show_summary(stage, console, started=started, succeeded=succeeded)


@contextlib.asynccontextmanager
async def _stop_on_sigterm() -> AsyncIterator[None]:
    """Turn SIGTERM into a failure, so that the servers are stopped. The event loop's runner handles Ctrl-C."""
    loop, task, is_stopping = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()

    def stop() -> None:
        is_stopping.set()
        if task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    except asyncio.CancelledError:
        if task is None or not is_stopping.is_set():
            raise
        task.uncancel()
        raise SceneFailed("the demo was stopped (SIGTERM)") from None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
