"""Local times of an Orders resource, marked as UTC."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from panelr_bridge.woocommerce.rest.site_dates import choose_zone, correct_dates, read_zone

NEW_YORK = ZoneInfo("America/New_York")
KOLKATA = timezone(timedelta(hours=5, minutes=30))
REAL = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


def at_offset(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


@pytest.mark.parametrize(
    ("index", "offset"),
    [
        ({"timezone_string": "America/New_York", "gmt_offset": -4}, -5),  # the name knows November
        ({"timezone_string": "", "gmt_offset": 5.5}, 5.5),
        ({"timezone_string": "", "gmt_offset": "-3.5"}, -3.5),
        ({"timezone_string": "Mars/Olympus", "gmt_offset": 2}, 2),
        ({"timezone_string": None, "gmt_offset": None}, 0),
        ({"gmt_offset": 99}, 0),
        ({"gmt_offset": "NaN"}, 0),
        ({}, 0),
        ([], 0),
    ],
)
def test_the_index_tells_the_zone(index: Any, offset: float) -> None:
    assert REAL.astimezone(read_zone(index)).utcoffset() == timedelta(hours=offset)


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ("2026-11-21T14:00:00+00:00", "2026-11-21T19:00:00+00:00"),  # winter
        ("2026-07-21T14:00:00+00:00", "2026-07-21T18:00:00+00:00"),  # summer
        ("2026-11-21T14:00:00Z", "2026-11-21T19:00:00+00:00"),
        ("2026-11-01T01:30:00+00:00", "2026-11-01T06:30:00+00:00"),  # the clock shows it twice
    ],
)
def test_daylight_saving_comes_from_the_name(shown: str, real: str) -> None:
    order = correct_dates({"date_modified": shown, "date_created": shown}, NEW_YORK)
    assert order == {"date_modified": real, "date_created": real}


@pytest.mark.parametrize("value", ["2026-11-21T14:00:00-05:00", "never", None, 5, [], {}])
def test_a_time_with_its_own_offset_and_no_time_stay(value: Any) -> None:
    assert correct_dates({"date_modified": value}, NEW_YORK) == {"date_modified": value}


@pytest.mark.parametrize(
    ("zone", "apart", "expected"),
    [
        (NEW_YORK, [-5], NEW_YORK),  # a webhook agrees
        (NEW_YORK, [], NEW_YORK),
        (NEW_YORK, [0], UTC),  # the resource shows UTC
        (NEW_YORK, [-5, -5, 0], NEW_YORK),
        (NEW_YORK, [2], NEW_YORK),  # one witness may be another modification
        (NEW_YORK, [2, 2, 2], at_offset(2)),
        (KOLKATA, [5.5], KOLKATA),
        (NEW_YORK, [0.01, 0.02, 30], NEW_YORK),  # modified again since
    ],
)
def test_webhooks_correct_the_zone(zone: tzinfo, apart: list[float], expected: tzinfo) -> None:
    pairs = [(REAL + timedelta(hours=hours), REAL) for hours in apart]
    assert choose_zone(zone, pairs) == expected
