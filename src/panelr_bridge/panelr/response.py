"""Classifies Panelr's answers and reads their data. No I/O.

Every answer is an envelope `{"success": bool, "data": ..., "error": text}`; some older actions put the text under
`message`. Panelr is a PHP application: with any status the body may be an HTML page, empty, or have PHP's warnings
before the JSON (source: the reference of Panelr's API and its own plugin).
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from panelr_bridge import json_codec, text_limits
from panelr_bridge.domain.call_outcome import Blocked, Done, Misconfigured, Outcome, Refused, Throttled, Unknown
from panelr_bridge.domain.models import ItemIntent
from panelr_bridge.domain.panelr_values import ListedItem, ListedWorkOrder, WorkOrder
from panelr_bridge.errors import parse_retry_after
from panelr_bridge.panelr.json_fields import integer, label, rows, status, string, total

REFUSING = frozenset({400, 404, 409, 422})
"""The statuses by which Panelr refuses a request. Without the envelope they do not say whose they are."""
REQUEST_TIMEOUT = 408
SERVER_ERROR = 500
WRONG_ADDRESS = ": does BRIDGE_PANELR_URL lead to Panelr?"

_ENVELOPE = re.compile(rb'\{\s*"(?:success|data|error|message)"\s*:')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def interpret(*, action: str, status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """Return the outcome of an answer to `action`; `headers` have lower-case names, `now` serves a Retry-After date.

    Only a clear refusal counts as one; an unreadable answer is Unknown. So is a 503 with Retry-After but without
    Panelr's envelope: Varnish sends it when the server behind takes too long (builtin.vcl, vcl_backend_error), and
    the work order may exist. So is an error status with an envelope that reports success.
    """
    retry_after = parse_retry_after(headers.get("retry-after"), now=now) if status in {429, 503} else None
    envelope = _read_envelope(body)
    words = _error_words(envelope)
    if envelope is not None and envelope["success"] and not 200 <= status < 300:
        return Unknown(words=f"Panelr answered {status}{_suffix(words)}", status=status)
    if status == 429 or (status == 503 and retry_after is not None and envelope is not None):
        return Throttled(words=f"Panelr asks for a pause ({status})", status=status, retry_after=retry_after)
    if status == 401:
        return Misconfigured(words=f"Panelr does not accept the API key (401){_suffix(words)}", status=status)
    if status == 403 and envelope is not None:
        return _classify_forbidden(action, words)
    if 300 <= status < 400:
        words = f"Panelr's address redirects ({status}): BRIDGE_PANELR_URL must be the final address"
        return Misconfigured(words=words, status=status)
    if envelope is None:
        if 400 <= status < 500 and status not in REFUSING | {REQUEST_TIMEOUT}:
            words = f"something in front of Panelr refused this request ({status}), such as a firewall"
            return Blocked(words=words, status=status, doubtful=True)  # a firewall may look at answers, too
        return Unknown(
            words=f"the answer ({status}) is not in Panelr's format{'' if status >= SERVER_ERROR else WRONG_ADDRESS}",
            status=status,
        )
    if envelope["success"]:
        return Done(words="done", status=status, data=envelope.get("data"))
    if status in REFUSING or 200 <= status < 300:
        return Refused(words=words or f"Panelr refused without a reason ({status})", status=status)
    return Unknown(words=f"Panelr answered {status}{_suffix(words)}", status=status)


def _classify_forbidden(action: str, words: str) -> Outcome:
    """Return the outcome of a 403 with the envelope: get_work_order answers so if the proof is another order's."""
    if action == "get_work_order":
        return Refused(words=words or "Panelr refused without a reason (403)", status=403)
    return Misconfigured(words=f"Panelr does not accept the API key or this address (403){_suffix(words)}", status=403)


def created_work_order(outcome: Done) -> WorkOrder | Unknown:
    """Return the work order in create_work_order's data, or Unknown if a required field is missing."""
    data = outcome.data if isinstance(outcome.data, dict) else {}
    work_order_id = integer(data.get("work_order_id"))
    reference_code = string(data.get("reference_code"), text_limits.REFERENCE_CODE)
    token = string(data.get("confirmation_token"), text_limits.CONFIRMATION_TOKEN)
    if work_order_id is None or reference_code is None or token is None:
        words = "Panelr says that it created a work order, but not which one"
        return Unknown(words=words, status=outcome.status)
    return WorkOrder(
        work_order_id=work_order_id,
        reference_code=reference_code,
        confirmation_token=token,
        status=status(data.get("status")),
        order_total=total(data.get("order_total")),
    )


def listed_work_orders(outcome: Done) -> tuple[ListedWorkOrder, ...] | Unknown:
    """Return a customer's work orders, or Unknown if one of them cannot be read.

    The list may be the data itself, its `work_orders` or its `orders`: its form is not documented. An unreadable
    entry may be the one that the caller looks for.
    """
    listed = rows(outcome.data, "work_orders", "orders")
    if listed is None:
        return Unknown(words="Panelr's list of work orders cannot be read", status=outcome.status)
    entries = [_read_work_order(row) for row in listed]
    if any(entry is None for entry in entries):
        return Unknown(words="an entry in Panelr's list of work orders cannot be read", status=outcome.status)
    return tuple(entry for entry in entries if entry is not None)


def shown_work_order(outcome: Done) -> ListedWorkOrder | Unknown:
    """Return the work order in get_work_order's data, or Unknown if it cannot be read. A missing cart has no items."""
    data = outcome.data if isinstance(outcome.data, dict) else {}
    shown = _read_work_order(data | {"items": rows(data.get("cart"), "items") or []})
    return shown or Unknown(words="Panelr's work order cannot be read", status=outcome.status)


def _read_work_order(row: Any) -> ListedWorkOrder | None:
    if not isinstance(row, dict) or not isinstance(row.get("items"), list):
        return None
    reference_code = string(row.get("reference_code"), text_limits.REFERENCE_CODE)
    items = [_read_item(item) for item in row["items"]]
    if reference_code is None or any(item is None for item in items):
        return None
    work_order_id = integer(row.get("work_order_id")) or integer(row.get("id"))
    return ListedWorkOrder(
        work_order=WorkOrder(
            reference_code=reference_code,
            work_order_id=work_order_id,
            status=status(row.get("status")),
            order_total=total(row.get("order_total")),
        ),
        created_at=json_codec.read_time(row.get("created_at")),
        items=tuple(item for item in items if item is not None),
        activation_ids=_read_ids(row.get("activation_ids")),
    )


def _read_ids(value: Any) -> tuple[int, ...] | None:
    """Return a list of ids; None if it is not shown, () if one cannot be read."""
    if not isinstance(value, list):
        return None
    ids = [number for each in value if (number := integer(each)) is not None]
    return tuple(dict.fromkeys(ids)) if len(ids) == len(value) else ()


def _read_item(item: Any) -> ListedItem | None:
    if not isinstance(item, dict):
        return None
    qty = integer(item.get("qty"))
    if qty is None and item.get("qty") is not None:
        return None
    intent = label(item.get("intent"))
    return ListedItem(
        name=label(item.get("name")) or "",
        plugin_name=label(item.get("plugin_name")),
        qty=qty,
        intent=intent if intent in set(ItemIntent) else None,
        product_id=integer(item.get("product_id")),
        wc_order_id=string(item.get("wc_order_id"), text_limits.WC_ORDER_ID),
        shows_wc_order_id="wc_order_id" in item,
    )


def _read_envelope(body: bytes) -> dict[str, Any] | None:
    """Return the envelope, also if PHP's warnings precede it; None if it is missing or incomplete."""
    start = _ENVELOPE.search(body)
    if start is None:
        return None
    try:
        content = json_codec.read(body[start.start() :])
    except (ValueError, ArithmeticError, RecursionError):
        return None
    usable = isinstance(content, dict) and isinstance(content.get("success"), bool)
    return content if usable else None


def _error_words(envelope: Mapping[str, Any] | None) -> str:
    error = (envelope or {}).get("error") or (envelope or {}).get("message") or ""
    try:
        text = error if isinstance(error, str) else json.dumps(error, default=str)
    except RecursionError:
        text = ""
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()[: text_limits.WORDS].strip()


def _suffix(words: str) -> str:
    return f": {words}" if words else ""
