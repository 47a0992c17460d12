"""What a snapshot means that claims to be older than the newest one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from panelr_bridge.domain.snapshot_time import contradiction, is_older, moves_on
from panelr_bridge.woocommerce.order_payload import Order
from tests.support.bridge_kit import order
from tests.support.decisions import POLICY, read

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def at(**shift: float) -> datetime:
    return NOW + timedelta(**shift)


@pytest.mark.parametrize(
    ("received", "known", "expected"),
    [
        (at(minutes=-2), at(minutes=-1), True),
        (at(minutes=-1), at(minutes=-2), False),
        (at(minutes=-1), at(minutes=-1), False),
        (None, at(minutes=-1), False),
        (at(minutes=-1), None, False),
        (at(minutes=-1), at(minutes=4), True),  # an ordinary clock may be a little ahead
        (at(minutes=-1), at(minutes=6), False),
        (at(), at(hours=9), False),
        (at(hours=8), at(hours=9), True),  # both by the same wrong clock
        (at(minutes=4), at(hours=9), False),
    ],
)
def test_a_known_time_in_the_future_makes_nothing_old(
    received: datetime | None, known: datetime | None, expected: bool
) -> None:
    assert is_older(received=received, known=known, now=NOW) is expected


def snapshot(status: str, *, paid: bool = False, refunds: str | None = None) -> Order:
    changes: dict[str, Any] = {"status": status, "date_paid_gmt": "2026-11-21T10:00:00" if paid else None}
    if refunds:
        changes["refunds"] = [{"id": 1, "total": f"-{refunds}"}]
    return read(order(**changes))


PENDING, ON_HOLD = snapshot("pending"), snapshot("on-hold")
PROCESSING, CANCELLED, FAILED, REFUNDED = (
    snapshot("processing", paid=True),
    snapshot("cancelled"),
    snapshot("failed"),
    snapshot("refunded", paid=True),
)


@pytest.mark.parametrize(
    ("older", "newest", "is_created", "expected"),
    [
        (PROCESSING, PENDING, False, True),
        (ON_HOLD, PENDING, False, True),
        (PROCESSING, ON_HOLD, False, True),
        (PENDING, PROCESSING, False, False),
        (PENDING, ON_HOLD, False, False),
        (ON_HOLD, PROCESSING, False, False),
        (PROCESSING, snapshot("processing"), False, True),
        (PROCESSING, CANCELLED, False, False),
        (PROCESSING, REFUNDED, False, False),
        (PROCESSING, snapshot("trash"), False, False),
        (CANCELLED, PENDING, False, False),
        (PROCESSING, ON_HOLD, True, True),
        (ON_HOLD, PENDING, True, False),
        (PROCESSING, snapshot("shipped", paid=True), True, False),
        (REFUNDED, ON_HOLD, True, False),
        (PROCESSING, CANCELLED, True, False),
    ],
)
def test_an_older_snapshot_counts_if_it_brings_the_order_nearer_to_its_work_order_or_payment(
    older: Order, newest: Order, is_created: bool, expected: bool
) -> None:
    assert moves_on(older, newest, POLICY, is_created=is_created) is expected


@pytest.mark.parametrize(
    ("older", "newest", "is_created", "said"),
    [
        (CANCELLED, PROCESSING, False, "is cancelled"),
        (CANCELLED, PROCESSING, True, "is cancelled"),
        (REFUNDED, PROCESSING, True, "is refunded"),
        (FAILED, PROCESSING, True, None),  # the customer tried again
        (FAILED, PENDING, False, None),
        (PROCESSING, CANCELLED, False, "is processing"),
        (PROCESSING, FAILED, False, "is processing"),
        (PENDING, CANCELLED, False, None),
        (PROCESSING, CANCELLED, True, None),
        (snapshot("processing", refunds="4.00"), PROCESSING, True, "has refunds of 4.00"),
        (PROCESSING, snapshot("processing", refunds="4.00"), True, None),
        (PENDING, PROCESSING, False, None),
    ],
)
def test_an_older_snapshot_that_contradicts_the_newest_is_attention(
    older: Order, newest: Order, is_created: bool, said: str | None
) -> None:
    reason = contradiction(older, newest, POLICY, is_created=is_created)
    assert (reason is None) is (said is None)
    if reason is not None and said is not None:
        assert reason.code == "older_snapshot"
        assert said in reason.words
