"""The dates of an Orders resource, which shows a site's local time with the offset +00:00. No I/O.

The offset is the site's own, from the REST API's index. Modifications that webhooks have reported in UTC correct it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce.rest.models import Payload

DATES = ("date_created", "date_modified")
QUARTER = timedelta(minutes=15)
LARGEST_OFFSET = timedelta(hours=14)
FEWEST_WITNESSES = 3
"""How many webhooks must agree on an offset that is neither the index's nor zero."""


def read_zone(index: Any) -> tzinfo:
    """Return the site's zone from the API's index: by its name, which knows daylight saving, or by its offset."""
    if not isinstance(index, Mapping):
        return UTC
    try:
        return ZoneInfo(str(index.get("timezone_string") or ""))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _read_offset(index.get("gmt_offset"))


def _read_offset(hours: Any) -> tzinfo:
    try:
        offset = timedelta(seconds=int(Decimal(str(hours)) * 3600))
        return timezone(offset) if abs(offset) <= LARGEST_OFFSET else UTC
    except (InvalidOperation, OverflowError, ValueError):
        return UTC


def choose_zone(zone: tzinfo, shown_and_real: Iterable[tuple[datetime, datetime]]) -> tzinfo:
    """Return `zone`, or the one that fits the modifications better that webhooks have reported.

    Each pair holds a modification as the resource shows it, taken as UTC, and as a webhook reported it. Pairs that are
    no multiple of a quarter of an hour apart are two different modifications.
    """
    apart: Counter[timedelta | None] = Counter()
    for shown, real in shown_and_real:
        difference = shown - real
        if as_utc(shown, zone) == real:
            apart[None] += 1
        elif difference % QUARTER == timedelta(0) and abs(difference) <= LARGEST_OFFSET:
            apart[difference] += 1
    (offset, witnesses), *_ = apart.most_common(1) or [(None, 0)]
    if offset is None or (offset and witnesses < FEWEST_WITNESSES):
        return zone
    return timezone(offset) if offset else UTC


def as_utc(shown: datetime, zone: tzinfo) -> datetime:
    """Return the UTC time of a local time that is marked as UTC.

    The hour that a clock shows twice is taken as its second pass: a time that seems later never ends a list early.
    """
    return shown.replace(tzinfo=zone, fold=1).astimezone(UTC)


def correct_dates(order: Payload, zone: tzinfo) -> Payload:
    """Return an order with its local times in UTC. A time with another offset than +00:00 is right already."""
    corrected = {}
    for name in DATES:
        value = order.get(name)
        moment = read_time(value)
        if moment is not None and isinstance(value, str) and value.endswith(("+00:00", "Z")):
            corrected[name] = as_utc(moment, zone).isoformat()
    return {**order, **corrected} if corrected else order
