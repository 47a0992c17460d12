"""An order whose texts are far too long ends where an operator sees it, and stops no other order."""

from datetime import timedelta
from typing import Any

import pytest

from panelr_bridge import text_limits
from panelr_bridge.application.follow_ups import status_poll
from tests.support.bridge_kit import Kit, order

LONG = "".join(f"{number:x}" for number in range(20_000))[:70_000]
"""A text that a database cannot compress into an index."""


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


def of_plugin(**values: str) -> dict[str, Any]:
    """Return an order with meta of Panelr's plugin."""
    meta = [{"id": 1, "key": f"_panelr_{name}", "value": value} for name, value in values.items()]
    return order(id=700, meta_data=meta)


async def is_next_order_created(kit: Kit) -> bool:
    answer = await kit.post(order(id=701))
    return bool(answer.json()["state"] == "created")


async def test_a_token_of_70_000_letters_is_not_kept_and_the_order_goes_on_without_it(mapped: Kit) -> None:
    """The reference code and the e-mail address prove access in its place."""
    await mapped.post(of_plugin(reference_code="WO-2026-09999", confirmation_token=LONG))
    story = await mapped.order(700)
    assert (story["state"], story["reference_code"]) == ("created", "WO-2026-09999")
    token = await mapped.api("GET", f"/orders/{story['id']}/confirmation-token")
    assert LONG not in token.text
    assert await is_next_order_created(mapped)


async def test_a_reference_code_of_70_000_letters_is_held_and_leads_to_no_second_work_order(mapped: Kit) -> None:
    await mapped.post(of_plugin(reference_code=LONG, confirmation_token="t"))
    story = await mapped.order(700)
    assert (story["state"], story["reference_code"]) == ("held", None)
    assert [each["code"] for each in story["reasons"]] == ["unusable_reference_code"]
    assert mapped.panel.work_orders == {}
    assert await is_next_order_created(mapped)


async def test_a_long_token_that_an_older_version_kept_is_shown_to_an_operator(
    mapped: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call for its work order's status is refused before it is sent."""
    monkeypatch.setattr(text_limits, "CONFIRMATION_TOKEN", len(LONG))
    monkeypatch.setattr(status_poll, "FIRST_POLL", timedelta(0))
    await mapped.post(of_plugin(reference_code="WO-2026-09999", confirmation_token=LONG))
    story = await mapped.until(700, lambda story: bool(story["attention"]))
    assert "the address of this call is too long" in story["attention"][0]["words"]
    assert "get_work_order" not in {entry.action for entry in mapped.panel.journal}
    assert await is_next_order_created(mapped)
