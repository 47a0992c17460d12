"""Count the statements and transactions of an order and of its repetition.

`python -m bench.statements FIRST_ORDER` runs the application with the BRIDGE_ settings and prints JSON. BEGIN and
COMMIT do not count as statements; a transaction counts when it commits.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from typing import Any

import httpx
from sqlalchemy import Engine, event

from bench import orders
from bench.bridge import ADMIN_TOKEN, bridge_environment
from bench.databases import POSTGRESQL, SQLITE
from bench.measure import BenchRun
from bench.order_check import find_wrong_orders, shorten
from bench.outcome import Outcome, Sheet
from bench.processes import clean_environment
from panelr_bridge import logs
from panelr_bridge import settings as bridge_settings
from panelr_bridge.web.app import create_app

ORDERS = 3
DELIVERIES = ("first delivery", "repetition", "next snapshot")


def measure_statements(bench: BenchRun) -> Outcome:
    """Count on both databases."""
    counts: dict[str, Any] = {}
    for kind in (SQLITE, POSTGRESQL):
        bench.report_progress(f"{kind}: statements")
        url, first = bench.databases.create_migrated(kind), bench.next_order_number()
        bench.panelr.delay(0)
        counts[kind] = _run_counting(
            bridge_environment(url, bench.panelr.process.url, panelr_rate_per_minute="100"), first
        )
        numbers = range(first, first + ORDERS)
        bench.sent.update(numbers)
        states = dict.fromkeys(numbers, "created")  # each answer had this state
        bench.problems += shorten(find_wrong_orders(numbers, bench.panelr.counts().created, states))
    rows = [
        (name, *(str(counts[kind][name][what]) for kind in counts for what in ("statements", "transactions")))
        for name in DELIVERIES
    ]
    columns = ("delivery", *(f"{kind}: {what}" for kind in counts for what in ("statements", "transactions")))
    return Outcome([Sheet("Statements without BEGIN and COMMIT", columns, rows)], data={"statements": counts})


def _run_counting(environment: dict[str, str], first: int) -> Any:
    completed = subprocess.run(  # noqa: S603  this interpreter, this module
        [sys.executable, "-m", "bench.statements", str(first)],
        env=clean_environment() | environment | {"BRIDGE_WORKER": "false"},  # the worker's statements would count too
        capture_output=True,
        timeout=60,
        check=False,
    )
    if completed.returncode != 0:
        raise RuntimeError(f"statements could not be counted:\n{completed.stderr.decode(errors='replace')[-2000:]}")
    return json.loads(completed.stdout)


def _count_events() -> Counter[str]:
    """Return counts of all statements and commits from now on."""
    counts: Counter[str] = Counter()

    def count_statement(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        counts["statements"] += not statement.startswith("BEGIN")

    def count_commit(_connection: Any) -> None:
        counts["transactions"] += 1

    event.listen(Engine, "before_cursor_execute", count_statement)
    event.listen(Engine, "commit", count_commit)
    return counts


async def _count_deliveries(first: int) -> dict[str, dict[str, int]]:
    """Deliver orders and return the counts of the last one; by then all connections and statements are prepared."""
    logs.configure("json")  # logs go to standard error
    app = create_app(bridge_settings.load_settings(None))
    counter, counts = _count_events(), {}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge.test") as http:
            bearer = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            for mapping in orders.MAPPINGS:
                await http.post("/api/v1/product-mappings", json=mapping, headers=bearer)
            for number in range(first, first + ORDERS):
                content = orders.build_body(number)
                newer = content.replace(b"MAG 524", b"MAG 522")
                for name, body in zip(DELIVERIES, (content, content, newer), strict=True):
                    counter.clear()
                    await _deliver(http, number, body)
                    counts[name] = dict(counter)
    return counts


async def _deliver(http: httpx.AsyncClient, number: int, body: bytes) -> None:
    answer = await http.post(orders.PATH, content=body, headers=orders.build_headers(number, body))
    if answer.json()["state"] != "created":
        raise RuntimeError(f"order {number} was answered {answer.text}")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_count_deliveries(int(sys.argv[1])))))
