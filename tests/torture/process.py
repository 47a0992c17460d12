"""A bridge as its own process, forked from a server with its imports: a start takes a third of a second."""

import asyncio
import contextlib
import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from panelr_bridge.cli.serve import serve
from tests.support.ports import free_port
from tests.torture.killpoint import Killpoint

START_SECONDS = 60.0
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.torture.process"])


class Bridge:
    """A bridge that is started, killed and started again, each time on another port."""

    def __init__(self, name: str, *, environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.starts = self.kills = 0
        self.ready = False
        self._environment = environment
        self._folder = folder
        self._process: BaseProcess | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its address, or the last one."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.is_alive()

    async def start(self, killpoint: Killpoint | None = None) -> None:
        """Start it and wait until it takes connections."""
        self._port = free_port()
        environment = self._environment | {"BRIDGE_PORT": str(self._port)}
        self._process = _FORKS.Process(
            target=_serve, args=(environment, self._folder, self.log, killpoint), daemon=True, name=self.name
        )
        self._process.start()
        self.starts += 1
        end = time.monotonic() + START_SECONDS
        while not await _listens(self._port):
            if not self.alive or time.monotonic() > end:
                raise RuntimeError(f"{self.name} did not start:\n{self.said()}")
            await asyncio.sleep(0.02)
        self.ready = True

    async def kill(self) -> None:
        """Kill it."""
        self.ready = False
        if self.alive and self._process is not None:
            self.kills += 1
            self._process.kill()
        await self.gone()

    async def gone(self, seconds: float = 10) -> None:
        """Wait until its process has ended."""
        end = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not end:\n{self.said()}")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Let it finish its work, then end it."""
        self.ready = False
        if self._process is None:
            return
        self._process.terminate()
        try:
            await self.gone(30)
        finally:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None

    def said(self, lines: int = 20) -> str:
        """Return the last `lines` of its output, all of them for 0."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


def _serve(environment: dict[str, str], folder: Path, log: Path, killpoint: Killpoint | None) -> None:
    """Run a bridge in the child process."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(folder)  # it must not read the developer's .env
    for name in [name for name in os.environ if name.startswith("BRIDGE_")]:
        del os.environ[name]
    os.environ.update(environment)
    if killpoint is not None:
        killpoint.install()
    serve()


async def _listens(port: int) -> bool:
    """Return whether the server takes connections: then it is ready."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
