"""What Panelr answered, told apart without I/O.

Every answer is an envelope `{"success": bool, "data": ..., "error": text}`; some older actions put the text under
`message`. Panelr is a PHP application: with any status the body may be an HTML page, nothing at all, or PHP's
warnings in front of the JSON (source: the reference of Panelr's API and its own plugin).
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from panelr_bridge import json_codec
from panelr_bridge.domain.call_outcome import Done, Misconfigured, Outcome, Refused, Throttled, Unknown
from panelr_bridge.domain.models import ItemIntent, ListedItem, ListedWorkOrder, WorkOrder
from panelr_bridge.panelr.json_fields import integer, moment, rows, string

REFUSING = frozenset({400, 404, 409, 422})
LONGEST_WORDS = 300

_PATIENT = json.JSONDecoder(parse_float=Decimal)
_ENVELOPE = re.compile(rb'\{\s*"(?:success|data|error|message)"\s*:')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def interpret(*, status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """Return what an answer means; `headers` by lower-case name, `now` for a Retry-After that is a date.

    Only an answer that is positively a refusal counts as one: whatever cannot be read is unknown. So is a 503 with
    Retry-After that does not carry Panelr's envelope: Varnish sends just that when the server behind it has taken
    too long (its builtin.vcl, vcl_backend_error), and by then the work order may exist. So is an answer whose
    status says no while its envelope says yes.
    """
    retry_after = _retry_after(headers.get("retry-after"), now) if status in {429, 503} else None
    envelope = _read_envelope(body)
    words = _error_words(envelope)
    if envelope is not None and envelope["success"] and not 200 <= status < 300:
        return Unknown(words=f"Panelr answered {status}{_suffix(words)}", status=status)
    if status == 429 or (status == 503 and retry_after is not None and envelope is not None):
        return Throttled(words=f"Panelr asks for a pause ({status})", status=status, retry_after=retry_after)
    if status in {401, 403}:
        return Misconfigured(words=f"Panelr does not accept the API key ({status}){_suffix(words)}", status=status)
    if 300 <= status < 400:
        words = f"Panelr's address redirects ({status}): BRIDGE_PANELR_URL must be the final address"
        return Misconfigured(words=words, status=status)
    if envelope is None:
        return Unknown(words=f"Panelr's answer ({status}) is not its usual envelope", status=status)
    if envelope["success"]:
        return Done(words="done", status=status, data=envelope.get("data"))
    if status in REFUSING or 200 <= status < 300:
        return Refused(words=words or f"Panelr refused without a word ({status})", status=status)
    return Unknown(words=f"Panelr answered {status}{_suffix(words)}", status=status)


def created_work_order(outcome: Done) -> WorkOrder | Unknown:
    """Return the work order in create_work_order's data; Unknown where a field that we need is missing."""
    data = outcome.data if isinstance(outcome.data, dict) else {}
    work_order_id, token = integer(data.get("work_order_id")), string(data.get("confirmation_token"))
    reference_code = string(data.get("reference_code"))
    if work_order_id is None or reference_code is None or token is None:
        words = "Panelr says that it created a work order, but not which one"
        return Unknown(words=words, status=outcome.status)
    return WorkOrder(
        work_order_id=work_order_id,
        reference_code=reference_code,
        confirmation_token=token,
        status=string(data.get("status")),
    )


def listed_work_orders(outcome: Done) -> tuple[ListedWorkOrder, ...] | Unknown:
    """Return a customer's work orders; Unknown where the list cannot be read whole.

    The list may stand alone or under `work_orders` or `orders`: its form is not documented. One entry that
    cannot be read spoils the list, because it might be the one that is looked for.
    """
    shown = rows(outcome.data, "work_orders", "orders")
    if shown is None:
        return Unknown(words="Panelr's list of work orders cannot be read", status=outcome.status)
    listed = [_read_work_order(row) for row in shown]
    if any(entry is None for entry in listed):
        return Unknown(words="an entry in Panelr's list of work orders cannot be read", status=outcome.status)
    return tuple(entry for entry in listed if entry is not None)


def products_by_name(outcome: Done) -> dict[str, frozenset[int]] | Unknown:
    """Return Panelr's products by their names, alternate ones too; Unknown where the list cannot be read."""
    shown = rows(outcome.data, "products")
    if shown is None:
        return Unknown(words="Panelr's list of products cannot be read", status=outcome.status)
    known: dict[str, frozenset[int]] = {}
    for row in shown:
        number = integer(row.get("id")) if isinstance(row, dict) else None
        for name in ("name", "alternate_name"):
            text = string(row.get(name)) if number is not None else None
            if text is not None and number is not None:
                known[text] = known.get(text, frozenset()) | {number}
    return known


def _read_work_order(row: Any) -> ListedWorkOrder | None:
    if not isinstance(row, dict) or not isinstance(row.get("items"), list):
        return None
    reference_code = string(row.get("reference_code"))
    items = [_read_item(item) for item in row["items"]]
    if reference_code is None or any(item is None for item in items):
        return None
    work_order_id = integer(row.get("work_order_id")) or integer(row.get("id"))
    return ListedWorkOrder(
        work_order=WorkOrder(
            reference_code=reference_code, work_order_id=work_order_id, status=string(row.get("status"))
        ),
        created_at=moment(row.get("created_at")),
        items=tuple(item for item in items if item is not None),
    )


def _read_item(item: Any) -> ListedItem | None:
    if not isinstance(item, dict):
        return None
    qty = integer(item.get("qty"))
    if qty is None and item.get("qty") is not None:
        return None
    intent = string(item.get("intent"))
    return ListedItem(
        name=string(item.get("name")) or "",
        qty=qty,
        intent=intent if intent in set(ItemIntent) else None,
        product_id=integer(item.get("product_id")),
        wc_order_id=string(item.get("wc_order_id")),
        shows_wc_order_id="wc_order_id" in item,
    )


def _read_envelope(body: bytes) -> dict[str, Any] | None:
    """Return the envelope, also from behind PHP's warnings; None where there is none or not to its end."""
    start = _ENVELOPE.search(body)
    if start is None:
        return None
    try:
        content = json_codec.read(body[start.start() :], _patiently)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    usable = isinstance(content, dict) and isinstance(content.get("success"), bool)
    return content if usable else None


def _patiently(body: bytes) -> Any:
    return _PATIENT.decode(body.decode("utf-8", "surrogatepass"))


def _error_words(envelope: Mapping[str, Any] | None) -> str:
    said = (envelope or {}).get("error") or (envelope or {}).get("message") or ""
    text = said if isinstance(said, str) else json.dumps(said, default=str)
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()[:LONGEST_WORDS].strip()


def _suffix(words: str) -> str:
    return f": {words}" if words else ""


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Read Retry-After: seconds or a date."""
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        aware = until.replace(tzinfo=UTC) if until.tzinfo is None else until
        return max((aware - now).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
