"""`/metrics`: numbers of the database and of this process; every name is documented."""

import re

import pytest

from panelr_bridge.settings import Settings
from tests.support.api_answers import BOTH_DATABASES
from tests.support.bridge_kit import Kit, line, order
from tests.support.files import ROOT

OPERATING = (ROOT / "docs/operating.md").read_text()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without the worker: owed calls stay owed."""
    return settings.model_copy(update={"worker": False})


async def told(kit: Kit) -> str:
    """Return the whole page."""
    answer = await kit.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


@BOTH_DATABASES
async def test_what_happened_is_counted(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order(id=1))
    await kit.post(line(order(id=2), product_id=999, sku="OTHER"))
    await kit.post(b"[]", topic="order.created")
    await kit.post(order(id=3), secret="wrong")
    kit.fail_with_probe("throttle", retry_after=30)
    await kit.post(order(id=4))
    page = await told(kit)
    for expected in (
        "bridge_database_up 1.0",
        'bridge_orders{attention="false",state="created",store="default"} 1.0',
        'bridge_orders{attention="false",state="held",store="default"} 1.0',
        "bridge_owed_later 1.0",
        "bridge_panelr_gate_open 0.0",
        'bridge_panelr_gate_closed{cause="throttled"} 1.0',
        'bridge_panelr_gate_closed{cause="unreachable"} 0.0',
        "bridge_panelr_gate_waiting 1.0",
        "bridge_rate_limit_allowed 120.0",
        "bridge_rate_limit_used 4.0",
        "bridge_delivery_problems 1.0",
        "bridge_unread_deliveries 1.0",
        'bridge_follow_ups_due{kind="payment"} 0.0',
        'bridge_deliveries_total{answer="200",verdict="order"} 2.0',
        'bridge_deliveries_total{answer="202",verdict="order"} 1.0',
        'bridge_deliveries_total{answer="200",verdict="unreadable"} 1.0',
        'bridge_deliveries_total{answer="401",verdict="refused"} 1.0',
        'bridge_panelr_call_seconds_count{action="create_work_order",outcome="done"} 1.0',
        'bridge_panelr_call_seconds_count{action="create_work_order",outcome="throttled"} 1.0',
        "bridge_paid_to_created_seconds_count 1.0",
    ):
        assert expected in page.splitlines(), (expected, page)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_every_number_is_documented_and_no_other(kit: Kit) -> None:
    names = set(re.findall(r"^# TYPE (bridge_\w+) ", await told(kit), re.MULTILINE))
    assert len(names) > 12
    assert names == set(re.findall(r"^\| `(bridge_\w+)`", OPERATING, re.MULTILINE))


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_it_holds_nothing_personal(kit: Kit) -> None:
    await kit.post(order(id=1))
    page = await told(kit)
    assert "@" not in page
    assert "Ada" not in page
