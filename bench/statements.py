"""How many statements and transactions an order and its repetition cost, counted as the driver is given them.

`python -m bench.statements FIRST_ORDER` runs the application by the BRIDGE_ settings and prints JSON.
BEGIN and COMMIT are no statements here: a transaction is counted when it commits.
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
from bench.bridge import ADMIN_TOKEN, settings
from bench.databases import POSTGRESQL, SQLITE
from bench.ledger import shortened, wrong
from bench.measure import Bench
from bench.outcome import Outcome, Sheet
from bench.processes import clean_environment
from panelr_bridge import logs
from panelr_bridge import settings as bridge_settings
from panelr_bridge.web.app import create_app

ORDERS = 3
DELIVERIES = ("first delivery", "repetition", "next snapshot")


def statements(bench: Bench) -> Outcome:
    """Count them on both databases."""
    counts: dict[str, Any] = {}
    for kind in (SQLITE, POSTGRESQL):
        bench.say(f"{kind}: statements")
        url, first = bench.databases.migrated(kind), bench.fresh()
        bench.panelr.delay(0)
        counts[kind] = _counted(settings(url, bench.panelr.process.url, panelr_rate_per_minute="100"), first)
        numbers = range(first, first + ORDERS)
        bench.sent.update(numbers)
        states = dict.fromkeys(numbers, "created")  # it has answered so
        bench.problems += shortened(wrong(numbers, bench.panelr.counts().created, states))
    rows = [
        (name, *(str(counts[kind][name][what]) for kind in counts for what in ("statements", "transactions")))
        for name in DELIVERIES
    ]
    columns = ("delivery", *(f"{kind}: {what}" for kind in counts for what in ("statements", "transactions")))
    return Outcome([Sheet("Statements without BEGIN and COMMIT", columns, rows)], data={"statements": counts})


def _counted(environment: dict[str, str], first: int) -> Any:
    done = subprocess.run(  # noqa: S603  this interpreter, this module
        [sys.executable, "-m", "bench.statements", str(first)],
        env=clean_environment() | environment | {"BRIDGE_WORKER": "false"},  # its statements would be counted too
        capture_output=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"statements could not be counted:\n{done.stderr.decode(errors='replace')[-2000:]}")
    return json.loads(done.stdout)


def _listening() -> Counter[str]:
    """Return what every engine executes and commits from here on."""
    seen: Counter[str] = Counter()

    def executed(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen["statements"] += not statement.startswith("BEGIN")

    def committed(_connection: Any) -> None:
        seen["transactions"] += 1

    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "commit", committed)
    return seen


async def _count(first: int) -> dict[str, dict[str, int]]:
    """Deliver orders, of which the last is counted: by then every connection is made and every statement known."""
    logs.configure("json")  # to standard error
    app = create_app(bridge_settings.load_settings(None))
    seen, counts = _listening(), {}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge.test") as http:
            bearer = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            for mapping in orders.MAPPINGS:
                await http.post("/api/v1/product-mappings", json=mapping, headers=bearer)
            for number in range(first, first + ORDERS):
                content = orders.body(number)
                newer = content.replace(b"MAG 524", b"MAG 522")
                for name, body in zip(DELIVERIES, (content, content, newer), strict=True):
                    seen.clear()
                    await _deliver(http, number, body)
                    counts[name] = dict(seen)
    return counts


async def _deliver(http: httpx.AsyncClient, number: int, body: bytes) -> None:
    answer = await http.post(orders.PATH, content=body, headers=orders.headers(number, body))
    if answer.json()["state"] != "created":
        raise RuntimeError(f"order {number} was answered {answer.text}")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_count(int(sys.argv[1])))))
