"""The three servers of the demo: simulated shop, simulated Panelr, and the real bridge as a process."""

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
"""Time limit for a result that normally takes less than two seconds."""
START_SECONDS = 20.0
STOP_SECONDS = 5.0
GRACE_SECONDS = 1.0
PREFIX = "BRIDGE_"

Json = dict[str, Any]


class PanelrServer:
    """A simulated Panelr that can be stopped and started again, with the same address and state."""

    def __init__(self, app: Starlette) -> None:
        self.panel: Panel = app.state.panel
        self.url = ""
        self._app = app
        self._open = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Start to listen, at the previous address if there is one. Raises SceneFailed if the port is taken."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        try:
            self.url = await self._open.enter_async_context(running(self._app, port=port))
        except OSError as error:
            raise SceneFailed(f"the simulated Panelr cannot listen on port {port}: {error.strerror}") from error

    async def stop(self) -> None:
        """Stop to listen: connections are refused."""
        await self._open.aclose()


class BridgeServer:
    """The bridge as a client sees it: the webhook route, and the admin API with its token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.webhooks_url = f"{url}/webhooks/woocommerce"
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request. Raises SceneFailed without a response."""
        try:
            return await self._http.request(method, f"{self.url}{path}", **more)
        except httpx.HTTPError as error:
            raise SceneFailed("the bridge does not answer", f"{method} {path}: {type(error).__name__}") from error

    async def call_api(self, method: str, path: str, **more: Any) -> Any:
        """Call the admin API and return the JSON. Raises SceneFailed for an error."""
        response = await self.request(method, f"/api/v1{path}", **more)
        try:
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPStatusError, ValueError):
            words = f"the admin API answers {method} {path} with {response.status_code}"
            raise SceneFailed(words, response.text[:300]) from None

    async def read_order(self, woo_order_id: int) -> Json:
        """Return an order from the admin API. Raises SceneFailed if the bridge does not know it."""
        orders = (await self.call_api("GET", f"/orders?woo_order_id={woo_order_id}"))["data"]
        if len(orders) != 1:
            raise SceneFailed(f"the admin API should know order {woo_order_id} once; it knows it {len(orders)} times")
        order: Json = (await self.call_api("GET", f"/orders/{orders[0]['id']}"))["data"]
        return order

    async def wait_for_state(self, woo_order_id: int, state: str, *, attempts: int = 0) -> Json:
        """Wait until an order is in `state` after at least `attempts` calls, and return it.

        Raises SceneFailed with the actual state after PATIENCE_SECONDS.
        """
        order: Json = {}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not order or order["state"] != state or len(order["attempt_log"]) < attempts:
                    await asyncio.sleep(0.03)
                    order = await self.read_order(woo_order_id)
        except TimeoutError:
            words = "; ".join(reason["words"] for reason in order.get("reasons", []))
            actual = f"{order.get('state', 'not known')} after {len(order.get('attempt_log', []))} attempts {words}"
            raise SceneFailed(
                f"order {woo_order_id} should be {state} within {PATIENCE_SECONDS:g} s", f"it is {actual.strip()}"
            ) from None
        return order


@dataclass(frozen=True, slots=True)
class DemoStage:
    """The running servers."""

    shop: SimulatedShop
    shop_url: str
    panelr: PanelrServer
    bridge: BridgeServer
    webhook_secret: str

    @property
    def panel(self) -> Panel:
        """Return the state of the simulated Panelr."""
        return self.panelr.panel

    async def wait_for_deliveries(self, order_id: int) -> list[Delivery]:
        """Wait until the shop has sent its webhooks; return those of the order. Raises SceneFailed after a timeout."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.shop.webhooks.wait_until_idle()
        except TimeoutError:
            raise SceneFailed(f"the shop's webhooks should be delivered within {PATIENCE_SECONDS:g} s") from None
        return [each for each in self.shop.webhooks.deliveries if each.order_id == order_id]


@contextlib.asynccontextmanager
async def open_stage(folder: Path, *, log: Path) -> AsyncIterator[DemoStage]:
    """Start the three servers, and stop them at the end. Raises SceneFailed if the bridge does not start."""
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
    """Run `panelr-bridge serve` with only the given settings, and stop it at the end."""
    # The environment and the .env of this machine must not change the demo, so the process runs in `folder`.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    command = (sys.executable, "-m", "panelr_bridge", "serve")
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
        )
    try:
        yield process
    finally:
        await _stop(process)


async def _wait_until_ready(process: asyncio.subprocess.Process, bridge: BridgeServer) -> None:
    last_answer = "nothing answers"
    try:
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                with contextlib.suppress(SceneFailed):
                    response = await bridge.request("GET", "/readyz")
                    if response.status_code == httpx.codes.OK:
                        return
                    last_answer = response.text[:300]
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise SceneFailed(f"the bridge should be ready within {START_SECONDS:g} s", last_answer) from None
    raise SceneFailed(f"the bridge ended while it started, with exit code {process.returncode}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Terminate the process; kill it after a timeout. After Ctrl-C it may have ended already."""
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
