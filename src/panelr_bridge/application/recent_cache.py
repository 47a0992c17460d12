"""What a process remembers of late, so that it need not ask for it: the oldest is forgotten."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RecentCache(Generic[K, V]):
    """A mapping that holds the last keys that were kept, `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return what was kept under `key`; None where it is not known any more."""
        return self._known.get(key)

    def keep(self, key: K, value: V) -> None:
        """Remember `value`."""
        self._known.pop(key, None)
        self._known[key] = value
        if len(self._known) > self._size:
            del self._known[next(iter(self._known))]

    def forget(self) -> None:
        """Forget everything."""
        self._known.clear()
