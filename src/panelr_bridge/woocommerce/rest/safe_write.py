"""Sends writes safely: after a lost answer it looks the write up before it sends it again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from panelr_bridge.errors import ShopError, ShopUnclear, ShopUnreachable

T = TypeVar("T")

LOOK_UP_WAITS = (1.0, 4.0, 10.0)
"""Seconds before each look-up: a shop may still process a request after the bridge has stopped waiting."""


async def send_safely(
    send: Callable[[], Awaitable[T]],
    look_up: Callable[[], Awaitable[T | None]],
    *,
    waits: Sequence[float],
    is_repeatable: bool = True,
) -> T:
    """Return the result of `send`, or of `look_up` after a lost answer; `look_up` returns None if it finds nothing.

    A write that was not found is sent once more if `is_repeatable`. Raises the shop's errors, and ShopUnclear if the
    write may have happened and was not found.
    """
    for is_last in (not is_repeatable, True):
        try:
            return await _send_with_retries(send, waits)
        except ShopError as error:
            if not error.maybe_done:
                raise
            lost = error
        result = await _look_up(look_up, lost, waits)
        if result is not None:
            return result
        if is_last:
            break
    raise ShopUnclear(f"this may have happened: check in the shop before you repeat it. {lost.words}")


async def _send_with_retries(send: Callable[[], Awaitable[T]], waits: Sequence[float]) -> T:
    """Call `send`, and again while the shop certainly did nothing."""
    for wait in waits:
        try:
            return await send()
        except ShopUnreachable as error:
            if error.maybe_done:
                raise
            await asyncio.sleep(max(wait, min(30.0, error.retry_after or 0.0)))
    return await send()


async def _look_up(look_up: Callable[[], Awaitable[T | None]], lost: ShopError, waits: Sequence[float]) -> T | None:
    try:
        for wait in waits:
            await asyncio.sleep(wait)
            result = await look_up()
            if result is not None:
                return result
    except ShopError as error:
        words = f"this may have happened ({lost.words}), and the look-up failed: {error.words}"
        raise ShopUnclear(words) from error
    return None
