"""An outage of Panelr: orders are stored at once, people are alarmed, and all go on when Panelr answers again."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.outage import ProbeVerdict
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr import create_app as create_panelr
from panelr_bridge.simulators.server import running
from panelr_bridge.store import rate_limit
from panelr_bridge.store.panelr_tables import panelr_facts, rate_limits
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import PANELR_KEY, Kit, kit_of
from tests.support.bridge_process import wait_until
from tests.support.panelr_faults import order_of_customer
from tests.support.ports import free_port

DEFAULT_SCHEDULE = Settings().retry_schedule_seconds


@asynccontextmanager
async def without_panelr(settings: Settings, **changes: Any) -> AsyncIterator[tuple[Kit, Any]]:
    """Run a bridge whose Panelr does not listen yet; `running(app, port=...)` with the second value starts it."""
    port = free_port()
    app = create_panelr(api_key=PANELR_KEY)
    away = settings.model_copy(update={"panelr_url": f"http://127.0.0.1:{port}", **changes})
    async with kit_of(away, app.state.panel) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await kit.runtime.bridge.probe.drain()
        yield kit, lambda: running(app, port=port)


def end_pause(connection: Connection, now: datetime) -> None:
    """Let the next probe go at once."""
    connection.execute(rate_limits.update().values(closed_until=now - timedelta(seconds=1)))


def put_clock_ahead(kit: Kit) -> None:
    """Put the clock of the process a month ahead."""
    bridge = kit.runtime.bridge
    bridge.clock = bridge._fast_path._clock = lambda: utc_now() + timedelta(days=30)


async def check_of(kit: Kit, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (await kit.http.get("/readyz")).json()["checks"][name]
    return found


async def test_orders_are_stored_at_once_and_people_are_alarmed_with_the_time_and_the_number(
    settings: Settings,
) -> None:
    async with without_panelr(settings, retry_schedule_seconds=DEFAULT_SCHEDULE, worker=False) as (kit, _):
        for number in range(1, 11):
            answer = await kit.post(order_of_customer(number))
            assert (answer.status_code, answer.json()["state"]) == (202, "queued")
            assert "Panelr refused the connection" in answer.json()["reason"]
        assert (await kit.http.get("/readyz")).status_code == 503
        words = (await check_of(kit, "panelr"))["words"]
        assert re.match(r"Panelr is unreachable \(.+\) since \d\d:\d\d UTC, 10 orders wait; next try at ", words), words
        page = (await kit.http.get("/metrics")).text
        assert 'bridge_panelr_gate_closed{cause="unreachable"} 1.0' in page
        assert "bridge_panelr_gate_waiting 10.0" in page


async def test_when_panelr_answers_again_all_are_due_at_once_and_the_oldest_goes_first(settings: Settings) -> None:
    async with without_panelr(settings, retry_schedule_seconds=DEFAULT_SCHEDULE) as (kit, start):
        for number in range(1, 11):
            await kit.post(order_of_customer(number))

        def put_off(connection: Connection, now: datetime) -> None:
            """As after many tries."""
            connection.execute(orders.update().values(next_attempt_at=now + timedelta(hours=3), waits_for_outage=True))

        await kit.runtime.bridge.write(put_off)
        async with start():
            await kit.runtime.bridge.write(end_pause)
            kit.wake_worker()
            for number in range(1, 11):
                await kit.until(number, "created")
            sent = [each.wc_order_id for each in kit.panel.work_orders.values()]
            assert sorted(sent, key=lambda each: int(each or 0)) == [str(number) for number in range(1, 11)]
            assert sent[0] == "1"
            assert (await kit.http.get("/readyz")).status_code == 200


async def test_orders_that_wait_are_an_alarm_though_their_next_try_is_later_and_the_gate_is_open(
    settings: Settings,
) -> None:
    async with without_panelr(settings, worker=False) as (kit, _):
        await kit.post(order_of_customer(1))

        def since_long(connection: Connection, now: datetime) -> None:
            values = {"owes_since": now - timedelta(minutes=20), "next_attempt_at": now + timedelta(hours=1)}
            connection.execute(orders.update().values(values))
            connection.execute(rate_limits.delete())

        await kit.runtime.bridge.write(since_long)
        found = await check_of(kit, "backlog")
        assert (found["ok"], "failed for 20 minutes" in found["words"]) == (False, True)


async def test_the_first_success_releases_what_an_outage_before_the_start_left(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    """A process died between the end of the outage and the release."""
    async with without_panelr(settings, worker=False) as (kit, _):
        await kit.post(order_of_customer(1))

        def died(connection: Connection, now: datetime) -> None:
            connection.execute(orders.update().values(next_attempt_at=now + timedelta(hours=3), waits_for_outage=True))
            connection.execute(rate_limits.delete())

        await kit.runtime.bridge.write(died)
    async with kit_of(settings, panelr[1]) as again:
        assert (await again.post(order_of_customer(2))).json()["state"] == "created"
        await again.until(1, "created")


async def test_a_probe_that_ends_between_its_call_and_its_record_opens_the_gate_a_minute_later(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    async with kit_of(settings.model_copy(update={"worker": False}), panelr[1]) as kit:
        bridge = kit.runtime.bridge
        kit.panel.faults.add("unauthorized", action="get_store_settings")
        assert await bridge.probe.start() is ProbeVerdict.FAILED
        await bridge.write(end_pause)
        hanging = kit.panel.faults.add("hang", action="get_store_settings", seconds=30)
        task = bridge.probe.start()
        await wait_until(lambda: hanging.struck > 0)
        task.cancel()  # as SIGKILL: nothing is recorded
        gate = await bridge.database.read(rate_limit.gate, name=RATE)
        assert gate is not None
        assert timedelta(seconds=30) < gate.closed_until - utc_now() <= rate_limit.PROBE
        bridge.probe._task = None
        await bridge.write(end_pause)  # the lease ends
        assert await bridge.probe.start() is ProbeVerdict.FINE
        assert await bridge.database.read(rate_limit.gate, name=RATE) is None


async def test_two_processes_share_one_probe_while_the_gate_is_closed(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    waiting = settings.model_copy(update={"worker": False, "retry_schedule_seconds": (600.0,)})
    async with kit_of(waiting, panelr[1]) as first, kit_of(waiting, panelr[1]) as second:
        first.panel.faults.add("unauthorized", action="get_store_settings", times=None)
        verdicts = [await each.runtime.bridge.probe.start() for each in (first, second)]
        assert verdicts == [ProbeVerdict.FAILED] * 2
        assert [each.action for each in first.panel.journal] == ["get_store_settings"]


async def test_a_429_while_the_clock_was_a_month_ahead_delays_nothing_when_it_is_right_again(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    default = settings.model_copy(update={"retry_schedule_seconds": DEFAULT_SCHEDULE})
    ahead = default.model_copy(update={"worker": False})
    async with kit_of(ahead, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        put_clock_ahead(kit)
        kit.fail_with_probe("throttle", retry_after=600)
        for number in (1, 2):
            assert (await kit.post(order_of_customer(number))).json()["state"] == "queued"
    async with kit_of(default, panelr[1]) as right:
        if right.runtime.database.dialect == "postgresql":
            await right.runtime.bridge.write(end_pause)  # the database's clock, which was right, wrote it
        for number in (1, 2):
            await right.until(number, "created")


@pytest.mark.parametrize(
    ("fault", "state", "next_state"),
    [({"kind": "forbidden"}, "queued", "created"), ({"kind": "status", "status": 403}, "unconfirmed", "queued")],
)
async def test_a_retry_that_a_clock_a_month_ahead_put_off_is_due_when_it_is_right_again(
    settings: Settings, panelr: tuple[str, Panel], fault: dict[str, Any], state: str, next_state: str
) -> None:
    """The gate is open: only this order's request was refused."""
    default = settings.model_copy(update={"retry_schedule_seconds": DEFAULT_SCHEDULE})
    async with kit_of(default.model_copy(update={"worker": False}), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        put_clock_ahead(kit)
        kit.panel.faults.add(action="create_work_order", **fault)
        assert (await kit.post(order_of_customer(1))).json()["state"] == state
    async with kit_of(default, panelr[1]) as right:
        await right.until(1, next_state)


@pytest.mark.parametrize("folder", ["", "/api"], ids=["the API's own folder", "a folder of that name"])
async def test_an_address_that_ends_in_api_is_found_out_once_and_kept_for_all_processes(
    settings: Settings, folder: str
) -> None:
    app = create_panelr(api_key=PANELR_KEY)
    panel: Panel = app.state.panel

    async def in_folder(scope: Any, receive: Any, send: Any) -> None:
        """Serve Panelr below `folder`, and a page everywhere else."""
        if scope["type"] == "http" and scope["path"] == f"{folder}/api/api.php":
            await app(scope | {"path": "/api/api.php", "raw_path": b"/api/api.php"}, receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b"<h1>Not Found</h1>"})
        else:
            await app(scope, receive, send)

    async with running(in_folder) as url:
        ambiguous = settings.model_copy(update={"panelr_url": f"{url}/api"})
        for number in (1, 2):
            async with kit_of(ambiguous, panel) as kit:
                if number == 1:
                    await kit.runtime.bridge.probe.drain()
                    await kit.map(sku="PANEL-1000", panelr_product_id=3)
                await kit.post(order_of_customer(number))
                await kit.until(number, "created")
                assert kit.runtime.panelr.address == f"{url}{folder}/api/api.php"

                def facts(connection: Connection) -> list[tuple[str, str]]:
                    rows = connection.execute(panelr_facts.select()).all()
                    return [(row.name, row.value) for row in rows if row.name.startswith("entry_point")]

                found = await kit.runtime.database.read(facts)
                assert found == [(f"entry_point:{url}/api", f"{url}{folder}/api/api.php")]
