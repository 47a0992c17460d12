"""Writes whose outcome is in doubt: what became of one is looked up before it is sent again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from panelr_bridge.errors import ShopError, ShopUnclear, ShopUnreachable

T = TypeVar("T")

LOOKS = (1.0, 4.0, 10.0)
"""Waits before each look: a shop may still be at work on a request whose sender has given up."""


async def send_safely(
    send: Callable[[], Awaitable[T]],
    look: Callable[[], Awaitable[T | None]],
    *,
    waits: Sequence[float],
    again: bool = True,
) -> T:
    """Return what `send` or `look` brings. `look` returns None while it finds nothing of the write.

    A write that has not happened is sent once more, unless `again` is false. Raises what the shop says to it, and
    ShopUnclear when it may have happened and cannot be found.
    """
    for last in (not again, True):
        try:
            return await _send_with_retries(send, waits)
        except ShopError as error:
            if not error.maybe_done:
                raise
            doubt = error
        found = await _look_up(look, doubt, waits)
        if found is not None:
            return found
        if last:
            break
    raise ShopUnclear(f"it is not known whether this happened, look into the shop before you repeat it: {doubt.words}")


async def _send_with_retries(send: Callable[[], Awaitable[T]], waits: Sequence[float]) -> T:
    """Send, and try again while it is certain that nothing has happened."""
    for wait in waits:
        try:
            return await send()
        except ShopUnreachable as error:
            if error.maybe_done:
                raise
            await asyncio.sleep(max(wait, min(30.0, error.retry_after or 0.0)))
    return await send()


async def _look_up(look: Callable[[], Awaitable[T | None]], doubt: ShopError, waits: Sequence[float]) -> T | None:
    try:
        for wait in waits:
            await asyncio.sleep(wait)
            found = await look()
            if found is not None:
                return found
    except ShopError as error:
        words = f"it is not known whether this happened ({doubt.words}), and looking failed: {error.words}"
        raise ShopUnclear(words) from error
    return None
