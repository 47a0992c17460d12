"""Run `panelr-bridge serve` with its worker, a fresh database and the default settings.

Only the rate limit differs: it is so high that it has no effect. Its slots are rows, and a slot is free again after 61
s, so there are more slots than a run has orders in a minute.
"""

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path

from bench.orders import MAPPINGS, SECRET
from bench.panelr import PanelrProcess
from bench.processes import ServerProcess, run_process
from tests.support.ports import free_port

ADMIN_TOKEN = "admin-of-the-benchmark-51d2"  # noqa: S105  a local test value
PANELR_KEY = "key-of-the-benchmark"
SLOTS = 100_000


def bridge_environment(database_url: str, panelr_url: str, **more: str) -> dict[str, str]:
    """Return the environment of a bridge; `more` are settings by their lower-case names."""
    known = {
        "webhook_secret": SECRET,
        "admin_token": ADMIN_TOKEN,
        "panelr_url": panelr_url,
        "panelr_api_key": PANELR_KEY,
        "database_url": database_url,
        "panelr_rate_per_minute": str(SLOTS),
        "orders_since": "2026-01-01",  # before the orders of the benchmark, whenever it runs
    }
    return {f"BRIDGE_{name.upper()}": value for name, value in (known | more).items()}


@contextlib.contextmanager
def run_bridge(
    folder: Path, database_url: str, panelr: PanelrProcess, *, name: str = "bridge", **more: str
) -> Iterator[ServerProcess]:
    """Run a bridge on a migrated database until the end of the block. The orders' products are mapped."""
    port = free_port()
    environment = bridge_environment(database_url, panelr.process.url, port=str(port), **more)
    with run_process(name, "panelr_bridge", "serve", folder=folder, port=port, environment=environment) as process:
        for mapping in MAPPINGS:
            _add_mapping(process, mapping)
        yield process


def _add_mapping(process: ServerProcess, mapping: object) -> None:
    """Add a mapping with the admin API, unless it exists."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)) as connection:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/product-mappings", json.dumps(mapping), headers)
        answer = connection.getresponse()
        words = answer.read().decode()
    if answer.status not in {201, 409}:
        raise RuntimeError(f"the mapping was answered {answer.status}: {words}")
