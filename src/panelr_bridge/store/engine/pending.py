"""Work that waits for its turn, and the limits that both databases share."""

import asyncio
from dataclasses import dataclass
from typing import Any

MAX_BATCH = 64
"""How many transactions or statements share a commit at most, so that the first does not wait long for the last."""
MAX_TRIES = 5
"""How often a transaction is run at most when other transactions conflict with it."""


@dataclass(slots=True, kw_only=True)
class PendingResult:
    """The result or the error of a piece of work, and the future of its caller."""

    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def deliver(self) -> None:
        """Resolve the future, unless its caller was cancelled."""
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):  # a future cannot hold one
            self.future.set_exception(RuntimeError(repr(self.error)))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)
