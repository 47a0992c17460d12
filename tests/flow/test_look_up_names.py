"""A look-up's call for the names of Panelr's products takes part in the rate limit like every call."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.store import rate_limit
from tests.support.bridge_kit import Kit


def close_gate(connection: Connection, now: datetime) -> None:
    """Close the gate with a pause that is over, so that the next call is the probe."""
    rate_limit.close(
        connection, name=RATE, now=now, pause=timedelta(0), failures=1, cause="throttled", words="too many calls"
    )


@pytest.mark.parametrize(("status", "is_open"), [(None, True), (429, False)], ids=["accepted", "paused again"])
async def test_a_call_for_names_that_is_the_probe_decides_about_the_gate(
    stepped: Kit, status: int | None, is_open: bool
) -> None:
    bridge = stepped.runtime.bridge
    await bridge.write(close_gate)
    if status is not None:
        stepped.panel.faults.add("status", action="get_products", status=status, retry_after=60)
    names = await bridge._look_ups._read_product_names()
    assert isinstance(names, dict) is is_open
    gate = await bridge.database.read(rate_limit.gate, name=RATE)
    assert (gate is None) is is_open
