"""`/stats`: every number, on both databases, with orders that the bridge really processed."""

from typing import Any

import pytest

from panelr_bridge.domain.models import OrderState
from panelr_bridge.settings import Settings
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, line, order


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without the worker: owed calls stay owed."""
    return settings.model_copy(update={"worker": False})


async def stats(kit: Kit) -> dict[str, Any]:
    """Return the data of `/stats`."""
    answer = await kit.api("GET", "/stats")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@BOTH_DATABASES
async def test_an_empty_bridge_is_all_zeros(kit: Kit) -> None:
    assert await stats(kit) == {
        "orders": {"total": 0, "by_state": dict.fromkeys(OrderState, 0), "attention": 0},
        "owed": {"due": 0, "later": 0, "on_the_wire": 0, "oldest_due_seconds": None},
        "rate_limit": {
            "allowed_per_minute": 120,
            "used_in_the_last_minute": 0,
            "gate": {"open": True, "cause": None, "words": None, "closed_until": None},
        },
        "deliveries": {"problems_in_the_last_day": 0, "unresolved": 0},
        "mappings": {"products": 0, "payment_methods": 0},
    }


@BOTH_DATABASES
async def test_everything_is_counted(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order(id=1))
    await kit.post(order(id=2))
    await kit.post(order(id=2, status="refunded", date_modified_gmt="2026-11-21T20:00:00"))
    await kit.post(line(order(id=3), product_id=999, sku="OTHER"))
    await kit.post(order(id=4, status="pending"))
    await kit.post(b"[]", topic="order.created")
    kit.fail_with_probe("throttle", retry_after=30)
    await kit.post(order(id=5))
    await kit.post(order(id=6))
    found = await stats(kit)
    assert found["orders"] == {
        "total": 6,
        "by_state": dict.fromkeys(OrderState, 0) | {"created": 2, "held": 1, "waiting": 1, "queued": 2},
        "attention": 1,
    }
    owed = found["owed"]
    assert (owed["due"], owed["later"], owed["on_the_wire"]) == (1, 1, 0)
    assert owed["oldest_due_seconds"] >= 0
    limit = found["rate_limit"]
    assert limit["used_in_the_last_minute"] == 5  # the first mapping fetches Panelr's product list, the probe is a call
    assert (limit["gate"]["open"], limit["gate"]["cause"]) == (False, "throttled")
    assert found["deliveries"] == {"problems_in_the_last_day": 1, "unresolved": 1}
    assert found["mappings"] == {"products": 1, "payment_methods": 0}


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_it_does_not_know_is_400(kit: Kit) -> None:
    problem(await kit.api("GET", "/stats?store=eu"), 400)
