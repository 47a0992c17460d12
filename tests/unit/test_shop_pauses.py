"""A shop whose API fails is asked by one task at a time, and the other shops by all."""

from datetime import UTC, datetime, timedelta

from panelr_bridge.application.follow_ups.shop_pauses import PAUSE, ShopPauses

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
LIMIT, SECOND = timedelta(seconds=30), timedelta(seconds=1)


def test_any_number_of_tasks_ask_a_shop_that_answers() -> None:
    pauses = ShopPauses()
    assert all(pauses.begin("default", now=NOW, limit=LIMIT) for _ in range(3))
    pauses.end("default", now=NOW, has_answered=True)
    assert pauses.begin("default", now=NOW, limit=LIMIT)


def test_a_shop_that_fails_is_left_alone_and_then_asked_by_one() -> None:
    pauses = ShopPauses()
    pauses.end("default", now=NOW, has_answered=False)
    assert not pauses.begin("default", now=NOW + PAUSE - SECOND, limit=LIMIT)
    assert pauses.begin("eu", now=NOW, limit=LIMIT)
    later = NOW + PAUSE
    assert pauses.begin("default", now=later, limit=LIMIT)
    assert not pauses.begin("default", now=later, limit=LIMIT)
    assert pauses.begin("default", now=later + LIMIT, limit=LIMIT)  # the first one ended without a result
    pauses.end("default", now=later + LIMIT, has_answered=True)
    assert pauses.begin("default", now=later + LIMIT, limit=LIMIT)
