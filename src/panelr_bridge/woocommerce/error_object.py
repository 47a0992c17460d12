"""Reads the error that WooCommerce signs and sends where it could not read the order. No I/O."""

from dataclasses import dataclass
from typing import Any

from panelr_bridge.woocommerce.json_fields import clean, unwrap

API_VERSION = "set the webhook's API version to WP REST API Integration v3"
"""What to do about a webhook with a legacy API version."""
_DENIALS = ("cannot_view", "cannot_read", "authentication_error")
"""Parts of the codes that say that the webhook's owner may not read orders."""


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """An error that WooCommerce signed and sent instead of the order, because it could not read the order."""

    code: str
    words: str
    owner_may_not_read: bool = False
    legacy: bool = False


def read_error(content: dict[str, Any]) -> ErrorObject | None:
    """Return the error that WooCommerce sent in place of an order, None if there is none."""
    if "code" in content:
        return _build_error(content["code"], content.get("message", ""))
    errors = content.get("errors")
    if isinstance(errors, dict) and errors:
        code, messages = next(iter(errors.items()))
        return _build_error(code, unwrap(messages), legacy=True)
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return _build_error(errors[0].get("code", ""), errors[0].get("message", ""), legacy=True)
    return None


def _build_error(code: Any, message: Any, *, legacy: bool = False) -> ErrorObject:
    text = clean(str(code))
    denied = any(part in text for part in _DENIALS)
    return ErrorObject(text, clean(str(message)), owner_may_not_read=denied, legacy=legacy)
