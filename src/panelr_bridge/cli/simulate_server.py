"""simulate: one simulator until it is told to stop."""

import asyncio

import typer
from starlette.types import ASGIApp

from panelr_bridge.cli.console import complain, out
from panelr_bridge.cli.startup import STOPPING, run
from panelr_bridge.simulators.server import running


def serve(name: str, simulator: ASGIApp, host: str, port: int, more: str) -> None:
    """Serve until a signal says to stop."""
    run(_serve(name, simulator, host, port, more))


async def _serve(name: str, simulator: ASGIApp, host: str, port: int, more: str) -> None:
    stopped = asyncio.Event()
    for each in STOPPING:
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    try:
        async with running(simulator, host=host, port=port) as url:
            out.print(f"A simulated {name} is at [bold]{url}[/] ({more}); GET {url}/_sim/ tells what can be done.")
            await stopped.wait()
    except OSError as error:
        complain(f"{host}:{port} cannot be listened on: {error.strerror}")
        raise typer.Exit(1) from None
