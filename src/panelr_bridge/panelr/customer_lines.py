"""Reads a customer's lines from get_lines. No I/O."""

from typing import Any

from panelr_bridge import text_limits
from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.panelr_values import CustomerLine
from panelr_bridge.panelr.json_fields import flag, integer, label, natural, rows, status, string


def customer_lines(outcome: Done) -> tuple[CustomerLine, ...] | Unknown:
    """Return a customer's lines, or Unknown if one of them cannot be read.

    The list may be the data itself, its `lines` or its `activations`. It must be complete, because a renewal needs
    to know that exactly one line fits.
    """
    listed = rows(outcome.data, "lines", "activations")
    if listed is None:
        return Unknown(words="Panelr's list of lines cannot be read", status=outcome.status)
    lines = [_read_line(row) for row in listed]
    if any(line is None for line in lines):
        return Unknown(words="an entry in Panelr's list of lines cannot be read", status=outcome.status)
    return tuple(line for line in lines if line is not None)


def _read_line(row: Any) -> CustomerLine | None:
    if not isinstance(row, dict):
        return None
    activation_id = integer(row.get("id")) or integer(row.get("activation_id"))
    if activation_id is None:
        return None
    return CustomerLine(
        activation_id=activation_id,
        status=status(row.get("status")),
        is_trial=flag(row.get("is_trial")),
        plugin_id=integer(row.get("plugin_id")),
        plugin_name=label(row.get("plugin_name")),
        product_name=label(row.get("product_name")),
        connections=natural(row.get("connections")),
        expiration_date=string(row.get("expiration_date"), text_limits.DATE),
        usernames=_read_usernames(row.get("usernames")),
    )


def _read_usernames(value: Any) -> tuple[str, ...]:
    """Return the first user names: they are only shown to a person."""
    names = [label(each, text_limits.USERNAME) for each in value] if isinstance(value, list) else []
    return tuple(name for name in names if name is not None)[: text_limits.USERNAMES]
