"""Which shops are not asked for a while, because their API failed: the orders of other shops must not wait for it."""

from datetime import datetime, timedelta

PAUSE = timedelta(minutes=1)


class ShopPauses:
    """The pauses of one process, by store. At the end of a pause one task asks, and the others wait for its result."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def begin(self, store: str, *, now: datetime, limit: timedelta) -> bool:
        """Return whether a task, which takes at most `limit`, may ask a shop now."""
        until = self._until.get(store)
        if until is not None and now < until:
            return False
        if until is not None:
            self._until[store] = now + limit
        return True

    def end(self, store: str, *, now: datetime, has_answered: bool) -> None:
        """Record how a question ended."""
        if has_answered:
            self._until.pop(store, None)
        else:
            self._until[store] = now + PAUSE
