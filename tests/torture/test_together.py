"""When one lane fails, the others end before the error is raised."""

import asyncio

import pytest

from tests.torture.together import together


async def test_the_others_end_before_a_failure_is_reported() -> None:
    ended = asyncio.Event()

    async def fails() -> None:
        raise RuntimeError("the first")

    async def takes_its_time() -> None:
        await asyncio.sleep(0.05)
        ended.set()

    with pytest.raises(RuntimeError, match="the first"):
        await together(fails(), takes_its_time())
    assert ended.is_set()


async def test_what_they_return_comes_in_their_order() -> None:
    assert await together(asyncio.sleep(0.01, "slow"), asyncio.sleep(0, "quick")) == ["slow", "quick"]
