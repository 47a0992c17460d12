"""The demo: a shop, the real bridge and a panel on this machine, and six scenes of what can happen between them.

What it says is looked up in the shop's journal, in Panelr's own list and in the bridge's admin API. A scene that
does not come out as it should ends the demo: with what was expected, what was found, and the bridge's log.
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

LONGEST_SECONDS = 40.0
"""No run takes longer than this and the stopping; a common one takes five to eight seconds, a failing one 15."""
LOG_FILE = "bridge.log"
SCENES = (
    order_scenes.set_up,
    order_scenes.order_placed,
    order_scenes.order_held,
    failure_scenes.repeated_deliveries,
    failure_scenes.answer_lost,
    failure_scenes.panelr_down,
)


async def play(out: Console) -> bool:
    """Play all scenes and return whether each came out as it should. Leaves no process and no file behind."""
    began = time.monotonic()
    console = DemoConsole(out)
    with tempfile.TemporaryDirectory(prefix="panelr-bridge-demo-") as name:
        log = Path(name) / LOG_FILE
        console.print_intro()
        try:
            async with _stop_on_sigterm(), asyncio.timeout(LONGEST_SECONDS), open_stage(Path(name), log=log) as stage:
                good = await _play_scenes(stage, console, began=began)
        except TimeoutError:
            good = console.report_failure(SceneFailed(f"the demo did not end within {LONGEST_SECONDS:g} s"))
        except SceneFailed as failed:
            good = console.report_failure(failed)
        if not good:
            console.print_log(log)
    return good


async def _play_scenes(stage: DemoStage, console: DemoConsole, *, began: float) -> bool:
    """Play the scenes until one fails; the accounts are shown either way."""
    good = True
    try:
        for scene in SCENES:
            await scene(stage, console)
    except SceneFailed as failed:
        good = console.report_failure(failed)
    return await summary.show_summary(stage, console, began=began, good=good)


@contextlib.asynccontextmanager
async def _stop_on_sigterm() -> AsyncIterator[None]:
    """Take SIGTERM for a failure, so that the servers are stopped; Ctrl-C is seen to by the event loop's runner."""
    loop, task, told = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()

    def end() -> None:
        told.set()
        if task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)
    try:
        yield
    except asyncio.CancelledError:
        if task is None or not told.is_set():
            raise
        task.uncancel()
        raise SceneFailed("the demo was told to stop (SIGTERM)") from None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
