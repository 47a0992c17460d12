"""Read the texts of settings: lists, addresses and dates."""

from datetime import datetime
from typing import Any

from panelr_bridge.domain.order_identity import read_source
from panelr_bridge.json_codec import read_time


def split_list(value: Any) -> Any:
    """Split a comma-separated text into its parts."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def split_addresses(value: Any) -> Any:
    """Split a list of shop addresses; raises ValueError for one that is no http(s) address."""
    parts = split_list(value)
    for part in parts if isinstance(parts, list) else ():
        if not read_source(part):
            raise ValueError(f"{part} is not an http(s) address: set it like https://www.your-shop.com")
    return parts


def read_date(value: Any) -> Any:
    """Read a date or time; without an offset it is UTC. Raises ValueError."""
    if value in {"", None} or isinstance(value, datetime):
        return value or None
    time = read_time(value)
    if time is None:
        raise ValueError("it is not a date or time: set it like 2026-11-01 or 2026-11-01T12:00:00Z")
    return time
