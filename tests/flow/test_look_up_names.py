"""A look-up's call for the names of Panelr's products takes part in the rate limit like every call."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.store import rate_limit
from tests.support.bridge_kit import Kit


def close_gate(connection: Connection, now: datetime) -> None:
    """Close the gate with a pause that is over."""
    rate_limit.close(
        connection, name=RATE, now=now, pause=timedelta(0), failures=1, cause="throttled", words="too many calls"
    )


async def test_a_call_for_names_waits_while_the_gate_is_closed(stepped: Kit) -> None:
    bridge = stepped.runtime.bridge
    await bridge.write(close_gate)
    asked = len(stepped.panel.journal)
    assert await bridge._look_ups._read_product_names() is None
    assert len(stepped.panel.journal) == asked


async def test_a_call_for_names_that_panelr_throttles_closes_the_gate(stepped: Kit) -> None:
    bridge = stepped.runtime.bridge
    stepped.panel.faults.add("status", status=429, retry_after=60, times=2)
    assert not isinstance(await bridge._look_ups._read_product_names(), dict)
    assert await bridge.database.read(rate_limit.gate, name=RATE) is not None
