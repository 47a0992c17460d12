"""The demo."""

from rich.console import Console


async def play(out: Console) -> bool:
    return True
