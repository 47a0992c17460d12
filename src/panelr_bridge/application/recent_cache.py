"""A bounded in-memory cache that drops the entry stored longest ago."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RecentCache(Generic[K, V]):
    """A mapping with at most `size` entries. Storing an entry again makes it the newest; reading it does not."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value of `key`, None if there is none."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Store `value` under `key`."""
        self._entries.pop(key, None)
        self._entries[key] = value
        if len(self._entries) > self._size:
            del self._entries[next(iter(self._entries))]

    def clear(self) -> None:
        """Remove every entry."""
        self._entries.clear()
