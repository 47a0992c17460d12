"""Things done side by side, each to its end."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

R = TypeVar("R")


async def together(*lanes: Awaitable[R]) -> list[R]:
    """Run them at the same time and return what they return; raises what the first of them raised, if any did.

    That waits for the others: what goes on while its database and its event loop are taken away never ends.
    """
    ended = [asyncio.ensure_future(lane) for lane in lanes]
    await asyncio.gather(*ended, return_exceptions=True)
    return [each.result() for each in ended]
