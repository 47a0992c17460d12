"""Things done side by side, each to its end."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

R = TypeVar("R")


async def together(*lanes: Awaitable[R]) -> list[R]:
    """Run them at the same time and return what they return; raises what the first of them raised, if any did.

    That waits for the others: what goes on while its database and its event loop are taken away never ends.
    """
    done = await asyncio.gather(*lanes, return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException):
            raise each
    return [each for each in done if not isinstance(each, BaseException)]
