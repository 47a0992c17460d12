"""The thread in which SQLite's slow commits wait for the disk, so that the event loop does not."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from panelr_bridge.store.engine.pending import PendingResult


class CommitThread:
    """One thread and its queue.

    The standard library's ThreadPoolExecutor takes a dozen locks for each call, and this takes two.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Run `work` in the thread; return a future with its result or its exception."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="sqlite-commit", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        pending = PendingResult(future=loop.create_future())

        def run() -> None:
            try:
                pending.result = work()
            except BaseException as error:  # noqa: BLE001  the future carries it to the caller
                pending.error = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: there is no caller left
                loop.call_soon_threadsafe(pending.deliver)

        self._queue.put(run)
        return pending.future

    def close(self) -> None:
        """Finish the queued work and stop the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (run := self._queue.get()) is not None:
            run()
