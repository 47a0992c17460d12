"""How backfill is shown: `/readyz`, `/metrics`, and the command."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from panelr_bridge import cli
from panelr_bridge.application.health import run_checks
from panelr_bridge.cli import console
from panelr_bridge.settings import Settings
from panelr_bridge.store import backfill_cursors
from tests.support.shops import LISTS, WC, Rig

Finding = tuple[bool, str]
EVERY = timedelta(minutes=5)


@pytest.fixture
def dialect() -> str:
    """Use SQLite only: test_backfill.py runs the statements on both databases."""
    return "sqlite"


async def finding(rig: Rig, *, later: timedelta = timedelta(0)) -> Finding:
    """Return the health check of the backfill, as it will be after `later`."""
    runtime = rig.kit.runtime
    now = runtime.bridge.clock() + later
    found = await run_checks(
        runtime.database, now=now, overdue=timedelta(days=9), backfill_intervals={"default": EVERY}
    )
    (one,) = [each for each in found if each.name == "backfill"]
    assert not one.vital
    return one.ok, one.words


async def test_readiness_shows_runs_that_fail_or_do_not_happen(rig: Rig) -> None:
    assert await finding(rig) == (False, "default: the backfill has not run yet: is a worker running?")
    walker = rig.another(every=EVERY)
    await walker.run_store("default")
    assert (await finding(rig))[0]
    assert (await finding(rig, later=timedelta(minutes=50)))[0]
    ok, words = await finding(rig, later=timedelta(minutes=56))
    assert (ok, words) == (
        False,
        "default: the backfill should have run 51 minutes ago: is a worker running?",
    )
    rig.store.faults.add("status", action=LISTS[rig.orders_api], status=500, times=None)
    await walker.run_store("default", at_once=True)
    assert (await finding(rig, later=timedelta(minutes=50)))[0]
    ok, words = await finding(rig, later=timedelta(minutes=61))
    assert not ok
    assert "has failed since" in words
    assert "500" in words


async def test_a_long_run_is_no_run_that_is_missing(rig: Rig) -> None:
    await rig.walk()
    runtime = rig.kit.runtime
    soon = runtime.bridge.clock() + timedelta(hours=3)

    def take(connection: Any) -> object:
        now = runtime.bridge.clock()
        return backfill_cursors.acquire_lease(
            connection, store="default", holder="x", until=soon, now=now, at_once=True
        )

    assert await runtime.database.write(take) is not None
    assert (await finding(rig, later=timedelta(hours=2)))[0]


async def test_readyz_and_metrics_show_the_runs(rig: Rig) -> None:
    orders = rig.buy_many(3)
    await rig.walk()
    checks = (await rig.kit.http.get("/readyz")).json()["checks"]
    assert "backfill" not in checks  # BACKFILL_MINUTES is 0
    page = (await rig.kit.http.get("/metrics")).text
    assert f'bridge_backfill_found_total{{store="default"}} {len(orders)}.0' in page
    assert 'bridge_backfill_failures{store="default"} 0.0' in page
    assert 'bridge_backfill_age_seconds{store="default"}' in page


@pytest.fixture
def command(
    rig: Rig, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> Callable[..., Any]:
    """Run the command with the rig's shop and database, in a thread: it starts its own event loop."""
    store = rig.settings.all_stores["default"]
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "WEBHOOK_SECRET": settings.webhook_secret.get_secret_value(),
        "ADMIN_TOKEN": settings.admin_token.get_secret_value(),
        "PANELR_URL": settings.panelr_url,
        "PANELR_API_KEY": settings.panelr_api_key.get_secret_value(),
        "DATABASE_URL": settings.database_url,
        "WOO_URL": store.woo_url,
        "WOO_KEY": store.woo_key.get_secret_value(),
        "WOO_SECRET": store.woo_secret.get_secret_value(),
        "WOO_ORDERS_API": store.woo_orders_api,
    }.items():
        monkeypatch.setenv(f"BRIDGE_{name}", value)
    monkeypatch.setattr(console.out, "width", 200)
    monkeypatch.setattr(console.err, "width", 200)
    monkeypatch.setattr("panelr_bridge.cli.backfill.STOP_SIGNALS", ())
    monkeypatch.setattr("panelr_bridge.logs.quiet", lambda: None)  # it would silence the whole process

    async def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["panelr-bridge", "backfill", *arguments])

        def call() -> int:
            try:
                cli.main()
            except SystemExit as ended:
                return ended.code if isinstance(ended.code, int) else 0
            return 0

        code = await asyncio.to_thread(call)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


async def test_the_command_lists_what_it_finds(rig: Rig, command: Callable[..., Any]) -> None:
    number = rig.buy()
    code, out, _ = await command("--dry-run")
    assert code == 0
    assert "orders checked: 1; 0 known, 1 found, 0 failed; nothing was stored" in out
    assert "none: no webhook arrived" in out
    assert await rig.kit.runtime.database.read(backfill_cursors.list_all) == []
    code, out, _ = await command()
    assert code == 0
    assert "orders checked: 1; 0 known, 1 found, 0 failed" in out
    assert "queued" in out
    missing = "there is no webhook to the bridge. To repair this: panelr-bridge connect"
    assert missing in out or "the state of its webhooks is unknown" in out
    await rig.all_created([number])
    code, out, _ = await command("--since", f"{rig.clock.now:%Y-%m-%d}")
    assert (code, "1 known, 0 found" in out) == (0, True)


@pytest.mark.parametrize(("dialect", "orders_api"), [("sqlite", WC)])
async def test_the_command_names_what_mends_a_webhook(rig: Rig, command: Callable[..., Any]) -> None:
    rig.buy()
    hook = rig.store.webhooks.add(
        topic="order.updated", delivery_url="https://bridge.test/webhooks/woocommerce", secret="s", name="mine"
    )
    hook.status = "disabled"
    _, out, _ = await command()
    assert 'webhook 1 "mine" is disabled' in out
    assert "To repair this: panelr-bridge connect --repair" in out


@pytest.mark.parametrize(("dialect", "orders_api"), [("sqlite", WC)])
async def test_a_duplicate_that_a_repair_paused_is_not_named(rig: Rig, command: Callable[..., Any]) -> None:
    rig.buy()
    url = "https://bridge.test/webhooks/woocommerce"
    for topic in ("order.created", "order.updated", "order.deleted", "order.restored"):
        rig.store.webhooks.add(topic=topic, delivery_url=url, secret="s")
    rig.store.webhooks.add(topic="order.updated", delivery_url=url, secret="s", name="extra").status = "paused"
    _, out, _ = await command()
    assert "Webhooks: 4 webhooks are active" in out
    assert "extra" not in out


async def test_the_command_says_what_is_wrong(rig: Rig, command: Callable[..., Any]) -> None:
    code, _, err = await command("--store", "other")
    assert (code, "there is no store other; the stores are default" in err) == (1, True)
    rig.store.faults.add("status", action=LISTS[rig.orders_api], status=401, times=None)
    for more in ((), ("--dry-run",)):
        code, out, err = await command(*more)
        assert code == 1
        assert "the backfill run stopped before its end" in err
        assert "orders checked: 0" in out
