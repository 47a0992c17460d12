"""Run coroutines at the same time, each to its end."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

R = TypeVar("R")


async def together(*lanes: Awaitable[R]) -> list[R]:
    """Run coroutines at the same time; return their results, or raise the first one's error.

    All are awaited before that: one that runs on without its database and its event loop would never end.
    """
    ended = [asyncio.ensure_future(lane) for lane in lanes]
    await asyncio.gather(*ended, return_exceptions=True)
    return [each.result() for each in ended]
