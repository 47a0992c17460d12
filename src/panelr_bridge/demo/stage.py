"""The stage: a simulated shop, a simulated Panelr that can be shut down, and the real bridge as a process."""

import asyncio
import contextlib
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from panelr_bridge.demo.console import SceneFailed
from panelr_bridge.simulators import panelr as panelr_simulator
from panelr_bridge.simulators import woocommerce as shop_simulator
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import Delivery, SimulatedShop

PATIENCE_SECONDS = 6.0
"""How long anything is waited for that should happen at once or within a second or two."""
START_SECONDS = 20.0
STOP_SECONDS = 5.0
GRACE_SECONDS = 1.0
PREFIX = "BRIDGE_"

Json = dict[str, Any]


class PanelrServer:
    """A simulated Panelr that can be shut down and comes back at the same address, with all that it knew."""

    def __init__(self, app: Starlette) -> None:
        self.panel: Panel = app.state.panel
        self.url = ""
        self._app = app
        self._open = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Listen, at the address of the last time if there was one; raises Failed when that is taken."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        try:
            self.url = await self._open.enter_async_context(running(self._app, port=port))
        except OSError as error:
            raise SceneFailed(f"the simulated Panelr cannot listen on port {port}: {error.strerror}") from error

    async def stop(self) -> None:
        """Listen no more: whoever calls is refused the connection."""
        await self._open.aclose()


class BridgeServer:
    """The bridge as its operator meets it: webhooks, and the admin API with its token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.webhooks_url = f"{url}/webhooks/woocommerce"
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request; raises Failed when there is no answer."""
        try:
            return await self._http.request(method, f"{self.url}{path}", **more)
        except httpx.HTTPError as error:
            raise SceneFailed("the bridge does not answer", f"{method} {path}: {type(error).__name__}") from error

    async def call_api(self, method: str, path: str, **more: Any) -> Any:
        """Use the admin API; returns the answer's JSON, raises Failed when it is an error."""
        answer = await self.request(method, f"/api/v1{path}", **more)
        try:
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPStatusError, ValueError):
            words = f"the admin API answers {method} {path} with {answer.status_code}"
            raise SceneFailed(words, answer.text[:300]) from None

    async def read_order(self, woo_order_id: int) -> Json:
        """Return all that the admin API tells of an order; raises Failed when it knows none."""
        found = (await self.call_api("GET", f"/orders?woo_order_id={woo_order_id}"))["data"]
        if len(found) != 1:
            raise SceneFailed(f"the admin API should know order {woo_order_id} once; it knows it {len(found)} times")
        story: Json = (await self.call_api("GET", f"/orders/{found[0]['id']}"))["data"]
        return story

    async def wait_for_state(self, woo_order_id: int, state: str, *, attempts: int = 0) -> Json:
        """Wait until an order is in `state`, after at least so many attempts; raises Failed with what it is instead."""
        story: Json = {}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not story or story["state"] != state or len(story["attempt_log"]) < attempts:
                    await asyncio.sleep(0.03)
                    story = await self.read_order(woo_order_id)
        except TimeoutError:
            words = "; ".join(reason["words"] for reason in story.get("reasons", []))
            found = f"{story.get('state', 'not known')} after {len(story.get('attempt_log', []))} attempts {words}"
            raise SceneFailed(
                f"order {woo_order_id} should be {state} within {PATIENCE_SECONDS:g} s", f"it is {found.strip()}"
            ) from None
        return story


@dataclass(frozen=True, slots=True)
class DemoStage:
    """The three, running."""

    shop: SimulatedShop
    shop_url: str
    panelr: PanelrServer
    bridge: BridgeServer
    webhook_secret: str

    @property
    def panel(self) -> Panel:
        """Panelr's inside."""
        return self.panelr.panel

    async def wait_for_deliveries(self, order_id: int) -> list[Delivery]:
        """Wait until the shop has sent its webhooks; returns those of the order, raises Failed when they do not end."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.shop.webhooks.wait_until_idle()
        except TimeoutError:
            raise SceneFailed(f"the shop's webhooks should be delivered within {PATIENCE_SECONDS:g} s") from None
        return [each for each in self.shop.webhooks.deliveries if each.order_id == order_id]


@contextlib.asynccontextmanager
async def open_stage(folder: Path, *, log: Path) -> AsyncIterator[DemoStage]:
    """Start the three and stop them at the end, whatever happens; raises Failed when the bridge does not start."""
    panel_key, token, secret = (secrets.token_urlsafe(24) for _ in range(3))
    shop_app = shop_simulator.create_app()
    panelr = PanelrServer(panelr_simulator.create_app(api_key=panel_key))
    async with contextlib.AsyncExitStack() as stack:
        shop_url = await stack.enter_async_context(running(shop_app))
        stack.push_async_callback(panelr.stop)
        await panelr.start()
        port = _free_port()
        settings = {
            "DATABASE_URL": f"sqlite:///{folder / 'bridge.db'}",
            "PORT": str(port),
            "WEBHOOK_SECRET": secret,
            "ADMIN_TOKEN": token,
            "PANELR_URL": panelr.url,
            "PANELR_API_KEY": panel_key,
            "PANELR_TIMEOUT_SECONDS": "5",
            "GRACE_SECONDS": str(GRACE_SECONDS),
            "RETRY_SCHEDULE_SECONDS": "0.4,0.6,0.8",
            "LOG_FORMAT": "console",
        }
        bridge = BridgeServer(f"http://127.0.0.1:{port}", token)
        stack.push_async_callback(bridge.close)
        process = await stack.enter_async_context(run_server(settings, folder=folder, log=log))
        await _wait_until_ready(process, bridge)
        yield DemoStage(shop_app.state.shop, shop_url, panelr, bridge, secret)


@contextlib.asynccontextmanager
async def run_server(
    settings: Mapping[str, str], *, folder: Path, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the server as its operator does, with `settings` and no others; it is stopped at the end."""
    # Neither the settings of this machine's environment nor its .env are the demo's: hence the folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    command = (sys.executable, "-m", "panelr_bridge", "serve")
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    try:
        yield process
    finally:
        await _stop(process)


async def _wait_until_ready(process: asyncio.subprocess.Process, bridge: BridgeServer) -> None:
    found = "nothing answers"
    try:
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                with contextlib.suppress(SceneFailed):
                    answer = await bridge.request("GET", "/readyz")
                    if answer.status_code == httpx.codes.OK:
                        return
                    found = answer.text[:300]
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise SceneFailed(f"the bridge should be ready within {START_SECONDS:g} s", found) from None
    raise SceneFailed(f"the bridge ended while it started, with exit code {process.returncode}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask the process to end; make it end when it takes too long. It may have ended: Ctrl-C goes to both of us."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
